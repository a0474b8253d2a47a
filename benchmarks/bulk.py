"""Lists verified, rows per second and memory: from the uploaded file to the kept result and its signed receipt.

Three in four rows ask by number and name, one in four by link; a tenth of them are misses. The job is handed in, kept
encrypted, worked off and kept as the server does it; the process that works it off does nothing else.
"""

import csv
import io
import tempfile
import time
import tracemalloc
from collections import Counter
from datetime import timedelta
from pathlib import Path

from api.employer import BulkDesk
from api.employer.wording import wording_in
from benchmarks.bench import options, report
from benchmarks.loading import Loaded, loaded
from registry.access import AccountKind, Role
from registry.verification.asked_list import read_list
from registry.verification.list_result import read_result
from registry.workflows.access.sign_in import add_account
from registry.workflows.verification.verify_many import hand_in, result_of, verify_list

_OPERATOR = "operator-1"


def list_of(made: Loaded, size: int) -> bytes:
    """Write a list of `size` rows over the certificates of a registry."""
    base_url = made.home.installation.public_base_url
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["编号", "姓名", "链接"])
    for place in range(size):
        number, name, key = made.numbers[place], made.names[place], made.keys[place]
        if place % 4 == 3:
            writer.writerow(["", "", f"{base_url}/C/{'A' * 26 if place % 40 == 39 else key}"])
        else:
            writer.writerow([number, "无此人" if place % 10 == 0 else name, ""])
    return text.getvalue().encode()


def measure(size: int) -> dict[str, object]:
    """Verify one list of `size` rows."""
    with tempfile.TemporaryDirectory() as folder:
        made = loaded(Path(folder) / "home", size)
        home = made.home
        home.catch_up()
        add_account(
            home.store,
            home.clock,
            name="zhou.lan",
            display="zhou.lan",
            kind=AccountKind.EMPLOYER,
            roles=frozenset({Role.EMPLOYER}),
            by=_OPERATOR,
        )
        data, base_url = list_of(made, size), home.installation.public_base_url
        desk = BulkDesk(
            store=home.store,
            clock=home.clock,
            judge=home.verifier(max_age=timedelta(days=1)),
            notary=home.notary(),
            public_base_url=base_url,
        )
        begin = time.perf_counter()
        job = hand_in(
            home.store,
            home.clock,
            data,
            account="zhou.lan",
            file_name="list.csv",
            purpose="measurement",
            language="zh",
            public_base_url=base_url,
        )
        handing_in = time.perf_counter() - begin
        begin = time.perf_counter()
        desk.work()
        seconds = time.perf_counter() - begin
        kept = result_of(home.store, job.id)
        assert kept is not None
        outcomes = Counter(one.outcome for one in read_result(kept[0]))
        tracemalloc.start()
        asked = read_list(data, base_url)
        verify_list(asked, desk.judge, home.clock, desk.notary, wording_in("zh"))
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return {
        "rows": size,
        "hand_in_seconds": round(handing_in, 2),
        "seconds": round(seconds, 1),
        "rows_per_second": round(size / seconds, 1),
        "traced_peak_mb": round(traced / 1024 / 1024, 1),
        "file_kb": len(data) // 1024,
        "result_kb": len(kept[0]) // 1024,
        "outcomes": dict(outcomes),
    }


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="10000")
    report("bulk", [measure(int(size)) for size in chosen.sizes.split(",")], as_json=chosen.json)


if __name__ == "__main__":
    main()
