"""The whole web application over made-up reports, and a client for it."""

from api.app import create_app
from api.verifier import LookupLimits, Rechecker
from tests.http.sample_reports import (
    BASE_URL,
    CONTACTS,
    GENEROUS,
    NOW,
    SampleDocuments,
    SampleHealth,
    SampleVerifier,
)
from tests.http.web_client import WebClient


def make_client(
    verifier: SampleVerifier | None = None,
    limits: LookupLimits = GENEROUS,
    health: SampleHealth | None = None,
    rechecker: Rechecker | None = None,
) -> WebClient:
    return WebClient(
        create_app(
            verifier or SampleVerifier(),
            health=health or SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            contacts=CONTACTS,
            limits=limits,
            rechecker=rechecker,
            clock=lambda: NOW,
        )
    )
