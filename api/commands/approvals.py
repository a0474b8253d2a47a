"""How an approval is given: what is to be approved in plain words, and the three ways of signing it.

1. A key file: the one of the data folder, or one that `--key` names.
2. A signer process or a wallet that answers JSON-RPC, as `[approver]` in vermilion.toml names it.
3. An ordinary wallet: `--typed-data` writes what it is to sign, `--signed` and `--signature` hand that in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from api.commands.ballots import Names, Said, instant, reason_of, window_words
from api.commands.options import YesOption, confirm, read_file, write_new_file
from api.commands.words import places
from api.terminal import counted, is_attended, note, print_json, said, with_home
from api.wiring import Home
from registry.anchor.operations import (
    AnchorApproval,
    Approvable,
    Approval,
    ApproverKeyApproval,
    BatchReinstatementApproval,
    ReinstatementApproval,
    RevocationApproval,
    SupersessionApproval,
)
from registry.kernel.encoding import parse_json
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address, BatchId
from registry.ports import ApprovalSigner
from registry.workflows.issuance.approve import require_approver

_SHOWN: Final = 8
"""Numbers of certificates that are written out; of more, the rest is counted."""


class ApprovalWays(MalformedInput):
    """Options of different ways to approve were given together, or half of one way."""

    code = "input/approval-ways"

    def __init__(self) -> None:
        super().__init__(
            "expected --typed-data alone, or --signed with --signature, or neither; --key goes with neither"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approving:
    """Options of the commands that approve."""

    key: Annotated[
        str | None,
        typer.Option("--key", help="The approver's key file, wherever it lies. Default: as the folder says."),
    ] = None
    typed_data: Annotated[
        Path | None, typer.Option("--typed-data", help="Sign nothing; write here what a wallet is to sign.")
    ] = None
    signed: Annotated[
        Path | None, typer.Option("--signed", help="The file that a wallet has signed; with --signature.")
    ] = None
    signature: Annotated[str | None, typer.Option("--signature", help="The wallet's signature, 0x and 65 bytes.")] = (
        None
    )
    yes: YesOption = False

    def require_one_way(self) -> None:
        """Check that the options name one way. Raises ApprovalWays."""
        handed_in = self.signed is not None or self.signature is not None
        half = (self.signed is None) is not (self.signature is None)
        if half or (self.typed_data is not None or self.key is not None) + handed_in > 1:
            raise ApprovalWays
        if self.typed_data is not None and self.key is not None:
            raise ApprovalWays


class AttendedApprover:
    """A signer that shows first what it signs, and gives nothing that the contract would not take.

    Implements `registry.ports.ApprovalSigner`. The signer is opened once its person has seen what it is for.
    """

    def __init__(self, home: Home, opened: Callable[[], ApprovalSigner], show: Callable[[Approvable], None]) -> None:
        self._home = home
        self._opened = opened
        self._show = show
        self._signer: ApprovalSigner | None = None

    @property
    def address(self) -> Address:
        """The account; opens the signer."""
        if self._signer is None:
            self._signer = self._opened()
        return self._signer.address

    def approve(self, asked: Approvable) -> Approval:
        """Show, sign, and check that the account may approve. Raises NotApprover, Unconfirmed, as the signer."""
        self._show(asked)
        if self._signer is None:
            self._signer = self._opened()
        approval = self._signer.approve(asked)
        self._home.catch_up()
        with self._home.store.read() as unit:
            require_approver(unit, asked.issuer, approval.approver, self._home.clock.now())
        return approval


def approver_of(home: Home, how: Approving, numbers: Sequence[str] = ()) -> tuple[ApprovalSigner, int | None]:
    """Give who signs, and the deadline that is signed already where somebody has; `numbers` of certificates concerned.

    Raises ApprovalWays, FileUnreadable, JsonRefused, DocumentMalformed, PolicyRefusal, SignatureMalformed.
    """
    how.require_one_way()
    names = names_of(home)

    def show(asked: Approvable) -> None:
        tell(asked, names, numbers)

    def show_and_ask(asked: Approvable) -> None:
        show(asked)
        unattended = home.installation.machine_passphrases and not is_attended()
        confirm(said("签署这项批准？", "Sign this approval?"), yes=how.yes or unattended)

    if how.signed is None or how.signature is None:
        return AttendedApprover(home, lambda: home.approver(how.key), show_and_ask), None
    from node.signer import LARGEST_DOCUMENT, WalletSignature, read_document, signature_of

    document = parse_json(read_file(how.signed, most=LARGEST_DOCUMENT))
    contract = home.trust_root.contract
    given = WalletSignature(read_document(document, contract), signature_of(how.signature), contract)
    return AttendedApprover(home, lambda: given, show), given.deadline


def write_for_wallet(
    home: Home, asked: Approvable, path: Path, *, command: str, numbers: Sequence[str] = (), as_json: bool
) -> None:
    """Write what a wallet is to sign, to a new file, and say what it is and which command takes the signature.

    Raises FileUnreadable where the file is there already: it may be a key.
    """
    from node.client.operations import signing_hash, typed_data
    from node.signer import document_bytes

    contract = home.trust_root.contract
    write_new_file(path, document_bytes(asked, contract))
    tell(asked, names_of(home), numbers)
    digest = "0x" + signing_hash(asked, contract).hex()
    following = f"{command} --as APPROVER --signed {path} --signature 0x…"
    if as_json:
        print_json(
            {
                "file": str(path),
                "deadline": asked.deadline,
                "hash": digest,
                "next": with_home(following),
                "typed_data": typed_data(asked, contract),
            }
        )
        return
    note(
        said(
            f"已写出{path}，合约{contract}。请由批准人的钱包签名（eth_signTypedData_v4），被签的哈希是{digest}",
            f"wrote {path}, for contract {contract}. Let the approver's wallet sign it (eth_signTypedData_v4); "
            f"the hash that is signed is {digest}",
        )
    )
    note(said(f"随后：{following}", f"then: {following}"))


def names_of(home: Home) -> Names:
    """Give our own names of batches and accounts, digests written out."""
    with home.store.read() as unit:
        batches = {one.batch: one.id for one in unit.batches.batches()}
    accounts = {Address(account.lower()): name for account, name in home.installation.names.items()}
    return Names(accounts=accounts, batches=batches, catalogue=home.catalogue, whole=True)


def tell(asked: Approvable, names: Names, numbers: Sequence[str] = ()) -> None:
    """Print beside the data what is to be approved."""
    note(said("待批准：", "To be approved:"))
    for line in approval_words(asked, names, numbers):
        note(f"  {said(*line)}")


def approval_words(asked: Approvable, names: Names, numbers: Sequence[str] = ()) -> list[Said]:
    """Say what an approval does, what a wallet shows of it, until when it holds, and what cannot be undone.

    Whatever is signed is said in full: each batch by its id on chain, certificates by their places in the batch.
    `numbers`: of the certificates that it concerns, where they are known; named beside their places.
    """
    until = instant(asked.deadline)
    return [*_words(asked, names, numbers), (f"这项批准有效至{until}。", f"This approval holds until {until}.")]


def _words(asked: Approvable, names: Names, numbers: Sequence[str]) -> list[Said]:
    match asked:
        case AnchorApproval():
            return _anchor_words(asked, names)
        case RevocationApproval():
            zh, en = _certificates(_leaves(asked.changes), numbers)
            batch, reason = names.batch(asked.batch), reason_of(asked.reason)
            return [
                (
                    f"撤销{asked.issuer}批次{batch}中的{zh}：{reason[0]}。",
                    f"Revoke {en} of batch {batch} of {asked.issuer}: {reason[1]}.",
                ),
                _on_chain(asked.batch, names),
                ("撤销后永远不能恢复。", "What is revoked never stands again."),
            ]
        case ReinstatementApproval():
            zh, en = _certificates(_leaves(asked.changes), numbers)
            batch, reason = names.batch(asked.batch), reason_of(asked.reason)
            return [
                (
                    f"解除对{asked.issuer}批次{batch}中{zh}的暂停：{reason[0]}。",
                    f"Lift the suspension of {en} of batch {batch} of {asked.issuer}: {reason[1]}.",
                ),
                _on_chain(asked.batch, names),
                _OVERTAKEN,
            ]
        case SupersessionApproval():
            return _supersession_words(asked, names, numbers)
        case BatchReinstatementApproval():
            batches, reason = [names.batch(one) for one in asked.batches], reason_of(asked.reason)
            return [
                (
                    f"解除{asked.issuer}自己对批次{'、'.join(batches)}的暂停：{reason[0]}。",
                    f"Lift the suspension, by {asked.issuer} itself, of "
                    f"{'batch' if len(batches) == 1 else 'batches'} {', '.join(batches)}: {reason[1]}.",
                ),
                *(_on_chain(one, names) for one in asked.batches),
                ("成员所作的暂停不受影响。", "What members have suspended stays suspended."),
                _OVERTAKEN,
            ]
        case ApproverKeyApproval():
            account, window = names.account(asked.key), window_words(asked.valid_from, asked.until)
            return [
                (
                    f"准许账户{account[0]}{window[0]}批准{asked.issuer}的登记、撤销和恢复。",
                    f"Let account {account[1]} approve what {asked.issuer} does, {window[1]}.",
                ),
                (
                    "控制人可以停用它；它在此之前批准的不受影响。",
                    "The controller can retire it; what it has approved by then stands.",
                ),
            ]


_OVERTAKEN: Final[Said] = (
    "若在此期间又被暂停，这项批准即失效，须重新批准。",
    "If they are suspended once more before this is recorded, it no longer holds and is approved anew.",
)


def _anchor_words(asked: AnchorApproval, names: Names) -> list[Said]:
    batch, scope = names.batch(asked.batch), names.scope(asked.scope)
    return [
        (
            f"登记{asked.issuer}的批次{batch}：{asked.size:,}张{scope[0]}证书。",
            f"Record batch {batch} of {asked.issuer}: {counted(asked.size, 'certificate')} of {scope[1]}.",
        ),
        _on_chain(asked.batch, names),
        (f"根：0x{asked.root.hex()}", f"root: 0x{asked.root.hex()}"),
        (f"批次清单摘要：0x{asked.evidence.hex()}", f"evidence, the manifest's digest: 0x{asked.evidence.hex()}"),
        (f"证书签署密钥：0x{asked.credential_key.hex()}", f"credential key: 0x{asked.credential_key.hex()}"),
        (
            "登记后不能收回；其中的证书可以暂停，经另行批准可以撤销。",
            "This cannot be taken back; its certificates can be suspended, and revoked with another approval.",
        ),
    ]


def _supersession_words(asked: SupersessionApproval, names: Names, numbers: Sequence[str]) -> list[Said]:
    zh, en = _certificates(asked.indices, numbers)
    batch, new, reason = names.batch(asked.batch), names.batch(asked.new_batch), reason_of(asked.reason)
    at = places(asked.new_indices)
    return [
        (
            f"以{asked.target_issuer}批次{new}中位置{at}的证书，依次代替{asked.issuer}批次{batch}中的{zh}：{reason[0]}。",
            f"Replace {en} of batch {batch} of {asked.issuer} by those at {at} in batch {new} of "
            f"{asked.target_issuer}, in this order: {reason[1]}.",
        ),
        (f"新证书所在合约：{asked.target_contract}", f"contract of the new ones: {asked.target_contract}"),
        _on_chain(asked.batch, names),
        _on_chain(asked.new_batch, names),
        ("被代替的证书永远不能恢复。", "What is replaced never stands again."),
    ]


def _on_chain(batch: BatchId, names: Names) -> Said:
    name = names.batch(batch)
    return f"批次{name}在链上的编号：0x{batch.hex()}", f"id on chain of batch {name}: 0x{batch.hex()}"


def _certificates(leaves: Sequence[int], numbers: Sequence[str]) -> Said:
    """Count certificates, and tell every place; numbers before them where all are known."""
    count, at = counted(len(leaves), "certificate"), places(leaves)
    named = _few(numbers) if len(numbers) == len(leaves) else None
    zh, en = (f"{named}；", f"{named}; ") if named else ("", "")
    return f"{len(leaves):,}张证书（{zh}位置{at}）", f"{count} ({en}at {at})"


def _few(texts: Sequence[str]) -> str:
    shown = ", ".join(texts[:_SHOWN])
    return f"{shown}, … (+{len(texts) - _SHOWN})" if len(texts) > _SHOWN else shown


def _leaves(changes: Sequence[int]) -> list[int]:
    """Unpack the contract's changes, `word << 128 | mask`, into places of certificates."""
    return [(change >> 128) * 128 + bit for change in changes for bit in range(128) if change >> bit & 1]
