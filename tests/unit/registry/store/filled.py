"""A database in which every table has rows, as the workflows leave it, and the values that went in."""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from api.demo_data import sample_roster, sample_scores
from registry.access import AccountKind, Role, token_hash
from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    Block,
    Genesis,
    Position,
    Record,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.anchor.operations import Approvable, Approval, SignedTransaction
from registry.anchor.progress import Placement, RequestState, StatusRequest, Target
from registry.anchor.states import AnchorState
from registry.anchor.trust import Engine, TrustRoot
from registry.credential.v1 import Bilingual
from registry.enrolment import AdmissionState, AdmissionStep, AdmissionTrail, Attended, CourseUnit
from registry.kernel.identifiers import (
    ADDRESS_NONE,
    Address,
    BatchId,
    BlockHash,
    ContractAddress,
    Digest,
    IssuerCode,
    LeafHash,
    TransactionHash,
)
from registry.kernel.signing import PrivateKey
from registry.ports.access import Job, JobState, Share
from registry.ports.examinations import FunctionMark, ScoreCorrection
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import Portrait, ProjectionHead
from registry.ports.talents import ContactRequest, RequestAnswer, TalentContact, TalentEntry
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.ports.training import AttendanceList, Course, Organisation, OrganisationKind, Teacher
from registry.programme import Bilingual as Named
from registry.programme import Catalogue, StaffRole, Title, load_catalogue
from registry.status import Reason, Status
from registry.store import Database, DataKeys, open_database
from registry.workflows.access.sign_in import accept, add_account, invite_holder
from registry.workflows.certificates.contents import IssuingBody
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.enrolment.judge import override_refusal
from registry.workflows.examination.assess import confirm_sheet, record_scores, return_sheet
from registry.workflows.examination.correct import confirm_correction
from registry.workflows.examination.duty import put_on_duty
from registry.workflows.examination.examine import close_session, make_session, register, sign_in
from registry.workflows.examination.mark_session import record_session_scores
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose
from registry.workflows.status.ask_changes import request_changes

NOW = datetime(2026, 11, 21, 8, 30, 15, 123456, tzinfo=UTC)
SHARED_WITH = "湾区智造研究院"
PHOTOGRAPH = "a photograph of a face"
REACHED_BY = "yunfan-holder@example.org"
TALKS_ABOUT = "边缘计算运维岗位面谈"
WHY_ADMITTED = "the diploma was seen, and its column had slipped"
WHY_CORRECTED = "another paper was laid into this candidate's folder"
RETURNED_FOR = "第12行欧阳若溪的日期写错"
WHY_WITHDRAWN = "this candidate has left the unit"
NAME_AS_IT_IS = "欧阳若晞"
WHY_REPLACED = "the roster said 溪 where the identity card says 晞"
ANOTHER_PHOTOGRAPH = "another photograph of the face"
KEYS = DataKeys(data=b"\xd1" * 32, index=b"\x1d" * 32, seal=b"\x5e" * 32)
PROGRAMME = "AIGC-APP-ENG"
ISSUER = IssuerCode("GSAI")
SENDER = Address("0x" + "11" * 20)
APPROVER = Address("0x" + "22" * 20)
PEOPLE = 60


def digest_of(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).digest())


class SettableClock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


class CredentialKey:
    """Signs credentials (implements registry.ports.StatementSigner)."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self.public_key = self._key.public_key()

    def thumbprint(self):
        return self.public_key.thumbprint()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class Approver:
    """Approves whatever it is shown (implements registry.ports.ApprovalSigner)."""

    address = APPROVER

    def approve(self, asked: Approvable) -> Approval:
        return Approval(approver=APPROVER, deadline=asked.deadline, signature=bytes(64) + b"\x1b")


BODY = IssuingBody(
    code=ISSUER,
    name=Bilingual(zh="深圳市人工智能产业协会", en="Guangdong-Shenzhen AI Association"),
    base_url="https://certificates.example.org",
    place=None,
    contract=ContractAddress(chain_id=20268, address=Address("0x" + "c0" * 20)),
    genesis=BlockHash(digest_of("genesis")),
)
TRUST_ROOT = TrustRoot(
    genesis=BODY.genesis,
    contract=BODY.contract,
    code_hash=digest_of("code"),
    engine=Engine.EMBEDDED,
    signers=(Address("0x" + "5e" * 20),),
)


def transaction(name: str, nonce: int = 0, sender: Address = SENDER) -> SignedTransaction:
    return SignedTransaction(
        raw=b"raw of " + name.encode(), hash=TransactionHash(digest_of(f"hash {name}")), sender=sender, nonce=nonce
    )


def position(seq: int, name: str = "") -> Position:
    return Position(
        seq=seq,
        by=SENDER,
        block_number=seq + 1,
        block_hash=BlockHash(digest_of(f"block {seq + 1}")),
        block_time=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=seq),
        transaction=TransactionHash(digest_of(f"hash {name or seq}")),
        leaf=LeafHash(digest_of(f"leaf {seq}")),
    )


def block(number: int) -> Block:
    return Block(
        number=number,
        hash=BlockHash(digest_of(f"block {number}")),
        time=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number),
    )


def head(number: int) -> ProjectionHead:
    return ProjectionHead(
        trust_root=TRUST_ROOT, first_block_time=block(0).time, block=block(number), read_at=NOW, nodes=1
    )


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What stands in the filled database."""

    batch: str
    chain_id: BatchId
    number: str
    """Number of one certificate."""
    size: int
    request: str
    personal: tuple[str, ...]
    """Names, identity numbers, telephone numbers and the like that must not be readable in the file."""


def fill(path: Path, *, settle: bool = True) -> Contents:
    """Make a database at `path` by the way of a whole issue."""
    store, clock = open_database(path, KEYS, create=True), SettableClock()
    catalogue = load_catalogue()
    programme = catalogue.programme(PROGRAMME)
    roster = sample_roster(count=PEOPLE)
    import_roster(store, clock, programme, roster, person="alice")
    decide_applications(store, clock, catalogue, ISSUER, person="alice")
    _with_override(store, clock)
    _with_session(store, clock, catalogue)
    with store.read() as unit:
        admissions = unit.marks.awaited(PROGRAMME)
    scores = sample_scores(admissions)
    wrong = record_scores(store, clock, programme, scores, examined_on=date(2026, 11, 14), person="bob").sheet
    return_sheet(store, clock, wrong.id, reason=RETURNED_FOR, person="carol")
    sheet = record_scores(store, clock, programme, scores, examined_on=date(2026, 11, 15), person="bob").sheet
    confirm_sheet(store, clock, sheet.id, person="carol")
    key = CredentialKey()
    batch = propose(store, clock, catalogue, BODY, key, programme=PROGRAMME, level="1", person="alice")
    approve(store, clock, catalogue, lambda thumbprint: key.public_key, Approver(), batch.id, person="dave")
    _to_the_chain(store, batch.id, batch.batch, batch.size)
    with store.read() as unit:
        number = unit.batches.by_leaf(batch.batch, 9).reservation.number  # nothing has happened to it yet
    (request,) = request_changes(
        store, clock, [number], Status.REVOKED, Reason.ISSUED_IN_ERROR, person="alice"
    ).requests
    with store.write() as unit:
        signature = Approval(approver=APPROVER, deadline=1_900_000_000, signature=bytes(65))
        unit.status_requests.approve(request.id, person="dave", at=NOW, approval=signature, status_nonces=())
        unit.status_requests.sign(request.id, transaction("revoke", nonce=1), NOW)
        unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT)
        unit.status_requests.move(request.id, RequestState.SENT, RequestState.FAILED, seq=9, failure="paused")
    _with_replacement(store, batch.batch)
    _with_people(store, clock, number)
    _with_training(store, catalogue)
    with store.write() as unit:
        alarm = raise_alarm(unit, NOW, code="ledger/foreign", subject="chain", detail="another genesis")
        unit.alarms.lift(alarm.id, person="olga", at=NOW, reason="the address of the node was mistyped")
    if settle:
        store.settle()
    store.close()
    return Contents(
        batch=batch.id,
        chain_id=batch.batch,
        number=number,
        size=batch.size,
        request=request.id,
        personal=(
            *_personal(roster),
            *(SHARED_WITH, PHOTOGRAPH, REACHED_BY, TALKS_ABOUT),
            *(RETURNED_FOR, WHY_CORRECTED, WHY_WITHDRAWN),
            *(NAME_AS_IT_IS, WHY_REPLACED, ANOTHER_PHOTOGRAPH),
        ),
    )


def _with_replacement(store: Database, chain_id: BatchId) -> None:
    """A certificate with a mistake on it, a new photograph among what is corrected; its supersession is asked for."""
    with store.write() as unit:
        old = unit.batches.by_leaf(chain_id, 8).reservation
        replacement = Replacement(
            id=unit.next_name("X", NOW),
            kind=ReplacementKind.CORRECTION,
            number=old.number,
            revision=1,
            corrected={Corrected.NAME: NAME_AS_IT_IS},
            reason=WHY_REPLACED,
            asked_by="alice",
            asked_at=NOW,
            jti=old.jti,
        )
        unit.replacements.add(replacement, ANOTHER_PHOTOGRAPH.encode())
        unit.status_requests.add(
            StatusRequest(
                id="C-2026-10-0001",
                issuer=ISSUER,
                batches=(chain_id,),
                certificates=(Target(number=old.number, revision=1, leaf=8, successor=0),),
                wanted=Status.SUPERSEDED,
                reason=Reason.CORRECTION,
                state=RequestState.REQUESTED,
                requested_by="alice",
                requested_at=NOW + timedelta(seconds=1),
                new_batch=BatchId(bytes(32)),
                new_contract=BODY.contract.address,
            )
        )


def _with_override(store: Database, clock: SettableClock) -> None:
    """A refusal that one person asked to override; nobody confirms it."""
    with store.read() as unit:
        refused = next(unit.enrolments.applications(eligible=False))
    override_refusal(store, clock, refused.admission, reason=WHY_ADMITTED, person="frank")


def _with_session(store: Database, clock: SettableClock, catalogue: Catalogue) -> None:
    """A session in the summer with one candidate, whose score was corrected and who has no certificate."""
    paper, begins = "comprehensive", datetime(2026, 7, 15, 1, tzinfo=UTC)
    with store.read() as unit:
        admission = next(number for number, level in sorted(unit.marks.awaited(PROGRAMME).items()) if level != "1")
    clock.time = begins - timedelta(days=30)
    programme = catalogue.programme(PROGRAMME)
    session = make_session(
        store, clock, programme, place="深圳", begins={paper: begins}, rooms={"A101": 30}, person="alice"
    ).id
    register(store, clock, catalogue, session, [admission], person="alice")
    put_on_duty(
        store,
        clock,
        session,
        paper=paper,
        room="A101",
        role=StaffRole.INVIGILATOR,
        people=["erin"],
        person="alice",
    )
    clock.time = begins + timedelta(minutes=3)
    sign_in(store, clock, catalogue, session, admission, person="alice")
    close_session(store, clock, catalogue, session, person="alice")
    data = f"准考证号,成绩\n{admission},50\n".encode()
    sheet = record_session_scores(store, clock, catalogue, session, data, person="bob").sheet
    assert sheet is not None
    confirm_sheet(store, clock, sheet.id, person="carol")
    with store.write() as unit:  # no function is weighted in this programme
        mark = FunctionMark(admission=admission, paper=paper, function="ethics", hundredths=5000)
        unit.corrections.add_function_marks(sheet.id, [mark])
        put_right = ScoreCorrection(
            id=unit.next_name("K", clock.time),
            sheet=sheet.id,
            admission=admission,
            paper=paper,
            hundredths=5100,
            function="ethics",
            function_hundredths=5100,
            reason=WHY_CORRECTED,
            entered_by="bob",
            entered_at=clock.time,
        )
        unit.corrections.add(put_right)
        unit.journal.write(
            at=clock.time, person="bob", action="exam.correct", subject=sheet.id, correction=put_right.id
        )
    confirm_correction(store, clock, put_right.id, person="carol")
    clock.time = NOW


def _with_training(store: Database, catalogue: Catalogue) -> None:
    """A unit's candidate who withdrew, and a course with one day attended; of somebody who is not eligible."""
    programme = catalogue.programme(PROGRAMME)
    with store.write() as unit:
        admission = next(iter(unit.enrolments.applications(eligible=False))).admission
        for code, kind in (("UNIT-1", OrganisationKind.APPLYING_UNIT), ("BODY-1", OrganisationKind.TRAINING_BODY)):
            named = Named(zh="某单位", en="Some Unit")
            made = Organisation(
                code=code, kind=kind, name=named, contact="0755-00000000", since=NOW.date(), until=None,
                made_by="alice", made_at=NOW,
            )  # fmt: skip
            unit.admissions.add_organisation(made)
        trail = AdmissionTrail()
        for state, reason in ((AdmissionState.PRE_REGISTERED, None), (AdmissionState.WITHDRAWN, WHY_WITHDRAWN)):
            step = AdmissionStep(state=state, unit="UNIT-1", by="alice", at=NOW, reason=reason)
            trail = trail.take(step, eligible=False)
            unit.admissions.add_steps([(admission, trail)])
        course = Course(
            id=unit.next_name("H", NOW), body="BODY-1", programme=PROGRAMME, programme_version=programme.version,
            programme_digest=programme.digest, level="1", units=(CourseUnit(name=named, hours=8),),
            made_by="alice", made_at=NOW,
        )  # fmt: skip
        unit.courses.add(course)
        teacher = Teacher(person="erin", holds_level="2", title=Title.ENGINEER, added_by="alice", added_at=NOW)
        unit.courses.add_teacher(course.id, teacher)
        unit.courses.add_participants(course.id, [admission], "alice", NOW)
        came = AttendanceList(
            id=unit.next_name("A", NOW), course=course.id, file_digest=digest_of("came"), rows=1, entered_by="bob",
            entered_at=NOW,
        )  # fmt: skip
        unit.courses.add_list(came, [Attended(admission=admission, unit=1, on=NOW.date(), hours=8)])
        unit.courses.settle_list(came.id, "carol", NOW, confirmed=True)


def _with_people(store: Database, clock: SettableClock, number: str) -> None:
    """Accounts that are signed in, a holder's share, a bulk verification."""
    token = invite_holder(store, clock, number=number, by="alice")
    with store.read() as unit:
        held = unit.batches.by_number(number)
        assert held is not None
        holder = unit.enrolments.application(held.reservation.admission).candidate
    accept(store, clock, token, "correct horse battery", identity_number=holder.identity_number)
    add_account(
        store,
        clock,
        name="hr-1",
        display="云帆数据人事部",
        kind=AccountKind.EMPLOYER,
        roles=frozenset({Role.EMPLOYER}),
        by="alice",
    )
    with store.write() as unit:
        certificate = unit.batches.by_number(number)
        assert certificate is not None
        unit.shares.add(
            Share(
                id="0123456789abcdef",
                token_hash=token_hash("of a share"),
                person=certificate.person,
                number=number,
                audience=SHARED_WITH,
                purpose="入职核验",
                fields=("name",),
                made_at=NOW,
                expires_at=NOW + timedelta(days=30),
                withdrawn_at=None,
                opened=0,
                opened_at=None,
            )
        )
        made = Job(
            id=unit.next_name("V", NOW),
            account="hr-1",
            file_digest=digest_of("file"),
            rows=2,
            done=0,
            state=JobState.QUEUED,
            made_at=NOW,
            finished_at=None,
            expires_at=NOW + timedelta(days=7),
            failure=None,
        )
        unit.jobs.add(made, f"{number},{SHARED_WITH}".encode())
        unit.jobs.finish(made.id, b"result", b"{}", NOW)
        photograph = Portrait(
            admission=certificate.reservation.admission, media_type="image/jpeg", image=PHOTOGRAPH.encode()
        )
        unit.portraits.put(photograph, person="alice", at=NOW)
        unit.tasks.add(task(unit.next_name("T", NOW), subject=certificate.batch.id))
        unit.senders.claim(SENDER, NOW, NOW + timedelta(seconds=30))
        listed = TalentEntry(
            id="fedcba9876543210",
            person=certificate.person,
            number=number,
            scope=certificate.batch.scope,
            direction=None,
            region="44",
            agreed_at=NOW,
            expires_at=NOW + timedelta(days=180),
            withdrawn_at=None,
            is_kept=True,
        )
        unit.talents.add(listed, TalentContact(contact=REACHED_BY, wish=TALKS_ABOUT))
        unit.talents.ask(
            ContactRequest(
                id="0f1e2d3c4b5a6978",
                entry=listed.id,
                account="hr-1",
                organisation="云帆数据人事部",
                purpose=TALKS_ABOUT,
                answer=RequestAnswer.ASKED,
                asked_at=NOW,
                answered_at=None,
            )
        )


def task(name: str, *, kind: TaskKind = TaskKind.DRAW, subject: str = "B-2026-11-0001") -> Task:
    return Task(id=name, kind=kind, subject=subject, asked_by="alice", asked_at=NOW, state=TaskState.QUEUED)


def _to_the_chain(store: Database, name: str, chain_id: BatchId, size: int) -> None:
    with store.write() as unit:
        unit.batches.sign(name, transaction("anchor"), NOW)
        unit.batches.move(name, AnchorState.SIGNED, AnchorState.SENT)
        unit.batches.move(name, AnchorState.SENT, AnchorState.INCLUDED)
        unit.batches.place(
            name,
            Placement(
                seq=2,
                block_number=3,
                block_hash=block(3).hash,
                block_time=block(3).time,
                transaction=transaction("anchor").hash,
            ),
        )
        unit.batches.deliver(name, NOW)
        batch = unit.batches.batch(name)
        unit.projection.extend(head(8), records_of(chain_id, size, batch.root))


def records_of(chain_id: BatchId, size: int, root) -> list[Record]:
    """A short history: founding, accreditation, the batch, changes of status, a successor, members' ballots on it."""
    code = ISSUER.encode().ljust(32, b"\0")
    contents = [
        Genesis(
            chain_id=20268,
            contract=BODY.contract.address,
            threshold=1,
            delay=0,
            members=(SENDER,),
            predecessor_contract=ADDRESS_NONE,
            predecessor_size=0,
            predecessor_root=Digest(bytes(32)),
        ),
        Voted(
            ballot=Ballot(kind=BallotKind.ACCREDIT, subject=code, arg=0, ref=bytes(32), salt=bytes(32)),
            votes=1,
            outcome=BallotOutcome.ENACTED,
        ),
        Anchored(
            issuer=ISSUER,
            batch=chain_id,
            scope="AIGC-APP-ENG/1",
            approver=APPROVER,
            root=root,
            size=size,
            evidence=digest_of("evidence"),
            credential_key=digest_of("key"),
        ),
        StatusChanged(
            issuer=ISSUER, batch=chain_id, approver=ADDRESS_NONE, code=2, changes=(1 << 3,), count=1, reason=35
        ),
        StatusChanged(
            issuer=ISSUER,
            batch=chain_id,
            approver=APPROVER,
            code=1,
            changes=((1 << 128) | 1, (2 << 128) | 2),
            count=2,
            reason=32,
        ),
        Superseded(
            issuer=ISSUER,
            batch=chain_id,
            approver=APPROVER,
            indices=(4, 300),
            target_contract=BODY.contract.address,
            target_issuer=ISSUER,
            new_batch=BatchId(digest_of("new")),
            new_indices=(0, 1),
            reason=37,
        ),
        Voted(
            ballot=Ballot(
                kind=BallotKind.REVOKE_WORD, subject=code, arg=1 << 192 | 2 << 128 | 5, ref=chain_id, salt=bytes(32)
            ),
            votes=1,
            outcome=BallotOutcome.COUNTED,
        ),
        Voted(
            ballot=Ballot(kind=BallotKind.SUSPEND_BATCH, subject=code, arg=1, ref=chain_id, salt=bytes(32)),
            votes=1,
            outcome=BallotOutcome.ENACTED,
        ),
    ]
    return [Record(position=position(seq), content=content) for seq, content in enumerate(contents)]


def _personal(roster: bytes) -> tuple[str, ...]:
    rows = csv.DictReader(io.StringIO(roster.decode("utf-8-sig")))
    wanted = ("姓名", "证件号码", "电话", "邮箱", "拼音姓名")
    return tuple(sorted({row[column] for row in rows for column in wanted if row[column]}))
