"""Proposing, voting, withdrawing a vote, enacting; pausing, and recording a checkpoint written elsewhere."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.ballots import ballot_words, effect_words, instant
from api.commands.consortium.chamber import Acting, Chamber, chamber, key_of
from api.commands.options import expanded, read_file
from api.terminal import OUT, counted, moment, note, print_json, said, shown
from registry.anchor.ballots import Motion, Recorded, motion_of, parse_kind
from registry.anchor.council import BallotFacts, ballot_id
from registry.anchor.facts import address_key
from registry.anchor.history import Ballot, BallotKind, BallotOutcome, Paused, Record, Voted, VoteWithdrawn
from registry.anchor.operations import CastVote, EnactBallot, PauseAnchoring, RecordForeignAnchor, WithdrawVote
from registry.anchor.proofs import MAX_DOCUMENT, parse_checkpoint, require_continued, require_same_log
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url, unb64url
from registry.kernel.errors import MalformedInput, Missing
from registry.kernel.identifiers import (
    BatchId,
    Digest,
    IdentifierMalformed,
    address,
    issuer_code,
    scope_code,
)
from registry.status import Reason

if TYPE_CHECKING:
    from node.signer import AccountKey

_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_PREFIX = re.compile(r"(?:0x)?([0-9a-f]{1,64})")
_RUN = re.compile(r"([0-9]{1,8})(?:-([0-9]{1,8}))?")
_WHOLE_NAME = 64
_LATEST_SECOND = (1 << 40) - 1
_MEMBER = "a member"


class BallotUnknown(Missing):
    """No ballot, or more than one, begins with what was given."""

    code = "consortium/ballot-unknown"

    def __init__(self, found: tuple[str, ...]) -> None:
        self.found = found
        super().__init__(
            f"several ballots begin so: {', '.join(found)}" if found else "nobody has voted on a ballot of that name"
        )


class NameUnfinished(MalformedInput):
    """Only the beginning of a ballot's name was given, and nobody is asked whether it is the one that is meant."""

    code = "consortium/name-unfinished"

    def __init__(self) -> None:
        super().__init__(f"with --yes expected all {_WHOLE_NAME} digits of the ballot's name: others can begin like it")


class TimeMalformed(MalformedInput):
    """A time is not written as a date or a moment."""

    code = "consortium/time"

    def __init__(self, option: str) -> None:
        self.option = option
        super().__init__(f"{option}: expected a day such as 2026-12-01, or a moment such as 2026-12-01T09:30+08:00")


class LeavesMalformed(MalformedInput):
    """Positions of certificates are not written as numbers and runs."""

    code = "consortium/leaves"

    def __init__(self) -> None:
        super().__init__("--leaves: expected positions in the batch such as 3,17,128-140")


class RecordedUnknown(MalformedInput):
    """Members do not put that on record."""

    code = "consortium/recorded-unknown"

    def __init__(self) -> None:
        super().__init__("--what: expected trust-root, official-hosts or charter")


class WordMalformed(MalformedInput):
    """A digest, batch id or thumbprint is not 32 bytes."""

    code = "consortium/word"

    def __init__(self, option: str) -> None:
        self.option = option
        super().__init__(f"{option}: expected 32 bytes as 64 hexadecimal digits or 43 characters of base64url")


BallotArgument = Annotated[str, typer.Argument(help="Beginning of its name, from: vermilion consortium ballots.")]


@expanded
def propose(
    kind: Annotated[
        str,
        typer.Argument(
            help="What: admit remove threshold accredit suspend reinstate withdraw set-controller grant-scope "
            "revoke-scope add-approver key-compromised suspend-batch lift-batch-suspension revoke-batch "
            "reaffirm-batch revoke-word unpause migrate record."
        ),
    ],
    acting: Acting,
    issuer: Annotated[str | None, typer.Option("--issuer", help="Code of the issuing body.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="PROGRAMME/LEVEL.")] = None,
    member: Annotated[str | None, typer.Option("--member", help="Address of a member.")] = None,
    threshold: Annotated[int | None, typer.Option("--threshold", help="Votes that decide from then on.")] = None,
    controller: Annotated[
        str | None, typer.Option("--controller", help="Address that controls the issuing body's keys.")
    ] = None,
    key_id: Annotated[
        str | None, typer.Option("--key-id", help="The key that is meant: an address, or a thumbprint in base64url.")
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="A batch: our own name, or its id on chain.")] = None,
    leaves: Annotated[str | None, typer.Option("--leaves", help="Positions in the batch: 3,17,128-140.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Ground, by word or number: misconduct.")] = None,
    valid_from: Annotated[
        str | None, typer.Option("--from", help="First day. Default: when the decision takes effect.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Last day, that day included.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Since when a key is stolen; may lie back.")] = None,
    contract: Annotated[str | None, typer.Option("--contract", help="Address of the succeeding contract.")] = None,
    chain_id: Annotated[int | None, typer.Option("--chain-id", help="Chain of the succeeding contract.")] = None,
    what: Annotated[
        str | None, typer.Option("--what", help="What is put on record: trust-root, official-hosts or charter.")
    ] = None,
    digest: Annotated[str | None, typer.Option("--digest", help="SHA-256 of what is put on record.")] = None,
) -> None:
    """Propose a decision, and vote for it. What it does is shown in plain words before anything is signed.

    Options of each kind: admit, remove --member --threshold · threshold --threshold · accredit, set-controller --issuer
    --controller · suspend, reinstate --issuer · withdraw --issuer --reason · grant-scope --issuer --scope [--from]
    --until · revoke-scope --issuer --scope · add-approver --issuer --key-id [--from] --until · key-compromised --issuer
    --key-id --since · suspend-batch, lift-batch-suspension, revoke-batch, reaffirm-batch --issuer --batch --reason ·
    revoke-word --issuer --batch --leaves --reason · migrate --contract --chain-id · record --what --digest · unpause.
    """
    of = parse_kind(kind)
    with chamber(acting) as here:
        motion = Motion(
            kind=of,
            member=None if member is None else address(member),
            threshold=threshold,
            issuer=None if issuer is None else issuer_code(issuer),
            controller=None if controller is None else address(controller),
            scope=None if scope is None else scope_code(scope),
            key=None if key_id is None else read_key(key_id),
            valid_from=_valid_from(of, valid_from),
            until=None if until is None else read_time("--until", until, day_included=True),
            since=None if since is None else read_time("--since", since),
            batch=None if batch is None else _batch(here, batch),
            leaves=None if leaves is None else _leaves(leaves),
            reason=None if reason is None else int(Reason.parse(reason)),
            contract=None if contract is None else address(contract),
            chain_id=chain_id,
            recorded=None if what is None else _recorded(what),
            digest=None if digest is None else Digest(read_word("--digest", digest)),
        )
        ballot, known = here.council.open_or_next(motion, here.now)
        if known is None and any(ballot.salt):
            note(
                said(
                    "同样的决定此前已表决过，这是新的一次",
                    "the same was put to the vote before; this is a new ballot",
                )
            )
        _cast(here, ballot, known, acting)


@expanded
def vote(ballot: BallotArgument, acting: Acting) -> None:
    """Vote for a ballot that somebody has proposed."""
    with chamber(acting) as here:
        known = find_ballot(here, ballot, unasked=acting.yes)
        _cast(here, known.ballot, known, acting)


@expanded
def withdraw(ballot: BallotArgument, acting: Acting) -> None:
    """Take one's vote back, while the ballot is not enacted."""
    with chamber(acting) as here:
        known = find_ballot(here, ballot, unasked=acting.yes)
        key = key_of(acting, here.home, _MEMBER)
        words = ballot_words(known.ballot, here.names(whole=True))
        lines = _opening(here, key, said("撤回对这一表决的赞成票：", "take back the vote to"), said(*words), known.id)
        left, threshold = len(known.votes) - 1, here.council.threshold
        lines.append(said(f"撤回后剩{left}票。", f"{counted(left, 'vote')} will be left."))
        if known.since is not None and left < threshold:
            lines.append(
                said(
                    f"低于门槛{threshold}票：决定不再通过，等待期作废。",
                    f"That is below {threshold}: the decision is then carried no more, and its delay is lost.",
                )
            )
        done = here.sign(WithdrawVote(ballot=known.ballot), key, lines, acting)
        if done is not None and isinstance(done.content, VoteWithdrawn):
            left = done.content.votes.bit_count()
            tell(done, said(f"已撤回，还有{left}票", f"withdrawn; {counted(left, 'vote')} left"), acting, known.id)


@expanded
def enact(ballot: BallotArgument, acting: Acting) -> None:
    """Carry out a decision whose delay is over; any member may."""
    with chamber(acting) as here:
        known = find_ballot(here, ballot, unasked=acting.yes)
        key = key_of(acting, here.home, _MEMBER)
        here.objection_note(here.objection(known.ballot))
        words = ballot_words(known.ballot, here.names(whole=True))
        lines = _opening(here, key, said("执行已通过的决定：", "carry out the decision to"), said(*words), known.id)
        done = here.sign(EnactBallot(ballot=known.ballot), key, lines, acting)
        if done is not None:
            tell(done, said("已生效", "it is in force"), acting, known.id)


@expanded
def pause(acting: Acting) -> None:
    """Stop the anchoring of new batches for 72 hours, and nothing else; any member may, once in 30 days."""
    with chamber(acting) as here:
        key = key_of(acting, here.home, _MEMBER)
        who = here.names().account(key.address)
        lines = [
            said(
                f"即将以成员{who[0]}的身份停止登记新批次72小时；此后30天内您不能再停。"
                "证书的状态、核验和表决照常；成员可提前投票解除（propose unpause）。",
                f"You are about to stop, as member {who[1]}, the anchoring of new batches for 72 hours; "
                "you may not again for 30 days. "
                "Standing, verification and votes go on; members may end it before (propose unpause).",
            )
        ]
        stopped = here.council.paused_until
        if stopped is not None and stopped > here.now:
            end = moment(stopped)
            lines.append(said(f"登记已经停止至{end}。", f"Anchoring is stopped already, until {end}."))
        done = here.sign(PauseAnchoring(), key, lines, acting)
        if done is not None:
            until = instant(done.content.until) if isinstance(done.content, Paused) else ""
            tell(done, said(f"登记已停止至{until}", f"anchoring is stopped until {until}"), acting)


@expanded
def record(
    acting: Acting,
    chain_id: Annotated[int, typer.Option("--chain-id", help="The other chain.", min=1, max=2**64 - 1)],
    checkpoint: Annotated[
        Path, typer.Option("--checkpoint", help="The checkpoint, as vermilion audit checkpoint --output wrote it.")
    ],
    transaction: Annotated[str, typer.Option("--transaction", help="Hash of the transaction there.")],
) -> None:
    """Put on record that a checkpoint of this log was written on another chain."""
    reference = Digest(read_word("--transaction", transaction))
    written = parse_checkpoint(read_file(checkpoint, most=MAX_DOCUMENT).removesuffix(b"\n"))
    with chamber(acting) as here:
        require_same_log(here.log.name, written.log)
        require_continued(here.log.tree, written.head)
        key = key_of(acting, here.home, _MEMBER)
        size, root = written.head.size, written.head.root
        lines = [
            said(
                f"即将记录：本日志前{size:,}条的检查点（根{b64url(root)}）已写入链{chain_id}的交易0x{reference.hex()}",
                f"You are about to put on record that the checkpoint of this log's first {counted(size, 'record')} "
                f"(root {b64url(root)}) stands on chain {chain_id} in transaction 0x{reference.hex()}",
            )
        ]
        operation = RecordForeignAnchor(chain_id=chain_id, size=size, root=root, reference=reference)
        done = here.sign(operation, key, lines, acting)
        if done is not None:
            tell(done, said("已记录", "it is on record"), acting)


def find_ballot(here: Chamber, name: str, *, unasked: bool = False) -> BallotFacts:
    """Find a ballot by the beginning of its name, or by all of it where nobody is asked before signing.

    Raises BallotUnknown, NameUnfinished.
    """
    match = _PREFIX.fullmatch(name.lower())
    if match is not None and unasked and len(match[1]) < _WHOLE_NAME:
        raise NameUnfinished
    found = [one for one in here.council.ballots if match is not None and one.id.hex().startswith(match[1])]
    if len(found) != 1:
        raise BallotUnknown(tuple(one.id.hex()[:16] for one in found))
    return found[0]


def read_word(option: str, text: str) -> bytes:
    """Read 32 bytes from hexadecimal digits or base64url. Raises WordMalformed."""
    match = _HEX.fullmatch(text)
    if match is not None:
        return bytes.fromhex(match[1])
    try:
        word = unb64url(text)
    except MalformedInput as error:
        raise WordMalformed(option) from error
    if len(word) != 32:
        raise WordMalformed(option)
    return word


def read_key(text: str) -> bytes:
    """Read the name of a key: an account's address or a JWK thumbprint. Raises WordMalformed."""
    try:
        return address_key(address(text.lower()))
    except IdentifierMalformed:
        return read_word("--key-id", text)


def read_time(option: str, text: str, *, day_included: bool = False) -> int:
    """Read a day (its beginning, or with `day_included` its end, at +08:00) or a moment, as Unix seconds.

    Raises TimeMalformed.
    """
    try:
        if len(text) == len("2026-12-01"):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), CHINA_TIME)
            at = day + timedelta(days=1 if day_included else 0)
        else:
            at = datetime.fromisoformat(text)
        seconds = int((at if at.tzinfo is not None else at.replace(tzinfo=CHINA_TIME)).timestamp())
    except (ValueError, OverflowError) as error:
        raise TimeMalformed(option) from error
    if not 0 < seconds <= _LATEST_SECOND:
        raise TimeMalformed(option)
    return seconds


def tell(done: Record, text: str, acting: Acting, ballot: bytes | None = None) -> None:
    """Print what was done, as a sentence or as JSON."""
    position = done.position
    if acting.as_json:
        document: dict[str, Any] = {
            "record": position.seq,
            "block": position.block_number,
            "time": position.block_time.astimezone(CHINA_TIME).isoformat(),
            "transaction": "0x" + position.transaction.hex(),
            "by": position.by,
        }
        if ballot is not None:
            document["ballot"] = ballot.hex()
        if isinstance(done.content, Voted):
            document |= {"outcome": done.content.outcome.name.lower(), "votes": done.content.votes.bit_count()}
        print_json(document)
        return
    OUT.print(shown(f"{text}{said('（历史记录', ' (history record ')}{position.seq}{said('）', ')')}"))


def _cast(here: Chamber, ballot: Ballot, known: BallotFacts | None, acting: Acting) -> None:
    """Vote for a ballot whose words mean something. Raises BallotUnreadable, and as Chamber.sign."""
    council, key = here.council, key_of(acting, here.home, _MEMBER)
    id_ = ballot_id(ballot)
    motion_of(ballot)  # words that mean nothing are not voted for
    here.objection_note(here.objection(ballot))
    opening = said("提出并赞成：", "propose, with your vote, to") if known is None else said("投票赞成：", "vote to")
    lines = _opening(here, key, opening, said(*ballot_words(ballot, here.names(whole=True))), id_)
    given = known.votes if known is not None else ()
    lines += [
        said(*effect_words(ballot, threshold=council.threshold, members=len(council.members), delay=council.delay))
        if known is None or known.enactable_from is None
        else said(
            f"已通过，{moment(known.enactable_from)}起可执行；您的一票不改变时间。",
            f"It is carried, and can be enacted from {moment(known.enactable_from)}; your vote does not change that.",
        ),
        said(
            f"已有{len(given)}票；连同您的一票共{len(given) + 1}票。",
            f"{counted(len(given), 'vote')} so far; yours makes {len(given) + 1}.",
        ),
    ]
    done = here.sign(CastVote(ballot=ballot), key, lines, acting)
    if done is None or not isinstance(done.content, Voted):
        return
    name, votes = id_.hex()[:8], done.content.votes.bit_count()
    match done.content.outcome:
        case BallotOutcome.ENACTED:
            text = said("已通过并生效", "carried, and in force")
        case BallotOutcome.DELAYED:
            from_ = (known.since if known is not None and known.since else done.position.block_time) + council.delay
            text = said(
                f"已通过，{moment(from_)}起可执行：vermilion consortium enact {name} --key …",
                f"carried; it can be enacted from {moment(from_)}: vermilion consortium enact {name} --key …",
            )
        case _:
            text = said(
                f"已计票：{votes}票，还差{council.threshold - votes}票；表决{name}",
                f"counted: {counted(votes, 'vote')}, {council.threshold - votes} more needed; ballot {name}",
            )
    tell(done, text, acting, id_)


def _opening(here: Chamber, key: "AccountKey", doing: str, words: str, id_: bytes) -> list[str]:
    who = here.names().account(key.address)
    return [
        said(f"即将以成员{who[0]}的身份{doing}", f"You are about to {doing}"),
        f"  {words}",
        said(f"表决：{id_.hex()}", f"as member {who[1]}. Ballot {id_.hex()}"),
    ]


def _valid_from(kind: BallotKind, text: str | None) -> int | None:
    if text is not None:
        return read_time("--from", text)
    return 0 if kind in (BallotKind.GRANT_SCOPE, BallotKind.ADD_APPROVER) else None


def _leaves(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        match = _RUN.fullmatch(part.strip())
        if match is None:
            raise LeavesMalformed
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 128:
            raise LeavesMalformed
        found.extend(range(first, last + 1))
    return tuple(sorted(found))


def _recorded(text: str) -> Recorded:
    for one in Recorded:
        if text.lower() == one.name.lower().replace("_", "-"):
            return one
    raise RecordedUnknown


def _batch(here: Chamber, text: str) -> BatchId:
    """Read a batch: by our own name where there is a data folder, or by its id on chain."""
    if here.home is not None:
        with here.home.store.read() as unit:
            for one in unit.batches.batches():
                if one.id == text:
                    return one.batch
    return BatchId(read_word("--batch", text))
