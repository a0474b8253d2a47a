"""Two people: what one has entered, proposed or asked for, another confirms or approves."""

import unicodedata

from registry.kernel.errors import RuleRefusal


class FourEyes(RuleRefusal):
    """The same person would stand on both sides of a check that needs two."""

    code = "access/four-eyes"

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"{step} needs a second person: not the one whose work it is")


class PersonUnnamed(RuleRefusal):
    """A step that a person answers for names no person."""

    code = "access/person-unnamed"

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"{step} needs the name of the account that does it")


def require_second_person(first: str, second: str, step: str) -> None:
    """Refuse the same person on both sides, whatever the letter case or width. Raises FourEyes, PersonUnnamed.

    `step` names what the second person does, for the message: `approving a batch`.
    """
    require_named(second, step)
    if same_person(first, second):
        raise FourEyes(step)


def require_named(account: str, step: str) -> str:
    """Give the account that answers for a step, without blanks at its ends. Raises PersonUnnamed."""
    if not account.strip() or not account.isprintable():
        raise PersonUnnamed(step)
    return account.strip()


def same_person(first: str, second: str) -> bool:
    """Tell whether two names are one account's, whatever the letter case or width."""
    return _canonical(first) == _canonical(second)


def _canonical(account: str) -> str:
    return unicodedata.normalize("NFKC", account).casefold().strip()
