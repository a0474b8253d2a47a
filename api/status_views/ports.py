"""What the status door needs from the rest of the product."""

from typing import Protocol

from registry.verification.model import Report
from registry.workflows.status.publish_status import StatusToken


class StatusViews(Protocol):
    """Views of how certificates stand, by the coordinates `issuer`, list `number`, `index` that stand in them."""

    def token(self, issuer: str, number: int) -> StatusToken | None:
        """Give a signed status list; None = there is none. Raises Unavailable while nothing fresh is known."""
        ...

    def standing(self, issuer: str, number: int, index: int) -> Report | None:
        """Judge the certificate at a place of a list; None or `not-found` = there is none."""
        ...
