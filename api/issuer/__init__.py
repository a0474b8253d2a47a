"""The console of the issuing body."""

from api.issuer.desk import ApprovalDesk, ConsoleDesk, KeyPlace, TriedFiles
from api.issuer.live import Streams
from api.issuer.problem import is_in_console, problem_page
from api.issuer.router import router

__all__ = [
    "ApprovalDesk",
    "ConsoleDesk",
    "KeyPlace",
    "Streams",
    "TriedFiles",
    "is_in_console",
    "problem_page",
    "router",
]
