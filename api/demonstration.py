"""`make demo`: the main job on made-up people. Every step may be cut off and run again; nothing is issued twice."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from api.commands.words import state_word
from api.demo_accounts import PASSWORDS_FILE, DemoAccount, open_accounts
from api.demo_data import NEXT_SEED, sample_roster, sample_scores
from api.demo_portraits import sample_photographs
from api.sending import issue_batch, take_to_chain
from api.settings import DEFAULT_HOMES
from api.terminal import OUT, counted, done, note, padded, said, shown
from api.wiring import Home
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.delivery.bundle import BUNDLE_SUFFIX
from registry.delivery.typesetting import GlyphMissing
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url, canonical_json, unb64url
from registry.kernel.errors import RegistryError
from registry.ports import LedgerUnavailable, TransactionRefused
from registry.ports.storage import StoredCertificate
from registry.status import Reason, Status
from registry.workflows.certificates.deliver import deliver
from registry.workflows.certificates.draw import draw_certificate
from registry.workflows.enrolment.enrol import decide_applications, import_roster, take_photographs
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose
from registry.workflows.lineage.present import present_status
from registry.workflows.status.ask_changes import request_changes

PROGRAMME = "AIGC-APP-ENG"
_WAIT_SECONDS = 60
_NEXT_ROSTER, _NEXT_COUNT = "next-roster.csv", 12
"""A roster to try the console with, and how many rows it has."""
_LEFT: Final = 9
"""Columns of what stands left of the last lines."""
_INDENT: Final = " " * _LEFT
_FIRST, _SECOND = "clerk-1", "clerk-2"
_MAKER, _APPROVER = "maker-1", "approver-1"


def run_demonstration(home: Home, *, served: bool = True) -> None:
    """Bring the demonstration to its end, from wherever it stopped; `served`: its pages will be at once."""
    home.read_chain()
    accounts = open_accounts(home)
    roster = _enrol(home)
    _examine(home, roster)
    batches = [_issue(home, level.code) for level in home.catalogue.programme(PROGRAMME).levels]
    suspended = _first_of(home, batches[0])
    revoked = _first_of(home, batches[1])
    _change(home, suspended, Status.SUSPENDED, Reason.INVESTIGATION)
    _change(home, revoked, Status.REVOKED, Reason.MISCONDUCT)
    done(
        said("状态", "status"),
        said(
            f"暂停1张（{suspended.reservation.number}），撤销1张（{revoked.reservation.number}）",
            f"suspended 1 ({suspended.reservation.number}), revoked 1 ({revoked.reservation.number})",
        ),
    )
    home.read_chain()
    roster_to_try = home.path / _NEXT_ROSTER
    if not roster_to_try.exists():
        roster_to_try.write_bytes(sample_roster(seed=NEXT_SEED, count=_NEXT_COUNT))
    base = home.installation.public_base_url
    _look(home, batches[2], revoked, base, served=served)
    _sign_in(home, accounts, base)


def _enrol(home: Home) -> str:
    programme = home.catalogue.programme(PROGRAMME)
    imported = import_roster(home.store, home.clock, programme, sample_roster(), person=_FIRST)
    decide_applications(home.store, home.clock, home.catalogue, home.issuer, person=_FIRST)
    with home.store.read() as unit:
        applications = list(unit.enrolments.applications(roster=imported.roster.id))
    photographs = sample_photographs(one.candidate.identity_number for one in applications)
    # What certificates were made of stays: a demonstration that is run again changes none of them.
    take_photographs(home.store, home.clock, programme, imported.roster.id, photographs, person=_FIRST, good_only=True)
    eligible = sum(1 for one in applications if one.eligible)
    done(
        said("名册", "roster"),
        said(
            f"{len(applications)}行：符合{eligible}人，不符合{len(applications) - eligible}人",
            f"{len(applications)} rows: {eligible} eligible, {len(applications) - eligible} refused "
            "(vermilion enrol list --refused)",
        ),
    )
    return imported.roster.id


def _examine(home: Home, roster: str) -> None:
    programme = home.catalogue.programme(PROGRAMME)
    with home.store.read() as unit:
        eligible = [one.admission for one in unit.enrolments.applications(roster=roster, eligible=True)]
    today = home.clock.now().astimezone(CHINA_TIME).date()
    sheet = record_scores(
        home.store, home.clock, programme, sample_scores(eligible), examined_on=today, person=_FIRST
    ).sheet
    if sheet.confirmed_by is None:
        confirm_sheet(home.store, home.clock, sheet.id, person=_SECOND)
    done(
        said("成绩", "scores"),
        said(
            f"{sheet.rows}人：{_FIRST}录入，{_SECOND}核对",
            f"{sheet.rows} entered by {_FIRST}, confirmed by {_SECOND}",
        ),
    )


def _issue(home: Home, level: str) -> Batch:
    batch = propose(
        home.store,
        home.clock,
        home.catalogue,
        home.body,
        home.credential_signer(),
        programme=PROGRAMME,
        level=level,
        person=_MAKER,
        idempotency_key=f"demo/{PROGRAMME}/{level}",
    )
    if batch.state is AnchorState.SEALED:
        batch = approve(
            home.store, home.clock, home.catalogue, home.key_of, home.approver(), batch.id, person=_APPROVER
        )
    if batch.state is not AnchorState.FINAL or batch.delivered_at is None:
        batch = issue_batch(home, batch.id, wait=_WAIT_SECONDS)
    if batch.state is not AnchorState.FINAL:
        raise _unfinished(batch.id, batch.state, batch.failure)
    deliver(home.store, home.clock, home.shelf, home.key_of, batch.id, again=True)  # what somebody deleted comes back
    block = batch.placement.block_number if batch.placement else None
    root = batch.root.hex()[:4] if batch.root else ""
    done(
        said(f"签发 {batch.scope}", f"issue {batch.scope}"),
        said(
            f"{batch.size}张  根{root}…  区块{block}  {state_word(batch.state)}",
            f"{counted(batch.size, 'certificate')}  root {root}…  block {block}  {batch.state}",
        ),
    )
    return batch


def _certificates(home: Home, batch: Batch) -> Iterator[StoredCertificate]:
    with home.store.read() as unit:
        yield from unit.batches.certificates(batch_id=batch.id)


def _first_of(home: Home, batch: Batch) -> StoredCertificate:
    return next(_certificates(home, batch))


def _change(home: Home, certificate: StoredCertificate, wanted: Status, reason: Reason) -> None:
    reservation = certificate.reservation
    with home.store.read() as unit:
        # The chain may have it already while the request that led there is not written down as done.
        open_on_batch = unit.status_requests.open_on(certificate.batch.batch)
        under_way = any(reservation.leaf in one.leaves for one in open_on_batch)
        if not under_way and present_status(unit, certificate) in (wanted, Status.REVOKED):
            return
    asked = request_changes(home.store, home.clock, [reservation.number], wanted, reason, person=_MAKER)
    (taken,) = take_to_chain(home, asked.requests, _APPROVER, wait=_WAIT_SECONDS)
    if taken.state is not RequestState.FINAL:
        raise _unfinished(taken.id, taken.state, taken.failure)


def _unfinished(subject: str, state: str, failure: str | None) -> RegistryError:
    """Say why the demonstration cannot go on: refused for good, or not on the chain yet."""
    if failure is not None:
        return TransactionRefused(f"{subject}: {failure}")
    return LedgerUnavailable("the embedded chain", f"{subject} is {state} after {_WAIT_SECONDS} s")


def _look(home: Home, batch: Batch, revoked: StoredCertificate, base: str, *, served: bool) -> None:
    valid = _first_of(home, batch)
    name = valid.reservation.number + BUNDLE_SUFFIX
    delivered = home.shelf.path(name)
    tampered = home.path / "tampered.bundle.json"
    tampered.write_bytes(_tampered(delivered.read_bytes()))
    OUT.print()
    OUT.print(f"{padded(said('看：', 'Look:'), _LEFT)}{base}/C/{valid.reservation.key}  ({said('有效', 'valid')})")
    OUT.print(f"{_INDENT}{base}/C/{revoked.reservation.key}  ({said('已撤销', 'revoked')})")
    paper = _paper(home, valid)
    if paper is not None:
        OUT.print(f"{_INDENT}{said(f'{paper}（印好的证书，也可拖上去）', f'{paper}  (as printed; drop it there too)')}")
    OUT.print(f"{_INDENT}{said(f'把{tampered}拖到{base}/', f'drop {tampered} on {base}/')}")
    quoted = shlex.quote(str(home.path))
    where = "" if home.path in DEFAULT_HOMES else f" --home {quoted}"
    if not served:
        serve = f".venv/bin/vermilion demo --home {quoted}" if where else "make demo"
        start = said(f"（先运行{serve}，以上链接才能打开）", f"(these open once they are served: {serve})")
        OUT.print(f"{_INDENT}{shown(start)}")
    OUT.print(f"{padded(said('试：', 'Try:'), _LEFT)}.venv/bin/vermilion verify {shlex.quote(str(delivered))}{where}")
    commands = (
        "audit timeline --limit 10",
        "audit fsck",
        "cert list --status revoked",
        f"cert claim {valid.reservation.number} --as maker-1",
        "account add zhou.lan --display 周岚 --role exam-clerk --role maker --as operator-1",
    )
    for command in commands:
        OUT.print(f"{_INDENT}.venv/bin/vermilion {command}{where}")


_DOES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "clerk-1": ("导入名册、审核资格、录入成绩", "imports rosters, decides, enters scores"),
        "clerk-2": ("核对成绩", "confirms scores"),
        "maker-1": ("提出批次、批准后上链", "proposes batches, sends what is approved"),
        "approver-1": ("批准", "approves"),
        "operator-1": ("管理账号", "manages accounts"),
    }
)
"""What each of the made-up people does in turn."""


def _sign_in(home: Home, accounts: Sequence[tuple[DemoAccount, str | None]], base: str) -> None:
    """Say with which accounts the console can be tried, in the order in which they are needed."""
    if not accounts:
        return
    trying = said(
        "（以下均为虚构人员，口令仅供在本机试用）", "(people are made up, passwords for trying on this machine)"
    )
    OUT.print()
    OUT.print(f"{padded(said('登录：', 'Sign in:'), _LEFT)}{base}/sign-in  {trying}")
    for one, password in accounts:
        opens, does = password or said("（本人改过）", "(its own)"), said(*_DOES[one.name])
        OUT.print(f"{_INDENT}{padded(one.name, 11)} {padded(opens, 15)} {shown(one.display)}  {does}")
    roster, kept = home.path / _NEXT_ROSTER, home.path / PASSWORDS_FILE
    begin = said(f"先导入{roster}；口令也在{kept}", f"begin by importing {roster}; passwords are in {kept} too")
    OUT.print(f"{_INDENT}{shown(begin)}")


def _paper(home: Home, certificate: StoredCertificate) -> Path | None:
    """Draw one certificate beside its bundle; None, and a word why, where this machine has no Chinese font."""
    try:
        name, data = draw_certificate(home.store, home.key_of, home.press(), certificate.reservation.number)
    except GlyphMissing:
        note(
            said(
                "没有画出PDF证书：这台机器缺少中文字体（Debian：apt-get install fonts-noto-cjk）",
                "no PDF was drawn: this machine lacks a Chinese font (Debian: apt-get install fonts-noto-cjk)",
            )
        )
        return None
    home.shelf.put(name, data)
    return home.shelf.path(name)


def _tampered(bundle: bytes) -> bytes:
    """Give the holder full marks: the disclosed score is changed, all else stays as it was issued."""
    document = json.loads(bundle)
    jwt, *disclosures, end = document["credential"].split("~")
    document["credential"] = "~".join((jwt, *(_full_marks(one) for one in disclosures), end))
    return canonical_json(document)


def _full_marks(disclosure: str) -> str:
    salt, *name, value = json.loads(unb64url(disclosure))
    if not name and "value" in value:
        value["value"] = "100"
    return b64url(json.dumps([salt, *name, value], ensure_ascii=False, separators=(",", ":")).encode())
