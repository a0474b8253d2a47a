"""Runs the `sh` blocks of documents on a fresh demonstration in a folder of its own, as a reader would type them.

One shell a document; stops at the first that fails.

Usage: python tests/documents/snippets.py README.md README.zh-CN.md
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ".venv").symlink_to(Path(".venv").absolute())
        subprocess.run([".venv/bin/vermilion", "demo", "--no-serve"], cwd=folder, check=True)
        for name in sys.argv[1:]:
            blocks = _BLOCK.findall(Path(name).read_text(encoding="utf-8"))
            if not blocks:
                print(f"{name}: no sh block", file=sys.stderr)
                return 1
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=folder, check=False)
            if done.returncode != 0:
                print(f"{name}: exit {done.returncode}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
