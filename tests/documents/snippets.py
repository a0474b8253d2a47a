"""Runs the `sh` blocks of documents, one shell a document, as a reader would type them; stops at the first that fails.

Usage: python tests/documents/snippets.py README.md README.zh-CN.md
"""

import re
import subprocess
import sys
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    for name in sys.argv[1:]:
        blocks = _BLOCK.findall(Path(name).read_text(encoding="utf-8"))
        if not blocks:
            print(f"{name}: no sh block", file=sys.stderr)
            return 1
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], check=False)
        if done.returncode != 0:
            print(f"{name}: exit {done.returncode}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
