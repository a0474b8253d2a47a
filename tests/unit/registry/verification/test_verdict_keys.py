"""Question 2: whose key it is, and whether it and the others of its batch were good when the batch was anchored."""

from dataclasses import replace
from datetime import timedelta

import pytest

from registry.anchor.facts import address_key
from registry.anchor.history import BallotKind, KeyKind
from registry.verification import Outcome
from registry.verification.model import Question
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    ANCHORED,
    APPROVER,
    FOREVER,
    ISSUED,
    KEY,
    LATER,
    NOW,
    OTHER_ISSUER,
    OTHER_KEY,
    SENDER,
    TERMS,
    Chain,
    answers,
    chain_in_order,
    finding,
    issue,
    public_text,
    slot,
)

KEYS = {
    "credential": (KEY.thumbprint(), KeyKind.CREDENTIAL),
    "sender": (address_key(SENDER), KeyKind.SENDER),
    "approver": (address_key(APPROVER), KeyKind.APPROVER),
}


def seconds(moment: object) -> int:
    return int(moment.timestamp())  # type: ignore[attr-defined]  # a datetime


def without_key() -> Chain:
    """A chain on which issuer, sender and approver stand, and the credential key does not."""
    chain = chain_in_order()
    chain.records = [one for one in chain.records if getattr(one.content, "key", None) != KEY.thumbprint()]
    return chain


def test_signature_by_another_key_under_the_issuers_thumbprint_is_altered(chain: Chain) -> None:
    report = chain.judge(replace(chain.submission(), key=OTHER_KEY.public_key(), receipt=None))
    assert report.code == "altered/wrong-key"


def test_key_that_is_nobodys_is_not_recognised() -> None:
    report = without_key().judge(chain_in_order().submission())
    assert (report.code, answers(report)) == ("not-recognised/key-not-the-issuers", "pfppp")


def test_issuer_that_was_never_accredited_is_not_recognised() -> None:
    chain = Chain()
    chain.accredit(OTHER_ISSUER)
    report = chain.judge(chain_in_order().submission())
    assert (report.code, answers(report)) == ("not-recognised/issuer-unknown", "pff?p")


def test_key_of_another_issuer_is_not_recognised() -> None:
    """Its own issuer may be accredited, and the batch of that issuer may have the very same id and root."""
    chain = without_key()
    chain.accredit(OTHER_ISSUER)
    chain.add_keys(OTHER_ISSUER)
    chain.anchor(issuer=OTHER_ISSUER)
    assert chain.judge(chain_in_order().submission()).code == "not-recognised/key-not-the-issuers"


@pytest.mark.parametrize("kind", [KeyKind.SENDER, KeyKind.APPROVER, KeyKind.STATEMENT])
def test_key_of_another_kind_is_not_recognised(kind: KeyKind) -> None:
    chain = without_key()
    chain.key(KEY.thumbprint(), slot(kind), ACCREDITED)
    report = chain.judge()
    assert (report.code, answers(report)) == ("not-recognised/key-of-another-kind", "pfppp")


def test_key_that_is_not_the_one_of_the_batch_is_not_recognised(chain: Chain) -> None:
    other = chain_in_order()
    other.records = []
    other.accredit()
    other.add_keys()
    other.key(OTHER_KEY.thumbprint(), slot(KeyKind.CREDENTIAL, number=4), ACCREDITED)
    other.anchor(credential_key=OTHER_KEY.thumbprint())
    assert other.judge(other.submission()).code == "not-recognised/key-not-the-batchs"


@pytest.mark.parametrize(
    ("start", "until", "good"),
    [
        (0, 0, True),
        (1, 3600, False),
        (-3600, 0, False),
        (-3600, 1, True),
        (0, 1, True),
    ],
    ids=["from-then-on", "begins-a-second-later", "ended-that-second", "ends-a-second-later", "that-second-alone"],
)
def test_window_counts_at_the_second_of_anchoring(start: int, until: int, good: bool) -> None:
    moment = seconds(ANCHORED)
    chain = without_key()
    end = moment + until if until or start else FOREVER
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, start=moment + start, until=end), ACCREDITED)
    report = chain.judge()
    expected = "valid" if good else "not-recognised/key-outside-window"
    assert report.code == expected


def test_reaffirmation_excuses_no_window(chain: Chain) -> None:
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=seconds(ANCHORED)), LATER)
    chain.batch_decision(BallotKind.REAFFIRM_BATCH)
    assert chain.judge().code == "not-recognised/key-outside-window"


@pytest.mark.parametrize("role", KEYS)
@pytest.mark.parametrize("reporter", ["controller", "members"])
@pytest.mark.parametrize(
    ("since", "good"), [(-3600, False), (0, False), (1, True), (3600, True)], ids=["before", "then", "next", "after"]
)
def test_compromise_spoils_what_was_anchored_from_then_on(role: str, reporter: str, since: int, good: bool) -> None:
    chain = chain_in_order()
    key, kind = KEYS[role]
    stolen = seconds(ANCHORED) + since
    if reporter == "members":
        chain.decide(BallotKind.KEY_COMPROMISED, LATER, arg=stolen, ref=key)
    else:
        chain.key(key, slot(kind, since=stolen), LATER)
    report = chain.judge()
    if good:
        assert (report.code, report.notices) == ("valid", ())
        return
    assert (report.code, answers(report)) == (f"not-recognised/{role}-key-compromised", "pfppp")
    assert finding(report, Question.ISSUERS_KEY).evidence["compromised_since"]
    # The members may look at the batch and let it stand.
    chain.batch_decision(BallotKind.REAFFIRM_BATCH, LATER + timedelta(days=1))
    assert chain.judge().outcome is Outcome.VALID


def test_moment_of_anchoring_counts_and_not_what_the_issuer_wrote() -> None:
    """A stolen key can write any `iat`: here long before the theft."""
    issued = issue(replace(TERMS, issued_at=ACCREDITED))
    chain = chain_in_order(issued)
    chain.decide(BallotKind.KEY_COMPROMISED, LATER, arg=seconds(ANCHORED) - 60, ref=KEY.thumbprint())
    assert chain.judge(chain.submission(issued)).code == "not-recognised/credential-key-compromised"


def test_theft_of_a_key_that_the_batch_did_not_use_means_nothing(chain: Chain) -> None:
    chain.key(OTHER_KEY.thumbprint(), slot(KeyKind.CREDENTIAL, number=4, since=seconds(ACCREDITED)), LATER)
    assert chain.judge().outcome is Outcome.VALID


@pytest.mark.parametrize("role", ["sender", "approver"])
def test_records_that_lack_a_key_of_the_batch_prove_nothing(chain: Chain, role: str) -> None:
    """The contract takes no batch without its keys, so a verifier who misses one has not read everything."""
    key, _ = KEYS[role]
    chain.records = [
        one
        for one in chain.records
        if getattr(one.content, "key", None) != key
        and getattr(getattr(one.content, "ballot", None), "ref", None) != key
    ]
    report = chain.judge()
    assert (report.code, answers(report)) == ("cannot-confirm/records-incomplete", "p?ppp")


# Without the key at hand


def test_bare_credential_without_key_and_receipt_cannot_be_confirmed(chain: Chain) -> None:
    report = chain.judge_document(public_text().encode())
    assert (report.code, answers(report), report.content) == ("cannot-confirm/no-key", "???pp", None)
    assert finding(report, Question.ISSUERS_KEY).reason == "no-key"
    assert finding(report, Question.ON_CHAIN).reason == "no-receipt"
    assert report.last_known == "valid"


def test_bare_credential_with_our_key_passes_what_needs_no_receipt(chain: Chain) -> None:
    report = chain.judge(replace(chain.submission(), receipt=None))
    assert (report.code, answers(report)) == ("cannot-confirm/no-receipt", "pp?pp")
    assert report.content is not None


def test_bare_credential_that_names_a_strangers_key_is_not_recognised() -> None:
    report = without_key().judge_document(public_text().encode())
    assert (report.code, answers(report)) == ("not-recognised/key-not-the-issuers", "?f?pp")


def test_bare_credential_of_a_stolen_key_is_not_recognised(chain: Chain) -> None:
    chain.decide(BallotKind.KEY_COMPROMISED, LATER, arg=seconds(ANCHORED) - 60, ref=KEY.thumbprint())
    assert chain.judge_document(public_text().encode()).code == "not-recognised/credential-key-compromised"


def test_bare_credential_that_is_revoked_is_revoked(chain: Chain) -> None:
    chain.change(1)
    assert chain.judge_document(public_text().encode()).code == "revoked/33"


def test_receipt_without_key_is_compared_all_the_same(chain: Chain) -> None:
    submission = replace(chain.submission(), key=None)
    assert answers(chain.judge(submission)) == "??ppp"
    receipt = chain.receipt()
    for changed in (
        replace(receipt, revision=2),
        replace(receipt, proof=replace(receipt.proof, path=receipt.proof.path[::-1])),
        replace(receipt, block_number=receipt.block_number + 1),
    ):
        report = chain.judge(replace(submission, receipt=changed))
        assert (report.outcome, answers(report)) == (Outcome.ALTERED, "f????")


def test_forged_signature_without_the_key_never_gets_further_than_doubt(chain: Chain) -> None:
    """Anybody can write a genuine thumbprint into a header."""
    forged = issue(TERMS, OTHER_KEY).presentation()
    forged = replace(forged, signer=KEY.thumbprint())
    for key in (None, KEY.public_key()):
        report = chain.judge(replace(chain.submission(), credential=forged, receipt=None, key=key))
        assert report.outcome is (Outcome.CANNOT_CONFIRM if key is None else Outcome.ALTERED)


def test_windows_beyond_the_calendar_are_told_as_its_end() -> None:
    """The contract counts seconds in 40 bits, to the year 36812."""
    chain = without_key()
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, start=FOREVER - 1), LATER)
    report = chain.judge()
    assert report.code == "not-recognised/key-outside-window"
    assert finding(report, Question.ISSUERS_KEY).evidence["registered_from"] == "9999-12-31T08:00:00+08:00"


def test_retired_key_keeps_what_it_signed(chain: Chain) -> None:
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=seconds(ANCHORED) + 1), LATER)
    assert chain.judge(now=NOW).outcome is Outcome.VALID
    assert ISSUED.key.thumbprint() == KEY.thumbprint()
