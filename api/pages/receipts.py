"""Addresses where a verdict is had as a signed receipt, as a file: JSON for machines, a page for people and files.

A receipt is signed on what is judged at that moment, never on what a page showed before: the document, or number and
name, is sent again and judged again, within the same limits.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.responses import Response

from api.bodies import DOCUMENT_BYTES, read_capped
from api.pages.forms import once, typed
from api.pages.receipt_paper import receipt_pdf
from api.pages.rendering import PREFIXES
from api.problems import NothingSent
from api.verifier.router import (
    DoorsOfApp,
    judge_document,
    judge_key,
    judge_lookup,
    signed_receipt,
    source_of,
    status_code,
)
from api.verifier.ports import Doors
from registry.verification.model import Report
from registry.verification.receipts import Asked, asked_document, asked_key, asked_number

Form = Literal["json", "pdf"]
