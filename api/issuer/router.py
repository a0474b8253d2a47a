"""The console: what waits, rosters with a dry run, eligibility, scores by two people, batches and how far they are.

No key of the issuing body is opened here: what takes one is done by the desk, or by command where the key lies.
"""

from fastapi import APIRouter

from api.issuer import (
    batches,
    candidates,
    certificates,
    judging,
    photographs,
    replacing,
    requests,
    rosters,
    sheets,
    tasks,
)

router = APIRouter(include_in_schema=False)
for part in (batches, tasks, requests, certificates, replacing, rosters, photographs, candidates, judging, sheets):
    router.include_router(part.router)
