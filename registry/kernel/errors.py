"""The root of the error tree, and the rules that every error of ours keeps.

RegistryError
├── MalformedInput      what came cannot be read: the sender must change it
├── RuleRefusal         what came can be read, and a rule says no
├── Conflict            what is asked does not fit the present state
├── Missing             what is named does not exist here
├── Unavailable         something we need does not answer now: try again later
└── IntegrityFault      what we hold contradicts itself: halt and look

A stage's errors live in the stage, each below one of these. Each class has a stable `code`, keeps the offending
values as typed attributes and builds its message in `__init__`: lower case, what was expected, what came, which
object; never a secret, personal data or a whole object. HTTP status, exit code and remedy belong to the doors
(`api.errors`).
"""

from typing import ClassVar


class RegistryError(Exception):
    """The base of every error that leaves one of our rooms."""

    code: ClassVar[str] = "internal"
    """Stable slug `stage/what` of lower-case letters, digits and hyphens: public interface, never reused."""


class MalformedInput(RegistryError):
    """What came cannot be read; `code` says why."""

    code = "malformed"


class RuleRefusal(RegistryError):
    """What came can be read, and a rule of the trade refuses it."""

    code = "refused"


class Conflict(RegistryError):
    """What is asked does not fit the present state."""

    code = "conflict"


class Missing(RegistryError):
    """What is named does not exist here."""

    code = "missing"


class Unavailable(RegistryError):
    """Something we depend on does not answer; nothing is lost, try again."""

    code = "unavailable"
    retry_after_seconds: ClassVar[int] = 10
    """When it may be worth trying again."""


class IntegrityFault(RegistryError):
    """What we hold contradicts itself or the chain; nothing goes on until a person has looked."""

    code = "integrity"
