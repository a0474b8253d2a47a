"""What ballots ask for, in plain words, Chinese and English: before one is signed, in lists and in the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from api.commands.words import places, reason_words
from api.terminal import counted, moment
from registry.anchor import facts
from registry.anchor.ballots import BallotUnreadable, Motion, Recorded, kind_slug, motion_of
from registry.anchor.council import DELAYED_KINDS, ENACTMENT
from registry.anchor.history import Ballot, BallotKind
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import Address, BatchId, ScopeCode
from registry.programme import Catalogue, ProgrammeUnknown
from registry.status import Reason

Said = tuple[str, str]
"""Chinese, English."""

IRREVERSIBLE: Final = frozenset(
    {
        BallotKind.WITHDRAW,
        BallotKind.KEY_COMPROMISED,
        BallotKind.REVOKE_BATCH,
        BallotKind.REAFFIRM_BATCH,
        BallotKind.REVOKE_WORD,
        BallotKind.MIGRATE,
        BallotKind.RECORD,
    }
)
"""What no later ballot takes back."""

_TEXTS: Final[Mapping[BallotKind, Said]] = {
    BallotKind.ADMIT: (
        "接纳{member}为成员，此后{threshold}票方可决定",
        "admit {member} as a member, and let {threshold} votes decide from then on",
    ),
    BallotKind.REMOVE: (
        "移除成员{member}，此后{threshold}票方可决定",
        "remove member {member}, and let {threshold} votes decide from then on",
    ),
    BallotKind.THRESHOLD: ("此后{threshold}票方可决定", "let {threshold} votes decide from then on"),
    BallotKind.ACCREDIT: (
        "认可{issuer}为发证机构，其密钥由{controller}管理",
        "accredit {issuer} as an issuing body, whose keys {controller} controls",
    ),
    BallotKind.SUSPEND: (
        "暂停发证机构{issuer}：恢复之前只能暂停证书，不能登记、恢复或撤销",
        "suspend issuing body {issuer}: until it is reinstated it can suspend certificates and nothing else",
    ),
    BallotKind.REINSTATE: ("恢复发证机构{issuer}", "reinstate issuing body {issuer}"),
    BallotKind.WITHDRAW: (
        "终止对{issuer}的认可（{reason}）：不再登记新证书，已登记证书的状态照常管理",
        "end the accreditation of {issuer} ({reason}): it records no new certificates; "
        "the standing of those recorded goes on",
    ),
    BallotKind.SET_CONTROLLER: ("改由{controller}管理{issuer}的密钥", "let {controller} control the keys of {issuer}"),
    BallotKind.GRANT_SCOPE: (
        "准许{issuer}{window}签发{scope}证书",
        "allow {issuer} to issue certificates of {scope} {window}",
    ),
    BallotKind.REVOKE_SCOPE: (
        "不再准许{issuer}签发{scope}证书",
        "no longer allow {issuer} to issue certificates of {scope}",
    ),
    BallotKind.ADD_APPROVER: (
        "登记{key}{window}为{issuer}的批准人密钥",
        "let {key} approve what {issuer} does, {window}",
    ),
    BallotKind.KEY_COMPROMISED: (
        "宣告{issuer}的密钥{key}自{since}起失窃：此后经它登记的批次不予承认，逐批重新确认者除外",
        "declare key {key} of {issuer} stolen since {since}: batches that it touched from then on are not recognised, "
        "unless members reaffirm them",
    ),
    BallotKind.SUSPEND_BATCH: (
        "暂停{issuer}的批次{batch}（{reason}）：其全部证书暂停，发证机构不能解除",
        "suspend batch {batch} of {issuer} ({reason}): all its certificates, and the issuing body cannot lift it",
    ),
    BallotKind.LIFT_BATCH_SUSPENSION: (
        "解除成员对{issuer}批次{batch}的暂停（{reason}）",
        "lift the members' suspension of batch {batch} of {issuer} ({reason})",
    ),
    BallotKind.REVOKE_BATCH: (
        "撤销{issuer}的批次{batch}（{reason}）：其全部证书作废",
        "revoke batch {batch} of {issuer} ({reason}): all its certificates",
    ),
    BallotKind.REAFFIRM_BATCH: (
        "重新确认{issuer}的批次{batch}（{reason}）：虽经失窃的密钥登记，仍予承认",
        "reaffirm batch {batch} of {issuer} ({reason}): it is recognised although a stolen key touched it",
    ),
    BallotKind.REVOKE_WORD: (
        "撤销{issuer}批次{batch}中的{leaves}（{reason}）",
        "revoke {leaves} in batch {batch} of {issuer} ({reason})",
    ),
    BallotKind.UNPAUSE: ("立即结束暂停登记", "end the pause of anchoring now"),
    BallotKind.MIGRATE: (
        "本合约不再登记新批次，改由链{chain_id}上的合约{contract}登记；已登记证书的状态仍在本合约",
        "record no new batches here any more but in contract {contract} on chain {chain_id}; "
        "certificates recorded here keep their standing here",
    ),
    BallotKind.RECORD: ("把{recorded}的摘要{digest}记录在链", "put the digest {digest} of {recorded} on record"),
}
RECORDED: Final[Mapping[Recorded, Said]] = {
    Recorded.TRUST_ROOT: ("信任根", "the trust root"),
    Recorded.OFFICIAL_HOSTS: ("官方网址清单", "the list of official hosts"),
    Recorded.CHARTER: ("章程", "the charter"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What accounts, batches and scopes are called here; without a name, the beginning of what they are."""

    accounts: Mapping[Address, str] = field(default_factory=dict)
    batches: Mapping[BatchId, str] = field(default_factory=dict)
    catalogue: Catalogue | None = None
    whole: bool = False
    """Write addresses and digests out, so that they can be compared with what was agreed."""

    def account(self, account: Address) -> Said:
        """Name an account: its address, and what it is called here."""
        name = self.accounts.get(account)
        address = account if self.whole else short(account)
        return (f"{address}（{name}）", f"{address} ({name})") if name else (address, address)

    def key(self, key: bytes) -> Said:
        """Name a key: an account, or the thumbprint of a signing key."""
        if not any(key[:12]):
            return self.account(Address("0x" + key[12:].hex()))
        text = self.digest(key)
        return text, text

    def digest(self, digest: bytes) -> str:
        """Write a digest in base64url."""
        return b64url(digest) if self.whole else f"{b64url(digest)[:6]}…"

    def batch(self, batch: BatchId) -> str:
        """Name a batch: our own name for it, or its id."""
        name = self.batches.get(batch)
        return name or self.digest(batch)

    def scope(self, scope: ScopeCode) -> Said:
        """Name a programme and level."""
        try:
            programme, level = (self.catalogue or Catalogue(())).by_scope(scope)
        except ProgrammeUnknown:
            return scope, scope
        zh, en = f"{programme.name.zh}{level.name.zh}", f"{programme.name.en} {level.name.en}"
        return f"{zh}（{scope}）", f"{en} ({scope})"


def ballot_words(ballot: Ballot, names: Names) -> Said:
    """Say what a ballot asks for, as the rest of a sentence: `allow DEMO-EEC to issue …`."""
    try:
        motion = motion_of(ballot)
    except BallotUnreadable:
        kind = kind_slug(ballot.kind)
        return f"作出{kind}决定，但内容无意义", f"decide on {kind} with words that mean nothing"
    values = [_values(motion, names, place) for place in (0, 1)]
    zh, en = _TEXTS[ballot.kind]
    return zh.format(**values[0]), en.format(**values[1])


def effect_words(ballot: Ballot, *, threshold: int, members: int, delay: timedelta) -> Said:
    """Say when such a ballot takes effect, and whether it can be taken back."""
    zh = f"{members}名成员中满{threshold}票"
    en = f"when {threshold} of {members} members have voted"
    if ballot.kind in DELAYED_KINDS:
        zh = f"{zh}后等待{span_words(delay)[0]}，再由任一成员在{ENACTMENT.days}天内执行"
        en = f"{en} it waits {span_words(delay)[1]}; then any member may enact it, within {ENACTMENT.days} days"
    else:
        zh, en = f"{zh}即生效", f"takes effect at once {en}"
    if ballot.kind in IRREVERSIBLE:
        zh, en = f"{zh}。生效后不可撤回", f"{en}. It cannot be taken back afterwards"
    return f"{zh}。", f"{en[0].upper()}{en[1:]}."


def reason_of(number: int) -> Said:
    """Name a ground of the published table; one that is not in it by its number."""
    try:
        return reason_words(Reason(number))
    except ValueError:
        return f"原因{number}", f"reason {number}"


def short(account: str) -> str:
    """Write the beginning and end of an address."""
    return f"{account[:6]}…{account[-4:]}"


def _values(motion: Motion, names: Names, place: int) -> dict[str, object]:
    values: dict[str, object] = {"issuer": motion.issuer, "threshold": motion.threshold, "chain_id": motion.chain_id}
    for name, account in (
        ("member", motion.member),
        ("controller", motion.controller),
        ("contract", motion.contract),
    ):
        values[name] = names.account(account)[place] if account is not None else None
    if motion.key is not None:
        values["key"] = names.key(motion.key)[place]
    if motion.scope is not None:
        values["scope"] = names.scope(motion.scope)[place]
    if motion.batch is not None:
        name, id_ = names.batch(motion.batch), names.digest(motion.batch)
        values["batch"] = name if name == id_ else (f"{name}（{id_}）", f"{name} ({id_})")[place]
    if motion.reason is not None:
        values["reason"] = reason_of(motion.reason)[place]
    if motion.digest is not None:
        # As programs that hash files print it, so that it can be compared.
        values["digest"] = motion.digest.hex() if names.whole else f"{motion.digest.hex()[:8]}…"
    if motion.recorded is not None:
        values["recorded"] = RECORDED[motion.recorded][place]
    if motion.leaves is not None:
        values["leaves"] = _leaves(motion.leaves)[place]
    if motion.until is not None:
        values["window"] = window_words(motion.valid_from or 0, motion.until)[place]
    if motion.since is not None:
        values["since"] = instant(motion.since)
    return values


def window_words(valid_from: int, until: int) -> Said:
    """Say from when to when; `until` is exclusive, and a whole day is named by its date.

    The contract never begins a window in the past.
    """
    zh_from, en_from = ("自生效时", "from when it takes effect") if valid_from == 0 else _beginning(valid_from)
    zh_until, en_until = until_words(until)
    return f"{zh_from}至{zh_until}", f"{en_from} until {en_until}"


def until_words(until: int) -> Said:
    """Say the end of a window; `until` is exclusive, and a whole day is named by its date."""
    last = _local(until) - timedelta(seconds=1)
    if (last.hour, last.minute, last.second) == (23, 59, 59):
        return f"{last:%Y-%m-%d}（含当日）", f"the end of {last:%Y-%m-%d}"
    return instant(until), instant(until)


def _beginning(valid_from: int) -> Said:
    at = _local(valid_from)
    text = f"{at:%Y-%m-%d}" if at.time() == datetime.min.time() else instant(valid_from)
    return f"自{text}（生效更晚则自生效时）", f"from {text} (or when it takes effect, if that is later)"


def instant(seconds: int) -> str:
    """Write Unix seconds as a moment; what lies beyond the calendar as its last one."""
    return moment(facts.moment(seconds))


def _local(seconds: int) -> datetime:
    return facts.moment(seconds).astimezone(CHINA_TIME)


def _leaves(leaves: tuple[int, ...]) -> Said:
    noun = "position" if len(leaves) == 1 else "positions"
    text = places(leaves)
    return f"{len(leaves)}张证书（位置{text}）", f"{counted(len(leaves), 'certificate')} ({noun} {text})"


def span_words(span: timedelta) -> Said:
    """Say how long something takes, in the largest unit that divides it."""
    seconds = int(span.total_seconds())
    for size, zh, en in ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{zh}", counted(seconds // size, en)
    return f"{seconds}秒", counted(seconds, "second")
