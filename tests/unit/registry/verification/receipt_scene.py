"""Receipts on the scene's chain: a notary whose statement key is registered there."""

from registry.anchor.history import KeyKind
from registry.kernel.statements import Statement
from registry.verification.receipts import Asked, Notary, asked_key, verification_receipt
from tests.statement_keys import STATEMENT_KEY
from tests.unit.registry.verification.scene import ACCREDITED, ISSUER, ROOT, Chain, slot

NOTARY = Notary(iss=f"https://zs.example.cn/issuers/{ISSUER}", trust_root=ROOT, signer=STATEMENT_KEY)


def with_statement_key(chain: Chain) -> Chain:
    """Register the statement key together with the others."""
    chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4), ACCREDITED)
    return chain


def receipt_on(chain: Chain, asked: Asked | None = None, *, purpose: str | None = None) -> Statement:
    """Judge the batch's certificate now and sign that."""
    return verification_receipt(NOTARY, chain.judge(), asked or asked_key("A" * 26), purpose=purpose)
