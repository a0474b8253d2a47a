"""Pictures of the public pages: `python -m tests.browser.gallery` writes docs/gallery/pages-NAME-WIDTH-LANGUAGE.png.

To be looked at beside the design's pictures; nothing compares their pixels.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from registry.verification.model import Outcome
from tests.browser.certificate_files import SceneVerifier, pdf_with, printed
from tests.browser.conftest import every_address, launched, made_up, served
from tests.browser.test_browser_forms import drop
from tests.browser.test_browser_local import FORGERIES
from tests.browser.test_browser_scanner import _SHOWS, matrix
from tests.http.kept_receipts import altered, kept
from tests.http.sample_reports import KEYS, NAME, NUMBER
from tests.unit.registry.verification.scene import chain_in_order

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "gallery"
MOST_BYTES = 150_000
"""Largest picture that is committed."""
_COLOURS = 96


def as_it_is(page: "Page") -> None:
    """Change nothing."""


def unfolded(page: "Page") -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")


def dropped(file: bytes, shows: str) -> Callable[["Page"], None]:
    def act(page: "Page") -> None:
        drop(page, file)
        page.locator(shows).wait_for()

    return act


def rechecked(file: bytes) -> Callable[["Page"], None]:
    def act(page: "Page") -> None:
        dropped(file, "#drop[data-state=offer]")(page)
        with page.expect_navigation():
            page.locator(".send-file").click()

    return act


def listed(page: "Page") -> None:
    page.locator("#rows").fill(f"{NUMBER} {NAME}\n{NUMBER} 王芳\nLNSEC-2026-7K3Q9V0X4MC")
    page.locator(".list-form button").click()


def scanning(page: "Page") -> None:
    page.evaluate(_SHOWS, [matrix("HTTPS://ELSEWHERE.EXAMPLE/"), 11])
    page.locator("#scan").click()
    page.locator("#scanner [role=status]").get_by_text("没有打开它").wait_for()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One page as one reader sees it."""

    name: str
    width: int
    language: str
    address: str = ""
    """Path without language; by the name of the page where it is empty."""
    dark: bool = False
    act: Callable[["Page"], None] = as_it_is
    real: bool = False
    """Of the site that judges real files."""
    whole: bool = True
    """The whole length of the page, else one screen."""


def _pictures() -> tuple[Picture, ...]:
    bundle = chain_in_order().bundle()
    folded = [
        ("suspended", 390, "en", False),
        ("expired", 390, "zh", True),
        ("not-yet-valid", 390, "en", False),
        ("revoked", 390, "zh", False),
        ("revoked", 1280, "en", True),
        ("superseded", 390, "zh", True),
        ("altered", 390, "zh", False),
        ("not-recognised", 390, "en", False),
        ("not-registered", 1280, "zh", False),
        ("cannot-confirm", 390, "zh", False),
        ("pending", 390, "en", True),
        ("not-found", 390, "zh", False),
        ("withdrawn", 390, "en", False),
        ("unreadable", 390, "zh", False),
        ("valid", 390, "zh", False),
        ("test-chain", 390, "en", False),
        ("not-recorded-yet", 390, "zh", False),
        ("notices", 390, "zh", False),
        ("how", 1280, "en", False),
        ("home", 390, "zh", False),
        ("home", 390, "en", True),
        ("home", 1280, "zh", False),
    ]
    return (
        *(Picture(name=name, width=width, language=language, dark=dark) for name, width, language, dark in folded),
        Picture(name="valid", width=1280, language="en", act=unfolded),
        Picture(name="past-day", width=1280, language="zh", address=f"/C/{KEYS[Outcome.SUSPENDED]}?as_of=2026-11-26"),
        Picture(name="list", width=1280, language="zh", act=listed),
        Picture(name="scanner", width=390, language="zh", address="/", act=scanning, whole=False),
        Picture(
            name="checked-here",
            width=390,
            language="en",
            address="/",
            act=dropped(printed(), "#local-paper"),
            real=True,
        ),
        Picture(
            name="altered-here",
            width=1280,
            language="en",
            address="/",
            act=dropped(FORGERIES["name"], ".outcome-altered"),
            real=True,
        ),
        Picture(name="receipt-stands", width=1280, language="zh", address="/", act=rechecked(kept().to_bytes())),
        Picture(name="receipt-altered", width=390, language="en", address="/", act=rechecked(altered())),
        Picture(
            name="offer",
            width=390,
            language="zh",
            address="/",
            act=dropped(pdf_with(("a.bundle.json", bundle), password="x"), "#drop[data-state=offer]"),
            whole=False,
        ),
    )


def take(browser: "Browser", base_url: str, picture: Picture) -> bytes:
    """Open the page and give its picture as PNG of few colours."""
    narrow = picture.width < 600
    context = browser.new_context(
        viewport={"width": picture.width, "height": 844 if narrow else 900},
        device_scale_factor=1.5 if narrow else 1,
        color_scheme="dark" if picture.dark else "light",
        locale="zh-CN",
    )
    page = context.new_page()
    address = f"/{picture.language}{picture.address}" if picture.address else every_address()[picture.name]
    page.goto(base_url + address.format(language=picture.language))
    picture.act(page)
    page.wait_for_load_state("networkidle")
    shot = page.screenshot(full_page=picture.whole)
    context.close()
    return few_colours(shot)


def few_colours(shot: bytes) -> bytes:
    """Write a picture with a palette of its commonest colours, which stay exact: text on paper needs no more."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    counted = image.getcolors(maxcolors=1 << 24) or []
    common = [colour for _, colour in sorted(counted, key=lambda one: one[0], reverse=True)[:_COLOURS]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour in common for channel in colour])
    written = io.BytesIO()
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


@contextmanager
def both_sites() -> Iterator[tuple[str, str]]:
    made, real = served(made_up()), served(SceneVerifier())
    try:
        yield next(made).base_url, next(real).base_url
    finally:
        made.close()
        real.close()


def main() -> int:
    """Write all pictures; 1 when one is too large to be committed."""
    FOLDER.mkdir(exist_ok=True)
    too_large = 0
    with both_sites() as (made, real):
        for browser in launched():
            for picture in _pictures():
                data = take(browser, real if picture.real else made, picture)
                path = FOLDER / f"pages-{picture.name}-{picture.width}-{picture.language}.png"
                path.write_bytes(data)
                too_large += len(data) > MOST_BYTES
                sys.stderr.write(f"{path.name} {len(data):,}\n")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
