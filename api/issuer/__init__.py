"""The console of the issuing body."""

from api.issuer.desk import ApprovalDesk, ConsoleDesk, TriedFiles
from api.issuer.router import router

__all__ = ["ApprovalDesk", "ConsoleDesk", "TriedFiles", "router"]
