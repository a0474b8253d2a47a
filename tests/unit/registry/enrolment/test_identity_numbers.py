from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from registry.enrolment.identity import IdentityType, Sex, identity_fault, read_resident_number

RESIDENT = IdentityType.RESIDENT_IDENTITY_CARD
TODAY = date(2026, 11, 1)
# The worked example of GB 11643-1999, annex A.
STANDARD_EXAMPLES = ("11010519491231002X", "440524188001010014")
DAYS = st.dates(date(1907, 1, 1), date(2026, 10, 31))


def number_of(born: date, sequence: int, generator) -> str:
    return generator["resident"]("440300", f"{born:%Y%m%d}", f"{sequence:03d}")


def test_the_standards_own_example_is_good():
    assert identity_fault(RESIDENT, STANDARD_EXAMPLES[0], TODAY) is None


def test_the_standards_second_example_is_good_but_nobody_is_that_old():
    assert identity_fault(RESIDENT, STANDARD_EXAMPLES[1], TODAY) == "identity-birth-date"
    assert identity_fault(RESIDENT, STANDARD_EXAMPLES[1], date(1990, 1, 1)) is None


@given(born=DAYS, sequence=st.integers(1, 999))
def test_every_number_with_a_right_check_character_passes(born, sequence, generator):
    """The generator computes the character by the standard's weights: a second implementation."""
    number = number_of(born, sequence, generator)
    assert identity_fault(RESIDENT, number, TODAY) is None
    resident = read_resident_number(number)
    assert resident.birth_date == born
    assert resident.sex is (Sex.MALE if sequence % 2 else Sex.FEMALE)


@given(born=DAYS, sequence=st.integers(1, 999), place=st.integers(0, 17), digit=st.sampled_from("0123456789"))
def test_one_wrong_digit_never_passes(born, sequence, place, digit, generator):
    number = number_of(born, sequence, generator)
    changed = number[:place] + digit + number[place + 1 :]
    assert (identity_fault(RESIDENT, changed, TODAY) is None) == (changed == number)


@given(born=DAYS, sequence=st.integers(1, 999), place=st.integers(0, 16))
def test_two_exchanged_neighbours_never_pass(born, sequence, place, generator):
    number = number_of(born, sequence, generator)
    changed = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert (identity_fault(RESIDENT, changed, TODAY) is None) == (changed == number)


@pytest.mark.parametrize(
    ("kind", "number", "fault"),
    [
        (RESIDENT, "110000198807010018", None),
        (RESIDENT, "11000019880701001", "identity-length"),
        (RESIDENT, "1100001988070100188", "identity-length"),
        (RESIDENT, "X10000198807010018", "identity-characters"),
        (RESIDENT, "١١٠٠٠٠١٩٨٨٠٧٠١٠٠١٨", "identity-characters"),
        (RESIDENT, "4.40300199003E+17", "identity-scientific"),
        (IdentityType.PASSPORT, "E12345678", None),
        (IdentityType.PASSPORT, "E1234567 8", "identity-format"),
        (IdentityType.PASSPORT, "E123", "identity-format"),
        (IdentityType.HK_MACAU_PERMIT, "H12345678", None),
        (IdentityType.HK_MACAU_PERMIT, "M1234567801", None),
        (IdentityType.HK_MACAU_PERMIT, "C12345678", "identity-format"),
        (IdentityType.TAIWAN_PERMIT, "12345678", None),
        (IdentityType.TAIWAN_PERMIT, "1234567", "identity-format"),
        (IdentityType.OTHER, "AB-12/3", None),
        (IdentityType.OTHER, "证123456", "identity-format"),
        (IdentityType.OTHER, "110000198807010018", "identity-resident"),
        (IdentityType.OTHER, "110000-19880701-0018", "identity-resident"),
        (IdentityType.OTHER, "110000198807010010", None),
        (IdentityType.OTHER, "11000019880701001", None),
        (IdentityType.OTHER, "4.40300199003E+17", "identity-scientific"),
    ],
)
def test_forms_of_numbers(kind, number, fault):
    assert identity_fault(kind, number, TODAY) == fault


@pytest.mark.parametrize("region", ["810000", "820000", "830000", "933300"])
def test_residence_permits_and_foreigners_cards_stay_other_documents(region):
    number = f"{region}19880701001"
    whole = number + ric.calc_check_digit(number + "0")
    assert identity_fault(RESIDENT, whole, TODAY) is None  # of the same make
    assert identity_fault(IdentityType.OTHER, whole, TODAY) is None


def test_nobody_is_born_after_today(generator):
    assert identity_fault(RESIDENT, number_of(TODAY, 1, generator), TODAY) is None
    assert identity_fault(RESIDENT, number_of(date(2026, 11, 2), 1, generator), TODAY) == "identity-birth-date"
