"""The console of the issuing body."""

from api.issuer.desk import ConsoleDesk, TriedFiles
from api.issuer.router import router

__all__ = ["ConsoleDesk", "TriedFiles", "router"]
