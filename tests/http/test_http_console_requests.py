"""Single certificates on the console: looked up, changes asked for by one and approved by another, claim links."""

import html
import re
from datetime import timedelta

import pytest

from registry.access import ALLOWED, Action, Role, token_hash
from registry.anchor.operations import (
    AnchorApproval,
    BatchReinstatementApproval,
    ReinstatementApproval,
    RevocationApproval,
    SupersessionApproval,
)
from registry.anchor.progress import RequestState
from registry.kernel.identifiers import Address, BatchId
from registry.ports.tasks import TaskKind
from registry.status import Reason, Status
from registry.workflows.issuance.approve import APPROVAL_LASTS
from registry.workflows.status.ask_changes import request_changes
from tests.http.test_http_console_approving import COMPARED, WALLET, deadline_in, opened, signature_over
from tests.http.test_http_console_desk import AtWork
from tests.unit.registry.store.filled import ISSUER, SettableClock, digest_of

UNDERSTOOD = {"understood": "yes"}


@pytest.fixture
def house(sealed, tmp_path):
    with opened(sealed, tmp_path) as store:
        made = AtWork(store, SettableClock(), tmp_path)
        made.record()
        yield made


def certificate(house: AtWork, leaf: int = 0):
    with house.store.read() as unit:
        return unit.batches.by_leaf(house.batch.batch, leaf)


def at(house: AtWork, leaf: int = 0) -> str:
    return f"/console/certificates/{certificate(house, leaf).reservation.number}"


def requests_of(house: AtWork) -> list:
    with house.store.read() as unit:
        return unit.status_requests.requests()


def holder_name(house: AtWork) -> str:
    with house.store.read() as unit:
        return unit.enrolments.application(certificate(house).reservation.admission).candidate.name


def test_a_certificate_is_found_by_its_number_and_listed_with_its_batch(house):
    auditor = house.person("auditor", Role.AUDITOR)
    number = certificate(house).reservation.number
    found = auditor.post("/console/certificates", number=f" {number.lower()} ")
    assert (found.status_code, found.headers["Location"]) == (303, at(house))
    missing = auditor.post("/console/certificates", number="<script>alert(1)</script>")
    assert missing.status_code == 404
    assert "There is no certificate" in missing.text
    assert "<script>alert" not in missing.text
    # What is typed is in no address: somebody may type the number of a person.
    (form,) = re.findall(r'<form[^>]*class="lookup[^>]*>', missing.text)
    assert 'method="post"' in form
    assert number not in auditor.get(f"/console/certificates?number={number}").headers.get("Location", "")
    listed = auditor.get(f"/console/certificates?batch={house.batch.id}").text
    assert listed.count('class="standing standing-valid"') == min(house.batch.size, 50)
    assert auditor.get(f"/console/certificates?batch={house.batch.id}&after=x").status_code == 200
    assert auditor.get("/console/certificates?batch=B-1").status_code == 404
    assert auditor.get("/console/certificates/NONE-1").status_code == 404


def test_a_name_is_whole_for_those_who_decide_and_covered_for_others(house):
    name = html.escape(holder_name(house))
    assert name in house.person("maker-2", Role.MAKER).get(at(house)).text
    for role in (Role.AUDITOR, Role.CLERK, Role.OPERATOR):
        page = house.person(f"somebody-{role}", role).get(at(house)).text
        assert name not in page
        assert f"{name[0]}*" in page


def test_one_person_suspends_after_reading_what_it_means(house):
    maker = house.person("maker-2", Role.MAKER)
    look = maker.post(f"{at(house)}/change", wanted="suspended", reason="investigation")
    assert "What employers see from then on" in look.text
    assert "Suspended: investigation. It may be reinstated." in look.text
    assert requests_of(house) == []
    done = [
        maker.post(f"{at(house)}/change", wanted="suspended", reason="investigation", **UNDERSTOOD) for _ in range(2)
    ]
    (request,) = requests_of(house)
    assert [one.headers["Location"] for one in done] == [f"/console/requests/{request.id}"] * 2
    assert (request.wanted, request.reason, request.requested_by) == (
        Status.SUSPENDED,
        Reason.INVESTIGATION,
        "maker-2",
    )
    (task,) = house.tasks()
    assert (task.kind, task.subject) == (TaskKind.SEND_REQUEST, request.id)
    page = maker.get(f"/console/requests/{request.id}").text
    assert "The desk is at work" in page
    assert request.id in maker.get(at(house)).text


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"wanted": "superseded", "reason": "correction"}, 404, "store/not-here"),
        ({"wanted": "revoked", "reason": "investigation"}, 403, "status/ground-unfit"),
        ({"wanted": "revoked", "reason": ""}, 422, "status/reason-unknown"),
        ({"wanted": "valid", "reason": "investigation-closed"}, 409, "status/already"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_kept(house, fields, status, code):
    maker = house.person("maker-2", Role.MAKER)
    for understood in ({}, UNDERSTOOD):
        answer = maker.post(f"{at(house)}/change", **fields, **understood)
        assert (answer.status_code, code in answer.text) == (status, True)
    assert requests_of(house) == []


def test_to_revoke_takes_two_people_and_a_signature_over_just_that(house):
    maker = house.person("maker-2", Role.MAKER)
    asked = maker.post(f"{at(house)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD)
    where = asked.headers["Location"]
    assert house.tasks() == []  # nothing goes out before it is approved
    assert maker.post(f"{where}/send").status_code == 403
    approver = house.person("wu.qiming", Role.APPROVER)
    page = approver.get(f"{where}/approve").text
    number = certificate(house).reservation.number
    assert f"I agree to revoke {number}: misconduct" in page
    assert page.count('scope="row"') == 6
    deadline = deadline_in(page)
    signature = signature_over(approver.get(f"{where}/approve/document?deadline={deadline}").content)

    other = house.person("maker-3", Role.MAKER)
    foreign = other.post(f"{at(house, 1)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD)
    elsewhere = approver.post(
        f"{foreign.headers['Location']}/approve", deadline=deadline, signature=signature, **COMPARED
    )
    with house.store.read() as unit:  # over another certificate it is another account's: the chain would refuse it
        there = unit.status_requests.request(foreign.headers["Location"].rpartition("/")[2])
    assert elsewhere.status_code in {303, 422}
    assert there.approval is None or there.approval.approver != WALLET.address

    assert approver.post(f"{where}/approve", deadline=deadline, signature=signature).status_code == 422
    done = approver.post(f"{where}/approve", deadline=deadline, signature=signature, **COMPARED)
    assert (done.status_code, done.headers["Location"]) == (303, where)
    with house.store.read() as unit:
        kept = unit.status_requests.request(where.rpartition("/")[2])
    assert (kept.state, kept.approved_by, kept.approval.approver) == (
        RequestState.APPROVED,
        "wu.qiming",
        WALLET.address,
    )
    assert "Send it to the chain" in maker.get(where).text
    assert "Send it to the chain" not in approver.get(where).text
    assert maker.post(f"{where}/send").status_code == 303
    (task,) = house.tasks()
    assert (task.kind, task.subject) == (TaskKind.SEND_REQUEST, kept.id)


def test_what_waits_asks_for_another_approval_once_the_first_has_lapsed(house):
    people = (("maker-2", Role.MAKER), ("wu.qiming", Role.APPROVER))
    maker, approver = (house.person(*one) for one in people)
    where = maker.post(f"{at(house)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD).headers["Location"]
    deadline = deadline_in(approver.get(f"{where}/approve").text)
    signature = signature_over(approver.get(f"{where}/approve/document?deadline={deadline}").content)
    approver.post(f"{where}/approve", deadline=deadline, signature=signature, **COMPARED)

    def own(person) -> str:
        return person.get("/console").text.partition('id="waits"')[2].partition('class="waits quiet"')[0]

    sent, approved = (f'{where}">Change of status {where.rpartition("/")[2]}{rest}' for rest in (" can be", ", asked"))
    assert (sent in own(maker), approved in own(approver)) == (True, False)
    house.clock.time += APPROVAL_LASTS + timedelta(seconds=1)
    later = [house.person(f"{name}.later", role) for name, role in people]
    assert [sent in own(one) for one in later] == [False, False]
    assert [approved in own(one) for one in later] == [False, True]


def test_nobody_approves_what_they_asked_for_whatever_the_roles(house):
    both = house.person("both", Role.MAKER, Role.APPROVER)
    where = both.post(f"{at(house)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD).headers["Location"]
    page = both.get(f"{where}/approve").text
    assert 'name="signature"' not in page
    approver = house.person("wu.qiming", Role.APPROVER)
    deadline = deadline_in(approver.get(f"{where}/approve").text)
    signature = signature_over(approver.get(f"{where}/approve/document?deadline={deadline}").content)
    refused = both.post(f"{where}/approve", deadline=deadline, signature=signature, **COMPARED)
    assert refused.status_code == 422
    assert requests_of(house)[0].state is RequestState.REQUESTED


def test_a_request_is_given_up_before_it_is_sent(house):
    maker = house.person("maker-2", Role.MAKER)
    where = maker.post(f"{at(house)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD).headers["Location"]
    assert maker.post(f"{where}/cancel").headers["Location"] == where
    assert "Cancelled; nothing was changed." in maker.get(where).text
    assert maker.post(f"{where}/cancel").status_code == 409


STRUCTURES = {
    "Anchor": AnchorApproval(
        issuer=ISSUER,
        batch=BatchId(digest_of("batch")),
        root=digest_of("root"),
        size=40,
        scope="AIGC-APP-ENG/1",
        evidence=digest_of("evidence"),
        credential_key=digest_of("key"),
        deadline=1_900_000_000,
    ),
    "Revoke": RevocationApproval(
        issuer=ISSUER,
        batch=BatchId(digest_of("batch")),
        changes=(1 << 3, 2 << 128 | 2),
        count=2,
        reason=33,
        deadline=1_900_000_000,
    ),
    "Reinstate": ReinstatementApproval(
        issuer=ISSUER,
        batch=BatchId(digest_of("batch")),
        changes=(1 << 3,),
        count=1,
        reason=36,
        status_nonce=3,
        deadline=1_900_000_000,
    ),
    "Supersede": SupersessionApproval(
        issuer=ISSUER,
        batch=BatchId(digest_of("batch")),
        indices=(4, 300),
        target_contract=Address("0x" + "c1" * 20),
        target_issuer=ISSUER,
        new_batch=BatchId(digest_of("new")),
        new_indices=(0, 1),
        reason=37,
        deadline=1_900_000_000,
    ),
    "ReinstateBatch": BatchReinstatementApproval(
        issuer=ISSUER,
        batches=(BatchId(digest_of("batch")), BatchId(digest_of("new"))),
        reason=36,
        status_nonces=(3, 4),
        deadline=1_900_000_000,
    ),
}


@pytest.mark.parametrize("kind", STRUCTURES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_member_of_every_structure_has_words_and_is_shown_whole(house, kind, language):
    from starlette.requests import Request

    from api.issuer.structures import field_views
    from api.pages.catalogue import catalogue
    from node.client.operations import structure

    request = Request({"type": "http", "path": f"/{language}/console", "headers": [], "query_string": b""})
    asked = STRUCTURES[kind]
    with house.store.read() as unit:
        views = field_views(request, unit, house.desk, asked)
    name, members = structure(asked)
    assert (name, {one.name for one in views}) == (kind, set(members))
    for one in views:
        assert catalogue(language).text(f"approving.fields.{one.name}")
        for value, shown in zip(_each(members[one.name]), one.values, strict=True):
            if isinstance(value, bytes):
                assert "".join(shown) == value.hex()
    if kind in {"Revoke", "Reinstate"}:
        assert "3" in next(one for one in views if one.name == "changes").means


def _each(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def test_a_claim_link_is_shown_once_to_those_who_hand_it_over(house):
    maker = house.person("maker-2", Role.MAKER)
    assert maker.get(at(house)).text.count("/claim") == 1
    page = maker.post(f"{at(house)}/claim")
    token = re.search(r"http://localhost:8000/invitation/([A-Za-z0-9_-]{40,})", page.text)[1]
    assert page.headers["Cache-Control"] == "no-store"
    with house.store.read() as unit:
        invitation = unit.accounts.invitation(token_hash(token))
        assert invitation.account == certificate(house).person
        assert token not in str([one.detail for one in unit.journal.entries()])
    assert token not in maker.get(at(house)).text
    maker.post(f"{at(house)}/claim")
    with house.store.read() as unit:
        assert unit.accounts.invitation(token_hash(token)).used_at is not None  # the newer one ended it


FORMS = {
    "/change": Action.REQUEST_STATUS,
    "/claim": Action.INVITE_HOLDER,
}


@pytest.mark.parametrize("role", [Role.CLERK, Role.MAKER, Role.APPROVER, Role.OPERATOR, Role.AUDITOR, Role.EMPLOYER])
def test_a_role_does_what_the_table_allows_and_nothing_else(house, role):
    (request,) = request_changes(
        house.store,
        house.clock,
        [certificate(house).reservation.number],
        Status.REVOKED,
        Reason.MISCONDUCT,
        person="maker-9",
    ).requests
    somebody = house.person("somebody", role)

    def refused(answer) -> bool:
        return answer.status_code == 403 and "access/not-allowed" in answer.text

    for path, action in FORMS.items():
        assert refused(somebody.post(at(house, 1) + path)) == (action not in ALLOWED[role]), path
    where = f"/console/requests/{request.id}"
    for path, action in {f"{where}/send": Action.SEND_CHANGE, f"{where}/cancel": Action.CANCEL_CHANGE}.items():
        assert refused(somebody.post(path)) == (action not in ALLOWED[role])
    for path in (f"{where}/approve", f"{where}/approve/document"):
        assert refused(somebody.get(path)) == (Action.APPROVE_CHANGE not in ALLOWED[role])
    assert refused(somebody.get(where)) == (Action.SEE_REGISTRY not in ALLOWED[role])
    somebody.csrf = "made up"
    for path in (at(house) + "/claim", at(house) + "/change", f"{where}/send", f"{where}/cancel", f"{where}/approve"):
        assert somebody.post(path).status_code == 403


def test_changes_of_status_come_page_by_page_the_newest_first(house, monkeypatch):
    maker = house.person("maker-2", Role.MAKER)
    for leaf in range(3):
        maker.post(f"{at(house, leaf)}/change", wanted="suspended", reason="investigation", **UNDERSTOOD)
    names = [one.id for one in requests_of(house)]
    assert len(names) == 3
    monkeypatch.setattr("api.issuer.requests.PER_PAGE", 2)
    monkeypatch.setattr("api.issuer.certificates.RECENT", 2)
    shown = [
        re.findall(r'/console/requests/(C-[0-9-]+)"', maker.get(f"/console/requests?page={n}").text) for n in (1, 2)
    ]
    assert shown == [names[:0:-1], names[:1]]
    assert 'href="/console/requests?page=2"' in maker.get("/console/requests").text
    # The page of all certificates names the newest and leads to the others.
    page = maker.get("/console/certificates").text
    assert names[0] not in page
    assert 'href="/console/requests">All changes of status' in page
    # That of one certificate names what concerns it, and nothing else.
    for leaf, name in enumerate(names):
        listed = re.findall(r'/console/requests/(C-[0-9-]+)"', maker.get(at(house, leaf)).text)
        assert listed == [name]


def test_pages_call_people_by_their_names_and_facts_by_account_too(house):
    maker = house.person("maker-2", Role.MAKER, display="沈望舒")
    asked = maker.post(f"{at(house)}/change", wanted="revoked", reason="misconduct", **UNDERSTOOD).headers["Location"]
    approver = house.person("wu.qiming", Role.APPROVER, display="秦怀瑾")
    assert "requested by" not in approver.get("/console").text
    assert "asked for by 沈望舒" in approver.get("/console").text
    listed = approver.get("/console/requests").text
    assert "沈望舒<br>" in listed
    assert "maker-2" not in listed
    assert "An approver other than 沈望舒" in approver.get(asked).text
    for page in (approver.get(asked).text, approver.get(f"{asked}/approve").text):
        assert '沈望舒 <code class="account">maker-2</code>' in page
    # Who has no account here is called as the journal does.
    assert "maker-1" in approver.get(house.at).text
