"""Headers that every answer carries: what a browser may load, and what it may tell others."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_INDEXED = frozenset({"/", "/how", "/en/", "/en/how", "/zh/", "/zh/how"})


class SecurityHeaders:
    """ASGI middleware, outermost, so that error pages have the headers too. Keeps what a route has set itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        """Wrap `app`; `https`: the site is reached by https only, and browsers shall remember it."""
        self._app = app
        always = dict(_ALWAYS)
        if https:
            always["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        # As they go over the wire: written anew they would be a fiftieth of the work on a verdict.
        self._headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in always.items()]
        self._of_indexed = [one for one in self._headers if one[0] != b"x-robots-tag"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to the answer's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                named = {name.lower() for name, _ in own}
                ours = self._of_indexed if scope["path"] in _INDEXED else self._headers
                message = {**message, "headers": own + [one for one in ours if one[0] not in named]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
