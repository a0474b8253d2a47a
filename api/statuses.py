"""Status views of one installation: what has been read of the chain, told under places in the status lists."""

import time

from api.wiring import Home
from registry.kernel.errors import Unavailable
from registry.kernel.signing import StatementSigner
from registry.verification import Report
from registry.workflows.status.publish_status import StatusPublisher, StatusToken
from registry.workflows.verification.verify import VerifyFromStore


class StatusUnsigned(Unavailable):
    """The statement key is not open here, so that no status list can be signed."""

    code = "status/unsigned"

    def __init__(self) -> None:
        super().__init__("no status list: the statement key is not open in this process")


class Statuses:
    """Lists and single standings (implements api.status_views.StatusViews); usable from several threads."""

    def __init__(self, home: Home, judge: VerifyFromStore, signer: StatementSigner | None) -> None:
        """Take the judge behind every other entrance and the statement key, if it is open."""
        self._issuer, self._judge = home.issuer, judge
        self._publisher = (
            None
            if signer is None
            else StatusPublisher(
                store=home.store,
                clock=home.clock,
                signer=signer,
                issuer=home.issuer,
                base_url=home.installation.public_base_url,
                seconds=time.monotonic,
            )
        )

    def token(self, issuer: str, number: int) -> StatusToken | None:
        """Give a signed list of our issuer's; None = there is none. Raises StatusKnowledgeLapsed, StatusUnsigned."""
        if issuer != self._issuer:
            return None
        if self._publisher is None:
            raise StatusUnsigned
        return self._publisher.token(number)

    def standing(self, issuer: str, number: int, index: int) -> Report | None:
        """Judge the certificate at a place of one of our issuer's lists; None = it is another's."""
        return self._judge.by_status_place(number, index) if issuer == self._issuer else None
