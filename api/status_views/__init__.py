"""The door for those who show or check a status without its certificate: signed lists, small badges."""

from api.status_views.badge import BADGE_POLICY, Badge, Standing, badge_address, badge_json, badge_of, badge_svg
from api.status_views.ports import StatusViews

__all__ = [
    "BADGE_POLICY",
    "Badge",
    "Standing",
    "StatusViews",
    "badge_address",
    "badge_json",
    "badge_of",
    "badge_svg",
]
