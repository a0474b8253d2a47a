"""`vermilion desk`: works off what pages ask for."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from api.commands.options import HomeOption, PassphraseFdOption
from api.errors import EXIT_NOT_NOW, EXIT_REFUSED, advice
from api.terminal import moment, note, print_json, said, watched
from api.wiring import Home, passphrase_from
from registry.kernel.encoding import b64url
from registry.kernel.errors import RegistryError
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.desk.claimed import Workplace
from registry.workflows.desk.hand_over import Step
from registry.workflows.desk.reconcile import Reconciled

_KINDS: Final[Mapping[TaskKind, tuple[str, str]]] = MappingProxyType(
    {
        TaskKind.PROPOSE: ("提出批次", "propose"),
        TaskKind.SEND_BATCH: ("上链", "send"),
        TaskKind.SEND_REQUEST: ("状态变更上链", "send"),
        TaskKind.DRAW: ("绘制证书", "draw"),
    }
)
_STEPS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        Step.RESERVE: ("预留编号", "reserving numbers"),
        Step.SIGN: ("签署", "signing"),
        Step.SEAL: ("封存", "sealing"),
        Step.SEND: ("发送交易", "sending the transaction"),
        Step.INCLUDED: ("等待入块", "waiting for a block"),
        Step.FINAL: ("等待终局", "waiting until it is final"),
        Step.DELIVER: ("写出凭证", "writing bundles"),
        Step.DRAW: ("绘制", "drawing"),
        Step.NODE: ("没有节点应答，稍后再试", "no node answers; trying again"),
    }
)

_LOOKED_AT: Final = 50
"""Newest tasks among which those of another desk are looked for."""


def desk(
    once: Annotated[bool, typer.Option("--once", help="Work off what waits now, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value a line.")] = False,
    with_stdin: Annotated[
        bool, typer.Option("--until-stdin-ends", help="Stop when standard input ends too.", hidden=True)
    ] = False,
    wait: Annotated[
        int, typer.Option("--wait", help="Seconds to wait for the chain before other tasks come in between.", min=0)
    ] = 20,
    passphrase_fd: PassphraseFdOption = None,
    home: HomeOption = None,
) -> None:
    """Work off what pages ask for: propose and send batches, send changes of status, draw ZIPs. Never approves.

    Runs until Ctrl-C or SIGTERM; what is under way then goes on with the next desk. Several may run.

    Example: vermilion desk
    """
    from datetime import timedelta

    from api.desk import new_worker, seen_as_running, work_off, work_on, workplace
    from api.reconciling import reconcile_here

    found = Home.find(home, passphrases=None if passphrase_fd is None else passphrase_from(passphrase_fd))
    place = workplace(found)
    teller = _Teller(as_json)
    with _stopped_by_signals() as stopping, seen_as_running(found):
        if with_stdin:
            threading.Thread(target=_until_stdin_ends, args=(stopping,), daemon=True).start()
        worker = new_worker(stopping, teller.hear, patience=timedelta(seconds=wait))
        teller.begin(place, worker.name, stoppable=not once and not with_stdin)

        def compare() -> None:
            teller.compared(reconcile_here(found))

        if not once:
            work_on(place, worker, teller.unanswered, compare)
            return
        worked = work_off(place, worker, teller.unanswered, compare)
        _tell_held(found, {one.id for one in worked})
    if any(one.state is TaskState.RUNNING for one in worked):
        raise typer.Exit(EXIT_NOT_NOW)
    if any(one.state is TaskState.FAILED for one in worked):
        raise typer.Exit(EXIT_REFUSED)


def _tell_held(home: Home, worked: Set[str]) -> None:
    """Name tasks that are in another desk's hands: one that was killed keeps its own until its lease ends."""
    with home.store.read() as unit:
        running = [one for one in unit.tasks.recent(_LOOKED_AT) if one.state is TaskState.RUNNING]
    for one in running:
        if one.id not in worked and one.leased_until is not None:
            until = moment(one.leased_until)
            note(
                said(
                    f"{one.id}由另一个签发台在做；那个签发台若已停止，{until}之后再运行同一条命令。",
                    f"{one.id} is in the hands of another desk; if that one has ended, run the same command again "
                    f"after {until}.",
                )
            )


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Give what is set when the process is to stop; a second signal ends it at once."""
    stopping = threading.Event()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def stop(*_: object) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        # Not here: the signal may have come while this very thread held the lock inside the event.
        threading.Thread(target=stopping.set).start()

    for one in before:
        signal.signal(one, stop)
    try:
        yield stopping
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _until_stdin_ends(stopping: threading.Event) -> None:
    while os.read(0, 4096):  # past sys.stdin, whose lock must be free when the interpreter ends
        pass
    stopping.set()


class _Teller:
    """Says what a desk does: sentences on stderr, or JSON lines on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, set[tuple[str | None, TaskState]]] = {}
        """What was said of each task that is under way."""
        self._down: str | None = None

    def begin(self, place: Workplace, worker: str, *, stoppable: bool) -> None:
        """Say which keys are at hand; `stoppable`: from this terminal."""
        key, sender = b64url(place.credential.thumbprint()), str(place.sender.address)
        if self._as_json:
            document = {"desk": worker, "credential_key": key, "sender": sender, "approves": False}
            print_json(document, indent=None)
            return
        stops = said("（Ctrl-C停止）", " (Ctrl-C stops)") if stoppable else ""
        note(
            said(
                f"签发台：持凭证密钥{key[:8]}…与发送账户{sender[:10]}…；从不批准",
                f"desk: has the credential key {key[:8]}… and the sender {sender[:10]}…; it never approves anything",
            )
            + stops
        )

    def hear(self, task: Task) -> None:
        """Say what is new of a task."""
        self._down = None
        if self._as_json:
            print_json(_document(task), indent=None)
            return
        told = self._told.setdefault(task.id, set())
        if (task.step, task.state) in told:  # what waits for a node is claimed again and again
            return
        told.add((task.step, task.state))
        what = said(*_KINDS[task.kind])
        if task.finished_at is not None:
            del self._told[task.id]
        match task.state:
            case TaskState.FINISHED:
                note(said(f"{task.id} {what}：完成，{task.result}", f"{task.id} {what}: done, {task.result}"))
            case TaskState.FAILED:
                texts = advice().get(task.failure or "")
                why = task.failure if texts is None else said(texts.cause_zh, texts.cause_en)
                note(said(f"{task.id} {what}：做不了。{why}", f"{task.id} {what}: cannot be done. {why}"))
            case _ if task.step is None:
                note(
                    said(
                        f"{task.id} {what} {task.subject}（{task.asked_by}提出）",
                        f"{task.id} {what} {task.subject}, asked for by {task.asked_by}",
                    )
                )
            case _:
                step = said(*_STEPS[task.step]) if task.step in _STEPS else task.step
                (note if task.step == Step.NODE else watched)(f"{task.id} {step}")

    def compared(self, result: Reconciled) -> None:
        """Say what differed between database and chain when the desk began."""
        for one in result.found:
            if self._as_json:
                print_json({"difference": one.name.value, "subject": one.subject, "done": one.done}, indent=None)
            elif not one.lifted:
                texts = advice()[one.name]
                note(f"{one.subject} {said(texts.cause_zh, texts.cause_en)} {said(texts.remedy_zh, texts.remedy_en)}")

    def unanswered(self, error: RegistryError) -> None:
        """Say once what does not answer now, or contradicts what is kept."""
        if self._down == error.code:
            return
        self._down = error.code
        if self._as_json:
            print_json({"waits": error.code}, indent=None)
            return
        texts = advice().get(error.code)
        note(str(error) if texts is None else said(texts.cause_zh, texts.cause_en))


def _document(task: Task) -> dict[str, Any]:
    return {
        "task": task.id,
        "kind": task.kind.value,
        "subject": task.subject,
        "asked_by": task.asked_by,
        "state": task.state.value,
        "step": task.step,
        "done": task.done,
        "total": task.total,
        "result": task.result,
        "failure": task.failure,
    }
