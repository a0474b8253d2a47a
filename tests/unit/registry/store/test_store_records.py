import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.anchor.history import Ballot, BallotKind, Voted, type_of_op
from registry.store.records import RecordUnreadable, op_of, read_content, write_content

CONTENTS = st.one_of(*(st.builds(content_type) for content_type in type_of_op.values()))


@pytest.mark.parametrize("op", sorted(type_of_op))
def test_every_kind_of_record_comes_back_as_it_was(op):
    @given(content=st.builds(type_of_op[op]))
    def come_back(content):
        assert op_of(content) == op
        text = write_content(content)
        assert read_content(op, text) == content
        assert text.isascii()

    come_back()


def test_large_arguments_and_all_bytes_are_kept():
    ballot = Ballot(kind=BallotKind.GRANT_SCOPE, subject=bytes(range(32)), arg=2**256 - 1, ref=b"\xff" * 32, salt=b"")
    content = next(_examples(Voted))
    content = replace(content, ballot=ballot)
    assert read_content(1, write_content(content)) == content


def _examples(content_type):
    from registry.anchor.history import BallotOutcome

    yield content_type(
        ballot=Ballot(kind=BallotKind.ADMIT, subject=bytes(32), arg=1, ref=bytes(32), salt=bytes(32)),
        votes=2,
        outcome=BallotOutcome.COUNTED,
    )


VOTED = write_content(next(_examples(Voted)))


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.pop("votes"),
        lambda members: members.update(more="1"),
        lambda members: members.update(votes=2),
        lambda members: members.update(votes="02"),
        lambda members: members.update(votes=" 2"),
        lambda members: members.update(votes="2.0"),
        lambda members: members.update(votes="٢"),
        lambda members: members.update(votes="1_0"),
        lambda members: members.update(votes=None),
        lambda members: members.update(votes=True),
        lambda members: members.update(votes=["2"]),
        lambda members: members.update(votes="9" * 5000),
        lambda members: members.update(outcome="3"),
        lambda members: members.update(outcome="counted"),
        lambda members: members.update(ballot=[]),
        lambda members: members.update(ballot="x"),
        lambda members: members["ballot"].update(kind="99"),
        lambda members: members["ballot"].update(subject="not base64url!"),
        lambda members: members["ballot"].update(subject="AA=="),
        lambda members: members["ballot"].update(subject="AB"),
        lambda members: members["ballot"].update(subject=7),
        lambda members: members["ballot"].pop("salt"),
    ],
)
def test_a_damaged_record_is_refused(change):
    members = json.loads(VOTED)
    change(members)
    with pytest.raises(RecordUnreadable) as caught:
        read_content(1, json.dumps(members, separators=(",", ":"), sort_keys=True))
    assert caught.value.op == 1


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (12, VOTED),
        (-1, VOTED),
        (3, VOTED),
        (1, ""),
        (1, "{"),
        (1, "null"),
        (1, "[]"),
        (1, '"text"'),
        (1, "7"),
        (1, VOTED + " "),
        (1, VOTED.replace(",", ", ", 1)),
        (1, VOTED.replace('"votes":"2"', '"votes":"1","votes":"2"')),
        (1, "[" * 100_000),
    ],
)
def test_what_is_no_record_of_that_kind_is_refused(op, text):
    with pytest.raises(RecordUnreadable):
        read_content(op, text)


@given(content=CONTENTS, place=st.integers(0, 10_000), other=st.characters(codec="ascii"))
def test_no_other_text_reads_as_the_same_record(content, place, other):
    text = write_content(content)
    place %= len(text)
    changed = text[:place] + other + text[place + 1 :]
    try:
        read = read_content(op_of(content), changed)
    except RecordUnreadable:
        return
    assert (read == content) == (changed == text)


@given(content=CONTENTS, op=st.sampled_from(sorted(type_of_op)))
def test_a_record_under_another_op_is_refused_unless_it_has_the_same_members(content, op):
    same = {field.name for field in fields(content)} == {field.name for field in fields(type_of_op[op])}
    try:
        read_content(op, write_content(content))
    except RecordUnreadable:
        assert op != op_of(content)
    else:
        assert same
