"""The tables. Rows never leave this room: repositories return domain values.

Every row has a `seal`, an HMAC over all its other columns (`registry.store.sealing`): an edit past the software is
found when the row is read, and by `audit fsck`. Records of the chain are compared with the chain itself besides.
Personal data stands only in columns that are encrypted with the person's own key. Times are Unix microseconds, UTC,
where nothing else is said. Tables are STRICT: a column holds its own type or nothing. What may never change or go is
also refused by triggers; those, and the tables as they are made, stand in the migrations.
"""

from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.schema import SchemaItem

from registry.access import AccountKind
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.assessment import EntryKind, Fee
from registry.enrolment import AdmissionState
from registry.ports.access import JobState
from registry.ports.replacements import ReplacementKind
from registry.ports.talents import RequestAnswer
from registry.ports.tasks import TaskKind, TaskState
from registry.ports.training import OrganisationKind
from registry.programme import StaffRole

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: SchemaItem) -> Table:
    seal = Column("seal", LargeBinary(32), nullable=False)
    return Table(name, metadata, *items, seal, sqlite_strict=True)


def _state_of(states: type[StrEnum], column: str = "state") -> CheckConstraint:
    return CheckConstraint("{} IN ({})".format(column, ", ".join(f"'{state}'" for state in states)), name=column)


person = _table(
    "person",
    Column("id", Text, primary_key=True),  # 32 hexadecimal digits, random
    Column("identity_type", Text, nullable=False),
    Column("identity_index", LargeBinary(32)),  # keyed hash of type and number
    Column("wrapped_key", LargeBinary),  # the person's key under the data key; null = erased
    Column("identity_number", LargeBinary),  # encrypted
    Column("created_at", Integer, nullable=False),
    Column("erased_at", Integer),
    UniqueConstraint("identity_type", "identity_index"),
    CheckConstraint(
        "(erased_at IS NULL) = (wrapped_key IS NOT NULL) AND (erased_at IS NULL) = (identity_index IS NOT NULL)"
        " AND (erased_at IS NULL) = (identity_number IS NOT NULL)",
        name="erased_whole",
    ),
)

roster = _table(
    "roster",
    Column("id", Text, primary_key=True),  # R-YYYY-MM-NNNN
    Column("programme", Text, nullable=False),
    Column("programme_version", Text, nullable=False),
    Column("programme_digest", LargeBinary(32), nullable=False),
    Column("file_digest", LargeBinary(32), nullable=False, unique=True),
    Column("rows", Integer, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at", Integer, nullable=False),
)

application = _table(
    "application",
    Column("admission", Text, primary_key=True),  # admission number: digits, no personal data in it
    Column("roster", ForeignKey("roster.id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("programme", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("evidence", LargeBinary),  # encrypted JSON: what the decision rests on; null = erased
    Column("eligible", Integer),  # 1, 0; null = not decided
    Column("rule", Text),  # the rule that held
    Column("findings", LargeBinary),  # encrypted JSON: each rule tried; null = not decided, or erased
    Column("decided_by", Text),
    Column("decided_at", Integer),
    UniqueConstraint("person", "programme", "level", "roster"),
    CheckConstraint("eligible IN (0, 1)", name="eligible"),
    CheckConstraint(
        "(eligible IS NULL) = (decided_by IS NULL) AND (eligible IS NULL) = (decided_at IS NULL)", name="decided_whole"
    ),
)
# In the order in which pages of them are read.
Index(None, application.c.roster, application.c.admission)
Index(None, application.c.programme, application.c.level, application.c.eligible, application.c.admission)

sheet = _table(
    "sheet",
    Column("id", Text, primary_key=True),  # S-YYYY-MM-NNNN
    Column("file_digest", LargeBinary(32), nullable=False),  # once among the sheets that were not returned
    Column("examined_on", Text, nullable=False),  # YYYY-MM-DD
    Column("rows", Integer, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", Integer, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", Integer),
    CheckConstraint("confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)", name="two_people"),
)
Index(None, sheet.c.file_digest)

sheet_return = _table(
    "sheet_return",
    Column("sheet", ForeignKey("sheet.id"), primary_key=True),
    Column("returned_by", Text, nullable=False),
    Column("returned_at", Integer, nullable=False),
    Column("wrapped_key", LargeBinary),  # the reason's own key under the data key; null = forgotten
    Column("reason", LargeBinary),  # encrypted: free text, which may name people
    CheckConstraint("(wrapped_key IS NULL) = (reason IS NULL)", name="forgotten_whole"),
)

score = _table(
    "score",
    Column("id", Integer, primary_key=True),
    Column("sheet", ForeignKey("sheet.id"), nullable=False),
    Column("admission", ForeignKey("application.admission"), nullable=False),
    Column("paper", Text, nullable=False),
    Column("hundredths", Integer),  # null = absent
    UniqueConstraint("sheet", "admission", "paper"),
)
Index(None, score.c.admission)

batch = _table(
    "batch",
    Column("id", Text, primary_key=True),  # B-YYYY-MM-NNNN
    Column("batch", LargeBinary(32), nullable=False, unique=True),  # batch id on chain
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("request_digest", LargeBinary(32), nullable=False),  # of what was asked under that key
    Column("issuer", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("programme_version", Text, nullable=False),
    Column("programme_digest", LargeBinary(32), nullable=False),
    Column("credential_key", LargeBinary(32), nullable=False),
    Column("intent", LargeBinary, nullable=False),  # JSON: what every credential of the batch shares
    Column("state", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", Integer, nullable=False),
    Column("root", LargeBinary(32)),
    Column("manifest", LargeBinary),
    Column("approved_by", Text),
    Column("approved_at", Integer),
    Column("approver", Text),
    Column("approval_deadline", Integer),
    Column("approval_signature", LargeBinary(65)),
    Column("transaction", LargeBinary(32)),
    Column("seq", Integer),
    Column("block_number", Integer),
    Column("block_hash", LargeBinary(32)),
    Column("block_time", Integer),
    Column("delivered_at", Integer),
    Column("failure", Text),
    _state_of(AnchorState),
    CheckConstraint("approved_by IS NULL OR lower(approved_by) <> lower(proposed_by)", name="two_people"),
)

certificate = _table(
    "certificate",
    Column("id", Integer, primary_key=True),  # in the order of issue
    Column("number", Text, nullable=False),
    Column("found_by", Text, nullable=False),  # the number in upper case without hyphens, as people retype it
    Column("revision", Integer, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("jti", Text, nullable=False),
    Column("batch", ForeignKey("batch.id"), nullable=False),
    Column("leaf", Integer, nullable=False),  # index in the batch
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("admission", ForeignKey("application.admission"), nullable=False),
    Column("sheet", ForeignKey("sheet.id"), nullable=False),  # where the result was taken from
    Column("status_list", Integer, nullable=False),
    Column("status_index", Integer, nullable=False),
    Column("salts", LargeBinary),  # encrypted: of the roster row, of the score row, 32 bytes each; null = erased
    UniqueConstraint("found_by", "revision"),
    UniqueConstraint("batch", "leaf"),
    UniqueConstraint("status_list", "status_index"),
    CheckConstraint("found_by = replace(number, '-', '')", name="found_by_number"),
)
# Each further index costs a page for a row, written twice: numbers, keys and people lie at random.
Index(None, certificate.c.admission)

credential = _table(
    "credential",
    Column("certificate", ForeignKey("certificate.id"), primary_key=True),
    Column("jwt", Text, nullable=False),  # the issuer-signed part, as it was signed
    Column("digest", LargeBinary(32), nullable=False),
    Column("disclosures", LargeBinary, nullable=False),  # encrypted JSON; erasing deletes the key
)

replacement = _table(
    "replacement",  # that a certificate is to be replaced by another, and by which
    Column("id", Text, primary_key=True),  # X-YYYY-MM-NNNN
    Column("kind", Text, nullable=False),
    Column("number", Text, nullable=False),  # of the certificate that is replaced
    Column("revision", Integer, nullable=False),
    Column("statement", LargeBinary, nullable=False),  # encrypted JSON: reason, what is corrected
    Column("image", LargeBinary),  # encrypted: the new photograph; null = it keeps the old one
    Column("identity_index", LargeBinary(32)),  # as person's, where it corrects who that is; null = not, or erased
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Integer, nullable=False),
    Column("batch", Text),  # where the successor stands; null = it has no place yet
    Column("leaf", Integer),
    Column("cancelled_by", Text),
    Column("cancelled_at", Integer),
    ForeignKeyConstraint(["batch", "leaf"], ["certificate.batch", "certificate.leaf"]),
    UniqueConstraint("batch", "leaf"),
    _state_of(ReplacementKind, "kind"),
    CheckConstraint("(batch IS NULL) = (leaf IS NULL)", name="placed_whole"),
    CheckConstraint("(cancelled_by IS NULL) = (cancelled_at IS NULL)", name="cancelled_whole"),
)
Index(
    "uq_replacement_open",
    replacement.c.number,
    replacement.c.revision,
    unique=True,
    sqlite_where=text("cancelled_at IS NULL"),
)
Index(None, replacement.c.identity_index)
IS_REPLACED = (certificate.c.found_by == func.replace(replacement.c.number, "-", "")) & (
    certificate.c.revision == replacement.c.revision
)


def is_of(holder: str) -> ColumnElement[bool]:
    """Say that a certificate is a person's: by their applications, which are found by who made them."""
    return certificate.c.admission.in_(select(application.c.admission).where(application.c.person == holder))


reserved_piece = _table(
    "reserved_piece",  # who is in a batch, kept before numbers are drawn for them piece by piece
    Column("batch", ForeignKey("batch.id"), primary_key=True),
    Column("piece", Integer, primary_key=True),  # from 0
    Column("first_id", Integer, nullable=False, unique=True),  # id of its first certificate; the others follow on it
    Column("size", Integer, nullable=False),
    Column("places", LargeBinary, nullable=False),  # JSON: admission, sheet, leaf, status list, index of each
)

tree_chunk = _table(
    "tree_chunk",
    Column("batch", ForeignKey("batch.id"), primary_key=True),
    Column("level", Integer, primary_key=True),  # 0 = leaves
    Column("chunk", Integer, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),  # up to 32 hashes of 32 bytes; 1,024 in older trees
)

outbox = _table(
    "outbox",
    Column("hash", LargeBinary(32), primary_key=True),
    Column("subject", Text, nullable=False),  # id of a batch or of a status request
    Column("sender", Text, nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("replaces", ForeignKey("outbox.hash")),  # another one with the same nonce; null = the nonce's first
)
Index(None, outbox.c.subject)
Index(None, outbox.c.sender, outbox.c.nonce)
Index("uq_outbox_nonce", outbox.c.sender, outbox.c.nonce, unique=True, sqlite_where=text("replaces IS NULL"))
Index("uq_outbox_replaces", outbox.c.replaces, unique=True)

sender_lease = _table(
    "sender_lease",
    Column("account", Text, primary_key=True),  # 0x and 40 hexadecimal digits
    Column("worker", Text, nullable=False),  # the process that holds it, or held it last
    Column("term", Integer, nullable=False),  # one more each time it is taken
    Column("taken_at", Integer, nullable=False),
    Column("leased_until", Integer),  # null = given back
)

status_request = _table(
    "status_request",
    Column("id", Text, primary_key=True),  # C-YYYY-MM-NNNN
    Column("issuer", Text, nullable=False),
    Column("batches", Integer, nullable=False),  # how many rows of status_batch belong to it
    Column("certificates", Integer, nullable=False),  # how many of status_certificate; 0 = the batches as a whole
    Column("wanted", Integer, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Integer, nullable=False),
    Column("approved_by", Text),
    Column("approved_at", Integer),
    Column("approver", Text),
    Column("status_nonces", Text),  # JSON, in the order of the batches; null = the approval signs none
    Column("approval_deadline", Integer),
    Column("approval_signature", LargeBinary(65)),
    Column("transaction", LargeBinary(32)),
    Column("seq", Integer),
    Column("failure", Text),
    _state_of(RequestState),
    CheckConstraint("approved_by IS NULL OR lower(approved_by) <> lower(requested_by)", name="two_people"),
    CheckConstraint("batches = 1 OR batches > 1 AND certificates = 0", name="one_batch"),
)

status_batch = _table(
    "status_batch",
    Column("request", ForeignKey("status_request.id"), primary_key=True),
    Column("place", Integer, primary_key=True),  # from 0, in the order that was asked for
    Column("batch", LargeBinary(32), nullable=False),  # batch id on chain
    UniqueConstraint("request", "batch"),
)
Index(None, status_batch.c.batch)

status_certificate = _table(
    "status_certificate",
    Column("request", ForeignKey("status_request.id"), primary_key=True),
    Column("leaf", Integer, primary_key=True),
    Column("number", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)
Index(None, status_certificate.c.number, status_certificate.c.revision)

status_successor = _table(
    "status_successor",  # of a supersession: what takes the place of each certificate
    Column("request", Text, primary_key=True),
    Column("leaf", Integer, primary_key=True),
    Column("contract", Text, nullable=False),  # address where the successors are recorded
    Column("batch", LargeBinary(32), nullable=False),  # batch id on chain
    Column("new_leaf", Integer, nullable=False),
    ForeignKeyConstraint(["request", "leaf"], ["status_certificate.request", "status_certificate.leaf"]),
)
Index(None, status_successor.c.batch)

account = _table(
    "account",
    Column("name", Text, primary_key=True),  # sign-in name; of a holder the person's id
    Column("kind", Text, nullable=False),
    Column("display", Text, nullable=False),
    Column("roles", Text, nullable=False),  # with spaces between, in alphabetical order
    Column("person", ForeignKey("person.id")),  # of holders alone
    Column("password", Text),  # scrypt hash in PHC form; null = invited
    Column("created_by", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("closed_at", Integer),
    UniqueConstraint("person"),
    _state_of(AccountKind, "kind"),
    CheckConstraint("(kind = 'holder') = (person IS NOT NULL)", name="holder_is_person"),
)

invitation = _table(
    "invitation",
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account", ForeignKey("account.name"), nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("used_at", Integer),
)
Index(None, invitation.c.account)

sign_in = _table(
    "sign_in",
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account", ForeignKey("account.name"), nullable=False),
    Column("began_at", Integer, nullable=False),
    Column("used_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("ended_at", Integer),
)
Index(None, sign_in.c.account)

share = _table(
    "share",
    Column("id", Text, primary_key=True),  # 16 hexadecimal digits, random
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("number", Text, nullable=False),
    Column("particulars", LargeBinary, nullable=False),  # encrypted JSON: audience, purpose, fields
    Column("made_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("withdrawn_at", Integer),
    Column("opened", Integer, nullable=False),
    Column("opened_at", Integer),
)
Index(None, share.c.person)

job = _table(
    "job",
    Column("id", Text, primary_key=True),  # V-YYYY-MM-NNNN
    Column("account", ForeignKey("account.name"), nullable=False),
    Column("file_digest", LargeBinary(32), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_at", Integer, nullable=False),
    Column("finished_at", Integer),
    Column("expires_at", Integer, nullable=False),
    Column("wrapped_key", LargeBinary),  # the job's own key under the data key; null = forgotten
    Column("file", LargeBinary),  # encrypted
    Column("result", LargeBinary),  # encrypted
    Column("receipt", LargeBinary),  # JSON; holds the purpose as it was typed, and goes with the result
    Column("failure", Text),
    _state_of(JobState),
)
Index(None, job.c.account)

task = _table(
    "task",
    Column("id", Text, primary_key=True),  # T-YYYY-MM-NNNN
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),  # scope, batch or status request: never personal data
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text),  # what is being done now; null = nothing yet
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),  # 0 = not known
    Column("worker", Text),  # which process has it
    Column("leased_until", Integer),  # after that another process may take it over
    Column("began_at", Integer),
    Column("heard_at", Integer),  # last progress
    Column("finished_at", Integer),
    Column("result", Text),  # name of what came of it, such as a batch
    Column("failure", Text),  # code of an error
    _state_of(TaskKind, "kind"),
    _state_of(TaskState),
    CheckConstraint("(state = 'running') = (leased_until IS NOT NULL)", name="leased"),
    CheckConstraint("(state IN ('finished', 'failed')) = (finished_at IS NOT NULL)", name="finished_whole"),
)
Index(
    "uq_task_open",
    task.c.kind,
    task.c.subject,
    unique=True,
    sqlite_where=text("state IN ('queued', 'running')"),
)

alarm = _table(
    "alarm",
    Column("id", Text, primary_key=True),  # L-YYYY-MM-NNNN
    Column("code", Text, nullable=False),  # of an error
    Column("subject", Text, nullable=False),  # what it is about: never personal data
    Column("detail", Text, nullable=False),
    Column("raised_at", Integer, nullable=False),
    Column("lifted_at", Integer),  # null = nothing goes to the chain
    Column("lifted_by", Text),
    Column("reason", Text),
    CheckConstraint(
        "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (reason IS NULL)", name="lifted_whole"
    ),
)
Index("uq_alarm_open", alarm.c.code, alarm.c.subject, unique=True, sqlite_where=text("lifted_at IS NULL"))

portrait = _table(
    "portrait",
    Column("admission", ForeignKey("application.admission"), primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("media_type", Text, nullable=False),  # image/jpeg
    Column("image", LargeBinary),  # encrypted; null = erased
    Column("added_by", Text, nullable=False),
    Column("added_at", Integer, nullable=False),
)
Index(None, portrait.c.person)

exam_session = _table(
    "exam_session",
    Column("id", Text, primary_key=True),  # E-YYYY-MM-NNNN
    Column("programme", Text, nullable=False),
    Column("programme_version", Text, nullable=False),
    Column("programme_digest", LargeBinary(32), nullable=False),
    Column("held_on", Text, nullable=False),  # YYYY-MM-DD at +08:00, the first day
    Column("place", Text, nullable=False),
    Column("registration_closes", Text),  # YYYY-MM-DD, the last day; null = the source names no deadline
    Column("made_by", Text, nullable=False),
    Column("made_at", Integer, nullable=False),
    Column("closed_by", Text),
    Column("closed_at", Integer),  # from then on nobody is seated or signed in
    CheckConstraint("(closed_by IS NULL) = (closed_at IS NULL)", name="closed_whole"),
)
Index(None, exam_session.c.programme, exam_session.c.held_on)

exam_paper = _table(
    "exam_paper",
    Column("session", ForeignKey("exam_session.id"), primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("begins_at", Integer, nullable=False),  # lateness counts from here
)

exam_room = _table(
    "exam_room",
    Column("session", ForeignKey("exam_session.id"), primary_key=True),
    Column("room", Text, primary_key=True),
    Column("capacity", Integer, nullable=False),
    CheckConstraint("capacity > 0", name="capacity"),
)

seat = _table(
    "seat",  # that a candidate is registered for a session
    Column("session", Text, primary_key=True),
    Column("admission", ForeignKey("application.admission"), primary_key=True),
    Column("room", Text, nullable=False),
    Column("papers", Text, nullable=False),  # their keys with spaces between, in the programme's order
    Column("kind", Text, nullable=False),
    Column("fee", Text),  # what is due; null = the source does not say
    Column("by_unit", Integer, nullable=False),  # 1 = registered by a unit, 0 = by oneself
    Column("registered_by", Text, nullable=False),
    Column("registered_at", Integer, nullable=False),
    ForeignKeyConstraint(["session", "room"], ["exam_room.session", "exam_room.room"]),
    _state_of(EntryKind, "kind"),
    _state_of(Fee, "fee"),
    CheckConstraint("by_unit IN (0, 1)", name="by_unit"),
)
Index(None, seat.c.admission)

attendance = _table(
    "attendance",
    Column("session", Text, primary_key=True),
    Column("admission", Text, primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("arrived_at", Integer),  # null = did not come
    Column("late_seconds", Integer, nullable=False),
    Column("admitted", Integer, nullable=False),  # 1, 0
    Column("written_by", Text, nullable=False),
    Column("written_at", Integer, nullable=False),
    ForeignKeyConstraint(["session", "admission"], ["seat.session", "seat.admission"]),
    CheckConstraint("admitted = 0 OR admitted = 1 AND arrived_at IS NOT NULL", name="admitted"),
)

session_staff = _table(
    "session_staff",
    Column("session", Text, primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("room", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("person", Text, primary_key=True),  # account name
    Column("added_by", Text, nullable=False),
    Column("added_at", Integer, nullable=False),
    Column("withdrawn_at", Integer),
    ForeignKeyConstraint(["session", "room"], ["exam_room.session", "exam_room.room"]),
    _state_of(StaffRole, "role"),
)

sheet_session = _table(
    "sheet_session",  # which session a sheet of marks is of; a sheet may be of none
    Column("sheet", ForeignKey("sheet.id"), primary_key=True),
    Column("session", ForeignKey("exam_session.id"), nullable=False),
)
Index(None, sheet_session.c.session)

function_score = _table(
    "function_score",  # what a score was computed from; the score itself stands in `score`
    Column("id", Integer, primary_key=True),
    Column("sheet", ForeignKey("sheet.id"), nullable=False),
    Column("admission", ForeignKey("application.admission"), nullable=False),
    Column("paper", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("hundredths", Integer),  # null = absent
    UniqueConstraint("sheet", "admission", "paper", "function"),
)

correction = _table(
    "correction",  # a score set right: the row in `score` stays as it was entered
    Column("id", Text, primary_key=True),  # K-YYYY-MM-NNNN
    Column("sheet", ForeignKey("sheet.id"), nullable=False),
    Column("admission", ForeignKey("application.admission"), nullable=False),
    Column("paper", Text, nullable=False),
    Column("hundredths", Integer),  # the paper's score from now on; null = absent
    Column("function", Text),  # the one whose score was wrong; null = the paper is not computed from functions
    Column("function_hundredths", Integer),
    Column("reason", LargeBinary, nullable=False),  # encrypted under the candidate's key
    Column("entered_by", Text, nullable=False),
    Column("entered_at", Integer, nullable=False),
    Column("confirmed_by", Text),  # null = it does not count yet
    Column("confirmed_at", Integer),
    CheckConstraint("confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)", name="two_people"),
    CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"),
    CheckConstraint("function IS NOT NULL OR function_hundredths IS NULL", name="function_whole"),
)
Index(None, correction.c.admission)

judgement = _table(
    "judgement",  # what somebody judged of an application where no machine can know; also that a refusal is overridden
    Column("id", Text, primary_key=True),  # J-YYYY-MM-NNNN
    Column("admission", ForeignKey("application.admission"), nullable=False),
    Column("subject", Text, nullable=False),  # as in the programme file; `override`
    Column("favourable", Integer, nullable=False),  # 1, 0
    Column("reason", LargeBinary, nullable=False),  # encrypted under the candidate's key
    Column("entered_by", Text, nullable=False),
    Column("entered_at", Integer, nullable=False),
    Column("confirmed_by", Text),  # null = it does not count yet
    Column("confirmed_at", Integer),
    CheckConstraint("favourable IN (0, 1)", name="favourable"),
    CheckConstraint("confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)", name="two_people"),
    CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"),
)
Index(None, judgement.c.admission)

programme_file = _table(
    "programme_file",  # the bytes of a version as they were when it was first used
    Column("code", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of the bytes
    Column("bytes", LargeBinary, nullable=False),
    Column("first_used_at", Integer, nullable=False),
)

talent = _table(
    "talent",  # certificates whose holders agreed to be found by employers
    Column("id", Text, primary_key=True),  # 16 hexadecimal digits, random
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("number", Text, nullable=False),
    Column("scope", Text, nullable=False),  # PROGRAMME/LEVEL
    Column("direction", Text),  # code; null = the certificate has none
    Column("region", Text, nullable=False),  # GB/T 2260, two digits
    Column("contact", LargeBinary),  # encrypted JSON: contact, wish; null = withdrawn, over or erased
    Column("agreed_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("withdrawn_at", Integer),
    CheckConstraint("agreed_at < expires_at", name="term"),
    CheckConstraint("withdrawn_at IS NULL OR contact IS NULL", name="withdrawn_whole"),
)
Index(None, talent.c.person)
Index(None, talent.c.scope, talent.c.region)
Index("uq_talent_open", talent.c.person, talent.c.number, unique=True, sqlite_where=text("contact IS NOT NULL"))

talent_request = _table(
    "talent_request",  # an employer asks a holder for the contact, once
    Column("id", Text, primary_key=True),  # 16 hexadecimal digits, random
    Column("talent", ForeignKey("talent.id"), nullable=False),
    Column("account", ForeignKey("account.name"), nullable=False),
    Column("particulars", LargeBinary),  # encrypted JSON under the holder's key: organisation, purpose; null = erased
    Column("answer", Text, nullable=False),
    Column("asked_at", Integer, nullable=False),
    Column("answered_at", Integer),
    UniqueConstraint("talent", "account"),
    _state_of(RequestAnswer, "answer"),
    CheckConstraint("(answer = 'asked') = (answered_at IS NULL)", name="answered_whole"),
)
Index(None, talent_request.c.account)

organisation = _table(
    "organisation",  # training bodies and applying units
    Column("code", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("contact", Text, nullable=False),  # the organisation's own, nobody's personal one
    Column("since", Text, nullable=False),  # YYYY-MM-DD, the first day
    Column("until", Text),  # the last day; null = open
    Column("made_by", Text, nullable=False),
    Column("made_at", Integer, nullable=False),
    _state_of(OrganisationKind, "kind"),
    CheckConstraint("until IS NULL OR until >= since", name="term"),
)

admission_step = _table(
    "admission_step",  # the way of who is registered by a unit
    Column("admission", ForeignKey("application.admission"), primary_key=True),
    Column("place", Integer, primary_key=True),  # from 1
    Column("state", Text, nullable=False),
    Column("unit", ForeignKey("organisation.code"), nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("taken_at", Integer, nullable=False),
    Column("reason", LargeBinary),  # encrypted under the candidate's key
    _state_of(AdmissionState),
)

course = _table(
    "course",
    Column("id", Text, primary_key=True),  # H-YYYY-MM-NNNN
    Column("body", ForeignKey("organisation.code"), nullable=False),
    Column("programme", Text, nullable=False),
    Column("programme_version", Text, nullable=False),
    Column("programme_digest", LargeBinary(32), nullable=False),
    Column("level", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", Integer, nullable=False),
)

course_unit = _table(
    "course_unit",
    Column("course", ForeignKey("course.id"), primary_key=True),
    Column("place", Integer, primary_key=True),  # from 1
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("hours", Integer, nullable=False),  # standard hours
    CheckConstraint("hours > 0", name="hours"),
)

course_teacher = _table(
    "course_teacher",
    Column("course", ForeignKey("course.id"), primary_key=True),
    Column("person", Text, primary_key=True),  # account name
    Column("holds_level", Text),  # of the occupation
    Column("title", Text),  # of a related profession
    Column("added_by", Text, nullable=False),  # who saw the document
    Column("added_at", Integer, nullable=False),
    CheckConstraint("lower(added_by) <> lower(person)", name="two_people"),
)

participant = _table(
    "participant",
    Column("admission", ForeignKey("application.admission"), primary_key=True),
    Column("course", ForeignKey("course.id"), nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Integer, nullable=False),
)
Index(None, participant.c.course)

attendance_list = _table(
    "attendance_list",
    Column("id", Text, primary_key=True),  # A-YYYY-MM-NNNN
    Column("course", ForeignKey("course.id"), nullable=False),
    Column("file_digest", LargeBinary(32), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", Integer, nullable=False),
    Column("settled_by", Text),
    Column("settled_at", Integer),
    Column("confirmed", Integer),  # 1 = confirmed, 0 = returned; null = it waits for its second person
    CheckConstraint("confirmed IN (0, 1)", name="confirmed"),
    CheckConstraint(
        "(settled_by IS NULL) = (settled_at IS NULL) AND (settled_by IS NULL) = (confirmed IS NULL)",
        name="settled_whole",
    ),
    CheckConstraint("confirmed IS NULL OR confirmed = 0 OR lower(settled_by) <> lower(entered_by)", name="two_people"),
)
Index(None, attendance_list.c.course)

attended = _table(
    "attended",
    Column("list", ForeignKey("attendance_list.id"), primary_key=True),
    Column("admission", ForeignKey("participant.admission"), primary_key=True),
    Column("unit", Integer, primary_key=True),  # its place in the course
    Column("held_on", Text, primary_key=True),  # YYYY-MM-DD
    Column("hours", Integer, nullable=False),
    CheckConstraint("hours > 0", name="hours"),
)
Index(None, attended.c.admission)

journal = _table(
    "journal",
    Column("seq", Integer, primary_key=True),  # from 0, without gaps
    Column("at", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON of counts and digests, never personal data
    Column("previous", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

journal_head = _table(
    "journal_head",  # which entry is the last: a journal cut short still is a chain
    Column("id", Integer, primary_key=True),  # always 1
    Column("seq", Integer, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="single"),
)

chain_record = _table(
    "chain_record",
    Column("seq", Integer, primary_key=True),
    Column("by", Text, nullable=False),
    Column("block_number", Integer, nullable=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("block_time", Integer, nullable=False),  # Unix seconds
    Column("transaction", LargeBinary(32), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("op", Integer, nullable=False),
    Column("issuer", Text),  # whom it concerns; null = the consortium itself
    Column("batch", LargeBinary(32)),
    Column("content", Text, nullable=False),  # JSON
)
Index(None, chain_record.c.issuer, chain_record.c.batch)

chain_word = _table(
    "chain_word",  # which 128 certificates of its batch a record touches; none = the batch as a whole
    Column("seq", ForeignKey("chain_record.seq"), primary_key=True),
    Column("word", Integer, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("batch", LargeBinary(32), nullable=False),
)
Index(None, chain_word.c.issuer, chain_word.c.batch, chain_word.c.word)

chain_successor = _table(
    "chain_successor",  # which certificates a record of a supersession names as the successors
    Column("seq", ForeignKey("chain_record.seq"), primary_key=True),
    Column("leaf", Integer, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("batch", LargeBinary(32), nullable=False),
)
Index(None, chain_successor.c.issuer, chain_successor.c.batch, chain_successor.c.leaf)

chain_head = _table(
    "chain_head",
    Column("id", Integer, primary_key=True),  # always 1
    Column("trust_root", LargeBinary, nullable=False),
    Column("first_block_time", Integer, nullable=False),  # Unix seconds
    Column("number", Integer, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("time", Integer, nullable=False),  # Unix seconds
    Column("read_at", Integer, nullable=False),
    Column("nodes", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
