"""Files that hold secrets: for their owner alone (mode 0600), written whole or not at all, never written over."""

import contextlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry.kernel.encoding import b64url
from registry.kernel.errors import Conflict, MalformedInput, Missing, RuleRefusal

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LARGEST: Final = 65_536
_MACHINE_MADE_BYTES: Final = 32
SCRYPT_COST_HUMAN: Final = 2**18
"""The cost that keystore V3 files usually have: seconds for each guess at what a person could remember."""
SCRYPT_COST_MACHINE: Final = 2**12
"""Nobody guesses 256 random bits at any speed, so stretching them would only cost seconds at each start."""


class SecretFileMissing(Missing):
    """There is no file where a secret should be."""

    code = "signer/file-missing"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no file at {path}")


class SecretFileExists(Conflict):
    """A new secret was to be written where a file stands already."""

    code = "signer/file-exists"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"a file already stands at {path}; secrets are never written over")


class SecretFileExposed(RuleRefusal):
    """Others than its owner may read or write a file that holds a secret."""

    code = "signer/file-exposed"

    def __init__(self, path: Path, mode: int) -> None:
        self.path, self.mode = path, mode
        super().__init__(f"{path} is open to others: expected mode 0600, found {mode:04o}")


class SecretFileMalformed(MalformedInput):
    """A file does not hold the kind of secret it should."""

    code = "signer/file-malformed"

    def __init__(self, path: Path, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(f"{path} does not hold {expected}")


class PassphraseWrong(RuleRefusal):
    """A passphrase does not open a file."""

    code = "signer/passphrase-wrong"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"the passphrase does not open {path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passphrase:
    """What opens a key file. Its text form does not show it."""

    secret: bytes = field(repr=False)
    machine_made: bool
    """Drawn by us with 256 bits of chance, not thought up by a person."""

    @classmethod
    def draw(cls) -> "Passphrase":
        """Draw a new one of 256 random bits, as 43 characters of base64url."""
        return cls(secret=b64url(secrets.token_bytes(_MACHINE_MADE_BYTES)).encode(), machine_made=True)

    @classmethod
    def typed(cls, text: str) -> "Passphrase":
        """Take one that a person typed."""
        return cls(secret=text.encode(), machine_made=False)

    @property
    def scrypt_cost(self) -> int:
        """N of scrypt that fits where it comes from."""
        return SCRYPT_COST_MACHINE if self.machine_made else SCRYPT_COST_HUMAN


def write_passphrase(path: Path) -> Passphrase:
    """Draw a passphrase and keep it in a file. Raises SecretFileExists."""
    passphrase = Passphrase.draw()
    write_secret_file(path, passphrase.secret + b"\n")
    return passphrase


def read_passphrase(path: Path) -> Passphrase:
    """Read a passphrase that was drawn by write_passphrase.

    Raises SecretFileMissing, SecretFileExposed, SecretFileMalformed.
    """
    secret = read_secret_file(path).removesuffix(b"\n")
    if len(secret) != len(b64url(bytes(_MACHINE_MADE_BYTES))):
        raise SecretFileMalformed(path, "a passphrase of 43 characters")
    return Passphrase(secret=secret, machine_made=True)


def write_secret_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, durably: after a crash all of it is there, or nothing. Raises SecretFileExists."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a renaming, fails where a file stands already.
        os.link(temporary, path)
    except FileExistsError as error:
        raise SecretFileExists(path) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_secret_file(path: Path) -> bytes:
    """Read a file that only its owner may read. Raises SecretFileMissing, SecretFileExposed, SecretFileMalformed."""
    try:
        # The mode is asked of the opened file, so that nobody can swap it in between.
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise SecretFileExposed(path, mode)
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise SecretFileMissing(path) from error
    if len(data) > _LARGEST:
        raise SecretFileMalformed(path, f"a secret of at most {_LARGEST} bytes")
    return data
