"""Memory does not grow with a batch beyond what each leaf takes: measured by the benchmark, in processes of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[5]
MOST_BYTES_A_CERTIFICATE = 1_000
"""Three hashes, a name and a place take a few hundred; a certificate that is held as a value takes ten thousand."""


def peak_of(size: int) -> float:
    command = [sys.executable, "-m", "benchmarks.issue", "--json", "--sizes", str(size)]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    (row,) = json.loads(made.stdout)["results"]
    assert row["size"] == size
    assert row.keys() >= {"per_second", "ratio_to_signing", "peak_mb", "seconds_by_step", "cores"}
    return float(row["peak_mb"])


@pytest.mark.deep
def test_memory_of_a_batch_three_times_as_large_grows_little() -> None:
    small, large = peak_of(20_000), peak_of(60_000)
    assert (large - small) * 1e6 / 40_000 < MOST_BYTES_A_CERTIFICATE, (small, large)
    assert large < 600
