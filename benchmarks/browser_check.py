"""The check of a file inside the browser: milliseconds in Chromium, for a bundle and for a certificate's PDF.

Measured on the page as it is served, from the file's bytes to the answer; the first run, which compiles, apart.
"""

import base64
import statistics

from benchmarks.bench import options, report
from tests.browser.certificate_files import SceneVerifier, printed
from tests.browser.conftest import launched, served
from tests.unit.registry.verification.scene import chain_in_order

_RUNS = 60
_MEASURE = """
async ([content, runs]) => {
  const { check } = await import(document.getElementById("drop").dataset.check);
  const data = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const times = [];
  for (let run = 0; run < runs; run += 1) {
    const begin = performance.now();
    const { answer } = await check(data);
    times.push(performance.now() - begin);
    if (answer !== "passed") throw new Error(answer);
  }
  return times;
}
"""


def main() -> None:
    """Print the median, the 95th percentile and the first run of each kind of file."""
    asked = options(__doc__ or "")
    rows: list[dict[str, object]] = []
    for site in served(SceneVerifier()):
        for browser in launched():
            page = browser.new_page()
            for name, data in (("bundle", chain_in_order().bundle()), ("certificate PDF", printed())):
                page.goto(f"{site.base_url}/zh/")
                first, *times = page.evaluate(_MEASURE, [base64.b64encode(data).decode(), _RUNS])
                rows.append(
                    {
                        "file": name,
                        "bytes": len(data),
                        "median_ms": round(statistics.median(times), 2),
                        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
                        "first_ms": round(first, 2),
                    }
                )
    report("browser check", rows, as_json=asked.json)


if __name__ == "__main__":
    main()
