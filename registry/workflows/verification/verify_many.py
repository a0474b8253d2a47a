"""Verify many: a list that somebody hands in becomes a job, each row is judged by the one judge, one receipt is signed.

1. Read the list; what cannot be verified is known before anything is kept.
2. Keep the file, encrypted under a key of its own, with its purpose; it waits its turn.
3. Judge row after row, noting how far it is; of a verdict only the line of the result stays in memory.
4. Write the result file and sign its digest; keep both in one step.
5. After its time, or when its owner says so, delete the key: file and result are gone.
Step 3 asks and changes nothing, so a job that was cut short simply begins again.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from registry.enrolment import RowProblem
from registry.kernel.errors import IntegrityFault, RegistryError, RuleRefusal, Unavailable
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.access import Job, JobState
from registry.ports.storage import NotHere, Store
from registry.verification.asked_list import AskedList, AskedRow, read_list
from registry.verification.list_result import ResultRow, Stated, counts_of, judged_row, refused_row, result_csv
from registry.verification.model import Freshness, Outcome, Report
from registry.verification.receipts import Notary, bulk_receipt, freshness_of, oldest, purpose_of

KEPT_FOR: Final = timedelta(days=7)
"""How long file and result are kept."""
JOBS_A_DAY: Final = 20
"""Lists that one account may hand in within 24 hours."""
MOST_WAITING: Final = 8
"""Lists that wait at a time, of everybody."""
_DAY: Final = timedelta(days=1)
_NOTES: Final = 50
"""Notes of progress a job: each writes the job's row, with the file in it, anew."""


class TooManyLists(RuleRefusal):
    """An account has handed in as many lists as it may within a day."""

    code = "bulk/too-many"

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"too many lists within 24 hours: expected a pause of {retry_after_seconds} seconds")


class QueueFull(Unavailable):
    """As many lists wait as may; nothing was kept."""

    code = "bulk/queue-full"

    def __init__(self) -> None:
        super().__init__(f"{MOST_WAITING} lists wait already")


class NothingToVerify(RuleRefusal):
    """No row of a list can be verified."""

    code = "bulk/nothing-to-verify"

    def __init__(self, asked: AskedList) -> None:
        self.asked = asked
        super().__init__("no row of the list can be verified")


class JobMalformed(IntegrityFault):
    """What is kept of a bulk verification cannot be read."""

    code = "bulk/job-malformed"

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"bulk verification {id}: what is kept of it cannot be read")


class Judge(Protocol):
    """The one judge, as far as lists ask it."""

    def by_key(self, key: str) -> Report:
        """Judge the certificate that a QR code names."""
        ...

    def by_number_and_name(self, number: str, name: str) -> Report:
        """Judge the current revision under `number` if its holder is `name`, else the newest before it if that's is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Puts verdicts and problems into the words of one language, for the result file."""

    verdict: Callable[[Report, AskedRow], str]
    problem: Callable[[RowProblem], str]
    stated: Callable[[Report], Stated]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVerdict:
    """What became of a list."""

    rows: Sequence[ResultRow]
    """One for each line that held anything, in the file's order."""
    counts: dict[Outcome, int]
    result: bytes
    """The result file, CSV."""
    receipt: bytes
    """The signed receipt, canonical JSON; empty where nobody signs here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What was said with a list."""

    file_name: str
    purpose: str | None
    language: str


def verify_list(
    asked: AskedList,
    judge: Judge,
    clock: Clock,
    notary: Notary | None,
    wording: Wording,
    *,
    as_of: datetime | None = None,
    purpose: str | None = None,
    progress: Progress = unheard,
) -> ListVerdict:
    """Judge every row of a list, write the result file, sign one receipt for it (3, 4).

    `as_of`: the past moment that `judge` judges for, which the receipt then says. Raises PurposeRefused.
    """
    by_line: dict[int, list[RowProblem]] = {}
    further = asked.further_cells
    for problem in asked.problems:
        by_line.setdefault(problem.line, []).append(problem)
    rows = {
        line: refused_row(problems[0], " ".join(wording.problem(one) for one in problems), further.get(line, ()))
        for line, problems in by_line.items()
    }
    known: Freshness | None = None
    progress(0, len(asked.rows))
    for done, row in enumerate(asked.rows, start=1):
        report = judge.by_number_and_name(row.number, row.name) if row.key is None else judge.by_key(row.key)
        rows[row.line] = judged_row(
            row.line,
            row.number,
            report,
            wording.verdict(report, row),
            wording.stated(report),
            by_link=row.key is not None,
            further=further.get(row.line, ()),
        )
        known = oldest(known, freshness_of(report))
        progress(done, len(asked.rows))
    ordered = [rows[line] for line in sorted(rows)]
    result, counts = result_csv(ordered, asked.further), counts_of(ordered)
    signed = (
        b""
        if notary is None
        else bulk_receipt(
            notary, result, counts, judged_at=clock.now(), freshness=known, as_of=as_of, purpose=purpose
        ).to_bytes()
    )
    return ListVerdict(rows=ordered, counts=counts, result=result, receipt=signed)


def hand_in(
    store: Store,
    clock: Clock,
    data: bytes,
    *,
    account: str,
    file_name: str,
    purpose: str,
    language: str,
    public_base_url: str,
) -> Job:
    """Keep a list that waits to be verified (1, 2); the same list for the same purpose, while it waits, is one.

    Raises PurposeRefused, NothingToVerify, TooManyLists, QueueFull; nothing is kept then.
    """
    asked = read_list(data, public_base_url)
    particulars = Particulars(file_name=file_name, purpose=purpose_of(purpose), language=language)
    if not asked.rows:
        raise NothingToVerify(asked)
    now = clock.now()
    digest = sha256(data).digest()
    with store.write() as unit:
        for known in unit.jobs.of_account(account):
            if known.file_digest == digest and known.state in (JobState.QUEUED, JobState.RUNNING):
                kept = unit.jobs.file(known.id)
                if kept is not None and _unpacked(known.id, kept)[0] == particulars:
                    return known  # the form was sent twice
        recent = [one.made_at for one in unit.jobs.of_account(account) if one.made_at > now - _DAY]
        if len(recent) >= JOBS_A_DAY:
            free = sorted(recent)[len(recent) - JOBS_A_DAY] + _DAY
            raise TooManyLists(max(1, int((free - now).total_seconds()) + 1))
        if len(unit.jobs.waiting()) >= MOST_WAITING:
            raise QueueFull
        unit.require_room()
        job = Job(
            id=unit.next_name("V", now),
            account=account,
            file_digest=digest,
            rows=len(asked.rows),
            done=0,
            state=JobState.QUEUED,
            made_at=now,
            finished_at=None,
            expires_at=now + KEPT_FOR,
            failure=None,
        )
        unit.jobs.add(job, _packed(particulars, asked.text))  # never the workbook: it would be unpacked at each view
        unit.journal.write(at=now, person=account, action="bulk.hand-in", subject=job.id, rows=job.rows)
    return job


def work_off(
    store: Store,
    clock: Clock,
    judge: Judge,
    notary: Notary | None,
    wording: Callable[[str], Wording],
    *,
    public_base_url: str,
    id: str,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Verify a list that waits (3, 4); a list that was deleted meanwhile, or a `stop`, ends it with nothing kept.

    An error of ours ends the job, which then says its code; where something does not answer now, it goes on waiting.
    """

    def note(done: int, total: int) -> None:
        if done % max(1, total // _NOTES) and done != total:
            return
        if stop():
            raise _Stopped
        with store.write() as unit:
            if unit.jobs.job(id).state is JobState.FORGOTTEN:
                raise _Stopped
            unit.jobs.progress(id, done)

    with store.read() as unit:
        kept = unit.jobs.file(id)
    if kept is None:
        return
    try:
        particulars, data = _unpacked(id, kept)
        verdict = verify_list(
            read_list(data, public_base_url),
            judge,
            clock,
            notary,
            wording(particulars.language),
            purpose=particulars.purpose,
            progress=note,
        )
    except (_Stopped, Unavailable):
        return
    except RegistryError as error:
        with store.write() as unit:
            if unit.jobs.job(id).state is not JobState.FORGOTTEN:
                unit.jobs.fail(id, error.code, clock.now())
        return
    with store.write() as unit:
        if unit.jobs.job(id).state is not JobState.FORGOTTEN:
            unit.jobs.finish(id, zlib.compress(verdict.result), verdict.receipt, clock.now())


def job_of(store: Store, account: str, id: str) -> Job:
    """Give an account's own job. Raises NotHere, for other people's as for none."""
    with store.read() as unit:
        job = unit.jobs.job(id)
    if job.account != account:
        raise NotHere("bulk verification", id)
    return job


def jobs_of(store: Store, account: str) -> Sequence[Job]:
    """Give an account's jobs, the newest first."""
    with store.read() as unit:
        return unit.jobs.of_account(account)


def particulars_of(store: Store, id: str) -> Particulars | None:
    """Give what was said with a list; None = forgotten. Raises JobMalformed."""
    with store.read() as unit:
        kept = unit.jobs.file(id)
    return None if kept is None else _unpacked(id, kept)[0]


def list_of(store: Store, id: str, public_base_url: str) -> AskedList | None:
    """Read a job's list again, for what is wrong in it; None = forgotten. Raises JobMalformed."""
    with store.read() as unit:
        kept = unit.jobs.file(id)
    return None if kept is None else read_list(_unpacked(id, kept)[1], public_base_url)


def result_of(store: Store, id: str) -> tuple[bytes, bytes] | None:
    """Give a job's result file and receipt; None = not finished, or forgotten. Raises JobMalformed."""
    with store.read() as unit:
        kept = unit.jobs.result(id)
    return None if kept is None else (_unzipped(id, kept[0]), kept[1])


def forget(store: Store, clock: Clock, *, account: str, id: str) -> None:
    """Delete a list and its result now (5). Raises NotHere."""
    job_of(store, account, id)
    _forget(store, clock, id, account)


def forget_expired(store: Store, clock: Clock) -> int:
    """Delete every list and result whose time is over (5); give how many."""
    with store.read() as unit:
        over = unit.jobs.expired(clock.now())
    for job in over:
        _forget(store, clock, job.id, "registry")
    return len(over)


def _forget(store: Store, clock: Clock, id: str, by: str) -> None:
    with store.write() as unit:
        if unit.jobs.job(id).state is JobState.FORGOTTEN:
            return
        unit.jobs.forget(id)
        unit.journal.write(at=clock.now(), person=by, action="bulk.forget", subject=id)


class _Stopped(Exception):
    """The work on a list ends before its end."""


def _packed(particulars: Particulars, data: bytes) -> bytes:
    said = {
        "file_name": particulars.file_name,
        "purpose": particulars.purpose,
        "language": particulars.language,
    }
    return zlib.compress(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n" + data)


def _unpacked(id: str, kept: bytes) -> tuple[Particulars, bytes]:
    said, _, data = _unzipped(id, kept).partition(b"\n")
    try:
        return Particulars(**json.loads(said)), data
    except (ValueError, TypeError) as error:
        raise JobMalformed(id) from error


def _unzipped(id: str, kept: bytes) -> bytes:
    try:
        return zlib.decompress(kept)
    except zlib.error as error:
        raise JobMalformed(id) from error
