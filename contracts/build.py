"""Compiles the contract and writes or compares the committed artefacts: `python -m contracts.build [--check]`.

One source, two targets: `cancun` for engines of that rule set and later, `london` for engines without PUSH0. An
artefact is one JSON file with sorted keys; a second compilation gives the same bytes. Vyper is a development tool, so
it is imported only while compiling: nothing that runs in production needs it.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from contracts.loading import TARGETS, Target

SOURCES: Final = Path(__file__).parent / "src"
ARTEFACTS: Final = Path(__file__).parent / "artefacts"
MAIN: Final = "CertificateRegistry.vy"
STORAGE: Final = "storage.json"
"""Slots of every storage variable. Stated, not left to the compiler, which would place them differently for london."""

COMPILER_VERSION: Final = "0.4.3"
"""The only compiler whose output is the committed one."""

OPTIMISATION: Final[dict[Target, Literal["gas", "codesize"]]] = {"cancun": "gas", "london": "codesize"}
"""What the compiler favours. Without PUSH0 and MCOPY the code is a tenth larger; favouring size takes that back for a
few hundred gas an operation."""

FAULT_ABI: Final[dict[str, Any]] = {
    "type": "error",
    "name": "Fault",
    "inputs": [{"name": "code", "type": "uint256"}],
}
"""Vyper 0.4.3 cannot declare an error, so its ABI entry is added here."""


class WrongCompilerError(Exception):
    """The installed Vyper is not the one that the artefacts are made with."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"vyper {COMPILER_VERSION} is needed, found {found}")


def compile_target(target: Target, *, sources: Path = SOURCES) -> str:
    """Compile the contract for one target and return the artefact's text.

    `sources` is a folder with the whole set of modules. Raises WrongCompilerError under another version of Vyper.
    """
    vyper = import_module("vyper")
    if vyper.__version__.split("+")[0] != COMPILER_VERSION:
        raise WrongCompilerError(vyper.__version__)
    compile_from_file_input = import_module("vyper.compiler").compile_from_file_input
    bundle_type = import_module("vyper.compiler.input_bundle").FilesystemInputBundle
    settings_module = import_module("vyper.compiler.settings")
    bundle = bundle_type([sources])
    output = compile_from_file_input(
        bundle.load_file(MAIN),
        input_bundle=bundle,
        storage_layout_override=bundle.load_json_file(STORAGE),
        settings=settings_module.Settings(
            optimize=settings_module.OptimizationLevel.from_string(OPTIMISATION[target]),
            evm_version=target,
        ),
        output_formats=["abi", "bytecode", "bytecode_runtime", "layout", "integrity", "userdoc", "devdoc"],
    )
    document = {
        "contract": MAIN.removesuffix(".vy"),
        "compiler": f"vyper {COMPILER_VERSION}",
        "target": target,
        "optimise": OPTIMISATION[target],
        "integrity": output["integrity"],
        "abi": [*output["abi"], FAULT_ABI],
        "bytecode": output["bytecode"],
        "runtime": output["bytecode_runtime"],
        "layout": output["layout"],
        "userdoc": output["userdoc"],
        "devdoc": output["devdoc"],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def artefact_path(target: Target) -> Path:
    """Where the artefact of a target is committed."""
    return ARTEFACTS / f"{target}.json"


def main(arguments: list[str] | None = None) -> int:
    """Write both artefacts, or with `--check` compare them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.build", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed artefacts, write nothing")
    check: bool = parser.parse_args(arguments).check
    stale = 0
    for target in TARGETS:
        path, text = artefact_path(target), compile_target(target)
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if not check and not same:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        stale += check and not same
        size = len(json.loads(text)["runtime"]) // 2 - 1
        word = "unchanged" if same else "differs" if check else "written"
        sys.stdout.write(f"{target}: {word}, runtime {size} bytes\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
