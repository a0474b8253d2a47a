"""Look-ups over a real installation: where an old key leads, what a guess finds, and what a miss costs."""

import secrets
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from api.cli import app as cli
from api.commands.failures import NoVerdict
from api.pages.catalogue import catalogue
from api.serving import application
from api.verifier import LookupGate, LookupLimits, TooManyLookups
from api.verifier.masking import masked
from api.verifier.report import report_document
from api.verifier.router import judge_key, judge_lookup
from benchmarks.loading import Loaded, approve_unread, loaded
from registry.anchor.operations import SupersedeCertificates, SupersessionApproval
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.batch import BatchManifest
from registry.credential import BatchIssuer, credential_digest, credential_leaf
from registry.credential.v1 import StatusEntry
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import IssuerCode, batch_id, new_certificate_key, new_certificate_number
from registry.kernel.merkle import MerkleTree
from registry.ports import FateKind, Ledger
from registry.ports.storage import SignedCredential, StoredCertificate
from registry.status import Reason
from registry.store.issuing import SqlBatches
from registry.store.projection import SqlProjection
from registry.verification import Outcome, Question, Report
from registry.workflows.certificates.contents import holders, terms_of
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.follow import follow
from registry.workflows.verification import verify
from tests.http.web_client import WebClient


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Loaded:
    """Thirty certificates in two final batches."""
    return loaded(tmp_path_factory.mktemp("looked-up") / "home", 30)


def stored(registry: Loaded, place: int) -> StoredCertificate:
    with registry.home.store.read() as unit:
        found = unit.batches.by_key(registry.keys[place])
    assert found is not None
    return found


# — an old key leads to the successor —


@dataclass
class Correction:
    """The second revision of a certificate, recorded, and its place."""

    key: str
    batch: Batch


def corrected(registry: Loaded, ledger: Ledger, old: StoredCertificate, *, name: str | None = None) -> Correction:
    """Issue the certificate again under the same number, with the next revision, to the same name or another."""
    home, key = registry.home, f"correction-{uuid4()}"
    with home.store.read() as unit:
        everybody = holders(unit, home.catalogue, old.batch)
        holder = next(one for one in everybody if one.reservation.leaf == old.reservation.leaf)
    batch = replace(
        old.batch,
        id=f"B-2001-{key[-12:]}",
        batch=batch_id(old.batch.issuer, key),
        idempotency_key=key,
        size=1,
        state=AnchorState.RESERVED,
    )
    jti, index = uuid4(), secrets.randbelow(2**17)
    reservation = replace(
        old.reservation,
        revision=old.reservation.revision + 1,
        key=new_certificate_key(),
        jti=f"urn:uuid:{jti}",
        leaf=0,
        status_list=99,
        status_index=index,
    )
    claims = holder.claims if name is None else replace(holder.claims, name=name)
    issuer = BatchIssuer(terms_of(batch, home.catalogue.by_digest(batch.programme_digest)), home.credential_signer())
    entry = replace(
        holder.entry,
        id=jti,
        index=0,
        revision=reservation.revision,
        replaces=holder.entry.id,
        status=StatusEntry(list_number=99, index=index),
    )
    issued = issuer.issue(entry, claims)
    digest = credential_digest(issued.jwt)
    tree = MerkleTree([credential_leaf(digest)])
    manifest = BatchManifest(
        issuer=batch.issuer,
        batch=batch.batch,
        scope=batch.scope,
        size=1,
        programme_version=batch.programme_version,
        programme_digest=batch.programme_digest,
        roster_root=tree.root,
        scores_root=tree.root,
    )
    with home.store.write() as unit:
        unit.batches.reserve(batch, [reservation])
        signed = SignedCredential(leaf=0, jwt=issued.jwt, digest=digest, disclosures=issued.disclosures)
        unit.batches.add_credentials(batch.id, [signed])
        unit.batches.seal(batch.id, root=tree.root, manifest=manifest.document(), levels=tree.levels)
    approve_unread(home, batch)
    anchor_batch(Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock), batch.id)
    return Correction(key=reservation.key, batch=batch)


def supersede(registry: Loaded, ledger: Ledger, old: StoredCertificate, new: Batch, index: int) -> None:
    """Record that a certificate was replaced, as the issuer's sender does it."""
    home = registry.home
    asked = SupersessionApproval(
        issuer=old.batch.issuer,
        batch=old.batch.batch,
        indices=(old.reservation.leaf,),
        target_contract=home.trust_root.contract.address,
        target_issuer=new.issuer,
        new_batch=new.batch,
        new_indices=(index,),
        reason=int(Reason.CORRECTION),
        deadline=int((home.clock.now() + timedelta(hours=1)).timestamp()),
    )
    sender = home.sender()
    operation = SupersedeCertificates(asked=asked, approval=home.approver().approve(asked))
    transaction = sender.sign(operation, nonce=ledger.next_nonce(sender.address))
    ledger.broadcast(transaction)
    until = datetime.now(UTC) + timedelta(seconds=20)
    while ledger.fate(transaction.hash).kind is not FateKind.FINAL:
        assert datetime.now(UTC) < until
    follow(home.store, ledger, home.clock)


@pytest.fixture(scope="module")
def corrections(registry) -> dict[int, Correction]:
    """By place, what came of it: 3 with its name, 12 renamed, 13 renamed twice, 14 renamed and not in its place yet.

    All are issued before the first is recorded as replaced: the outbox knows nothing of how that is done here.
    """
    with registry.home.chain(writing=True) as ledger:
        made = {
            place: corrected(registry, ledger, stored(registry, place), name=name)
            for place, name in {3: None, 12: "欧阳子虚", 13: "欧阳子虚", 14: "欧阳子虚"}.items()
        }
        with registry.home.store.read() as unit:
            second = unit.batches.by_key(made[13].key)
        assert second is not None
        third = corrected(registry, ledger, second, name="欧阳乌有")
        for place in (3, 12, 13):
            supersede(registry, ledger, stored(registry, place), made[place].batch, 0)
        supersede(registry, ledger, second, third.batch, 0)
    return {**made, 13: third}


def leads(report: Report) -> object:
    return report.findings[Question.STANDING - 1].evidence.get("successor_key")


def test_an_old_key_leads_to_the_successor_and_the_number_finds_it(registry, corrections) -> None:
    old, new = stored(registry, 3), corrections[3]
    judge = registry.home.verifier()
    report = judge.by_key(old.reservation.key)
    assert (report.outcome, report.successor) == (Outcome.SUPERSEDED, f"{old.reservation.number}#2")
    assert leads(report) == new.key
    assert judge.by_key(new.key).outcome is Outcome.VALID

    pages = WebClient(application(registry.home, cause=lambda: None))
    assert f"/C/{new.key}" in pages.get(f"/C/{old.reservation.key}").text
    told = pages.get(f"/v1/certificates/{old.reservation.key}/verdict").json()
    assert told["successor"] == f"{old.reservation.number}#2"

    # By number and name the revision that stands is found, and nobody learns a key.
    found = judge.by_number_and_name(registry.numbers[3], registry.names[3])
    assert (found.outcome, (found.content or {}).get("revision")) == (Outcome.VALID, 2)
    assert new.key not in str(report_document(masked(found)))


def test_a_key_leads_to_nobody_elses_certificate(registry, corrections) -> None:
    old, other = stored(registry, 4), stored(registry, 5)
    with registry.home.chain(writing=True) as ledger:
        supersede(registry, ledger, old, other.batch, other.reservation.leaf)
    judge = registry.home.verifier()
    report = judge.by_key(old.reservation.key)
    assert (report.outcome, report.successor) == (Outcome.SUPERSEDED, f"{other.reservation.number}#1")
    assert leads(report) is None
    by_name = judge.by_number_and_name(registry.numbers[4], registry.names[4])
    assert (by_name.outcome, leads(by_name)) == (Outcome.SUPERSEDED, None)
    assert by_name.successor == report.successor


def test_the_name_on_the_old_paper_finds_the_old_revision_and_leads_on(registry, corrections) -> None:
    number, wrong = registry.numbers[12], registry.names[12]
    by_key, new = stored(registry, 12).reservation.key, corrections[12]
    judge = registry.home.verifier()
    found = judge.by_number_and_name(number, wrong)
    content = found.content or {}
    assert (found.outcome, found.successor) == (Outcome.SUPERSEDED, f"{number}#2")
    assert (content["revision"], content["name"]) == (1, wrong)
    assert judge.by_key(by_key).code == found.code
    pages = WebClient(application(registry.home, cause=lambda: None))
    told = pages.post("/v1/lookups", json={"number": number, "name": wrong})
    assert told.json()["outcome"] == "superseded"
    assert "欧阳子虚" not in told.text
    assert new.key not in told.text
    shown = pages.post("/verify", data={"number": number, "name": wrong}).text
    assert catalogue("zh").text("outcomes.superseded.headline") in shown
    assert new.key not in shown

    # The revision that stands is still found by the name on it, and nobody by another.
    assert judge.by_number_and_name(number, "欧阳子虚").outcome is Outcome.VALID
    assert judge.by_number_and_name(number, "王小明").outcome is Outcome.NOT_FOUND


def test_of_several_earlier_revisions_the_newest_is_found_by_its_name(registry, corrections) -> None:
    number, first = registry.numbers[13], registry.names[13]
    judge = registry.home.verifier()
    assert judge.by_number_and_name(number, "欧阳乌有").outcome is Outcome.VALID
    before = judge.by_number_and_name(number, "欧阳子虚")
    assert (before.outcome, before.successor) == (Outcome.SUPERSEDED, f"{number}#3")
    assert judge.by_number_and_name(number, first).outcome is Outcome.NOT_FOUND


def test_a_correction_that_has_not_taken_its_place_changes_no_answer(registry, corrections) -> None:
    judge = registry.home.verifier()
    assert judge.by_number_and_name(registry.numbers[14], registry.names[14]).outcome is Outcome.VALID
    assert judge.by_number_and_name(registry.numbers[14], "欧阳子虚").outcome is Outcome.NOT_FOUND


# — what a miss costs —


@pytest.fixture
def calls(monkeypatch) -> Counter[str]:
    """Counts what look-ups do: each question to the store, each reading, each judgement, each comparison."""
    made: Counter[str] = Counter()

    def counted(owner: object, name: str) -> None:
        inner = getattr(owner, name)

        def outer(*arguments, **named):
            made[name] += 1
            return inner(*arguments, **named)

        monkeypatch.setattr(owner, name, outer)

    for name in ("by_number", "shown_by_number", "shown_before", "drawn", "by_key", "by_leaf", "proof", "_found"):
        counted(SqlBatches, name)
    for name in ("concerning", "head"):
        counted(SqlProjection, name)
    for name in ("parse", "judge", "presentation_of", "receipt_of", "_same_name"):
        counted(verify, name)
    return made


def test_every_kind_of_miss_does_the_work_of_a_hit(registry, corrections, calls, monkeypatch) -> None:
    judge = registry.home.verifier()
    erased = stored(registry, 6)
    with registry.home.store.write() as unit:
        unit.enrolments.erase(erased.person, registry.home.clock.now())
    unsent = replace(erased.batch, id="B-2002-unsent", idempotency_key="unsent", batch=batch_id(IssuerCode("X-1"), "u"))
    number = new_certificate_number(IssuerCode("DEMO-EEC"), 2026)
    waiting = stored(registry, 8)
    reservation = replace(
        waiting.reservation, number=number, key=new_certificate_key(), jti="urn:uuid:u", leaf=0, status_list=98
    )
    with registry.home.store.write() as unit:
        unit.batches.reserve(unsent, [reservation])
    asked = {
        "hit": (registry.numbers[7], registry.names[7]),
        "hit, corrected": (registry.numbers[12], "欧阳子虚"),
        "hit, old name": (registry.numbers[12], registry.names[12]),
        "wrong name": (registry.numbers[7], "王小明"),
        "wrong name, corrected": (registry.numbers[12], "王小明"),
        "no name": (registry.numbers[7], ""),
        "unknown": (new_certificate_number(IssuerCode("DEMO-EEC"), 2026), registry.names[7]),
        "no number": ("", registry.names[7]),
        "erased": (registry.numbers[6], registry.names[6]),
        "not on its way yet": (number, registry.names[8]),
    }
    # What stands in for a miss: always the last that there is.
    monkeypatch.setattr("registry.store.issuing.secrets.randbelow", lambda bound: bound - 1)
    work, answers = {}, {}
    for kind, (given, name) in asked.items():
        calls.clear()
        answers[kind] = judge.by_number_and_name(given, name)
        work[kind] = dict(calls)
    assert work["hit"]["judge"] == 2
    assert work == dict.fromkeys(asked, work["hit"])
    assert answers.pop("hit").outcome is Outcome.VALID
    assert answers.pop("hit, corrected").outcome is Outcome.VALID
    assert answers.pop("hit, old name").outcome is Outcome.SUPERSEDED
    bare = {replace(one, judged_at=datetime(2026, 1, 1, tzinfo=UTC)).code for one in answers.values()}
    assert bare == {"not-found"}
    shapes = {str({**report_document(one), "judged_at": ""}) for one in answers.values()}
    assert len(shapes) == 1


def test_a_name_is_found_however_it_is_spaced_and_no_other_name_is(registry) -> None:
    judge = registry.home.verifier()
    number, name = registry.numbers[10], registry.names[10]
    for typed in (f"{name[0]} {name[1:]}", f"\u3000{name[0]}\u3000{name[1:]} ", "  ".join(name)):
        assert judge.by_number_and_name(number, typed).outcome is Outcome.VALID, typed
    for typed in (name[:-1], name[1:], name + name[-1], f"{name[0]}·{name[1:]}", name[::-1]):
        assert judge.by_number_and_name(number, typed).outcome is Outcome.NOT_FOUND, typed


# — guesses —


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.slow
def test_a_hundred_thousand_guesses_find_nothing_beyond_the_limits(registry, calls) -> None:
    app = application(registry.home, cause=lambda: None)
    seconds, limits = Seconds(), LookupLimits()
    doors = replace(_doors(app), gate=LookupGate(limits, seconds))
    sources, each = 20, 2_500
    refused = found = 0
    pauses: set[int] = set()
    for guess in range(each):
        seconds.now = 0.1 * guess  # all within one window
        for source in range(sources):
            address = f"2001:db8:0:{source:x}::{guess:x}"  # one subscriber has as many addresses as it likes
            real = registry.numbers[(guess * sources + source) % len(registry.numbers)]
            number = real if guess % 2 else new_certificate_number(IssuerCode("DEMO-EEC"), 2026)
            for ask in (
                lambda: judge_key(doors, address, new_certificate_key()),  # noqa: B023 - called at once
                lambda: judge_lookup(doors, address, number, "王小明"),  # noqa: B023
            ):
                try:
                    found += ask().outcome is not Outcome.NOT_FOUND
                except TooManyLookups as error:
                    pauses.add(error.retry_after_seconds)
                    refused += 1
    assert found == 0
    assert min(pauses) > 0
    assert max(pauses) <= limits.window_seconds + 1
    assert calls["by_key"] == sources * limits.missed_keys
    assert calls["judge"] <= 2 * sources * limits.per_source
    assert refused == 2 * sources * each - calls["by_key"] - calls["judge"] // 2
    registry.home.catch_up()  # on a slow machine the guesses take longer than knowledge stays fresh
    # Who has the key is answered all the while; the address that guesses is not, until its window is over.
    assert judge_key(doors, "198.51.100.7", registry.keys[9]).outcome is Outcome.VALID
    guesser = "2001:db8:0:1::ffff"
    with pytest.raises(TooManyLookups):
        judge_key(doors, guesser, registry.keys[9])
    seconds.now += limits.window_seconds
    assert judge_key(doors, guesser, registry.keys[9]).outcome is Outcome.VALID


def test_scanning_many_good_certificates_is_not_limited(registry) -> None:
    doors = replace(_doors(application(registry.home, cause=lambda: None)), gate=LookupGate(LookupLimits(), Seconds()))
    for _ in range(200):
        assert judge_key(doors, "203.0.113.5", registry.keys[9]).outcome is Outcome.VALID


def _doors(app):
    while not hasattr(app, "state"):
        app = app._app
    return app.state.doors


# — on the command line —


def told(registry, language: str, *words: str) -> str:
    result = CliRunner().invoke(
        cli, ["verify", *words, "--home", str(registry.home.path)], env={"VERMILION_LANG": language}
    )
    assert result.exit_code == 1, (words, result.output, result.exception)
    return result.stdout


@pytest.mark.parametrize(("language", "name"), [("zh", "姓名"), ("en", "name")])
def test_number_that_is_not_found_is_told_in_words_that_speak_of_no_name(registry, language: str, name: str) -> None:
    number = new_certificate_number(IssuerCode("DEMO-EEC"), 2026)
    words = catalogue(language)
    alone = told(registry, language, number)
    assert words.text("outcomes.not-found.sentence_number") in alone
    assert name not in alone.partition("–")[0]
    together = told(registry, language, number, "--name", "王小明")
    assert words.text("outcomes.not-found.sentence") in together
    by_key = told(registry, language, new_certificate_key())
    assert words.text("outcomes.not-found.sentence_key") in by_key


@pytest.mark.parametrize("language", ["zh", "en"])
def test_past_days_on_the_command_line(registry, language: str) -> None:
    number, words = registry.numbers[11], catalogue(language)
    early = CliRunner().invoke(
        cli,
        ["verify", number, "--as-of", "2001-01-01", "--home", str(registry.home.path)],
        env={"VERMILION_LANG": language},
    )
    assert early.exit_code == 3
    recorded = registry.home.verifier().by_number(number).findings[Question.ON_CHAIN - 1].evidence["block_time"]
    assert words.text("past.before-the-chain.sentence", recorded=str(recorded)[:10]) in early.stdout
    assert words.lines("outcomes.cannot-confirm.steps")[0] not in early.stdout
    today = datetime.now(CHINA_TIME).date()
    for day in (today, today + timedelta(days=400)):
        with pytest.raises(NoVerdict) as refused:
            CliRunner().invoke(
                cli,
                ["verify", number, "--as-of", f"{day}", "--home", str(registry.home.path)],
                catch_exceptions=False,
            )
        assert refused.value.error.code == "verify/day-not-over"
