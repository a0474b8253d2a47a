"""Style sheet, scripts, icon and the vendored reader of codes, served under names that change with their content."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is served."""

    data: bytes
    media_type: str


@cache
def _named() -> dict[str, tuple[str, Asset]]:
    """Map each file's name to its public name (`style.0123456789.css`) and content."""
    found = {}
    for file in _files(files("api.pages").joinpath("static")):
        stem, _, extension = file.name.rpartition(".")
        if extension in _MEDIA_TYPES:
            data = file.read_bytes()
            public = f"{stem}.{hashlib.sha256(data).hexdigest()[:10]}.{extension}"
            found[file.name] = (public, Asset(data=data, media_type=_MEDIA_TYPES[extension]))
    return found


def _files(folder: Traversable) -> Iterator[Traversable]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _files(one)
        else:
            yield one


def asset_path(name: str) -> str:
    """Give the address of the file `name`. Raises KeyError when there is none."""
    return f"/static/{_named()[name][0]}"


@cache
def assets() -> dict[str, Asset]:
    """Give all files by public name."""
    return {public: asset for public, asset in _named().values()}


@cache
def zipped(public: str) -> bytes:
    """Give a file as gzip: they hold nothing secret, so that compression gives nothing away. Raises KeyError."""
    return gzip.compress(assets()[public].data, mtime=0)
