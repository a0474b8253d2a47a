"""An audit holds a piece of a batch at a time, and names what it names with all of it in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.anchor.states import AnchorState
from registry.workflows.auditing import audit
from registry.workflows.auditing.audit import Auditor
from registry.workflows.certificates.deliver import bundle_name, deliver
from registry.workflows.desk.reconcile import look
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import ISSUER, CredentialKey
from tests.unit.registry.workflows.chain_scene import Scene

PIECE = 3


class Delivered(Scene):
    """A batch of a few certificates that is final and delivered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database = folder / "registry.db"
        self.bring_to(AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED)
        self.anchored()
        self.bring_to(AnchorState.FINAL)
        look(self.place)
        deliver(self.store, self.clock, self.shelf, self.key_of, self.name)
        with self.store.read() as unit:
            self.certificates = list(unit.batches.certificates(batch_id=self.name))
        assert len(self.certificates) > 2 * PIECE

    def differences(self) -> list[tuple[str, str, str, str]]:
        auditor = Auditor(
            store=self.store,
            catalogue=self.catalogue,
            issuer=ISSUER,
            key_of=self.key_of,
            ledger=None,
            delivered=self.shelf,
        )
        return sorted((one.code, one.subject, one.expected, one.found) for one in auditor.fsck().differences)


@pytest.fixture
def scene(tmp_path):
    made = Delivered(tmp_path)
    yield made
    made.store.close()


def nothing(scene: Delivered) -> None:
    """Leave it as it is."""


def an_erased_holder(scene: Delivered) -> None:
    with scene.store.write() as unit:
        unit.enrolments.erase(scene.certificates[-1].person, scene.clock.now())


def a_spoilt_file(scene: Delivered) -> None:
    scene.shelf.path(bundle_name(scene.certificates[-1].reservation)).write_bytes(b"{}")


def another_key(scene: Delivered) -> None:
    other = CredentialKey()
    scene.key_of = lambda thumbprint: other.public_key  # type: ignore[method-assign]  # as its batch never had


def a_credential_taken_out(scene: Delivered) -> None:
    with attacked(scene.database) as connection:
        connection.execute("DELETE FROM credential WHERE certificate = (SELECT max(certificate) FROM credential)")


def an_edited_row(scene: Delivered) -> None:
    with attacked(scene.database) as connection:
        connection.execute("UPDATE credential SET jwt = jwt || 'x' WHERE certificate = 3")


@pytest.mark.parametrize(
    ("damage", "codes"),
    [
        (nothing, set()),
        (an_erased_holder, set()),
        (a_spoilt_file, {"fsck/delivered"}),
        (another_key, {"fsck/signature", "fsck/delivered"}),
        (a_credential_taken_out, {"fsck/batch-size", "fsck/root", "fsck/row-edited"}),  # a dropped trigger is named so
        (an_edited_row, {"fsck/row-edited", "fsck/batch-unreadable"}),
    ],
)
def test_pieces_change_nothing_of_what_is_named(scene, monkeypatch, damage: Callable[[Delivered], None], codes):
    damage(scene)
    at_once = scene.differences()
    assert {code for code, *_ in at_once} == codes, at_once
    held, holders_of = list[int](), audit.holders_of

    def counted(unit, contents, batch, reservations, replacements):
        held.append(len(reservations))
        return holders_of(unit, contents, batch, reservations, replacements)

    monkeypatch.setattr(audit, "_AT_ONCE", PIECE)
    monkeypatch.setattr(audit, "holders_of", counted)
    assert scene.differences() == at_once
    assert (max(held, default=0) <= PIECE, len(held) > 1) == (True, damage is not an_edited_row)
