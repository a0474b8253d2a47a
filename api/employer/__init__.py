"""Many certificates at once, for accounts: lists handed in, worked off, kept for a while."""

from api.employer.desk import BulkDesk
from api.employer.router import router

__all__ = ["BulkDesk", "router"]
