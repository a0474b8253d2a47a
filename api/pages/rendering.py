"""Setting a page: templates and words of every room with pages, the reader's language, headers.

`/…` speaks the browser's language (Chinese unless English is wanted more); `/zh/…` and `/en/…` are fixed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from api.pages.assets import asset_path
from api.pages.catalogue import HTML_LANG, PACKAGES, Catalogue, Language, catalogue, preferred_language
from api.verifier.router import doors

_DATE = re.compile(r"\b\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?\b", re.ASCII)
PREFIXES: Mapping[str, Language] = {"/zh": "zh", "/en": "en"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Switch:
    """The way to the same page in the other language."""

    href: str
    lang: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """What a form has to send again."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in PACKAGES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["dates"] = _unbroken_dates
    return environment


def _unbroken_dates(text: str) -> Markup:
    """Keep the parts of a date on one line: browsers break after a hyphen."""
    return Markup(_DATE.sub(r'<span class="nowrap">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped before


def place_of(request: Request) -> tuple[Language, str, str]:
    """Give the page's language, the fixed prefix of its address or "", and the address without it."""
    path = request.url.path
    for prefix, language in PREFIXES.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return language, prefix, path[len(prefix) :] or "/"
    return preferred_language(request.headers.get("Accept-Language", "")), "", path


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    keep: str = "no-cache",
    resend: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> Response:
    """Set a page. `keep`: its Cache-Control; `resend`: form fields that it needs to be had in the other language."""
    language, prefix, path = place_of(request)
    other: Language = "en" if language == "zh" else "zh"
    # What came by POST and cannot be sent again starts anew.
    again = path if request.method in {"GET", "HEAD"} or resend else "/"
    words = catalogue(language)
    html = (
        _environment()
        .get_template(template)
        .render(
            t=words.text,
            phrase=words.phrase,
            html_lang=HTML_LANG[language],
            link=lambda target: prefix + target,
            here=request.url.path,
            asset=asset_path,
            base_url=doors(request).public_base_url,
            host=doors(request).public_base_url.partition("://")[2],
            at_home=template == "home.html",
            with_people=getattr(request.app.state, "people", None) is not None,
            switch=_Switch(href=f"/{other}{again}", lang=HTML_LANG[other], fields=resend or {}),
            **values,
        )
    )
    return HTMLResponse(
        html,
        status_code=status,
        headers={
            "Cache-Control": keep,
            "Content-Language": HTML_LANG[language],
            "Vary": "Accept-Language",
            **(headers or {}),
        },
    )


def words_of(request: Request) -> Catalogue:
    """Give the words of the page's language."""
    return catalogue(place_of(request)[0])


def add_page(router: APIRouter, path: str, endpoint: Callable[..., Any], methods: list[str]) -> None:
    """Offer a page in the browser's language and, under a prefix, in each fixed one."""
    for prefix in ("", *PREFIXES):
        router.add_api_route(prefix + path, endpoint, methods=methods, response_class=HTMLResponse)
