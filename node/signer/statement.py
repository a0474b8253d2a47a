"""Credential and statement keys (P-256) in encrypted PEM files."""

from pathlib import Path

from node.signer.secret_files import (
    Passphrase,
    PassphraseWrong,
    SecretFileMalformed,
    read_secret_file,
    write_secret_file,
)
from registry.kernel.identifiers import KeyThumbprint
from registry.kernel.signing import KeyMalformed, LentKey, PrivateKey, PublicKey

_BEGIN = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class StatementKeyFile:
    """A P-256 key from a file, opened once (`registry.ports.StatementSigner`); usable from several threads."""

    __slots__ = ("_key",)

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def create(cls, path: Path, passphrase: Passphrase) -> "StatementKeyFile":
        """Draw a key and keep it in a new file. Raises SecretFileExists."""
        key = PrivateKey.generate()
        write_secret_file(path, key.to_pem(passphrase.secret))
        return cls(key)

    @classmethod
    def open(cls, path: Path, passphrase: Passphrase) -> "StatementKeyFile":
        """Open a file.

        Raises SecretFileMissing, SecretFileExposed, SecretFileMalformed, PassphraseWrong.
        """
        pem = read_secret_file(path)
        if not pem.startswith(_BEGIN):
            raise SecretFileMalformed(path, "an encrypted PEM")
        try:
            return cls(PrivateKey.from_pem(pem, passphrase.secret))
        except KeyMalformed as error:
            # The library does not tell a wrong passphrase from damaged bytes; the first is by far the likelier.
            raise PassphraseWrong(path) from error

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._key.public_key()

    def thumbprint(self) -> KeyThumbprint:
        """The RFC 7638 thumbprint of the public half."""
        return self.public_key.thumbprint()

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes r ‖ s, low-S."""
        return self._key.sign(message)

    def lend(self) -> LentKey:
        """Lend the key to worker processes of ours (`registry.ports.issuing.LendingSigner`)."""
        return LentKey(self._key)
