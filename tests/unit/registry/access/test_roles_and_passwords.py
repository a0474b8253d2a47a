import pytest

from registry.access import (
    ALLOWED,
    Action,
    NameMalformed,
    NotAllowed,
    PasswordRefused,
    Role,
    RoleUnknown,
    account_name,
    hash_password,
    may,
    new_token,
    password_holds,
    require,
    role_of,
    token_hash,
)
from registry.access.passwords import PasswordHashMalformed


def test_every_role_stands_in_the_table_and_every_action_is_somebodys():
    assert set(ALLOWED) == set(Role)
    assert set().union(*ALLOWED.values()) == set(Action)


def test_what_no_role_allows_is_refused():
    for role in Role:
        for action in Action:
            if action in ALLOWED[role]:
                require([role], action)
            else:
                with pytest.raises(NotAllowed) as caught:
                    require([role], action)
                assert caught.value.action is action
    assert not any(may([], action) for action in Action)


def test_nobody_outside_the_house_sees_the_registry():
    assert ALLOWED[Role.EMPLOYER] == {Action.VERIFY_MANY}
    assert ALLOWED[Role.HOLDER] == {Action.OWN_CERTIFICATES}


@pytest.mark.parametrize(
    ("maker", "checker"), [(Action.ENTER_SCORES, Action.CONFIRM_SCORES), (Action.PROPOSE_BATCH, Action.APPROVE)]
)
def test_no_single_role_holds_both_halves_of_a_flow(maker, checker):
    assert [role for role in Role if {maker, checker} <= ALLOWED[role]] == []


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
