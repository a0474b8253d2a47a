"""Keys in encrypted files, and signers that sign nothing but what their policy names."""

from node.signer.account import (
    CONTROLLER_FUNCTIONS,
    MEMBER_FUNCTIONS,
    SENDER_FUNCTIONS,
    AccountKey,
    AccountSigner,
    ApproverSigner,
    PolicyRefusal,
    SigningPolicy,
)
from node.signer.keystore import create_keystore, open_keystore, open_secret
from node.signer.secret_files import (
    Passphrase,
    PassphraseWrong,
    SecretFileExists,
    SecretFileExposed,
    SecretFileMalformed,
    SecretFileMissing,
    read_passphrase,
    write_passphrase,
)
from node.signer.statement import StatementKeyFile

__all__ = [
    "CONTROLLER_FUNCTIONS",
    "MEMBER_FUNCTIONS",
    "SENDER_FUNCTIONS",
    "AccountKey",
    "AccountSigner",
    "ApproverSigner",
    "Passphrase",
    "PassphraseWrong",
    "PolicyRefusal",
    "SecretFileExists",
    "SecretFileExposed",
    "SecretFileMalformed",
    "SecretFileMissing",
    "SigningPolicy",
    "StatementKeyFile",
    "create_keystore",
    "open_keystore",
    "open_secret",
    "read_passphrase",
    "write_passphrase",
]
