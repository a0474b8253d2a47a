"""What an approver answers for is computed again: credentials that say something else are refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from api.demo_data import sample_roster, sample_scores
from registry.credential import BatchIssuer, credential_digest, credential_leaf
from registry.kernel.merkle import MerkleTree
from registry.ports.storage import SignedCredential
from registry.programme import load_catalogue
from registry.workflows.certificates import contents
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance import approve, issue
from registry.workflows.issuance.pieces import Tools, issue_piece
from tests.unit.registry.store.filled import BODY, ISSUER, PROGRAMME, Approver, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database


class Scene:
    """A registry with one reserved batch, and a maker's process that signs what it likes."""

    def __init__(self, path, *, sign: Callable) -> None:
        self.store, self.clock, self.catalogue = (
            new_database(path),
            SettableClock(),
            load_catalogue(),
        )
        programme = self.catalogue.programme(PROGRAMME)
        import_roster(self.store, self.clock, programme, sample_roster(count=30), person="alice")
        decide_applications(self.store, self.clock, self.catalogue, ISSUER, person="alice")
        with self.store.read() as unit:
            admissions = unit.marks.awaited(PROGRAMME)
        sheet = record_scores(
            self.store, self.clock, programme, sample_scores(admissions), examined_on=date(2026, 11, 15), person="bob"
        ).sheet
        confirm_sheet(self.store, self.clock, sheet.id, person="carol")
        self.key = CredentialKey()
        reserved = issue._reserve(
            self.store, self.clock, self.catalogue, BODY, self.key,
            programme=PROGRAMME, level="1", person="alice", key=None,
        )  # fmt: skip
        self.batch = reserved.id
        self.draw(reserved)
        with self.store.read() as unit:
            everybody = list(contents.holders(unit, self.catalogue, reserved))
        issuer = BatchIssuer(contents.terms_of(reserved, self.catalogue.by_digest(reserved.programme_digest)), self.key)
        signed = []
        for holder in everybody:
            given = sign(holder)
            issued = issuer.issue(given.entry, given.claims)
            signed.append(
                SignedCredential(
                    leaf=holder.reservation.leaf,
                    jwt=issued.jwt,
                    digest=credential_digest(issued.jwt),
                    disclosures=issued.disclosures,
                )
            )
        with self.store.write() as unit:
            unit.batches.add_credentials(self.batch, signed)
            digests = unit.batches.digests(self.batch)
            tree = MerkleTree(credential_leaf(one) for one in digests)
            manifest = contents.manifest_of(reserved, everybody).document()
            unit.batches.seal(self.batch, root=tree.root, manifest=manifest, levels=tree.levels)

    def draw(self, reserved):
        """Have the numbers drawn and kept, and go no further."""
        programme = self.catalogue.by_digest(reserved.programme_digest)
        with self.store.read() as unit:
            tools = Tools(
                bench=unit.pieces.workbench(), batch=reserved, programme=programme,
                terms=contents.terms_of(reserved, programme), year=2026, replacements={},
            )  # fmt: skip
            claimed = [unit.pieces.material(reserved.id, one) for one in unit.pieces.of_batch(reserved.id)]
        for material in claimed:
            asked = next(issue_piece(tools, material))
            with self.store.write() as unit:
                assert unit.batches.add_certificates(reserved.id, asked.certificates)

    def approve(self):
        return approve.approve(
            self.store, self.clock, self.catalogue, lambda thumbprint: self.key.public_key, Approver(), self.batch,
            person="dave",
        )  # fmt: skip


def as_enrolled(holder):
    return holder


def another_name(holder):
    return replace(holder, claims=replace(holder.claims, name="孟虚构")) if holder.reservation.leaf == 0 else holder


def better_marks(holder):
    results = tuple(replace(one, value="100") for one in holder.claims.results)
    return replace(holder, claims=replace(holder.claims, results=results)) if holder.reservation.leaf == 1 else holder


def earlier_examination(holder):
    return replace(holder, entry=replace(holder.entry, activity_end_date=date(2020, 1, 1)))


def test_batch_that_says_what_is_kept_is_approved(tmp_path):
    assert Scene(tmp_path / "registry.db", sign=as_enrolled).approve().state == "approved"


@pytest.mark.parametrize(
    ("sign", "found"),
    [(another_name, "fsck/holder"), (better_marks, "fsck/result"), (earlier_examination, "fsck/entry")],
)
def test_batch_that_says_something_else_is_refused(tmp_path, sign, found):
    scene = Scene(tmp_path / "registry.db", sign=sign)
    with pytest.raises(contents.BatchInconsistent, match=found):
        scene.approve()
    with scene.store.read() as unit:
        assert unit.batches.batch(scene.batch).state == "sealed"


def test_one_who_proposed_cannot_approve(tmp_path):
    scene = Scene(tmp_path / "registry.db", sign=as_enrolled)
    with scene.store.read() as unit:
        assert unit.batches.batch(scene.batch).proposed_by == "alice"
    with pytest.raises(Exception, match="second person"):
        approve.approve(
            scene.store, scene.clock, scene.catalogue, lambda thumbprint: scene.key.public_key, Approver(),
            scene.batch, person="Alice",
        )  # fmt: skip
