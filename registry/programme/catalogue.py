"""The catalogue: every programme version that an installation knows, and the look-ups."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from registry.kernel.errors import Conflict, Missing
from registry.kernel.identifiers import Digest
from registry.programme.keys import KeyFault, ProgrammeMalformed
from registry.programme.model import Level, Programme
from registry.programme.reading import read_programme


class ProgrammeUnknown(Missing):
    """The catalogue has no such programme, version or level."""

    code = "programme/unknown"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no programme {name} in the catalogue")


class ProgrammeVersionTwice(Conflict):
    """Two files with different bytes claim to be the same version."""

    code = "programme/version-twice"

    def __init__(self, programme: str, version: str) -> None:
        self.programme, self.version = programme, version
        super().__init__(f"two different files for {programme} version {version}: a version never changes")


class Catalogue:
    """Programme versions by code, version, scope and digest. Does not change once made."""

    def __init__(self, programmes: Iterable[Programme], *, edited: Iterable[str] = ()) -> None:
        """Take the versions; the same bytes twice are one. Raises ProgrammeVersionTwice.

        `edited`: files as `CODE/VERSION.toml` whose bytes are no longer those that the version was used with.
        """
        self.edited = tuple(sorted(edited))
        self._versions: dict[str, dict[str, Programme]] = {}
        for programme in programmes:
            known = self._versions.setdefault(programme.code, {}).setdefault(programme.version, programme)
            if known.digest != programme.digest:
                raise ProgrammeVersionTwice(programme.code, programme.version)
        for code, versions in self._versions.items():
            self._versions[code] = dict(sorted(versions.items(), key=lambda item: version_order(item[0])))

    def codes(self) -> tuple[str, ...]:
        """List the programme codes in alphabetical order."""
        return tuple(sorted(self._versions))

    def versions(self, code: str) -> tuple[Programme, ...]:
        """List all versions of a programme, oldest first. Raises ProgrammeUnknown."""
        if code not in self._versions:
            raise ProgrammeUnknown(code)
        return tuple(self._versions[code].values())

    def programme(self, code: str, version: str | None = None) -> Programme:
        """Find one version; without `version` the latest. Raises ProgrammeUnknown."""
        versions = self.versions(code)
        if version is None:
            return versions[-1]
        if version not in self._versions[code]:
            raise ProgrammeUnknown(f"{code} version {version}")
        return self._versions[code][version]

    def by_scope(self, scope: str, version: str | None = None) -> tuple[Programme, Level]:
        """Find programme and level of `PROGRAMME/LEVEL`. Raises ProgrammeUnknown."""
        code, slash, level_code = scope.partition("/")
        programme = self.programme(code, version)
        level = programme.level(level_code) if slash else None
        if level is None:
            raise ProgrammeUnknown(scope)
        return programme, level

    def by_digest(self, digest: Digest) -> Programme:
        """Find the version whose file has this SHA-256. Raises ProgrammeUnknown."""
        for versions in self._versions.values():
            for programme in versions.values():
                if programme.digest == digest:
                    return programme
        raise ProgrammeUnknown(f"with file digest {digest.hex()}")


def version_order(version: str) -> tuple[int, int]:
    """Give the sort key of a version `YYYY.N`: 2026.10 comes after 2026.9."""
    year, number = version.split(".")
    return int(year), int(number)


def load_catalogue(
    extra_folder: Path | None = None, kept: Mapping[tuple[str, str], bytes] = MappingProxyType({})
) -> Catalogue:
    """Read the files that come with the package, and those of `extra_folder`, laid out as `CODE/VERSION.toml`.

    `kept`: the bytes of code and version that were used before. They stand whatever has become of the file, and a
    file that differs from them is not even read: the catalogue names it under `edited`.
    Raises ProgrammeMalformed, also where folder or file name differ from the content, and ProgrammeVersionTwice.
    """
    found: list[tuple[str, str, bytes]] = []
    for folder in files("registry.programme").joinpath("data").iterdir():
        if folder.is_dir():
            found += [(folder.name, file.name, file.read_bytes()) for file in folder.iterdir() if _is_toml(file.name)]
    if extra_folder is not None:
        found += [(path.parent.name, path.name, path.read_bytes()) for path in extra_folder.glob("*/*.toml")]
    used = {(code, f"{version}.toml"): data for (code, version), data in kept.items()}
    edited = {f"{code}/{name}" for code, name, data in found if used.get((code, name), data) != data}
    found = [one for one in found if one[:2] not in used] + [(*place, data) for place, data in used.items()]
    return Catalogue((_read_placed(code, name, data) for code, name, data in sorted(found)), edited=edited)


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")


def _read_placed(folder: str, name: str, data: bytes) -> Programme:
    file = f"{folder}/{name}"
    programme = read_programme(data, file=file)
    expected = f"{programme.code}/{programme.version}.toml"
    if file != expected:
        raise ProgrammeMalformed(file, (KeyFault(key="version", reason=f"expected the file to be called {expected}"),))
    return programme
