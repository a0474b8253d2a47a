import pytest

from registry.access import (
    ALLOWED,
    Action,
    NameMalformed,
    PasswordRefused,
    Role,
    RoleUnknown,
    account_name,
    hash_password,
    new_token,
    password_holds,
    role_of,
    token_hash,
)
from registry.access.passwords import PasswordHashMalformed


def test_nobody_outside_the_house_sees_the_registry():
    assert ALLOWED[Role.EMPLOYER] == {Action.VERIFY_MANY}
    assert ALLOWED[Role.HOLDER] == {Action.OWN_CERTIFICATES}


def test_a_role_is_read_by_its_name_alone():
    assert role_of("maker") is Role.MAKER
    with pytest.raises(RoleUnknown):
        role_of("MAKER")


@pytest.mark.parametrize("name", ["zhou.lan", "hr-1", "a1", "0x_y", "z" * 32])
def test_sign_in_names_are_read_in_any_case(name):
    assert account_name(f" {name.upper()} ") == name


@pytest.mark.parametrize("name", ["", "a", ".a", "周岚", "a b", "a/b", "z" * 33, "a\n", "<b>"])
def test_other_names_are_refused(name):
    with pytest.raises(NameMalformed):
        account_name(name + "\n" if name == "a\n" else name)


def test_a_password_holds_in_whatever_form_it_is_typed():
    kept = hash_password("Ｖermilion①朱印 lake")
    assert kept.startswith("$scrypt$ln=15,r=8,p=1$")
    assert password_holds("Vermilion1朱印 lake", kept)
    assert not password_holds("vermilion1朱印 lake", kept)
    assert not password_holds("", kept)
    assert hash_password("Vermilion1朱印 lake") != hash_password("Vermilion1朱印 lake")


def test_nothing_holds_for_an_account_that_is_not_there():
    assert not password_holds("Vermilion1朱印 lake", None)


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaaaa", "abab" * 10, "x" * 201])
def test_weak_passwords_are_refused(password):
    with pytest.raises(PasswordRefused):
        hash_password(password)


@pytest.mark.parametrize("kept", ["", "plain", "$scrypt$ln=15,r=8,p=1$AA$BB", "$argon2id$v=19$m=1,t=1,p=1$AA$BB"])
def test_a_kept_hash_that_is_not_ours_is_an_integrity_fault(kept):
    with pytest.raises(PasswordHashMalformed):
        password_holds("whatever it is", kept)


def test_tokens_are_kept_as_hashes_alone():
    token = new_token()
    assert len(token) == 43
    assert token.encode() not in token_hash(token)
    assert len(token_hash(token)) == 32
    assert token_hash(token) != token_hash(new_token())
    assert len(token_hash("\ud800" * 1_000_000)) == 32
