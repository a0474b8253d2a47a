"""One of each structure that approvers sign, and what MetaMask's library and ethers sign for it."""

from registry.anchor.operations import (
    AnchorApproval,
    Approvable,
    ApproverKeyApproval,
    BatchReinstatementApproval,
    ReinstatementApproval,
    RevocationApproval,
    SupersessionApproval,
)
from registry.kernel.identifiers import (
    Address,
    BatchId,
    ContractAddress,
    Digest,
    IssuerCode,
    KeyThumbprint,
    RootHash,
    ScopeCode,
)

CONTRACT = ContractAddress(chain_id=20268, address=Address("0x" + "ab" * 20))
SECRET = b"\x2a" * 32
DEADLINE = 1_764_547_200
ISSUER = IssuerCode("DEMO-EEC")


def word(number: int) -> bytes:
    return bytes([number]) * 32


SAMPLES: dict[str, Approvable] = {
    "Anchor": AnchorApproval(
        issuer=ISSUER,
        batch=BatchId(word(1)),
        root=RootHash(word(2)),
        size=1_000_000,
        scope=ScopeCode("AIGC-APP-ENG/3"),
        evidence=Digest(word(3)),
        credential_key=KeyThumbprint(word(4)),
        deadline=DEADLINE,
    ),
    "Revoke": RevocationApproval(
        issuer=ISSUER,
        batch=BatchId(word(1)),
        changes=(1 << 127 | 5, 7 << 128 | 1),
        count=4,
        reason=33,
        deadline=DEADLINE,
    ),
    "Reinstate": ReinstatementApproval(
        issuer=ISSUER,
        batch=BatchId(word(1)),
        changes=(2,),
        count=1,
        reason=36,
        status_nonce=3,
        deadline=DEADLINE,
    ),
    "Supersede": SupersessionApproval(
        issuer=ISSUER,
        batch=BatchId(word(1)),
        indices=(4, 9),
        target_contract=Address("0x" + "cd" * 20),
        target_issuer=IssuerCode("GD-SKILLS"),
        new_batch=BatchId(word(5)),
        new_indices=(0, 1),
        reason=37,
        deadline=DEADLINE,
    ),
    "ReinstateBatch": BatchReinstatementApproval(
        issuer=ISSUER,
        batches=(BatchId(word(1)), BatchId(word(5))),
        reason=36,
        status_nonces=(1, 2),
        deadline=DEADLINE,
    ),
    "ApproverKey": ApproverKeyApproval(
        issuer=ISSUER,
        key=Address("0x" + "ef" * 20),
        valid_from=0,
        until=2_000_000_000,
        deadline=DEADLINE,
    ),
}
BY_WALLETS: dict[str, str] = {
    "Anchor": "0x28028ef966e68fd4e513e24dabf7b0ee9a16c144213da25d97b88c358c03f187"
    "5d5eec05cc6046f615dd980afd58eda03680877abdc352595ba260e3ec8221241c",
    "Revoke": "0xb6971659a00b54e466efcffe7ec1dbe76b151a8d1b44b56578ab829b9274f3f0"
    "5efc82b74164cd11dfb5e5050ad81cd4dc36c5ff7d3b522e3392b48fb20825681b",
    "Reinstate": "0x57d5d348bf1cef63f5630629b229ee2f4675ef138d09f01fc278ad02f9428034"
    "60ff2665d52a16506f4136877c858e5f19408d8dfdabaf792872a4ecf55075bb1c",
    "Supersede": "0xdaf0f5bdbbe5dc2fdc890e5c6f035d753cafaa1bf3991af6373ed92698f1d550"
    "60e05695cb1f8672873d93ca5b1874e3e37c4d1e9c5279601034769ae6bd4a2e1b",
    "ReinstateBatch": "0xb8e1fd34604f8902da8e64aa51555c95c817b9f58d38363d6c48b42d52a6d097"
    "3b218c03dc6046aae27bb8e13737446e5fca5a88bb0fc2d873077319311c4c6f1c",
    "ApproverKey": "0xb261f778d2a3f5aee71951275b2b9a949ab6b7bfc8712fa0161f987a4bb2053a"
    "43dcf48e693c9fdc89da493d2a273dad0e3f19b9eab5709f59e572b83c4e68dd1b",
}
"""By @metamask/eth-sig-util 8.2.0 (V4) and ethers 6.17.0, alike, over `document_bytes` with SECRET.

With bare numbers in the place of text, the first signs another change of status for `Revoke`, the second refuses it.
"""
