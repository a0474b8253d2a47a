"""Many certificates at once, for accounts: lists handed in, worked off, kept for a while."""

from api.employer.desk import BulkDesk
from api.employer.router import router
from api.employer.talent_desk import TalentDesk

__all__ = ["BulkDesk", "TalentDesk", "router"]
