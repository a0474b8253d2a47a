"""`vermilion consortium`: who decides, what is decided, and which keys an issuing body has."""

from api.commands.consortium.group import app

__all__ = ["app"]
