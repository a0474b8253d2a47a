"""A registry of any number of certificates, laid into a real installation without the steps that lead to them.

Everybody has a person, an application, a certificate with a signed credential, encrypted and sealed as the registry
does it; the trees are whole and their roots are anchored on the installation's own chain, so that verdicts are real.
What is left out: rosters and marks of their own (all refer to the first ones), and an approver's reading of it all.
"""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from api.wiring import Home
from benchmarks.bench import Stopwatch, examined, new_home, proposed
from registry.anchor.operations import AnchorApproval
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.batch import SALT_LENGTH, BatchManifest
from registry.credential import BatchIssuer, credential_digest, credential_leaf
from registry.credential.v1 import STATUS_LIST_SIZE, StatusEntry
from registry.enrolment import Candidate
from registry.kernel.identifiers import LeafHash, batch_id, new_certificate_key, new_certificate_number, normal_number
from registry.kernel.merkle import MerkleTree
from registry.store import DataKeys
from registry.store.candidates import candidate_document
from registry.store.sessions import Row, micros
from registry.store.tables import application, certificate, credential, person
from registry.store.vault import encrypt, encrypt_json, identity_index, new_person_key
from registry.workflows.certificates.contents import Holder, evidence_of, holders, terms_of
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.follow import follow
from registry.workflows.issuance.approve import APPROVAL_LASTS, approve

BATCH = 100_000
"""Certificates in one batch."""
_AT_ONCE = 5_000
_FIRST = 20
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_CACHE_KILOBYTES = 1_000_000
"""Page cache of the loading connection: keys lie at random, so every page of an index is touched again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A registry, and how its certificates are found."""

    home: Home
    data_keys: DataKeys
    roster: str
    keys: list[str]
    numbers: list[str]
    names: list[str]


def loaded(folder: Path, size: int, *, in_batches_of: int = BATCH) -> Loaded:
    """Make an installation with `size` certificates, the first few issued step by step, the others laid beside them."""
    home = new_home(folder)
    examined(home, min(size, _FIRST), Stopwatch())
    first = proposed(home)
    approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), first.id, person="approver-1")
    with home.store.read() as unit:
        pattern = next(iter(holders(unit, home.catalogue, first)))
        admission = unit.enrolments.application(pattern.reservation.admission)
        known = [(one.reservation.key, one.reservation.number) for one in unit.batches.certificates()]
        names = [one.claims.name for one in holders(unit, home.catalogue, first)]
        by_leaf = [one.reservation.number for one in holders(unit, home.catalogue, first)]
    found = dict(zip(by_leaf, names, strict=True))
    made = Loaded(
        home=home,
        data_keys=home.data_keys(),
        roster=admission.roster,
        keys=[key for key, _ in known],
        numbers=[number for _, number in known],
        names=[found[number] for _, number in known],
    )
    with home.chain(writing=True) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        anchor_batch(desk, first.id)
        follow(home.store, ledger, home.clock)
        for start in range(len(made.keys), size, in_batches_of):
            batch = reserved(home, first, f"B-2000-01-{start:07d}", f"loaded-{start}", min(in_batches_of, size - start))
            _lay(made, batch, pattern, admission.candidate, start)
            approve_unread(home, batch)
            anchor_batch(desk, batch.id)
            follow(home.store, ledger, home.clock)
    return made


def reserved(home: Home, like: Batch, name: str, key: str, size: int) -> Batch:
    """Keep another batch like a given one, with nothing in it yet."""
    batch = replace(
        like,
        id=name,
        batch=batch_id(like.issuer, key),
        idempotency_key=key,
        size=size,
        state=AnchorState.RESERVED,
    )
    with home.store.write() as unit:
        unit.batches.reserve(batch, [])
    return batch


def _lay(made: Loaded, batch: Batch, pattern: Holder, candidate: Candidate, start: int) -> None:
    """Sign, encrypt, seal and keep the certificates of one batch; their rows' numbers go on from `start`."""
    home = made.home
    terms = terms_of(batch, home.catalogue.by_digest(batch.programme_digest))
    issuer = BatchIssuer(terms, home.credential_signer())
    leaves: list[LeafHash] = []
    with home.store.write() as unit:
        session = unit._session  # the columns themselves are laid, not what a step of the registry would keep
        session.driver.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
        for first in range(0, batch.size, _AT_ONCE):
            rows = [
                _rows(made, batch, issuer, pattern, candidate, leaf, start + leaf + 1)
                for leaf in range(first, min(first + _AT_ONCE, batch.size))
            ]
            for place, table in enumerate((person, application, certificate, credential)):
                session.add(table, [row[place] for row in rows])
            leaves.extend(credential_leaf(row[3]["digest"]) for row in rows)
        tree = MerkleTree(leaves)
        manifest = BatchManifest(
            issuer=batch.issuer,
            batch=batch.batch,
            scope=batch.scope,
            size=batch.size,
            programme_version=batch.programme_version,
            programme_digest=batch.programme_digest,
            roster_root=tree.root,
            scores_root=tree.root,
        )
        unit.batches.seal(batch.id, root=tree.root, manifest=manifest.document(), levels=tree.levels)


def _rows(
    made: Loaded, batch: Batch, issuer: BatchIssuer, pattern: Holder, candidate: Candidate, leaf: int, row: int
) -> tuple[Row, Row, Row, Row]:
    """Make one certificate's rows: person, application, certificate, credential."""
    keys = made.data_keys
    at, of, like = micros(batch.proposed_at), secrets.token_hex(16), pattern.reservation
    name = f"{_SURNAMES[row % len(_SURNAMES)]}{chr(0x4E00 + row % 5_003)}{chr(0x4E00 + row // 5_003 % 4_999)}"
    identity, admission = f"L{row:011d}", f"{row:014d}"
    secret, wrapped = new_person_key(keys, of)
    number = new_certificate_number(batch.issuer, batch.proposed_at.year)
    status = StatusEntry(list_number=row // STATUS_LIST_SIZE + 1, index=row % STATUS_LIST_SIZE)
    jti = uuid4()
    issued = issuer.issue(
        replace(pattern.entry, id=jti, index=leaf, status=status, license_number=number),
        replace(pattern.claims, name=name, name_latin=None, identity_number=identity),
    )
    key = new_certificate_key()
    made.keys.append(key)
    made.numbers.append(number)
    made.names.append(name)
    evidence = candidate_document(replace(candidate, name=name, identity_number=identity))
    return (
        {
            "id": of,
            "identity_type": candidate.identity_type.value,
            "identity_index": identity_index(keys, candidate.identity_type, identity),
            "wrapped_key": wrapped,
            "identity_number": encrypt(secret, of, "person.identity_number", identity.encode()),
            "created_at": at,
        },
        {
            "admission": admission,
            "roster": made.roster,
            "line": row,
            "person": of,
            "programme": batch.scope.partition("/")[0],
            "level": candidate.level,
            "evidence": encrypt_json(secret, of, f"application.evidence/{admission}", evidence),
        },
        {
            "id": row,
            "number": number,
            "found_by": normal_number(number),
            "revision": 1,
            "key": key,
            "jti": f"urn:uuid:{jti}",
            "batch": batch.id,
            "leaf": leaf,
            "person": of,
            "admission": admission,
            "sheet": like.sheet,
            "status_list": status.list_number,
            "status_index": status.index,
            "salts": encrypt(secret, of, f"certificate.salts/{row}", secrets.token_bytes(2 * SALT_LENGTH)),
        },
        {
            "certificate": row,
            "jwt": issued.jwt,
            "digest": credential_digest(issued.jwt),
            "disclosures": encrypt_json(secret, of, f"credential.disclosures/{row}", issued.disclosures),
        },
    )


def approve_unread(home: Home, batch: Batch) -> None:
    """Sign the approval of a laid batch without looking at it: only here, where nobody relies on it."""
    with home.store.read() as unit:
        sealed = unit.batches.batch(batch.id)
    assert sealed.root is not None
    assert sealed.manifest is not None
    now = home.clock.now()
    approval = home.approver().approve(
        AnchorApproval(
            issuer=sealed.issuer,
            batch=sealed.batch,
            root=sealed.root,
            size=sealed.size,
            scope=sealed.scope,
            evidence=evidence_of(sealed.manifest),
            credential_key=sealed.credential_key,
            deadline=int((now + APPROVAL_LASTS).timestamp()),
        )
    )
    with home.store.write() as unit:
        unit.batches.approve(batch.id, person="approver-1", at=now, approval=approval)
