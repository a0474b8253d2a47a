"""The people of the house in whose names tests act by command, each with an account and a role."""

from types import MappingProxyType

from api.wiring import Home
from registry.access import AccountKind, Role
from registry.workflows.access.sign_in import add_account

HOUSE = MappingProxyType(
    {
        "clerk-1": Role.CLERK,
        "clerk-2": Role.REVIEWER,
        "reviewer-1": Role.REVIEWER,
        "reviewer-2": Role.REVIEWER,
        "maker-1": Role.MAKER,
        "approver-1": Role.APPROVER,
        "operator-1": Role.OPERATOR,
    }
)


def open_house(home: Home) -> None:
    """Make the accounts; nobody signs in with them, so they get no password."""
    for name, role in HOUSE.items():
        add_account(
            home.store,
            home.clock,
            name=name,
            display=name,
            kind=AccountKind.STAFF,
            roles=frozenset({role}),
            by="operator-1",
        )
