"""Account keys in keystore V3 files (Web3 Secret Storage: scrypt, AES-128-CTR, MAC), which every wallet opens."""

import json
import secrets
from pathlib import Path
from typing import Any, Final

from eth_keyfile.exceptions import EthKeyfileException
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from node.signer.account import AccountKey
from node.signer.secret_files import (
    Passphrase,
    PassphraseWrong,
    SecretFileMalformed,
    read_secret_file,
    write_secret_file,
)

_EXPECTED: Final = "a keystore of version 3"
_SALT_BYTES: Final = 32


def create_keystore(path: Path, passphrase: Passphrase, *, secret: bytes | None = None) -> AccountKey:
    """Write a new keystore file for `secret` (32 bytes; drawn when not given), stretched as the passphrase needs.

    Raises SecretFileExists.
    """
    if secret is None:
        # All but 2^-128 of these are valid keys; the library refuses the others.
        secret = secrets.token_bytes(32)
    key = AccountKey(secret)
    document = create_keyfile_json(
        secret, passphrase.secret, kdf="scrypt", iterations=passphrase.scrypt_cost, salt_size=_SALT_BYTES
    )
    write_secret_file(path, json.dumps(document, indent=1).encode() + b"\n")
    return key


def open_keystore(path: Path, passphrase: Passphrase) -> AccountKey:
    """Open a keystore file of any maker.

    Raises SecretFileMissing, SecretFileExposed, SecretFileMalformed, PassphraseWrong.
    """
    return AccountKey(open_secret(path, passphrase))


def open_secret(path: Path, passphrase: Passphrase) -> bytes:
    """Open a keystore file for those who need the key's 32 bytes themselves, as the embedded chain's sealer does.

    Raises as open_keystore.
    """
    document = read_keystore(path)
    try:
        secret = decode_keyfile_json(document, passphrase.secret)
    except EthKeyfileException as error:
        if "MAC" in str(error):
            raise PassphraseWrong(path) from error
        raise SecretFileMalformed(path, _EXPECTED) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SecretFileMalformed(path, _EXPECTED) from error
    return bytes(secret)


def read_keystore(path: Path) -> dict[str, Any]:
    """Read a keystore file without opening it, so that nobody is asked for the passphrase of something else.

    Raises SecretFileMissing, SecretFileExposed, SecretFileMalformed.
    """
    data = read_secret_file(path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SecretFileMalformed(path, _EXPECTED) from error
    if not isinstance(document, dict) or document.get("version") != 3:
        raise SecretFileMalformed(path, _EXPECTED)
    return document
