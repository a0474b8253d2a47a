"""Keys of an issuing body: what they are, and the controller's operations on them."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.clock import SystemClock
from api.commands.approvals import ApprovalWays
from api.commands.approvals import tell as tell_approval
from api.commands.ballots import instant, until_words, window_words
from api.commands.consortium.chamber import Acting, Chamber, Reading, chamber, key_of
from api.commands.consortium.showing import IssuerOption
from api.commands.consortium.voting import read_key, read_time, tell
from api.commands.options import confirm, expanded, read_file, write_new_file
from api.commands.sentences import KEY_KINDS
from api.terminal import OUT, note, print_json, print_table, said
from api.wiring import account_key
from registry.anchor.facts import is_good_at, moment
from registry.anchor.history import KeyKind, KeySlot
from registry.anchor.operations import AddKey, Approval, ApproverKeyApproval, ReportCompromise, RetireKey
from registry.kernel.encoding import b64url, parse_json
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import Address, IssuerCode, issuer_code

if TYPE_CHECKING:
    from node.signer import AccountKey

app = typer.Typer(no_args_is_help=True, help="Keys of the issuing bodies.")
_CONTROLLER = "the issuing body's controller"
_APPROVAL_SECONDS = 7 * 86_400

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="An account's address, or a thumbprint in base64url.")]
OfIssuerOption = Annotated[str, typer.Option("--issuer", help="Code of the issuing body.")]


class KeyKindUnknown(MalformedInput):
    """No kind of key has that name."""

    code = "consortium/key-kind"

    def __init__(self) -> None:
        super().__init__(f"expected one of {', '.join(kind.name.lower() for kind in KeyKind)}")


class KeyUnregistered(MalformedInput):
    """The issuing body has no such key."""

    code = "consortium/key-unregistered"

    def __init__(self, issuer: IssuerCode) -> None:
        self.issuer = issuer
        super().__init__(f"{issuer} has no key of that name")


class KeyFormUnfit(MalformedInput):
    """A key of this kind is named otherwise."""

    code = "consortium/key-form"

    def __init__(self, kind: KeyKind) -> None:
        self.kind = kind
        account = kind in (KeyKind.SENDER, KeyKind.APPROVER)
        expected = "an account's address, 0x and 40 digits" if account else "a thumbprint, 43 characters of base64url"
        super().__init__(f"{kind.name.lower()} key: expected {expected}")


class SecondSignatureNeeded(RuleRefusal):
    """A controller alone adds no approver: that would let one person hold both halves."""

    code = "consortium/second-signature"

    def __init__(self) -> None:
        super().__init__(
            "an approver's key needs a standing approver's signature: give --approver-key, or --typed-data first"
        )


@app.command("list", epilog="Example: vermilion consortium keys list --issuer DEMO-EEC")
@expanded
def list_keys(reading: Reading, issuer: IssuerOption = None) -> None:
    """List the keys of the issuing bodies: what each may do, from when to when."""
    with chamber(reading) as here:
        found = [here.issuer(code) for code in ((issuer,) if issuer is not None else here.issuers)]
        rows = [(one.code, key, slot) for one in found for key, slot in one.keys.items()]
        now = here.now
        if reading.as_json:
            print_json(
                [
                    {
                        "issuer": code,
                        "key": key_text(key),
                        "kind": slot.kind.name.lower(),
                        "number": slot.number,
                        "from": slot.valid_from,
                        "until": slot.until,
                        "compromised_since": slot.compromised_since or None,
                        "good": is_good_at(slot, now),
                    }
                    for code, key, slot in rows
                ]
            )
            return
        if not rows:
            OUT.print(said("还没有登记密钥", "no key is registered yet"))
            return
        print_table(
            [
                said("机构", "issuer"),
                said("号", "no."),
                said("种类", "kind"),
                said("密钥", "key"),
                said("自", "from"),
                said("至", "until"),
                said("现在", "now"),
            ],
            [
                [
                    code,
                    str(slot.number),
                    said(*KEY_KINDS[slot.kind]),
                    key_text(key),
                    instant(slot.valid_from),
                    said(*until_words(slot.until)),
                    _now(slot, now),
                ]
                for code, key, slot in rows
            ],
        )


@app.command(
    epilog="Example: vermilion consortium keys add sender 0x… --issuer DEMO-EEC --until 2027-12-31 --key controller"
)
@expanded
def add(
    kind: Annotated[str, typer.Argument(help="sender, approver, credential or statement.")],
    new: KeyArgument,
    acting: Acting,
    issuer: OfIssuerOption,
    until: Annotated[str, typer.Option("--until", help="Last day, that day included.")],
    valid_from: Annotated[str | None, typer.Option("--from", help="First day. Default: at once.")] = None,
    approver_key: Annotated[
        str | None,
        typer.Option("--approver-key", help="For an approver: key file of a standing approver, who signs too."),
    ] = None,
    typed_data: Annotated[
        Path | None,
        typer.Option("--typed-data", help="Register nothing; write here what that approver's wallet signs."),
    ] = None,
    signed: Annotated[
        Path | None, typer.Option("--signed", help="The file that the wallet has signed; with --signature.")
    ] = None,
    signature: Annotated[str | None, typer.Option("--signature", help="The wallet's signature, 0x and 65 bytes.")] = (
        None
    ),
) -> None:
    """Register a key, as the controller; an approver's key needs a standing approver's signature too."""
    of = _kind(kind)
    code, key = issuer_code(issuer), _key_for(of, new)
    starts = 0 if valid_from is None else read_time("--from", valid_from)
    ends = read_time("--until", until, day_included=True)
    _require_one_way(approver_key, typed_data, signed, signature)
    with chamber(acting) as here:
        here.issuer(code)
        co_signer = None
        if of is KeyKind.APPROVER:
            co_signer = _CoSigner(here, code, key, starts, ends)
            if typed_data is not None:
                co_signer.write_for_wallet(typed_data)
                return
            if approver_key is None and signed is None:
                raise SecondSignatureNeeded
        signing = key_of(acting, here.home, _CONTROLLER)
        window = window_words(starts, ends)
        kinds = KEY_KINDS[of]
        lines = _opening(
            here,
            signing,
            code,
            f"登记{kinds[0]}{key_text(key)}，{window[0]}",
            f"register {kinds[1]} {key_text(key)}, {window[1]}",
        )
        approval = None
        if co_signer is not None:
            if acting.dry_run:
                for line in lines:
                    note(line)
                if acting.as_json:
                    # The contract is not asked: without the approver's signature it could only refuse.
                    print_json({"dry_run": True, "words": lines, "account": signing.address})
                note(said("演练：没有签名，也没有发送", "dry run: nothing was signed or sent"))
                return
            if signed is not None and signature is not None:
                approval = co_signer.handed_in(signed, signature)
            elif approver_key is not None:
                approval = co_signer.by_key(approver_key, yes=acting.yes)
        operation = AddKey(issuer=code, kind=of, key=key, valid_from=starts, until=ends, approval=approval)
        done = here.sign(operation, signing, lines, acting)
        if done is not None:
            tell(done, said(f"已登记{kinds[0]}{key_text(key)}", f"registered {kinds[1]} {key_text(key)}"), acting)


@app.command(epilog="Example: vermilion consortium keys retire 0x… --issuer DEMO-EEC --key controller")
@expanded
def retire(which: KeyArgument, acting: Acting, issuer: OfIssuerOption) -> None:
    """End a key's time now, as the controller; what it did before stays good."""
    with chamber(acting) as here:
        code, signing, of = _known(here, acting, issuer, which)
        lines = _opening(
            here,
            signing,
            code,
            f"停用{KEY_KINDS[of.kind][0]}{which}：此前经它登记的照常有效",
            f"retire {KEY_KINDS[of.kind][1]} {which}: what it did before stays good",
        )
        others = [
            slot
            for key, slot in here.issuer(code).keys.items()
            if slot.kind is of.kind and key != read_key(which) and is_good_at(slot, here.now)
        ]
        if not others and of.kind is not KeyKind.STATEMENT:
            lines.append(
                said(
                    f"注意：{code}将没有别的{KEY_KINDS[of.kind][0]}，另行登记之前不能登记批次。",
                    f"Mind: {code} will have no other {KEY_KINDS[of.kind][1]}; "
                    "it can record no batch until another is registered.",
                )
            )
        done = here.sign(RetireKey(issuer=code, key=read_key(which)), signing, lines, acting)
        if done is not None:
            tell(done, said("已停用", "it is retired"), acting)


@app.command(
    "report-compromise",
    epilog="Example: vermilion consortium keys report-compromise 0x… --issuer DEMO-EEC --key controller",
)
@expanded
def report_compromise(which: KeyArgument, acting: Acting, issuer: OfIssuerOption) -> None:
    """Declare a key stolen from this block on, as the controller. Since an earlier time: propose key-compromised."""
    with chamber(acting) as here:
        code, signing, of = _known(here, acting, issuer, which)
        lines = _opening(
            here,
            signing,
            code,
            f"宣告{KEY_KINDS[of.kind][0]}{which}自现在起失窃：此后经它登记的批次不予承认。不可撤回",
            f"declare {KEY_KINDS[of.kind][1]} {which} stolen from now on: batches that it touches from then on are not "
            "recognised. It cannot be taken back",
        )
        done = here.sign(ReportCompromise(issuer=code, key=read_key(which)), signing, lines, acting)
        if done is not None:
            tell(done, said("已宣告失窃", "it is declared stolen"), acting)
            command = f"vermilion consortium propose key-compromised --issuer {code} --key-id {which} --since … --key …"
            note(said(f"若失窃更早：{command}", f"if it was stolen before: {command}"))


def key_text(key: bytes) -> str:
    """Write a key's name as it is typed: an address, or a thumbprint in base64url."""
    return "0x" + key[12:].hex() if not any(key[:12]) else b64url(key)


def _kind(text: str) -> KeyKind:
    for kind in KeyKind:
        if text.lower() == kind.name.lower():
            return kind
    raise KeyKindUnknown


def _known(here: Chamber, acting: Acting, issuer: str, key: str) -> tuple[IssuerCode, "AccountKey", KeySlot]:
    code = issuer_code(issuer)
    slot = here.issuer(code).keys.get(read_key(key))
    if slot is None:
        raise KeyUnregistered(code)
    return code, key_of(acting, here.home, _CONTROLLER), slot


def _require_one_way(key: str | None, typed_data: Path | None, signed: Path | None, signature: str | None) -> None:
    """Check that a standing approver signs in one way at most. Raises ApprovalWays."""
    half = (signed is None) is not (signature is None)
    if half or sum(one is not None for one in (key, typed_data, signed)) > 1:
        raise ApprovalWays


class _CoSigner:
    """A standing approver, who signs for another one's key: with a key file here, or with a wallet elsewhere."""

    def __init__(self, here: Chamber, issuer: IssuerCode, key: bytes, starts: int, ends: int) -> None:
        self._here = here
        self._contract = here.ledger.trust_root.contract
        # By this machine's clock: the chain's is what a node says it is.
        deadline = int(SystemClock().now().timestamp()) + _APPROVAL_SECONDS
        self._asked = ApproverKeyApproval(
            issuer=issuer,
            key=Address("0x" + key[12:].hex()),
            valid_from=starts,
            until=ends,
            deadline=deadline,
        )

    def write_for_wallet(self, path: Path) -> None:
        """Write what the wallet is to sign, and say what comes next."""
        from node.signer import document_bytes

        write_new_file(path, document_bytes(self._asked, self._contract))
        tell_approval(self._asked, self._here.names(whole=True))
        note(
            said(
                f"已写出{path}：请由一名现任批准人的钱包签名（eth_signTypedData_v4），再加--signed与--signature运行",
                f"wrote {path}: let a standing approver's wallet sign it (eth_signTypedData_v4), "
                f"then run this again with --signed {path} --signature 0x…",
            )
        )

    def handed_in(self, signed: Path, signature: str) -> Approval:
        """Take what a wallet has signed. Raises DocumentMalformed, DocumentDiffers, SignatureMalformed."""
        from node.signer import LARGEST_DOCUMENT, WalletSignature, read_document, signature_of

        document = read_document(parse_json(read_file(signed, most=LARGEST_DOCUMENT)), self._contract)
        wallet = WalletSignature(document, signature_of(signature), self._contract)
        return wallet.approve(replace(self._asked, deadline=wallet.deadline))

    def by_key(self, named: str, *, yes: bool) -> Approval:
        """Show the approver what it is, ask, and sign. Raises Unconfirmed, and as account_key."""
        from node.signer import ApproverSigner

        tell_approval(self._asked, self._here.names(whole=True))
        confirm(said("签署这项批准？", "Sign this approval?"), yes=yes)
        return ApproverSigner(account_key(named, self._here.home), self._contract).approve(self._asked)


def _key_for(kind: KeyKind, text: str) -> bytes:
    """Read a key's name: an address for those that send and approve, a thumbprint for those that sign documents."""
    key = read_key(text)
    if any(key[:12]) is (kind in (KeyKind.SENDER, KeyKind.APPROVER)):
        raise KeyFormUnfit(kind)
    return key


def _opening(here: Chamber, signing: "AccountKey", code: IssuerCode, zh: str, en: str) -> list[str]:
    who = here.names(whole=True).account(signing.address)
    return [
        said(
            f"即将以{code}控制人{who[0]}的身份{zh}。",
            f"You are about to {en}.\nYou sign as the controller of {code}, {who[1]}.",
        )
    ]


def _now(slot: KeySlot, now: datetime) -> str:
    if slot.compromised_since:
        return said(f"{instant(slot.compromised_since)}起失窃", f"stolen since {instant(slot.compromised_since)}")
    if is_good_at(slot, now):
        return said("在用", "in force")
    return said("尚未生效", "not yet") if now < moment(slot.valid_from) else said("已停用", "over")
