"""The approver's pages on a real store: what is shown, what is signed, and whose signature is taken."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from starlette.requests import Request

from api.demo_data import sample_roster, sample_scores
from api.issuer import ApprovalDesk
from api.issuer.approving import _samples
from node.signer import AccountKey, ApproverSigner, WalletSignature, read_document
from registry.access import ALLOWED, Action, Role
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import Address, ContractAddress
from registry.store import Database, open_database
from registry.store.issuing import SqlBatches
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.issue import propose
from tests.http.console_site import House
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import BODY, ISSUER, KEYS, NOW, PROGRAMME, CredentialKey, SettableClock

KEY = CredentialKey()
WALLET = AccountKey(b"\x51" * 32)
COMPARED = {"compared": "yes"}


class Chain:
    """Counts suspensions (of registry.ports.Ledger what approving asks)."""

    def status_nonce(self, *asked_of: object) -> int:
        return len(asked_of)


class Approving(House):
    """A house with one sealed batch, proposed by maker-1."""

    def __init__(self, store, clock: SettableClock, **parts) -> None:
        key = self.key = KEY
        super().__init__(
            store,
            clock,
            ApprovalDesk(
                key_of=lambda thumbprint: key.public_key,
                contract=BODY.contract,
                issuer_name=BODY.name,
                ledger=lambda: nullcontext(Chain()),
            ),
            **parts,
        )
        with store.read() as unit:
            there = unit.batches.batches()
        self.batch = there[0] if there else self._sealed()

    def _sealed(self) -> Batch:
        store, clock, catalogue = self.store, self.clock, self.desk.catalogue
        programme = catalogue.programme(PROGRAMME)
        import_roster(store, clock, programme, sample_roster(count=40), person="clerk-1")
        decide_applications(store, clock, catalogue, ISSUER, person="clerk-1")
        with store.read() as unit:
            awaited = unit.marks.awaited(PROGRAMME)
        day = clock.now().date()
        sheet = record_scores(store, clock, programme, sample_scores(awaited), examined_on=day, person="clerk-1").sheet
        confirm_sheet(store, clock, sheet.id, person="clerk-2")
        return propose(store, clock, catalogue, BODY, self.key, programme=PROGRAMME, level="1", person="maker-1")

    @property
    def page(self) -> str:
        return f"/console/batches/{self.batch.id}/approve"

    def state(self) -> AnchorState:
        with self.store.read() as unit:
            return unit.batches.batch(self.batch.id).state


@contextmanager
def opened(sealed: Path, folder: Path) -> Iterator[Database]:
    """Open a copy of a database with a sealed batch."""
    shutil.copy(sealed, folder / "registry.db")
    store = open_database(folder / "registry.db", KEYS)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def house(sealed, tmp_path):
    with opened(sealed, tmp_path) as store:
        yield Approving(store, SettableClock())


def deadline_in(page: str) -> str:
    return re.search(r'name="deadline" value="(\d+)"', page)[1]


def signature_over(document: bytes, contract: ContractAddress = BODY.contract) -> str:
    asked = read_document(json.loads(document), contract)
    return "0x" + ApproverSigner(WALLET, contract).approve(asked).signature.hex()


def test_the_page_says_in_words_and_groups_what_is_to_be_signed(house):
    page = house.person("wu.qiming", Role.APPROVER).get(house.page).text
    assert f"I agree that {house.batch.size} certificates of" in page
    for digest in (house.batch.batch, house.batch.root, house.batch.credential_key):
        for at in range(0, 64, 8):
            assert f"<span>{digest.hex()[at : at + 8]}</span>" in page
    assert page.count('class="agrees"') >= 5
    assert "checked" not in re.search(r'<input type="checkbox"[^>]*>', page)[0]
    names = re.findall(r"<bdi>([^<]+)</bdi>", page)
    assert len(names) == 3


def test_samples_are_drawn_from_the_store_and_passed_over_where_somebody_was_erased(house, monkeypatch):
    read = []
    by_leaf = SqlBatches.by_leaf
    monkeypatch.setattr(
        SqlBatches, "by_leaf", lambda self, batch, leaf: read.append(leaf) or by_leaf(self, batch, leaf)
    )
    with house.store.read() as unit:
        people = [unit.batches.by_leaf(house.batch.batch, leaf) for leaf in range(house.batch.size)]
    read.clear()
    approver = house.person("wu.qiming", Role.APPROVER)
    assert len(re.findall(r"<bdi>([^<]+)</bdi>", approver.get(house.page).text)) == len(read) == 3
    with house.store.write() as unit:
        for one in people[1:]:
            unit.enrolments.erase(one.person, house.clock.now())
    page = page_of_samples(house)
    assert [one.number for one in page] == [people[0].reservation.number]


def page_of_samples(house: Approving) -> list:
    """What is drawn of a batch, whatever else a page of it says: with erased people it cannot be approved."""
    request = Request({"type": "http", "method": "GET", "path": "/en/x", "headers": [], "query_string": b""})
    with house.store.read() as unit:
        return _samples(request, unit, unit.batches.batch(house.batch.id))


def test_a_signature_over_the_document_approves_the_batch(house):
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(house.page).text)
    document = approver.get(f"{house.page}/document?deadline={deadline}")
    assert document.headers["Content-Disposition"] == f'attachment; filename="{house.batch.id}.json"'
    answer = approver.post(house.page, deadline=deadline, signature=signature_over(document.content), **COMPARED)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/batches/{house.batch.id}")
    with house.store.read() as unit:
        batch = unit.batches.batch(house.batch.id)
    assert (batch.state, batch.approved_by) == (AnchorState.APPROVED, "wu.qiming")
    assert (batch.approval.approver, batch.approval.deadline) == (WALLET.address, int(deadline))


def test_what_was_approved_meanwhile_says_so_and_leads_on(house):
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(house.page).text)
    signature = signature_over(approver.get(f"{house.page}/document?deadline={deadline}").content)
    assert approver.post(house.page, deadline=deadline, signature=signature, **COMPARED).status_code == 303
    for past in (
        approver.get(f"/zh{house.page}"),
        approver.post(f"/zh{house.page}", deadline=deadline, signature=signature, **COMPARED),
    ):
        assert past.status_code == 409
        assert f"<h1>{house.batch.id}已经批准</h1>" in past.text
        assert f'href="/zh/console/batches/{house.batch.id}"' in past.text
    assert approver.get("/console/batches/B-2026-11-9999/approve").status_code == 404


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"compared": ""}, "not ticked"),
        ({"deadline": "1"}, "has shown, or has passed"),
        ({"deadline": "99999999999"}, "has shown, or has passed"),
        ({"deadline": "١٢٣"}, "has shown, or has passed"),
        ({"signature": "0x12"}, "signature"),
        ({"signature": "<script>alert(1)</script>"}, "signature"),
    ],
)
def test_half_an_approval_is_none(house, changed, told):
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(house.page).text)
    document = approver.get(f"{house.page}/document?deadline={deadline}").content
    fields = {"deadline": deadline, "signature": signature_over(document), **COMPARED, **changed}
    answer = approver.post(house.page, **fields)
    assert answer.status_code == 422
    assert told in re.search(r'role="alert">([^<]*)', answer.text)[1].lower()
    assert "<script>alert" not in answer.text
    assert house.state() is AnchorState.SEALED


def test_the_maker_cannot_approve_whatever_the_roles(house):
    both = house.person("maker-1", Role.MAKER, Role.APPROVER)
    page = both.get(house.page).text
    assert 'name="signature"' not in page
    assert "somebody else must approve" in page
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(house.page).text)
    document = approver.get(f"{house.page}/document?deadline={deadline}").content
    answer = both.post(house.page, deadline=deadline, signature=signature_over(document), **COMPARED)
    assert answer.status_code == 422
    assert house.state() is AnchorState.SEALED


def test_a_signature_for_another_contract_is_another_account(house):
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(house.page).text)
    document = json.loads(approver.get(f"{house.page}/document?deadline={deadline}").content)
    elsewhere = ContractAddress(chain_id=1, address=Address("0x" + "c1" * 20))
    document["domain"] |= {"chainId": 1, "verifyingContract": elsewhere.address}
    foreign = signature_over(json.dumps(document).encode(), elsewhere)
    asked = read_document(json.loads(approver.get(f"{house.page}/document?deadline={deadline}").content), BODY.contract)
    assert WalletSignature(asked, bytes.fromhex(foreign[2:]), BODY.contract).address != WALLET.address


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.HOLDER])
def test_only_approvers_open_the_page(house, role):
    somebody = house.person("somebody", role)
    allowed = Action.APPROVE in ALLOWED[role]
    for path in (house.page, f"{house.page}/document?deadline={int(NOW.timestamp()) + 60}"):
        assert (somebody.get(path).status_code == 200) == allowed
    assert (somebody.post(house.page).status_code != 403) == allowed


def test_a_form_without_its_proof_approves_nothing(house):
    approver = house.person("wu.qiming", Role.APPROVER)
    approver.csrf = "made up"
    assert approver.post(house.page).status_code == 403
    assert WebClient(house.app).get(house.page).status_code == 303
