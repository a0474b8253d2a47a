"""Members, ballots, issuing bodies and scopes, as tables."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from api.commands.ballots import Names, ballot_words, effect_words, instant, short, span_words, until_words
from api.commands.consortium.chamber import Chamber, Reading, chamber
from api.commands.consortium.voting import find_ballot
from api.commands.options import expanded
from api.terminal import OUT, counted, moment, note, print_fields, print_json, print_table, said
from registry.anchor.ballots import kind_slug
from registry.anchor.council import BallotFacts, BallotState, Council
from registry.anchor.facts import IssuerFacts, IssuerState, is_good_at
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import Address

IssuerOption = Annotated[str | None, typer.Option("--issuer", help="Only this issuing body.")]

_STATES_ZH = {
    BallotState.OPEN: "投票中",
    BallotState.WAITING: "已通过，等待期",
    BallotState.READY: "可执行",
    BallotState.ENACTED: "已生效",
    BallotState.LAPSED: "已失效",
}
_STANDINGS_ZH = {
    IssuerState.ACTIVE: "正常",
    IssuerState.SUSPENDED: "已暂停",
    IssuerState.WITHDRAWN: "认可已终止",
    IssuerState.WITHDRAWN_AND_SUSPENDED: "认可已终止并暂停",
}


@expanded
def members(reading: Reading) -> None:
    """Show who decides: the members, how many votes carry, how long dangerous decisions wait."""
    with chamber(reading) as here:
        council, names = here.council, here.names(whole=True)
        if reading.as_json:
            print_json(_council_document(here))
            return
        print_fields(_rules(here))
        OUT.print()
        print_table(
            [said("成员", "member"), said("加入", "since"), said("可暂停登记", "may pause")],
            [
                [said(*names.account(one.address)), _day(one.since), _may_pause(here, one.address)]
                for one in council.members
            ],
        )
        former = [one for one in council.memberships if one.until is not None]
        if former:
            listed = "、".join(f"{short(one.address)}（{_day(one.until)}）" for one in former if one.until)
            listed_en = ", ".join(f"{short(one.address)} ({_day(one.until)})" for one in former if one.until)
            note(said(f"已离开的成员：{listed}", f"former members: {listed_en}"))


@expanded
def ballots(
    reading: Reading,
    ballot: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those in force and lapsed too.")] = False,
) -> None:
    """List what is put to the vote: what it does, who has voted, when it takes effect."""
    with chamber(reading) as here:
        if ballot is not None:
            one = find_ballot(here, ballot)
            if reading.as_json:
                print_json(_ballot_document(here, one))
            else:
                _show_ballot(here, one)
            return
        over = (BallotState.ENACTED, BallotState.LAPSED)
        found = [one for one in here.council.ballots if everything or one.state(here.now) not in over]
        if reading.as_json:
            print_json([_ballot_document(here, one) for one in found])
            return
        if not found:
            OUT.print(
                said(
                    "没有待决的表决（--all 列出全部）",
                    "nothing is put to the vote now (--all lists what was)",
                )
            )
            return
        names = here.names()
        print_table(
            [
                said("表决", "ballot"),
                said("票数", "votes"),
                said("状态", "state"),
                said("时间", "when"),
                said("内容", "what"),
            ],
            [
                [
                    one.id.hex()[:8],
                    f"{len(one.votes)}/{here.council.threshold}",
                    _state(one.state(here.now)),
                    _when(one, here.now),
                    said(*ballot_words(one.ballot, names)),
                ]
                for one in found
            ],
        )
        note(said("详情：vermilion consortium ballots 表决", "more: vermilion consortium ballots BALLOT"))


@expanded
def issuers(reading: Reading) -> None:
    """List the issuing bodies: their standing, who controls their keys, what they may issue."""
    with chamber(reading) as here:
        found = [here.issuer(code) for code in here.issuers]
        if reading.as_json:
            print_json([_issuer_document(one) for one in found])
            return
        if not found:
            OUT.print(said("还没有认可发证机构", "no issuing body is accredited yet"))
            return
        names, now = here.names(), int(here.now.timestamp())
        print_table(
            [
                said("机构", "issuer"),
                said("状态", "standing"),
                said("自", "since"),
                said("控制人", "controller"),
                said("范围", "scopes"),
                said("密钥", "keys"),
            ],
            [
                [
                    one.code,
                    said(_STANDINGS_ZH[state], state.value),
                    _day(one.standings[-1].since),
                    said(*names.account(one.controller)) if one.controller else "–",
                    str(sum(window.valid_from <= now < window.until for window in one.scopes.values())),
                    str(sum(is_good_at(slot, here.now) for slot in one.keys.values())),
                ]
                for one in found
                if (state := one.state) is not None
            ],
        )


@expanded
def scopes(reading: Reading, issuer: IssuerOption = None) -> None:
    """List what each issuing body may issue, and from when to when."""
    with chamber(reading) as here:
        found = [here.issuer(code) for code in ((issuer,) if issuer is not None else here.issuers)]
        rows = [(one, window) for one in found for window in one.scopes.values()]
        if reading.as_json:
            print_json(
                [
                    {
                        "issuer": one.code,
                        "scope": window.scope,
                        "from": _iso(window.valid_from),
                        "until": _iso(window.until),
                    }
                    for one, window in rows
                ]
            )
            return
        if not rows:
            OUT.print(said("还没有授予任何范围", "no scope is granted yet"))
            return
        names, now = here.names(), int(here.now.timestamp())
        print_table(
            [
                said("机构", "issuer"),
                said("范围", "scope"),
                said("自", "from"),
                said("至", "until"),
                said("现在", "now"),
            ],
            [
                [
                    one.code,
                    said(*names.scope(window.scope)),
                    instant(window.valid_from),
                    said(*until_words(window.until)),
                    said("可以签发", "may issue")
                    if window.valid_from <= now < window.until
                    else said("不可签发", "may not issue"),
                ]
                for one, window in rows
            ],
        )


def _rules(here: Chamber) -> dict[str, object]:
    council = here.council
    fields: dict[str, object] = {
        said("合约", "contract"): str(here.ledger.trust_root.contract),
        said("门槛", "threshold"): said(
            f"{len(council.members)}名成员中{council.threshold}票",
            f"{council.threshold} of {counted(len(council.members), 'member')}",
        ),
        said("等待期", "delay"): said(
            f"危险的决定通过后等待{span_words(council.delay)[0]}",
            f"dangerous decisions wait {span_words(council.delay)[1]} after they are carried",
        ),
        said("截至", "as of"): said(
            f"区块{here.head.number}，{moment(here.head.time)}", f"block {here.head.number}, {moment(here.head.time)}"
        ),
    }
    if council.paused_until is not None and council.paused_until > here.now:
        fields[said("登记", "anchoring")] = said(
            f"停止至{moment(council.paused_until)}", f"stopped until {moment(council.paused_until)}"
        )
    genesis = council.genesis
    if genesis.predecessor_size:
        fields[said("前身", "continues")] = said(
            f"合约{genesis.predecessor_contract}，其日志前{genesis.predecessor_size:,}条",
            f"contract {genesis.predecessor_contract}, its log of {counted(genesis.predecessor_size, 'record')}",
        )
    if council.successor is not None:
        successor = council.successor
        fields[said("新登记", "new batches")] = said(
            f"{moment(successor.since)}起移往链{successor.chain_id}的合约{successor.contract}",
            f"go to contract {successor.contract} on chain {successor.chain_id} since {moment(successor.since)}",
        )
    return fields


def _may_pause(here: Chamber, member: Address) -> str:
    again = here.council.may_pause_from(member)
    if again is None or again <= here.now:
        return said("现在", "now")
    return said(f"{_day(again)}起", f"from {_day(again)}")


def _show_ballot(here: Chamber, one: BallotFacts) -> None:
    council, names, state = here.council, here.names(whole=True), one.state(here.now)
    lacking = [member.address for member in council.members if member.address not in one.votes]
    fields: dict[str, object] = {
        said("表决", "ballot"): one.id.hex(),
        said("内容", "what"): said(*ballot_words(one.ballot, names)),
        said("状态", "state"): _state(state),
        said("提出", "proposed"): f"{moment(one.opened.block_time)}  {said(*names.account(one.opened.by))}",
        said("赞成", "voted for"): ", ".join(said(*names.account(who)) for who in one.votes) or "–",
    }
    if state is not BallotState.ENACTED:
        fields[said("未投", "not yet")] = ", ".join(said(*names.account(who)) for who in lacking) or "–"
    if state is BallotState.OPEN:
        fields[said("截止", "open until")] = moment(one.deadline)
        fields[said("生效", "takes effect")] = said(
            *effect_words(one.ballot, threshold=council.threshold, members=len(council.members), delay=council.delay)
        )
    if one.enactable_from is not None and one.enactable_until is not None and one.enacted is None:
        fields[said("可执行", "enactable")] = f"{moment(one.enactable_from)} – {moment(one.enactable_until)}"
    if one.enacted is not None:
        fields[said("生效", "in force")] = (
            f"{moment(one.enacted.block_time)}  {said('历史记录', 'record')} {one.enacted.seq}"
        )
    print_fields(fields)
    if state in (BallotState.OPEN, BallotState.WAITING, BallotState.READY):
        here.objection_note(here.objection(one.ballot))
    name = one.id.hex()[:8]
    if state in (BallotState.OPEN, BallotState.WAITING):
        note(
            said(
                f"赞成：vermilion consortium vote {name} --key …；撤回：vermilion consortium withdraw {name} --key …",
                f"for it: vermilion consortium vote {name} --key …; "
                f"to take a vote back: vermilion consortium withdraw {name} --key …",
            )
        )
    elif state is BallotState.READY:
        note(
            said(f"执行：vermilion consortium enact {name} --key …", f"next: vermilion consortium enact {name} --key …")
        )


def _council_document(here: Chamber) -> dict[str, Any]:
    council: Council = here.council
    return {
        "contract": str(here.ledger.trust_root.contract),
        "block": here.head.number,
        "block_time": _text(here.head.time),
        "threshold": council.threshold,
        "delay_seconds": council.genesis.delay,
        "epoch": council.epoch,
        "members": [
            {
                "address": one.address,
                "since": _text(one.since),
                "until": _text(one.until),
                "admission": one.admission,
                "may_pause_from": _text(council.may_pause_from(one.address)),
            }
            for one in council.memberships
        ],
        "paused_until": _text(council.paused_until),
        "successor": None
        if council.successor is None
        else {"contract": council.successor.contract, "chain_id": council.successor.chain_id},
    }


def _ballot_document(here: Chamber, one: BallotFacts) -> dict[str, Any]:
    zh, en = ballot_words(one.ballot, Names(catalogue=here.names().catalogue, whole=True))
    return {
        "ballot": one.id.hex(),
        "kind": kind_slug(one.ballot.kind),
        "subject": "0x" + one.ballot.subject.hex(),
        "arg": str(one.ballot.arg),
        "ref": "0x" + one.ballot.ref.hex(),
        "salt": "0x" + one.ballot.salt.hex(),
        "words": {"zh": zh, "en": en},
        "state": one.state(here.now).value,
        "objection": here.objection(one.ballot) if one.enacted is None else None,
        "votes": list(one.votes),
        "threshold": here.council.threshold,
        "opened": _text(one.opened.block_time),
        "deadline": _text(one.deadline),
        "enactable_from": _text(one.enactable_from),
        "enactable_until": _text(one.enactable_until),
        "enacted_record": None if one.enacted is None else one.enacted.seq,
    }


def _issuer_document(one: IssuerFacts) -> dict[str, Any]:
    return {
        "issuer": one.code,
        "state": None if one.state is None else one.state.value,
        "since": _text(one.standings[-1].since),
        "controller": one.controller,
        "scopes": sorted(one.scopes),
        "keys": len(one.keys),
    }


def _state(state: BallotState) -> str:
    return said(_STATES_ZH[state], state.value)


def _when(one: BallotFacts, now: datetime) -> str:
    """Say what the state waits for."""
    match one.state(now):
        case BallotState.OPEN:
            return said(f"投票至{moment(one.deadline)}", f"open until {moment(one.deadline)}")
        case BallotState.WAITING if one.enactable_from is not None:
            return said(f"{moment(one.enactable_from)}起可执行", f"enactable from {moment(one.enactable_from)}")
        case BallotState.READY if one.enactable_until is not None:
            return said(f"执行至{moment(one.enactable_until)}", f"enactable until {moment(one.enactable_until)}")
        case BallotState.ENACTED if one.enacted is not None:
            return moment(one.enacted.block_time)
        case _:
            return "–"


def _day(at: datetime) -> str:
    return f"{at.astimezone(CHINA_TIME):%Y-%m-%d}"


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(CHINA_TIME).isoformat()


def _iso(seconds: int) -> str | int:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(CHINA_TIME).isoformat()
    except (ValueError, OverflowError, OSError):
        return seconds
