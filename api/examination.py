"""What `vermilion doctor` looks at, and what it says about each."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from api.commands.batch_shown import standing_of, undelivered
from api.commands.failures import advice_on, happened_zh, system_refused
from api.commands.requests import command_of, covered, wanted_word
from api.commands.words import state_word
from api.desk import desk_is_running
from api.errors import advice
from api.situations import command_for
from api.terminal import counted, said
from api.wiring import Home
from registry.anchor.progress import RequestState
from registry.anchor.situations import Situation
from registry.anchor.states import AnchorState
from registry.kernel.errors import RegistryError
from registry.ports.replacements import Replacement
from registry.status import needs_approval
from registry.workflows.chain.anchor import unfinished
from registry.workflows.chain.sender_standing import overdue

State = Literal["good", "note", "problem"]
WHAT_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data folder": "数据文件夹",
        "database": "数据库",
        "chain": "链",
        "keys": "密钥",
        "approver": "批准密钥",
        "members": "成员密钥",
        "passphrases": "口令",
        "desk": "签发台",
        "writing": "上链",
        "work": "上链途中",
        "waiting": "等人处理",
        "print": "证书打印",
    }
)
"""What is looked at, in Chinese."""
_NAMED: Final = 8
"""Names that are written out; more are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing looked at."""

    what: str
    state: State
    zh: str
    en: str
    remedy: str = ""


def examine(home: Home) -> list[Examined]:
    """Look at everything; what cannot be looked at is a problem of its own."""
    found: list[Examined] = []
    for what, look in (
        ("data folder", _folder),
        ("database", _database),
        ("chain", _chain),
        ("keys", _keys),
        ("approver", _approver),
        ("desk", _desk),
        ("writing", _writing),
        ("work", _work),
        ("work", _overdue),
        ("waiting", _waiting),
        ("print", _print),
    ):
        found.extend(_tried(what, look, home))
    return found


def _tried(what: str, look: Callable[[Home], Iterator[Examined]], home: Home) -> Iterator[Examined]:
    try:
        yield from look(home)
    except RegistryError as error:
        yield _untold(what, error)
    except OSError as error:
        yield _untold(what, system_refused(error))


def _untold(what: str, error: RegistryError) -> Examined:
    """Say why something could not be looked at."""
    texts = advice_on(error) or advice()["internal"]
    return Examined(
        what=what,
        state="problem",
        zh=happened_zh(error),
        en=str(error),
        remedy=said(texts.remedy_zh, texts.remedy_en),
    )


def _folder(home: Home) -> Iterator[Examined]:
    free, floor = shutil.disk_usage(home.path).free, home.installation.store.floor_megabytes << 20
    writable = os.access(home.path, os.W_OK)
    gigabytes = f"{free / 2**30:.0f} GB"
    yield Examined(
        what="data folder",
        state="good" if writable and free > floor else "problem",
        zh=f"{home.path}，{'可写' if writable else '不可写'}，余{gigabytes}",
        en=f"{home.path}, {'writable' if writable else 'not writable'}, {gigabytes} free",
        remedy=""
        if writable and free > floor
        else said("请腾出空间，或改正文件夹的权限", "free space, or mend the folder's permissions"),
    )


def _database(home: Home) -> Iterator[Examined]:
    with home.store.read() as unit:
        batches = len(unit.batches.names())
    count = counted(batches, "batch", "batches")
    yield Examined(
        what="database",
        state="good",
        zh=f"SQLite {sqlite3.sqlite_version}，WAL，synchronous FULL，表结构为现行版本，{batches}个批次",
        en=f"SQLite {sqlite3.sqlite_version}, WAL, synchronous FULL, schema current, {count}",
    )


def _chain(home: Home) -> Iterator[Examined]:
    with home.chain() as ledger:
        head = ledger.head()
        where = home.installation.chain.node_url or home.running_node()
    there = where or "no node runs; commands read the folder's chain themselves"
    there_zh = where or "没有节点在运行，命令直接读数据文件夹里的链"
    root = home.trust_root
    yield Examined(
        what="chain",
        state="good",
        zh=f"链{root.contract.chain_id}，创世块与代码哈希与trust-root.json一致，区块{head.number}；{there_zh}",
        en=f"chain {root.contract.chain_id}, genesis and code hash match trust-root.json, block {head.number}; {there}",
    )
    if home.installation.is_test:
        yield Examined(
            what="chain",
            state="note",
            zh="这是测试链：每份核验结果都会说明",
            en="this is a test chain: every verdict says so",
        )


def _keys(home: Home) -> Iterator[Examined]:
    exposed = [path.name for path in home.keys.iterdir() if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    yield Examined(
        what="keys",
        state="problem" if exposed else "good",
        zh=f"别人也能读：{'、'.join(exposed)}" if exposed else "只有您能读",
        en=f"others may read {', '.join(exposed)}" if exposed else "readable only by you",
        remedy=f"chmod 600 {home.keys}/*" if exposed else "",
    )
    members = sorted(path.stem for path in home.keys.glob("member-*.json"))
    if members:
        yield Examined(
            what="members",
            state="note",
            zh=f"联盟成员的{len(members)}把密钥也在这里：持有者可以自行投票",
            en=f"{counted(len(members), 'member key')} in the same folder: whoever holds the folder can vote alone",
            remedy="docs/operations.md#keys",
        )
    if home.installation.machine_passphrases:
        yield Examined(
            what="passphrases",
            state="note",
            zh="口令与密钥放在一起：演示可以，正式使用不行",
            en="they lie beside the keys they open: fine for a demonstration, not for real use",
            remedy="docs/operations.md#keys",
        )


def _approver(home: Home) -> Iterator[Examined]:
    """Say in which way approvals are signed, and warn where one folder could do all of it."""
    settings, key = home.installation.approver, home.keys / "approver.json"
    if settings is not None:
        yield _signer(home, settings.signer)
    if key.exists() and (home.keys / "sender.json").exists():
        yield Examined(
            what="approver",
            state="note",
            zh="批准密钥与发送密钥在同一文件夹：演示可以，正式使用不行",
            en="its key lies in the same folder as the sender's: fine for a demonstration, not for real use",
            remedy="docs/operations.md#two-people",
        )
    elif settings is None:
        there = key.exists()
        yield Examined(
            what="approver",
            state="good",
            zh=f"以密钥文件{key}签署" if there else "密钥不在这里：用--key指明密钥文件，或用--typed-data交给钱包签署",
            en=f"signs with the key file {key}"
            if there
            else "its key is elsewhere: --key FILE, or a wallet (--typed-data)",
        )


def _signer(home: Home, where: str) -> Examined:
    try:
        account = home.approver().address
    except RegistryError as error:
        return Examined(
            what="approver",
            state="note",
            zh=f"由{where}的签署进程签署，现在不可用：{happened_zh(error)}",
            en=f"signed by the signer at {where}, which cannot be used now: {error}",
            remedy="vermilion signer run",
        )
    return Examined(
        what="approver",
        state="good",
        zh=f"由{where}的签署进程签署，账户{account}",
        en=f"signed by the signer at {where}, account {account}",
    )


def _desk(home: Home) -> Iterator[Examined]:
    """Say whether somebody works off what pages ask for, and what waits for that."""
    runs = desk_is_running(home)
    with home.store.read() as unit:
        waiting = [one.id for one in unit.tasks.waiting(home.clock.now())]
    tasks = counted(len(waiting), "task")
    if runs:
        texts = (
            ("在运行，没有任务在等", "it runs, and no task waits")
            if not waiting
            else (f"在运行，{len(waiting)}项任务在等", f"it runs; {tasks} waiting")
        )
    elif waiting:
        names = ", ".join(waiting)
        texts = f"没有在运行，{len(waiting)}项任务在等：{names}", f"none runs, and {tasks} waiting: {names}"
    else:
        texts = "没有在运行，也没有任务在等", "none runs, and no task waits"
    idle = bool(waiting) and not runs
    yield Examined(
        what="desk",
        state="note" if idle else "good",
        zh=texts[0],
        en=texts[1],
        remedy="vermilion desk" if idle else "",
    )


def _writing(home: Home) -> Iterator[Examined]:
    """Say whether an alarm keeps everything from the chain."""
    with home.store.read() as unit:
        alarms = unit.alarms.open()
    if not alarms:
        yield Examined(what="writing", state="good", zh="没有警报", en="no alarm is open")
    for alarm in alarms:
        texts = advice()[alarm.code]
        yield Examined(
            what="writing",
            state="problem",
            zh=f"警报{alarm.id}（{alarm.subject}）：{texts.cause_zh}",
            en=f"alarm {alarm.id} ({alarm.subject}): {texts.cause_en}",
            remedy="vermilion halt show",
        )


def _work(home: Home) -> Iterator[Examined]:
    batches, requests = unfinished(home.store)
    waiting, unwritten = [*batches, *requests], undelivered(home)
    if unwritten:
        yield Examined(
            what="work",
            state="note",
            zh=f"已登记，凭证没有写全：{'、'.join(unwritten)}",
            en=f"recorded, and bundles are not all written: {', '.join(unwritten)}",
            remedy=f"vermilion batch issue {unwritten[0]}",
        )
        if not waiting:
            return
    yield Examined(
        what="work",
        state="note" if waiting else "good",
        zh=f"断在上链途中：{'、'.join(waiting)}" if waiting else "没有断在上链途中的批次或申请",
        en=f"cut off on the way to the chain: {', '.join(waiting)}"
        if waiting
        else "no batch or request was cut off on its way to the chain",
        remedy=f"vermilion batch issue {batches[0]}"
        if batches
        else f"vermilion cert send {requests[0]}"
        if requests
        else "",
    )


def _overdue(home: Home) -> Iterator[Examined]:
    """Name transactions that wait for a block, or to be final, for longer than they should."""
    late = overdue(home.store, home.clock)
    if late:
        yield Examined(
            what="work",
            state="problem",
            zh=f"交易久等未终局：{'、'.join(late)}",
            en=f"transactions wait for too long: {', '.join(late)}",
            remedy="vermilion sender status",
        )


def _waiting(home: Home) -> Iterator[Examined]:
    """Name what goes on only once a person does something, with the command for each."""
    with home.store.read() as unit:
        batches = unit.batches.batches(
            AnchorState.RESERVED, AnchorState.SEALED, AnchorState.APPROVED, AnchorState.FAILED
        )
        requests = [
            (request, covered(unit, request))
            for request in unit.status_requests.requests(RequestState.REQUESTED, RequestState.APPROVED)
            if command_of(unit, request) is None  # what goes with a batch is told with the batch
        ]
        unplaced = unit.replacements.every(unplaced=True)
    if not (batches or requests or unplaced):
        yield Examined(what="waiting", state="good", zh="没有要人处理的", en="nothing waits for a person")
    for batch in batches:
        stands, zh, en = standing_of(home, batch), "", ""
        if stands.situation is Situation.ERASED:
            zh, en = "，批中有人的资料已删除，没有证书发出", ", and somebody in it was erased: no certificate went out"
        yield Examined(
            what="waiting",
            state="note",
            zh=f"批次{batch.id}（{batch.scope}）：{state_word(batch.state)}{zh}",
            en=f"batch {batch.id} ({batch.scope}) is {batch.state}{en}",
            remedy=command_for(stands.next),
        )
    for request, what in requests:
        approves = request.state is RequestState.REQUESTED and request.wanted in needs_approval
        yield Examined(
            what="waiting",
            state="note",
            zh=f"申请{request.id}（{what[0]}改为“{wanted_word(request)}”）：{state_word(request.state)}",
            en=f"request {request.id} ({what[1]} to become {wanted_word(request)}) is {request.state}",
            remedy=f"vermilion cert approve {request.id} --as SOMEBODY-ELSE"
            if approves
            else f"vermilion cert send {request.id}",
        )
    if unplaced:
        yield _unplaced(unplaced)


def _unplaced(waiting: Sequence[Replacement]) -> Examined:
    names, count = ", ".join(one.id for one in waiting[:_NAMED]), len(waiting)
    more = "" if count <= _NAMED else ", …"
    return Examined(
        what="waiting",
        state="note",
        zh=f"{count:,}项更正或换发还没有批次：{names}{more}",
        en=f"{counted(count, 'correction or renewal', 'corrections and renewals')} in no batch yet: {names}{more}",
        remedy="vermilion cert replacements --waiting",
    )


def _print(home: Home) -> Iterator[Examined]:
    """Say in which fonts certificates are set, which characters of names are missing, and whether there is a seal."""
    from registry.delivery.fonts import fonts_here  # noqa: PLC0415 - loads the typesetter, which only this needs

    press = home.press()
    found = fonts_here(press.fonts)
    good = found.serif is not None and found.bold
    weight = ("", "") if found.bold else ("（没有粗体）", " (no bold)")
    missing = "、".join(f"{one}（U+{ord(one):04X}）" for one in found.missing)
    yield Examined(
        what="print",
        state="good" if good else "problem",
        zh=f"正文{found.serif or '没有找到宋体'}{weight[0]}，姓名{found.kai or '同正文'}，编号{found.mono or '同正文'}",
        en=f"text in {found.serif or 'no Chinese serif'}{weight[1]}, names in {found.kai or 'the same'}, "
        f"numbers in {found.mono or 'the same'}",
        remedy="" if good else said("安装fonts-noto-cjk", "apt-get install fonts-noto-cjk"),
    )
    yield Examined(
        what="print",
        state="note" if missing else "good",
        zh=f"试过的生僻字缺：{missing}" if missing else "试过的生僻字都有",
        en=f"rare characters of names that are missing: {', '.join(f'U+{ord(one):04X}' for one in found.missing)}"
        if missing
        else "the rare characters of names that were tried are all there",
        remedy="[print] fonts, docs/certificate.md#fonts" if missing else "",
    )
    yield Examined(
        what="print",
        state="good" if press.seal else "note",
        zh="印有发证机构自己的印章" if press.seal else "没有配置印章：证书印有“样张”字样",
        en="with the issuing body's own seal" if press.seal else "no seal is configured: papers are marked SPECIMEN",
        remedy="" if press.seal else "[print] seal, docs/certificate.md#seal",
    )
