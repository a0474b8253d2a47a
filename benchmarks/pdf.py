"""Drawing certificates and judging them when they come back: size, processor time, the first one, several at once.

Each certificate has another name, key and photograph, so that nothing but what all share is remembered between them.
"""

import io
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from api.demo_portraits import drawn_face
from benchmarks.bench import options, peak_megabytes, report
from registry.anchor.receipt import AnchorReceipt
from registry.credential import Presentation
from registry.credential.v1 import CertificateType
from registry.delivery import Bundle, parse_document, require_unaltered
from registry.delivery.certificate_pdf import certificate_pdf
from registry.enrolment import check_photograph
from registry.kernel.identifiers import CertificateKey
from tests.unit.registry.delivery.sample_papers import PRESS, portrait_of, presented
from tests.vectors.material import KEY, receipt

_COUNT = 60
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
Job = tuple[Presentation, AnchorReceipt, CertificateKey, bytes]


def _job(number: int) -> Job:
    kinds = list(CertificateType)
    face = _face(number)
    name = f"王{chr(0x4E00 + number)}{chr(0x5000 + 7 * number)}"
    credential = presented(kinds[number % len(kinds)], name=name, portrait=portrait_of(face))
    key = "K7Q2M4XPZ6TRWA3BCD5EFGHJ" + _ALPHABET[number % 32] + _ALPHABET[number // 32 % 32]
    return credential, receipt(credential), CertificateKey(key), face


def _face(number: int) -> bytes:
    """A photograph of 590 × 826 pixels (one inch at 600 dpi), of about 70 KB."""
    picture, out = Image.open(io.BytesIO(drawn_face(str(number)))).resize((590, 826)), io.BytesIO()
    grain = Image.effect_noise(picture.size, 24).convert("RGB")
    Image.blend(picture, grain, 0.3).save(out, "JPEG", quality=72)
    return check_photograph(out.getvalue()).image


def _draw(job: Job) -> bytes:
    credential, anchor, key, face = job
    return certificate_pdf(PRESS, credential, anchor, KEY.public_key(), key, photograph=face)


def _judged(data: bytes) -> None:
    document = parse_document(data)
    assert isinstance(document, Bundle)
    require_unaltered(document)


def measured() -> dict[str, object]:
    """Draw and judge."""
    jobs = [_job(number) for number in range(_COUNT + 1)]
    batch = [_job(number * 6) for number in range(_COUNT, 2 * _COUNT)]  # of one type, as batches are
    begin = time.perf_counter()
    _draw(jobs[0])
    first = time.perf_counter() - begin
    drawn, costs = [], []
    for job in jobs[1 : _COUNT + 1]:
        begin = time.process_time()
        drawn.append(_draw(job))
        costs.append(time.process_time() - begin)
    workers = os.cpu_count() or 1
    begin = time.perf_counter()
    cpu = time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_draw, batch))
    together, cost_together = time.perf_counter() - begin, time.process_time() - cpu
    begin = time.perf_counter()
    _judged(drawn[0])
    first_upload = time.perf_counter() - begin
    uploads = []
    for data in drawn:
        begin = time.perf_counter()
        _judged(data)
        uploads.append(time.perf_counter() - begin)
    return {
        "certificates": _COUNT,
        "photograph_kb": round(statistics.median(len(job[3]) for job in jobs) / 1000, 1),
        "largest_kib": round(max(map(len, drawn)) / 1024, 1),
        "cpu_ms": round(statistics.median(costs) * 1_000, 1),
        "cpu_ms_worst": round(max(costs) * 1_000, 1),
        "first_ms": round(first * 1_000, 1),
        "threads": workers,
        "cpu_ms_together": round(cost_together / _COUNT * 1_000, 1),
        "per_second_together": round(_COUNT / together, 1),
        "first_upload_ms": round(first_upload * 1_000, 1),
        "upload_ms": round(statistics.median(uploads) * 1_000, 2),
        "upload_ms_worst": round(max(uploads) * 1_000, 2),
        "peak_mb": peak_megabytes(),
    }


def main() -> None:
    """Measure once."""
    given = options(__doc__ or "")
    report("pdf", [measured()], as_json=given.json)


if __name__ == "__main__":
    main()
