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
from node.signer.documents import (
    LARGEST_DOCUMENT,
    DocumentDiffers,
    DocumentMalformed,
    document_bytes,
    read_document,
)
from node.signer.door import ApproverDoor, DailyCapReached, DoorSocket, GroupUnknown, PersonDeclined, SignerRunning
from node.signer.keystore import create_keystore, open_keystore, open_secret
from node.signer.remote import (
    AccountUnclear,
    AnswerForeign,
    RemoteApprover,
    SignerAddressMalformed,
    SignerDeclined,
    SignerMethod,
    SignerRefused,
    SignerUnreachable,
)
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
from node.signer.wallet import SignatureMalformed, WalletSignature, approver_by, signature_of

__all__ = [
    "CONTROLLER_FUNCTIONS",
    "LARGEST_DOCUMENT",
    "MEMBER_FUNCTIONS",
    "SENDER_FUNCTIONS",
    "AccountKey",
    "AccountSigner",
    "AccountUnclear",
    "AnswerForeign",
    "ApproverDoor",
    "ApproverSigner",
    "DailyCapReached",
    "DocumentDiffers",
    "DocumentMalformed",
    "DoorSocket",
    "GroupUnknown",
    "Passphrase",
    "PassphraseWrong",
    "PersonDeclined",
    "PolicyRefusal",
    "RemoteApprover",
    "SecretFileExists",
    "SecretFileExposed",
    "SecretFileMalformed",
    "SecretFileMissing",
    "SignatureMalformed",
    "SignerAddressMalformed",
    "SignerDeclined",
    "SignerMethod",
    "SignerRefused",
    "SignerRunning",
    "SignerUnreachable",
    "SigningPolicy",
    "StatementKeyFile",
    "WalletSignature",
    "approver_by",
    "create_keystore",
    "document_bytes",
    "open_keystore",
    "open_secret",
    "read_document",
    "read_passphrase",
    "signature_of",
    "write_passphrase",
]
