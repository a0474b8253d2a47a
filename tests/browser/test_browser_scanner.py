"""Scanning with the camera: Chromium's fake device shows a film of a QR code, the vendored reader reads it."""

import hashlib
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import segno

from registry.verification.model import Outcome
from tests.browser.conftest import launched
from tests.http.sample_reports import KEYS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.conftest import Site, Visits

WIDTH, HEIGHT, SCALE = 640, 480, 9
KEY = KEYS[Outcome.SUSPENDED]
_SHOWS = """
([rows, scale]) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const pen = canvas.getContext("2d");
  const draw = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 640, 480);
    pen.fillStyle = "#000";
    const dot = (x, y) => pen.fillRect(40 + x * scale, 40 + y * scale, scale, scale);
    rows.forEach((row, y) => row.forEach((dark, x) => dark && dot(x, y)));
  };
  draw();
  setInterval(draw, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
}
"""


def matrix(text: str) -> list[list[int]]:
    return [list(row) for row in segno.make(text, error="q", micro=False).matrix]


def film(text: str) -> bytes:
    """Two pictures of a code on white, as YUV4MPEG2."""
    luminance = [bytearray(b"\xeb" * WIDTH) for _ in range(HEIGHT)]
    for y, row in enumerate(matrix(text)):
        for x, dark in enumerate(row):
            if dark:
                for line in range(SCALE):
                    left = 80 + x * SCALE
                    luminance[40 + y * SCALE + line][left : left + SCALE] = b"\x10" * SCALE
    frame = b"FRAME\n" + b"".join(luminance) + b"\x80" * (WIDTH * HEIGHT // 2)
    return f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 2


@pytest.fixture(scope="module")
def browser(site: "Site", tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    picture = tmp_path_factory.mktemp("camera") / "code.y4m"
    picture.write_bytes(film(f"{site.base_url.upper()}/C/{KEY}"))
    yield from launched(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={picture}",
    )


def test_code_before_the_camera_opens_its_page(visits: "Visits") -> None:
    visit = visits.start(permissions=["camera"])
    page = visit.open("/zh/")
    # Nothing of the reader is loaded before it is wanted.
    assert not any("scan" in url or "zxing" in url for url in visit.requests)
    with page.expect_navigation(url="**/zh/C/*"):
        page.get_by_role("button", name="扫描二维码").click()
    assert page.url == f"{visit.site.base_url}/zh/C/{KEY}"
    assert page.get_by_role("heading", level=1).inner_text() == "证书暂停使用"
    assert any("zxing_reader" in url and url.endswith(".wasm") for url in visit.requests)
    assert not any(method == "POST" for method, _ in visit.methods)
    visit.require_quiet()


@pytest.mark.parametrize("text", ["HTTPS://ELSEWHERE.EXAMPLE/C/" + "A" * 26, "javascript:alert(1)"])
def test_code_of_somebody_else_is_not_followed(visits: "Visits", text: str) -> None:
    visit = visits.start(permissions=["camera"])
    page = visit.open("/en/")
    page.evaluate(_SHOWS, [matrix(text), 8])
    page.get_by_role("button", name="Scan the QR code").click()
    page.get_by_text("This is not the QR code of a certificate of this site").wait_for()
    assert page.url == f"{visit.site.base_url}/en/"
    page.get_by_role("button", name="Stop scanning").click()
    assert not page.locator("#scanner").is_visible()
    visit.require_quiet()


def test_refused_camera_says_what_else_there_is(visits: "Visits") -> None:
    page = visits.start().open("/zh/")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " async () => { throw new DOMException('no', 'NotAllowedError') } }"
    )
    page.get_by_role("button", name="扫描二维码").click()
    page.get_by_text("没有得到使用摄像头的许可").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#scanner").is_visible()


def test_vendored_reader_is_as_it_came() -> None:
    vendor = Path(str(files("api.pages"))) / "static" / "vendor"
    described = tomllib.loads((vendor / "VENDOR.toml").read_text("utf-8"))
    listed = {one["path"]: one["sha256"] for package in described["package"] for one in package["files"]}
    present = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} - {"VENDOR.toml"}
    assert present == listed.keys()
    for path, digest in listed.items():
        assert hashlib.sha256((vendor / path).read_bytes()).hexdigest() == digest
