"""Problems inside the console: for its people a page of the console, that leads back into it."""

from fastapi import Request
from starlette.responses import Response

from api import pages
from api.pages.rendering import place_of
from api.problems import Problem
from api.sign_in.session import visit_of
from registry.access import Action, may
from registry.kernel.errors import RegistryError

_ROOM = "/console"


def is_in_console(request: Request) -> bool:
    """Tell whether an address is one of the console's."""
    path = place_of(request)[2]
    return path == _ROOM or path.startswith(f"{_ROOM}/")


def problem_page(request: Request, problem: Problem) -> Response:
    """Show a problem: in the console's frame to who may see the console, as everywhere else to anybody else."""
    try:
        visit = visit_of(request, quiet=True)
    except RegistryError:  # what went wrong may be the very store that knows who this is
        visit = None
    if visit is None or not may(visit.account.roles, Action.SEE_REGISTRY):
        return pages.problem_page(request, problem)
    roles = visit.account.roles
    return pages.problem_page(
        request,
        problem,
        template="console_problem.html",
        visit=visit,
        tab="",
        can=lambda action, state=None: may(roles, Action(action), state),
    )
