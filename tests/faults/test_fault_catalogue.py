"""What is tried: every fault of the list, every pair that was asked for, and the page that says so."""

import re
from itertools import product

from tests.faults.harness.matrix import END, PAGE, all_singles, page_with, table
from tests.faults.harness.pairs import drawn_pairs


def test_every_fault_of_the_list_is_tried() -> None:
    tried = {int(re.sub(r"\D", "", one.number)) for one in all_singles()}
    assert tried == set(range(1, 34))
    numbers = [one.number for one in all_singles()]
    assert len(set(numbers)) == len(numbers)


def test_every_fault_strikes_recovery_where_it_reads_and_where_it_writes() -> None:
    names = [one.name for one in drawn_pairs()]
    assert len(names) >= 40
    for number, phase in product((13, 14, 15, 16, 17, 24, 25), ("reads", "writes")):
        assert sum(f"({number}) while recovery {phase}" in name for name in names) >= 3, (number, phase)


def test_the_same_seed_draws_the_same_pairs() -> None:
    assert [one.name for one in drawn_pairs()] == [one.name for one in drawn_pairs()]


def test_the_page_lists_what_is_tried() -> None:
    there = PAGE.read_text("utf-8")
    assert END in there
    assert page_with(table()) == there, "run: python -m tests.faults.harness.matrix --write"
