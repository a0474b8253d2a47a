"""People of the house, employers and holders sign in: session cookie, CSRF, invitations."""

from api.sign_in.router import landing_of, router
from api.sign_in.session import People, Visit, allowed, fields_of, require_own_form, signed_in, visit_of

__all__ = [
    "People",
    "Visit",
    "allowed",
    "fields_of",
    "landing_of",
    "require_own_form",
    "router",
    "signed_in",
    "visit_of",
]
