"""Corrections and renewals on a real chain: at every instant one certificate stands, never two, never none."""

import json
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.failures import advice_on
from api.commands.replacing import IdentityNumberTyped, NoSuchLine
from api.commands.requests import require_on_its_own
from api.demo_portraits import sample_photographs
from api.desk import workplace
from api.errors import exit_code as exit_code_of
from api.sending import issue_batch, take_to_chain
from api.situations import command_for
from api.wiring import Home
from benchmarks.bench import Stopwatch, examined, new_home, proposed
from registry.access import AccountKind, FourEyes, Role
from registry.anchor.progress import Batch, RequestState
from registry.anchor.situations import Situation
from registry.anchor.states import AnchorState
from registry.credential import Presentation, parse
from registry.enrolment import IdentityType
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import unb64url
from registry.kernel.errors import RegistryError
from registry.ports.replacements import Replacement
from registry.ports.storage import NotHere, StoredCertificate
from registry.ports.tasks import TaskKind, TaskState
from registry.status import Reason, Status
from registry.verification import Outcome, judging
from registry.workflows.access.sign_in import (
    HolderDiffers,
    SignInRefused,
    accept,
    add_account,
    invite_holder,
    sign_in,
    signed_in,
)
from registry.workflows.auditing.audit import Auditor
from registry.workflows.certificates.contents import last_valid_day
from registry.workflows.certificates.deliver import (
    NoDocument,
    PredecessorStands,
    bundle_name,
    bundle_of,
    deliver,
    photograph_by_key,
    presentation_of,
    public_bundle,
)
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.follow import follow
from registry.workflows.chain.status_operations import BatchChangeOpen, PredecessorHeld, SuccessorNotRecorded
from registry.workflows.chain.status_sending import change_status
from registry.workflows.chain.supersede import send_supersessions
from registry.workflows.desk.claimed import Worker
from registry.workflows.desk.hand_over import ask
from registry.workflows.desk.work_off import work_one
from registry.workflows.enrolment.enrol import check_roster, import_roster
from registry.workflows.enrolment.own_records import OwnRecords
from registry.workflows.examination.correct import CertificateReserved, confirm_correction, correct_score
from registry.workflows.holders.hold import held_by
from registry.workflows.holders.share import own
from registry.workflows.issuance.approve import NotWaiting, approve, cancel
from registry.workflows.issuance.issue import _still_certified
from registry.workflows.issuance.stand import standing
from registry.workflows.replacement import ask_replacement
from registry.workflows.replacement.ask_replacement import (
    ForLife,
    NoLongerPassed,
    NothingToCorrect,
    NotReplaceable,
    ParticularMalformed,
    Particulars,
    ReplacementOpen,
    ReplacementPlaced,
    TooEarly,
    ask_correction,
    ask_renewals,
    renewable_from,
    with_another_result,
    withdraw_replacement,
)
from registry.workflows.replacement.replace import propose_replacements, renewed_term
from registry.workflows.replacement.revisions import changes_of_replacement, line_of, status_word_of
from registry.workflows.status.approve_change import (
    RequestNotWaiting,
    approve_change,
    cancel_change,
    change_to_be_approved,
)
from registry.workflows.status.ask_changes import BeingReplaced, request_batch_changes, request_changes
from registry.workflows.status.publish_status import StatusPublisher
from registry.workflows.verification import verify
from tests.lifecycle.house_accounts import open_house
from tests.unit.registry.store.filled import transaction

PEOPLE = 36
WHY = "the roster had another character"
HEADER = "姓名,证件类型,证件号码,级别,出生日期,性别,文化程度,从业年限"
NAMES = (f"欧阳{chr(0x5B50 + place)}" for place in count())


@dataclass
class House:
    """A registry with one delivered batch, of which each test takes certificates that no other has touched."""

    home: Home
    untouched: Iterator[StoredCertificate]

    def one(self) -> StoredCertificate:
        return next(self.untouched)

    @property
    def parts(self) -> tuple:
        return self.home.store, self.home.clock, self.home.catalogue

    def correct(self, old: StoredCertificate, **wrong: object) -> Replacement:
        particulars = Particulars(**(wrong or {"name": next(NAMES)}))  # type: ignore[arg-type]
        return ask_correction(*self.parts, old.reservation.number, particulars, reason=WHY, person="maker-1")

    def propose(self, *asked: Replacement, person: str = "maker-1") -> Batch:
        (batch,) = propose_replacements(
            *self.parts, self.home.body, self.home.credential_signer(), [one.id for one in asked], person=person
        )
        return batch

    def approve(self, batch: Batch, person: str = "approver-1") -> Batch:
        return approve(*self.parts, self.home.key_of, self.home.approver(), batch.id, person=person)

    def issue(self, batch: Batch, told: Callable[[str, str], None] = lambda subject, state: None) -> None:
        home = self.home
        with home.chain(writing=True) as ledger:
            desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
            anchor_batch(desk, batch.id)
            send_supersessions(desk, batch.id)
        deliver(home.store, home.clock, home.shelf, home.key_of, batch.id)

    def replaced(self, old: StoredCertificate, **wrong: object) -> StoredCertificate:
        """Correct a certificate from asking to delivery, and give its successor."""
        batch = self.approve(self.propose(self.correct(old, **wrong)))
        self.issue(batch)
        return self.of(batch)

    def of(self, batch: Batch, leaf: int = 0) -> StoredCertificate:
        with self.home.store.read() as unit:
            found = unit.batches.by_leaf(batch.batch, leaf)
        assert found is not None
        return found

    def change(self, number: str, wanted: Status, reason: Reason) -> None:
        home = self.home
        (request,) = request_changes(home.store, home.clock, [number], wanted, reason, person="maker-1").requests
        with home.chain(writing=True) as ledger:
            if wanted is not Status.SUSPENDED:
                approve_change(home.store, home.clock, ledger, home.approver(), request.id, person="approver-1")
            change_status(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), request.id)

    def said(self, certificate: StoredCertificate) -> Presentation:
        return parse(presentation_of(certificate, full=True))

    def document(self, certificate: StoredCertificate) -> bytes:
        """What somebody could show of it at this moment, who got at what the registry keeps."""
        with self.home.store.read() as unit:
            now = unit.batches.by_leaf(certificate.batch.batch, certificate.reservation.leaf)
            assert now is not None
            if now.batch.state is AnchorState.FINAL:
                return bundle_of(unit, now, self.home.key_of)
            return presentation_of(now).encode()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house_at(tmp_path_factory.mktemp("replacing") / "home")


def house_at(path: Path) -> House:
    home = new_home(path)
    examined(home, PEOPLE, Stopwatch())
    open_house(home)
    house = House(home=home, untouched=iter(()))
    house.issue(house.approve(proposed(home)))
    with home.store.read() as unit:
        house.untouched = iter(list(unit.batches.certificates()))
    return house


# — one record makes the one fall and the other stand —


class Readers:
    """Everybody who may look at a certificate and its successor."""

    def __init__(self, house: House, old: StoredCertificate, new: StoredCertificate) -> None:
        self.house, self.old, self.new = house, old, new
        self.names = [house.said(one).disclosed.name or "" for one in (old, new)]
        home = house.home
        self.lists = StatusPublisher(
            store=home.store,
            clock=home.clock,
            signer=home.statement_signer(),
            issuer=home.issuer,
            base_url=home.installation.public_base_url,
            seconds=count(0, 60).__next__,
        )

    def valid(self) -> dict[str, tuple[bool, bool]]:
        """Say by each entrance whether the old one and the new one are shown as valid."""
        house, number = self.house, self.old.reservation.number
        judge, pair = house.home.verifier(), (self.old, self.new)
        documents = [house.document(one) for one in pair]

        def of(outcomes: list[Outcome]) -> tuple[bool, bool]:
            first, second = (one is Outcome.VALID for one in outcomes)
            return first, second

        found = {
            "document": of([judge.by_document(one).outcome for one in documents]),
            "key": of([judge.by_key(one.reservation.key).outcome for one in pair]),
            "place": of(
                [
                    judge.by_status_place(one.reservation.status_list, one.reservation.status_index).outcome
                    for one in pair
                ]
            ),
            "number": self._by(judge.by_number(number)),
        }
        if self.names[0] != self.names[1]:
            found["number and name"] = of([judge.by_number_and_name(number, name).outcome for name in self.names])
        found["status list"] = self._listed()
        with house.home.chain() as ledger:
            alone = verify.VerifyFromLedger(ledger=lambda: ledger, clock=house.home.clock)
            found["another's node"] = of([alone.by_document(one).outcome for one in documents])
        return found

    def _listed(self) -> tuple[bool, bool]:
        """What a wallet reads that knows nothing but the signed lists; before the anchor nobody has the new one."""
        first, second = (self._entry(one) == 0 for one in (self.old, self.new))
        with self.house.home.store.read() as unit:
            recorded = unit.batches.batch(self.new.batch.id).state is AnchorState.FINAL
        return first, second and recorded

    def _entry(self, one: StoredCertificate) -> int:
        place = one.reservation
        token = self.lists.token(place.status_list)
        assert token is not None
        listed = json.loads(unb64url(token.text.split(".")[1]))["status_list"]
        packed = zlib.decompress(unb64url(listed["lst"]))
        return packed[place.status_index // 4] >> place.status_index % 4 * 2 & 3

    def _by(self, report: object) -> tuple[bool, bool]:
        content = report.content or {}  # type: ignore[attr-defined]
        valid = report.outcome is Outcome.VALID  # type: ignore[attr-defined]
        revision = content.get("revision")
        return valid and revision == self.old.reservation.revision, valid and revision != self.old.reservation.revision


def test_at_every_instant_exactly_one_is_valid_by_every_entrance(house: House) -> None:
    old = house.one()
    asked = house.correct(old)
    batch = house.propose(asked)
    readers = Readers(house, old, house.of(batch))
    seen: list[tuple[str, bool]] = []

    def look(subject: str, state: str) -> None:
        follow_now(house)
        shown = readers.valid()
        assert {sum(pair) for pair in shown.values()} == {1}, (subject, state, shown)
        of_store = {shown[one] for one in shown if one != "another's node"}  # that one may be a block ahead
        assert len(of_store) == 1, (subject, state, shown)
        seen.append((f"{subject[0]} {state}", shown["document"][1]))

    look(batch.id, "sealed")
    house.approve(batch)
    look(batch.id, "approved")
    house.issue(batch, look)
    look(batch.id, "delivered")
    states = [state for state, _ in seen]
    assert states[:2] == ["B sealed", "B approved"]
    assert states.index("B final") < states.index("C signed") < states.index("C final")
    # The new one stands from a moment between the sending of the supersession and its being final, and for good.
    stands = [new for _, new in seen]
    assert stands == sorted(stands)
    assert not stands[states.index("B final")]
    assert stands[states.index("C final")]


def follow_now(house: House) -> None:
    with house.home.chain() as ledger:
        follow(house.home.store, ledger, house.home.clock)


def test_control_a_judge_without_the_rule_sees_two_valid_at_once(house: House, monkeypatch) -> None:
    old = house.one()
    batch = house.approve(house.propose(house.correct(old)))
    with house.home.chain(writing=True) as ledger:
        desk = Desk(store=house.home.store, ledger=ledger, sender=house.home.sender(), clock=house.home.clock)
        anchor_batch(desk, batch.id)
    readers = Readers(house, old, house.of(batch))
    assert {sum(pair) for pair in readers.valid().values()} == {1}
    monkeypatch.setattr(judging, "succession", lambda *arguments: arguments)
    assert readers.valid()["document"] == (True, True)
    assert readers.valid()["another's node"] == (True, True)


# — what a correction keeps and what it changes —


def test_a_correction_keeps_number_and_dates_and_leads_on(house: House) -> None:
    old = house.one()
    before = house.said(old)
    new = house.replaced(old, name="欧阳 子夏".replace(" ", ""), name_latin="Ouyang Zixia")
    after = house.said(new)
    assert (new.reservation.number, new.reservation.revision) == (old.reservation.number, 2)
    assert after.entry.replaces == before.entry.id
    assert (after.disclosed.name, after.disclosed.name_latin) == ("欧阳子夏", "Ouyang Zixia")
    for member in ("identity_number", "results", "grade", "portrait"):
        assert getattr(after.disclosed, member) == getattr(before.disclosed, member)
    for member in ("valid_from", "last_valid_day", "awarded_date", "scope", "achievement"):
        assert getattr(after.terms, member) == getattr(before.terms, member)
    assert len({old.reservation.key, new.reservation.key}) == 2
    # The old key, number, paper and bundle lead to the successor.
    judge, successor = house.home.verifier(), f"{new.reservation.number}#2"
    follow_now(house)
    by_key = judge.by_key(old.reservation.key)
    assert (by_key.outcome, by_key.successor) == (Outcome.SUPERSEDED, successor)
    assert by_key.findings[3].evidence["successor_key"] == new.reservation.key
    assert judge.by_document(house.document(old)).outcome is Outcome.SUPERSEDED
    by_number = judge.by_number(old.reservation.number)
    assert (by_number.outcome, (by_number.content or {})["revision"]) == (Outcome.VALID, 2)
    assert judge.by_number_and_name(old.reservation.number, "欧阳子夏").outcome is Outcome.VALID
    by_old_name = judge.by_number_and_name(old.reservation.number, before.disclosed.name or "")
    assert (by_old_name.outcome, by_old_name.successor) == (Outcome.SUPERSEDED, successor)
    assert "successor_key" not in by_old_name.findings[3].evidence
    # Both bundles lie there, each under a name of its own.
    folder = house.home.path / "delivered"
    names = [f"{old.reservation.number}{later}.bundle.json" for later in ("", ".r2")]
    assert [(folder / name).read_bytes() for name in names] == [house.document(old), house.document(new)]
    with house.home.store.read() as unit:
        asked = unit.replacements.of_certificate(old.reservation.number, 1)
        assert asked is not None
        changed = {one.member: (one.before, one.after) for one in changes_of_replacement(unit, asked)}
        line = [(one.revision, one.status) for one in line_of(unit, new)]
    assert changed == {
        "name": (before.disclosed.name, "欧阳子夏"),
        "nameLatin": (before.disclosed.name_latin, "Ouyang Zixia"),
    }
    assert line == [(1, "superseded"), (2, "valid")]


def test_a_second_correction_keeps_what_the_first_set_right(house: House) -> None:
    old = house.one()
    ((_, photograph),) = sample_photographs(["1"])
    second = house.replaced(old, name="欧阳子游", photograph=photograph)
    third = house.replaced(second, name_latin="Ouyang Ziyou")
    said = house.said(third)
    assert (said.disclosed.name, said.disclosed.name_latin) == ("欧阳子游", "Ouyang Ziyou")
    assert third.reservation.revision == 3
    assert said.disclosed.portrait == house.said(second).disclosed.portrait
    image = photograph_by_key(house.home.store, third.reservation.key)
    assert image == photograph_by_key(house.home.store, second.reservation.key)
    with house.home.store.read() as unit:
        assert [(one.revision, one.status) for one in line_of(unit, second)] == [
            (1, "superseded"),
            (2, "superseded"),
            (3, "valid"),
        ]


def test_the_personal_part_of_a_correction_lies_under_the_holders_key(house: House) -> None:
    old = house.one()
    number = "11010519491231002X"
    house.correct(old, name="欧阳子路", identity_number=number)
    everything = b"".join(path.read_bytes() for path in house.home.path.glob("registry.db*"))
    for secret in ("欧阳子路", number, WHY):
        assert secret.encode() not in everything


# — who may, and when —


def test_the_same_asked_twice_is_one_and_another_is_refused(house: House) -> None:
    old = house.one()
    asked = house.correct(old, name="欧阳子贡")
    assert house.correct(old, name="欧阳子贡") == asked
    with pytest.raises(ReplacementOpen):
        house.correct(old, name="欧阳子张")
    batch = house.propose(asked)
    assert house.propose(house.correct(old, name="欧阳子贡")).id == batch.id


def test_while_a_certificate_is_replaced_nothing_else_changes_it_and_what_ends_that_is_named(
    house: House, tmp_path: Path
) -> None:
    shutil.copytree(house.home.path, tmp_path / "home")
    changing = House(home=Home.find(tmp_path / "home"), untouched=house.untouched)
    old, home = house.one(), changing.home
    number = str(old.reservation.number)

    def remedy() -> str:
        with pytest.raises(BeingReplaced) as caught:
            changing.change(number, Status.REVOKED, Reason.MISCONDUCT)
        assert isinstance(refused(changing, "cert", "suspend", number, "--as", "maker-1"), BeingReplaced)
        told = advice_on(caught.value)
        assert told is not None
        return told.remedy_en

    # The command was cut off after the replacement was kept: there is no batch yet.
    asked = changing.correct(old)
    assert remedy() == (
        f"Go on with it: `vermilion cert propose {asked.id} --as maker-1`, "
        f"or give it up: `vermilion cert withdraw {asked.id} --as maker-1`."
    )
    # In a batch: that is given up, not the replacement.
    batch = changing.propose(asked)
    assert remedy() == (
        f"Go on with it: `vermilion batch status {batch.id}`, "
        f"or give it up: `vermilion batch cancel {batch.id} --as maker-1`."
    )
    # Its batch is recorded: the supersession alone is given up.
    changing.approve(batch)
    with home.chain(writing=True) as ledger:
        anchor_batch(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), batch.id)
    with home.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    assert f"or give it up: `vermilion cert cancel {request.id} --as maker-1`" in remedy()
    # The contract refused it: it is asked for anew, and that can be given up.
    with home.store.write() as unit:
        unit.status_requests.sign(request.id, transaction("refused", nonce=99), home.clock.now())
        unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT)
        unit.status_requests.move(request.id, RequestState.SENT, RequestState.FAILED, failure="contract/reverted")
    assert remedy() == f"Go on with it: `vermilion cert propose {asked.id} --as maker-1`."
    changing.propose(asked)
    with home.store.read() as unit:
        again = next(one for one in unit.status_requests.onto(batch.batch) if one.id != request.id)
    assert f"or give it up: `vermilion cert cancel {again.id} --as maker-1`" in remedy()
    cancel_change(home.store, home.clock, again.id, person="maker-1")
    asked_for = request_changes(
        home.store, home.clock, [number], Status.REVOKED, Reason.MISCONDUCT, person="maker-1"
    ).requests
    assert [one.wanted for one in asked_for] == [Status.REVOKED]


def test_nobody_approves_what_they_asked_for(house: House) -> None:
    batch = house.propose(house.correct(house.one()))
    with pytest.raises(FourEyes):
        house.approve(batch, person="maker-1")


def test_who_proposes_what_another_asked_for_is_named_and_neither_approves(house: House) -> None:
    home, asked = house.home, house.correct(house.one())
    add_account(
        home.store, home.clock,
        name="maker-2", display="maker-2", kind=AccountKind.STAFF, roles=frozenset({Role.MAKER}), by="operator-1",
    )  # fmt: skip
    told = json.loads(run(house, "cert", "propose", asked.id, "--as", "maker-2", "--json"))
    assert [one["proposed_by"] for one in told["batches"]] == ["maker-2"]
    with home.store.read() as unit:
        batch = unit.batches.batch(told["batches"][0]["id"])
        (request,) = unit.status_requests.onto(batch.batch)
        entries = [(one.person, one.action) for one in unit.journal.entries() if one.subject in (batch.id, request.id)]
    assert {("maker-2", "batch.propose"), ("maker-2", "status.request")} <= set(entries)
    assert "maker-1" not in {person for person, _ in entries}
    deadline = int((home.clock.now() + timedelta(days=1)).timestamp())
    for person in ("maker-1", "maker-2", " Maker-1", "MAKER-2"):
        with pytest.raises(FourEyes):
            house.approve(batch, person)
        with pytest.raises(FourEyes):  # with a wallet
            approve(*house.parts, home.key_of, home.approver(), batch.id, person=person, deadline=deadline)
        with home.chain() as ledger, pytest.raises(FourEyes):
            approve_change(home.store, home.clock, ledger, home.approver(), request.id, person=person)
    house.issue(house.approve(batch))


def test_what_gives_a_replacement_up_is_told_only_where_it_does(house: House, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")
    home, asked = house.home, house.correct(house.one())
    batch = house.propose(asked)
    with home.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    told: dict[str, str] = {}
    sent: dict[str, dict[str, object]] = {}

    def look(subject: str, state: str) -> None:
        found = run(house, "cert", "replacement", asked.id, notes=True).partition("to give it up: ")[2]
        told[f"{subject[0]} {state}"] = found.replace(f" --home {home.path}", "").strip()
        sent[f"{subject[0]} {state}"] = json.loads(run(house, "batch", "issue", batch.id, "--dry-run", "--json"))
        if (subject, state) == (batch.id, "sent"):  # neither way leads anywhere, and neither names the other
            with home.store.read() as unit:
                require_on_its_own(unit, unit.status_requests.request(request.id))
            with pytest.raises(RequestNotWaiting):
                cancel_change(home.store, home.clock, request.id, person="maker-1")
            with pytest.raises(NotWaiting):
                cancel(home.store, home.clock, batch.id, person="maker-1")

    house.approve(batch)
    look(batch.id, "approved")
    house.issue(batch, look)
    with_its_batch = f"vermilion batch cancel {batch.id} --as maker-1"
    alone = f"vermilion cert cancel {request.id} --as maker-1"
    assert told.pop("B approved") == with_its_batch
    assert told.pop("B final") == alone
    assert {"B sent", "C signed", "C sent"} <= set(told)
    assert set(told.values()) == {""}
    # What was signed before goes out as the bytes that are kept.
    assert [one["function"] for one in sent["B final"]["then"]] == ["supersede"]
    with home.store.read() as unit:
        kept = unit.status_requests.request(request.id).transaction
    assert kept is not None
    for state in ("C signed", "C sent"):
        (then,) = sent[state]["then"]
        assert (then["function"], then["stored_transaction"]) == (None, f"0x{kept.hex()}"), state
        assert "gas_limit" not in then


def test_of_a_failed_batch_nothing_goes_out(house: House, tmp_path: Path) -> None:
    batch = house.approve(house.propose(house.correct(house.one())))
    failing = House(home=Home(Path(shutil.copytree(house.home.path, tmp_path / "home"))), untouched=iter(()))

    def rehearsed() -> dict[str, object]:
        return json.loads(run(failing, "batch", "issue", batch.id, "--dry-run", "--json"))

    assert [one["function"] for one in rehearsed()["then"]] == ["supersede"]
    with failing.home.store.write() as unit:
        unit.batches.sign(batch.id, transaction("refused", nonce=99), failing.home.clock.now())
        unit.batches.move(batch.id, AnchorState.SIGNED, AnchorState.SENT)
        unit.batches.move(batch.id, AnchorState.SENT, AnchorState.FAILED, failure="contract/paused")
    failing.home.store.close()
    failed = rehearsed()
    assert (failed["function"], failed["stored_transaction"]) == (None, None)
    assert "then" not in failed


def test_what_is_wrong_is_said_before_anything_is_kept(house: House) -> None:
    old = house.one()
    said = house.said(old).disclosed
    for wrong, refusal in (
        ({"name": said.name}, NothingToCorrect),
        ({"name": "欧阳<子>"}, ParticularMalformed),
        ({"name_latin": "欧阳"}, ParticularMalformed),
        ({"identity_number": "110105194912310021"}, ParticularMalformed),
    ):
        with pytest.raises(refusal):
            house.correct(old, **wrong)
    with pytest.raises(NotHere):
        ask_correction(*house.parts, "DEMO-EEC-2026-0000000000X", Particulars(name="某"), reason=WHY, person="maker-1")
    house.change(old.reservation.number, Status.SUSPENDED, Reason.INVESTIGATION)
    with pytest.raises(NotReplaceable) as suspended:
        house.correct(old)
    assert suspended.value.standing is Status.SUSPENDED
    with house.home.store.read() as unit:
        assert unit.replacements.of_certificate(old.reservation.number, 1) is None


def test_a_replaced_certificate_is_not_replaced_again(house: House) -> None:
    old = house.one()
    new = house.replaced(old)
    with house.home.store.read() as unit:
        assert status_word_of(unit, new) == "valid"
    with pytest.raises(NothingToCorrect):
        house.correct(old, name=house.said(new).disclosed.name)


def test_withdrawn_and_cancelled_leave_the_old_one_as_it_was(house: House) -> None:
    old, home = house.one(), house.home
    asked = house.correct(old)
    withdraw_replacement(home.store, home.clock, asked.id, person="maker-1")
    with pytest.raises(ReplacementPlaced):
        withdraw_replacement(home.store, home.clock, asked.id, person="maker-1")
    batch = house.approve(house.propose(house.correct(old)))
    cancel(home.store, home.clock, batch.id, person="maker-1")
    with home.store.read() as unit:
        assert {one.state for one in unit.status_requests.onto(batch.batch)} == {RequestState.CANCELLED}
        assert unit.replacements.of_certificate(old.reservation.number, 1) is None
        stands = standing(unit, unit.batches.batch(batch.id), home.clock.now(), desk_runs=False)
    assert stands.situation is Situation.SUCCESSOR_GIVEN_UP  # nobody of it waits for another batch
    assert command_for(stands.next) == f"vermilion cert show {old.reservation.number}"
    follow_now(house)
    assert home.verifier().by_number(old.reservation.number).outcome is Outcome.VALID
    # A revision that was given up is never used again.
    assert house.replaced(old).reservation.revision == 3


def test_until_the_approver_has_approved_both_nothing_of_the_new_one_goes_out(house: House) -> None:
    home, old = house.home, house.one()
    batch = house.propose(house.correct(old))
    # A wallet's signature is one: with it the batch alone is approved, and the supersession by another.
    deadline = int((home.clock.now() + timedelta(days=1)).timestamp())
    approve(*house.parts, home.key_of, home.approver(), batch.id, person="approver-1", deadline=deadline)
    with home.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    assert request.state is RequestState.REQUESTED
    with home.chain(writing=True) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        approve_change(home.store, home.clock, ledger, home.approver(), request.id, person="approver-1")
        with pytest.raises(SuccessorNotRecorded):
            change_status(desk, request.id)
        with pytest.raises(RequestNotWaiting):  # the batch is what can be given up now
            cancel_change(home.store, home.clock, request.id, person="maker-1")
        anchor_batch(desk, batch.id)
        new = house.of(batch)
        with pytest.raises(PredecessorStands):
            deliver(home.store, home.clock, home.shelf, home.key_of, batch.id)
        with pytest.raises(NoDocument):
            public_bundle(home.store, home.key_of, new.reservation.key)
        assert change_status(desk, request.id).state is RequestState.FINAL
    assert deliver(home.store, home.clock, home.shelf, home.key_of, batch.id) == 1


def test_a_batch_suspended_as_a_whole_holds_the_correction_of_its_certificates(house: House) -> None:
    home, old, other = house.home, house.one(), house.one()
    batch = house.approve(house.propose(house.correct(old)))
    unapproved = house.propose(house.correct(other))
    with home.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)

    def on_the_whole(wanted: Status, reason: Reason) -> None:
        names = [old.batch.id]
        (change,) = request_batch_changes(home.store, home.clock, names, wanted, reason, person="maker-1").requests
        with home.chain(writing=True) as ledger:
            if wanted is Status.VALID:
                approve_change(home.store, home.clock, ledger, home.approver(), change.id, person="approver-1")
            change_status(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), change.id)
        follow_now(house)

    on_the_whole(Status.SUSPENDED, Reason.INVESTIGATION)
    try:
        with pytest.raises(PredecessorHeld) as held:
            house.issue(batch)
        assert (held.value.number, held.value.standing) == (old.reservation.number, Status.SUSPENDED)
        with pytest.raises(PredecessorHeld):  # by a page
            ask(home.store, home.clock, TaskKind.SEND_REQUEST, request.id, person="maker-1")
        with pytest.raises(PredecessorHeld):
            house.approve(unapproved)
        with home.store.read() as unit:
            (alone,) = unit.status_requests.onto(unapproved.batch)
        with home.chain() as ledger:
            with pytest.raises(PredecessorHeld):  # without its batch
                approve_change(home.store, home.clock, ledger, home.approver(), alone.id, person="approver-1")
            with pytest.raises(PredecessorHeld):  # for a signature that is made elsewhere
                change_to_be_approved(home.store, home.clock, ledger, alone.id)
        follow_now(house)
        report = home.verifier().by_number(old.reservation.number)
        assert (report.outcome, (report.content or {})["revision"]) == (Outcome.SUSPENDED, 1)
        with home.store.read() as unit:
            assert unit.status_requests.request(request.id).state is RequestState.APPROVED
    finally:
        on_the_whole(Status.VALID, Reason.INVESTIGATION_CLOSED)
    house.issue(batch)
    follow_now(house)
    report = home.verifier().by_number(old.reservation.number)
    assert (report.outcome, (report.content or {})["revision"]) == (Outcome.VALID, 2)
    house.issue(house.approve(unapproved))


def test_a_change_of_the_whole_batch_is_waited_for_before_anything_in_it_is_replaced(house: House) -> None:
    home, old, other = house.home, house.one(), house.one()
    batch = house.approve(house.propose(house.correct(old)))
    unapproved = house.propose(house.correct(other))
    with home.store.read() as unit:
        (request,), (alone,) = (unit.status_requests.onto(one.batch) for one in (batch, unapproved))
    (stop,) = request_batch_changes(
        home.store, home.clock, [old.batch.id], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
    ).requests
    try:
        with home.chain(writing=True) as ledger:
            desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
            anchor_batch(desk, batch.id)
            with pytest.raises(BatchChangeOpen) as waits:
                send_supersessions(desk, batch.id, patience=timedelta(0))
            assert (waits.value.number, waits.value.open_request) == (old.reservation.number, stop.id)
            with pytest.raises(BatchChangeOpen):
                approve_change(home.store, home.clock, ledger, home.approver(), alone.id, person="approver-1")
        with pytest.raises(BatchChangeOpen):  # by a page
            ask(home.store, home.clock, TaskKind.SEND_REQUEST, request.id, person="maker-1")
        with pytest.raises(BatchChangeOpen):
            house.approve(unapproved)
        with home.store.read() as unit:
            states = [unit.status_requests.request(one.id).state for one in (request, alone)]
        assert states == [RequestState.APPROVED, RequestState.REQUESTED]
    finally:
        cancel_change(home.store, home.clock, stop.id, person="maker-1")
    house.issue(batch)
    house.issue(house.approve(unapproved))


def test_a_successor_that_was_given_up_is_held_by_nobody(house: House) -> None:
    home, old = house.home, house.one()
    programme, _, level = old.batch.scope.partition("/")

    def held() -> tuple[set[str], bool]:
        with home.store.read() as unit:
            standing = OwnRecords(unit, home.issuer, [])._standing(old.person, programme)
            return set(standing), _still_certified(unit, home.issuer, old.person, programme, level)

    batch = house.approve(house.propose(house.correct(old)))
    with home.chain(writing=True) as ledger:
        anchor_batch(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), batch.id)
    with home.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    cancel_change(home.store, home.clock, request.id, person="approver-1")
    assert held() == ({level}, True)
    house.change(old.reservation.number, Status.REVOKED, Reason.MISCONDUCT)
    assert held() == (set(), False)


def test_a_supersession_given_up_leaves_the_old_one_for_good_and_another_may_follow(house: House) -> None:
    home, old = house.home, house.one()
    batch = house.approve(house.propose(house.correct(old)))
    with home.chain(writing=True) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        anchor_batch(desk, batch.id)
        with home.store.read() as unit:
            (request,) = unit.status_requests.onto(batch.batch)
        cancel_change(home.store, home.clock, request.id, person="approver-1")
    assert deliver(home.store, home.clock, home.shelf, home.key_of, batch.id) == 1
    assert not (home.path / "delivered" / f"{old.reservation.number}.r2.bundle.json").exists()
    follow_now(house)
    given_up = home.verifier().by_key(house.of(batch).reservation.key)
    assert (given_up.outcome, given_up.code) == (Outcome.PENDING, "pending/predecessor-stands")
    new = house.replaced(old)
    assert new.reservation.revision == 3
    assert home.verifier().by_number(old.reservation.number).outcome is Outcome.VALID


# — scores —


def corrected_score(house: House, old: StoredCertificate, hundredths: int) -> None:
    home, of = house.home, old.reservation
    with home.store.read() as unit:
        paper = next(one.paper for one in unit.marks.marks(of.sheet) if one.admission == of.admission)
    made = correct_score(
        *house.parts, of.sheet, of.admission, paper=paper, score_hundredths=hundredths, reason=WHY, person="clerk-1"
    )
    confirm_correction(home.store, home.clock, made.id, person="clerk-2")


def test_a_corrected_score_is_taken_over_by_itself_and_the_old_one_stays_as_it_was_signed(house: House) -> None:
    old = house.one()
    with house.home.store.read() as unit:
        assert with_another_result(unit, house.home.catalogue, old.reservation.admission) == []
    corrected_score(house, old, 9150)
    with house.home.store.read() as unit:
        assert with_another_result(unit, house.home.catalogue, old.reservation.admission) == [old.reservation.number]
    asked = ask_correction(*house.parts, old.reservation.number, Particulars(), reason=WHY, person="maker-1")
    batch = house.propose(asked)
    with pytest.raises(CertificateReserved):
        corrected_score(house, old, 9000)
    house.issue(house.approve(batch))
    before, after = (house.said(one).disclosed.results[0] for one in (old, house.of(batch)))
    assert before is not None
    assert after is not None
    assert (before.value, after.value) == ("80", "91.5")
    with house.home.store.read() as unit:
        changes = changes_of_replacement(unit, unit.replacements.replacement(asked.id))
        assert [one.member for one in changes] == [f"result.{before.paper}"]
        assert with_another_result(unit, house.home.catalogue, old.reservation.admission) == []


def test_a_command_names_grade_and_paper_in_its_language(house: House, monkeypatch) -> None:
    old = house.one()
    said = house.said(old).disclosed
    assert said.grade is not None
    (result,) = said.results
    assert result is not None
    corrected_score(house, old, 6100 if said.grade.code == "excellent" else 9150)
    asked = ask_correction(*house.parts, old.reservation.number, Particulars(), reason=WHY, person="maker-1")
    house.propose(asked)
    for language, other, words in (
        ("en", "优秀", ("Excellent", "Pass", f"score ({result.name.en})")),
        ("zh", "Excellent", ("优秀", "合格", f"成绩（{result.name.zh}）")),
    ):
        monkeypatch.setenv("VERMILION_LANG", language)
        shown = run(house, "cert", "replacement", asked.id)
        assert [word for word in words if word not in shown] == []
        assert other not in shown


def test_by_a_score_that_is_no_pass_nothing_is_corrected(house: House) -> None:
    old = house.one()
    corrected_score(house, old, 1200)
    with pytest.raises(NoLongerPassed):
        ask_correction(*house.parts, old.reservation.number, Particulars(), reason=WHY, person="maker-1")
    house.change(old.reservation.number, Status.REVOKED, Reason.ISSUED_IN_ERROR)


# — renewal —


def test_a_certificate_for_life_is_not_renewed(house: House) -> None:
    with pytest.raises(ForLife):
        ask_renewals(*house.parts, [house.one().reservation.number], person="maker-1")


def test_a_term_goes_on_where_the_present_one_ends() -> None:
    today = date(2026, 11, 22)
    early, late = renewed_term(date(2027, 1, 31), 36, today), renewed_term(date(2026, 3, 1), 36, today)
    assert (early.awarded, early.valid_from, early.last_valid_day) == (today, today, date(2030, 1, 31))
    assert (late.valid_from, late.last_valid_day) == (today, date(2029, 11, 21))


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2026, 1, 1), date(2028, 12, 31), 180),  # three years
        (date(2026, 1, 1), date(2027, 12, 31), 180),  # two years: a quarter is longer than that
        (date(2026, 1, 1), date(2026, 12, 31), 91),
        (date(2026, 1, 1), date(2026, 6, 30), 45),  # all of it would be within 180 days
        (date(2026, 1, 1), date(2026, 1, 1), 0),
    ],
)
def test_a_short_term_is_renewed_in_its_last_quarter(first: date, last: date, days: int) -> None:
    assert last - renewable_from(first, last) == timedelta(days=days)


@pytest.fixture(scope="module")
def yearly(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose newest programme certifies for seven months."""
    home = new_home(tmp_path_factory.mktemp("renewing") / "home")
    there = files("registry.programme").joinpath("data", "AIGC-APP-ENG", "2026.1.toml").read_text("utf-8")
    there = there.replace('version = "2026.1"', 'version = "2026.2"', 1)
    folder = home.path / "programmes" / "AIGC-APP-ENG"
    folder.mkdir(parents=True)
    (folder / "2026.2.toml").write_text(there.replace("for_life = true", "months = 7", 1), "utf-8")
    home = Home(home.path)
    examined(home, 6, Stopwatch())
    house = House(home=home, untouched=iter(()))
    house.issue(house.approve(proposed(home)))
    with home.store.read() as unit:
        house.untouched = iter(list(unit.batches.certificates()))
    return house


def test_a_renewal_has_a_number_and_a_term_of_its_own(yearly: House, monkeypatch) -> None:
    home, olds = yearly.home, [yearly.one() for _ in range(3)]
    numbers = [one.reservation.number for one in olds]
    with pytest.raises(TooEarly) as early:
        ask_renewals(*yearly.parts, numbers, person="maker-1")
    begins = yearly.said(olds[0]).terms.valid_from.astimezone(CHINA_TIME).date()
    assert early.value.opens == renewable_from(begins, early.value.last_day) > begins
    monkeypatch.setattr(ask_replacement, "RENEWAL_OPENS", timedelta(days=365))
    monkeypatch.setattr(ask_replacement, "RENEWAL_PART", 1)
    # One of them had its name corrected before; the renewal says the name as it was set right.
    corrected = yearly.replaced(olds[0], name="欧阳子夏")
    assert yearly.said(corrected).terms.last_valid_day == yearly.said(olds[0]).terms.last_valid_day
    asked = ask_renewals(*yearly.parts, numbers, person="maker-1")
    assert ask_renewals(*yearly.parts, numbers, person="maker-1") == asked
    batch = yearly.propose(*asked)
    with home.store.read() as unit:
        # Of two old batches: two requests, each with its own reason.
        requests = unit.status_requests.onto(batch.batch)
    assert sorted(len(one.certificates) for one in requests) == [1, 2]
    assert {one.reason for one in requests} == {Reason.RENEWAL}
    yearly.issue(yearly.approve(batch))
    follow_now(yearly)
    judge = home.verifier()
    first_end = yearly.said(olds[0]).terms.last_valid_day
    assert first_end is not None
    for old, of in zip([corrected, *olds[1:]], asked, strict=True):
        with home.store.read() as unit:
            place = unit.replacements.replacement(of.id)
        assert place.leaf is not None
        new = yearly.of(batch, place.leaf)
        said, before = yearly.said(new), yearly.said(old)
        assert (new.reservation.number not in numbers, new.reservation.revision) == (True, 1)
        assert said.entry.replaces == before.entry.id
        assert said.disclosed == before.disclosed
        assert said.terms.awarded_date == said.terms.issued_at.astimezone(CHINA_TIME).date()
        assert said.terms.last_valid_day == last_valid_day(first_end + timedelta(days=1), 7)
        report = judge.by_number(old.reservation.number)
        assert (report.outcome, report.code) == (Outcome.SUPERSEDED, "superseded/38")
        assert judge.by_key(new.reservation.key).outcome is Outcome.VALID
        assert judge.by_key(old.reservation.key).successor == f"{new.reservation.number}#1"
    with pytest.raises(NotReplaceable) as again:
        ask_renewals(*yearly.parts, numbers[1:2], person="maker-1")
    assert again.value.successor is not None


def test_one_old_batch_that_is_suspended_holds_nobody_of_another(yearly: House, monkeypatch) -> None:
    monkeypatch.setattr(ask_replacement, "RENEWAL_OPENS", timedelta(days=365))
    monkeypatch.setattr(ask_replacement, "RENEWAL_PART", 1)
    home, olds = yearly.home, [yearly.one() for _ in range(2)]
    yearly.replaced(olds[0])  # it stands in another batch then
    asked = ask_renewals(*yearly.parts, [one.reservation.number for one in olds], person="maker-1")
    batch = yearly.approve(yearly.propose(*asked))
    with home.store.read() as unit:
        held, free = unit.status_requests.onto(batch.batch)
        suspended = unit.batches.of_chain(held.batch)
    assert suspended is not None

    def on_the_whole(wanted: Status, reason: Reason) -> None:
        parts = home.store, home.clock
        (change,) = request_batch_changes(*parts, [suspended.id], wanted, reason, person="maker-1").requests
        take_to_chain(home, [change], "approver-1", wait=20)

    def bundles() -> dict[int, Path]:
        with home.store.read() as unit:
            stored = [one.reservation for one in unit.batches.certificates(batch_id=batch.id)]
        return {one.leaf: path for one in stored if (path := home.shelf.path(bundle_name(one))).exists()}

    on_the_whole(Status.SUSPENDED, Reason.INVESTIGATION)
    with pytest.raises(PredecessorHeld) as error:
        issue_batch(home, batch.id, wait=20)
    assert error.value.request == held.id
    with home.store.read() as unit:
        states = [unit.status_requests.request(one.id).state for one in (held, free)]
        assert unit.batches.batch(batch.id).delivered_at is None
    assert states == [RequestState.APPROVED, RequestState.FINAL]
    assert set(bundles()) == set(free.new_leaves)
    asked_for = ask(home.store, home.clock, TaskKind.SEND_BATCH, batch.id, person="maker-1")
    for path in bundles().values():
        path.unlink()
    done = work_one(workplace(home), Worker(name="desk-1", stopping=threading.Event()))
    assert done is not None
    assert (done.id, done.state, done.failure) == (asked_for.id, TaskState.FAILED, PredecessorHeld.code)
    assert set(bundles()) == set(free.new_leaves)
    on_the_whole(Status.VALID, Reason.INVESTIGATION_CLOSED)
    assert issue_batch(home, batch.id, wait=20).delivered_at is not None
    assert set(bundles()) == {0, 1}


# — by command —


def refused(house: House, *words: str) -> BaseException | None:
    """Run a command; give what it ended with."""
    return CliRunner().invoke(app, [*words, "--home", str(house.home.path)]).exception


def run(house: House, *words: str, exit_code: int = 0, notes: bool = False) -> str:
    """Run a command; give its data, or with the notes beside them."""
    result = CliRunner().invoke(app, [*words, "--home", str(house.home.path)])
    error = result.exception
    found = exit_code_of(error) if isinstance(error, RegistryError) else result.exit_code
    assert found == exit_code, (words, result.output, error)
    return result.output if notes else result.stdout


def test_a_correction_by_commands(house: House, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")
    number = house.one().reservation.number
    words = ("cert", "correct", number, "--name", "欧阳子张", "--reason", WHY, "--as", "maker-1")
    later = run(house, *words, "--later", notes=True)
    assert "欧阳子张" in later
    assert "in no batch yet" in later
    asked = json.loads(run(house, *words, "--later", "--json"))["replacements"][0]
    assert (asked["kind"], asked["batch"], asked["changes"][0]["after"]) == ("correction", None, "欧阳子张")
    batch = json.loads(run(house, *words, "--json"))["batches"][0]
    assert batch["state"] == "sealed"
    # Who approves sees beside the data what is said before and after, and signs both.
    shown = run(house, "batch", "approve", batch["id"], "--as", "approver-1", notes=True)
    for text in ("欧阳子张", "Replace 1 certificate", "Record batch"):
        assert text in shown
    issued = json.loads(run(house, "batch", "issue", batch["id"], "--json"))
    assert (issued["state"], issued["delivered"]) == ("final", True)
    line = json.loads(run(house, "cert", "show", number, "--json"))["line"]
    assert [(one["revision"], one["status"]) for one in line] == [(1, "superseded"), (2, "valid")]
    assert json.loads(run(house, "cert", "show", number, "--revision", "1", "--json"))["status"] == "superseded"
    assert f"{number}#1 (superseded) → {number}#2 (valid)" in run(house, "cert", "show", number)
    run(house, "cert", "pdf", number, "--out", str(house.home.path / "new.pdf"))


def test_the_latest_batches_and_requests_are_listed_oldest_first(house: House, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")
    house.replaced(house.one())
    with house.home.store.read() as unit:
        batches, requests = unit.batches.names(), unit.status_requests.names()
    for words, names in ((("batch", "list"), batches), (("cert", "requests"), requests)):
        assert [one["id"] for one in json.loads(run(house, *words, "--limit", "1", "--json"))] == names[-1:]
        assert [one["id"] for one in json.loads(run(house, *words, "--limit", "0", "--json"))] == names
        assert "earlier ones are left out" in run(house, *words, "--limit", "1", notes=True) or len(names) == 1
        assert "earlier ones are left out" not in run(house, *words, "--limit", "0", notes=True)


def test_a_demonstration_corrects_with_one_command_and_says_why_not(house: House, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")
    number = house.one().reservation.number
    words = ("cert", "correct", number, "--latin-name", "Ouyang Zi", "--reason", WHY, "--as", "maker-1")
    done = json.loads(run(house, *words, "--approve-as", "approver-1", "--json"))
    assert done["batches"][0]["delivered"] is True
    run(house, *words, exit_code=1)
    run(house, "cert", "renew", number, "--as", "maker-1", exit_code=1)
    run(house, "cert", "correct", number, "--identity-type", "x", "--reason", WHY, "--as", "maker-1", exit_code=2)
    run(house, "cert", "withdraw", done["replacements"][0]["id"], "--as", "maker-1", exit_code=1)
    listed = json.loads(run(house, "cert", "list", "--status", "superseded", "--limit", "0", "--json"))
    assert (number, 1) in {(one["number"], one["revision"]) for one in listed}


def test_a_corrected_identity_number_opens_the_account_and_the_wrong_one_no_more(house: House) -> None:
    home, old = house.home, house.one()
    number, wrong = old.reservation.number, house.said(old).disclosed.identity_number
    right, password = "E52718281", "eight quiet geese"
    assert wrong is not None

    def claimed_with(identity: str) -> bool:
        link = invite_holder(home.store, home.clock, number=number, by="maker-1")
        try:
            accept(home.store, home.clock, link, password, identity_number=identity)
        except HolderDiffers:
            return False
        return True

    def signs_in_with(identity: str) -> bool:
        try:
            sign_in(home.store, home.clock, name=identity, password=password)
        except SignInRefused:
            return False
        return True

    def opened_by(identity: str) -> tuple[bool, bool]:
        return claimed_with(identity), signs_in_with(identity)

    assert opened_by(wrong) == (True, True)
    batch = house.approve(house.propose(house.correct(old, identity_type=IdentityType.PASSPORT, identity_number=right)))
    # Until the successor stands, nothing is otherwise.
    assert (opened_by(right), opened_by(wrong)) == ((False, False), (True, True))
    house.issue(batch)
    follow_now(house)
    assert (opened_by(wrong), opened_by(right.lower())) == ((False, False), (True, True))
    # Another correction that says nothing of who the holder is changes nothing here.
    again = house.replaced(house.of(batch))
    follow_now(house)
    assert (opened_by(wrong), opened_by(right)) == ((False, False), (True, True))
    # Back to the first: the newest correction counts, not the first one.
    house.replaced(again, identity_type=IdentityType.RESIDENT_IDENTITY_CARD, identity_number=wrong)
    follow_now(house)
    assert (opened_by(right), opened_by(wrong)) == ((False, False), (True, True))


def test_a_corrected_identity_number_is_the_same_person_in_a_roster_and_ends_what_is_open(house: House) -> None:
    home, old = house.home, house.one()
    wrong, right, password = house.said(old).disclosed.identity_number, "E31700321", "six wet stones"
    assert wrong is not None
    link = invite_holder(home.store, home.clock, number=old.reservation.number, by="maker-1")
    token = accept(home.store, home.clock, link, password, identity_number=wrong)
    programme = home.catalogue.programme("AIGC-APP-ENG")

    def roster(kind: str, number: str) -> bytes:
        born = "1990-01-01,女" if kind == "护照" else ","
        return f"{HEADER}\r\n{next(NAMES)},{kind},{number},初级,{born},高中,9\r\n".encode()

    def problems(kind: str, number: str) -> list[str]:
        return [one.code for one in check_roster(home.store, home.clock, programme, roster(kind, number)).problems]

    batch = house.approve(house.propose(house.correct(old, identity_type=IdentityType.PASSPORT, identity_number=right)))
    assert "enrol/identity-corrected" not in problems("居民身份证", wrong)
    assert signed_in(home.store, home.clock, token) is not None
    house.issue(batch)
    follow_now(house)
    assert signed_in(home.store, home.clock, token) is None
    assert "enrol/identity-corrected" in problems("居民身份证", wrong)
    data = roster("护照", right)
    taken = import_roster(home.store, home.clock, programme, data, person="clerk-1").roster
    with home.store.read() as unit:
        (application,) = unit.enrolments.applications(roster=taken.id)
    assert application.person == old.person
    assert problems("护照", right) == ["enrol/already-enrolled"]  # the application is open
    # A later correction that leaves the identity as it is ends nothing.
    token = sign_in(home.store, home.clock, name=right, password=password)
    house.replaced(house.of(batch))
    assert signed_in(home.store, home.clock, token) is not None


def test_who_was_enrolled_under_a_number_keeps_it_where_another_is_corrected_to_it(house: House) -> None:
    home, old, other = house.home, house.one(), house.one()
    number = house.said(other).disclosed.identity_number
    assert number is not None
    for one, password in ((old, "seven red kites"), (other, "nine grey mice")):
        link = invite_holder(home.store, home.clock, number=one.reservation.number, by="maker-1")
        accept(home.store, home.clock, link, password, identity_number=house.said(one).disclosed.identity_number or "")
    house.replaced(old, identity_number=number)
    follow_now(house)
    for one, password in ((old, "seven red kites"), (other, "nine grey mice")):
        token = sign_in(home.store, home.clock, name=number, password=password)
        visitor = signed_in(home.store, home.clock, token)
        assert visitor is not None
        assert visitor.account.name == one.person
    with pytest.raises(SignInRefused):
        sign_in(home.store, home.clock, name=number, password="ten blue owls")


def test_an_identity_number_is_read_from_standard_input_alone(house: House, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")
    number = house.one().reservation.number
    words = ("cert", "correct", number, "--identity-type", "passport", "--reason", WHY, "--as", "maker-1", "--later")
    refused = CliRunner().invoke(app, [*words, "--identity-number", "E31415926", "--home", str(house.home.path)])
    assert isinstance(refused.exception, IdentityNumberTyped)
    assert exit_code_of(refused.exception) == 2
    assert "E31415926" not in str(refused.exception)
    given = [*words, "--identity-number", "-", "--name", "-", "--latin-name", "-", "--json"]
    short = CliRunner().invoke(app, [*given, "--home", str(house.home.path)], input="欧阳子路\nOuyang Zilu\n")
    assert isinstance(short.exception, NoSuchLine)
    lines = "欧阳子路\nOuyang Zilu\nE31415926\n"
    done = CliRunner().invoke(app, [*given, "--home", str(house.home.path)], input=lines)
    (asked,) = json.loads(done.stdout)["replacements"]
    after = {change["member"]: change["after"] for change in asked["changes"]}
    assert [after[one] for one in ("name", "nameLatin", "nationalIdentityNumber")] == lines.splitlines()


def test_a_holder_gets_nothing_of_a_successor_before_it_stands(house: House) -> None:
    home, old = house.home, house.one()
    batch = house.approve(house.propose(house.correct(old)))
    with home.chain(writing=True) as ledger:
        anchor_batch(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), batch.id)
    follow_now(house)
    shown = held_by(home.store, home.verifier(), old.person)
    (revisions,) = shown
    assert [(one.certificate.reservation.revision, one.report.outcome) for one in revisions] == [
        (1, Outcome.VALID),
        (2, Outcome.PENDING),
    ]
    with home.store.read() as unit:
        assert own(unit, old.person, old.reservation.number).reservation.revision == 1
    house.issue(batch)
    with home.store.read() as unit:
        assert own(unit, old.person, old.reservation.number).reservation.revision == 2


# — everything agrees afterwards —


@pytest.mark.parametrize("name", ["house", "yearly"])
def test_fsck_finds_nothing_after_all_of_this(name: str, request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(name).home
    with home.chain() as ledger:
        auditor = Auditor(
            store=home.store,
            catalogue=home.catalogue,
            issuer=home.issuer,
            key_of=home.key_of,
            ledger=ledger,
            delivered=home.shelf,
        )
        found = auditor.fsck()
    assert [(one.code, one.subject) for one in found.differences] == []
