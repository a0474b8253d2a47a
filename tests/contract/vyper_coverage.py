"""Coverage of the Vyper sources by the contract's tests: every statement, and every branch both ways.

`python -m tests.contract.vyper_coverage` runs the tests of this folder on both artefacts, prints one line a target and
module, then whatever was missed, and exits with 1 unless nothing was. What is measured is the committed code itself:

1. The compiler says of each instruction which part of the source it comes from.
2. py-evm's instructions are noted as they are executed, and of each conditional jump whether it jumped.
3. A statement is executed when an instruction of it was. A few give no code of their own, such as a name for memory
   that holds its value already: they go with the next statement of their block that does, or else the one before.
4. A branch is either outcome of an `if`, an `elif`, a conditional expression, and of each operand of `and` and `or`.
   The last operand has no jump of its own: its outcome is the whole condition's, whenever it was asked at all.

Jumps that the compiler adds, such as checks against overflow, are no branches of the source. Nor is the end of a loop:
what stands in it and after it are statements. A last operand whose value is returned is tested by the caller.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from eth.vm.code_stream import CodeStream
from vyper import ast
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import OptimizationLevel, Settings, anchor_settings
from vyper.ir.compile_ir import assembly_to_evm

from contracts import TARGETS, Target
from contracts.build import MAIN, OPTIMISATION, SOURCES, STORAGE

JUMPI, PUSH1, PUSH32, STOP = 0x57, 0x60, 0x7F, 0x00
LEFT_OUT = ("test_contract_machine.py", "test_contract_vyper_coverage.py")
"""What chance covers is not counted on; and a measurement does not measure itself."""

TESTS = ("tests/contract", "-m", "not deep", *(f"--ignore=tests/contract/{name}" for name in LEFT_OUT))

Name: TypeAlias = tuple[str, str]
"""A part of the source, named by what it is and where. The compiler copies parts, so the objects differ."""

Branch: TypeAlias = tuple[Name, int]
"""A condition, and number of the operand in it; 0 for the whole condition."""


class MapError(Exception):
    """The compiler's map does not show a condition of the source, so nothing can be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much of a module there is, and what of it was missed."""

    statements: int
    branches: int
    missed_statements: tuple[int, ...]
    """Their lines."""
    missed_branches: tuple[int, ...]
    """Their lines; a line stands once for each outcome that never came."""

    def __str__(self) -> str:
        return (
            f"{self.statements - len(self.missed_statements)} of {self.statements} statements, "
            f"{self.branches - len(self.missed_branches)} of {self.branches} branches"
        )


@dataclass(slots=True, kw_only=True)
class Program:
    """Creation or runtime code: what its instructions stand for, and what was executed."""

    code: bytes
    nodes: Mapping[int, Any]
    """Instruction → the part of the source that it comes from."""
    seen: set[int] = field(default_factory=set)
    asked: dict[int, list[Branch]] = field(default_factory=dict)
    """Instruction → last operands that it belongs to."""
    decided: dict[int, list[tuple[Branch, bool]]] = field(default_factory=dict)
    """Conditional jump → the branches that it decides, and whether each is a last operand."""
    outcomes: dict[Branch, set[bool]] = field(default_factory=dict)

    def run(self, stream: CodeStream) -> Iterator[int]:
        """The instructions of one execution, as py-evm asks for them."""
        asked: set[Branch] = set()
        code, length = self.code, len(self.code)
        while (at := stream.program_counter) < length:
            self.seen.add(at)
            if at in self.asked:
                asked.update(self.asked[at])
            stream.program_counter = at + 1
            yield code[at]
            for branch, last in self.decided.get(at, ()):
                if not last or branch in asked:
                    self.outcomes[branch].add(stream.program_counter != at + 1)
                asked.discard(branch)
        yield STOP


class Coverage:
    """The sources of one target, and what was executed of them."""

    def __init__(self, target: Target, sources: Path = SOURCES) -> None:
        creation, runtime = _compiled(target, sources)
        # What creates the contract ends with the code that it leaves behind.
        self.creation = _program(*creation, creation[0].index(runtime[0]))
        self.runtime = _program(*runtime, len(runtime[0]))
        self._programs = (self.creation, self.runtime)
        self._modules = {
            Path(node.module_node.resolved_path).name: node.module_node
            for program in self._programs
            for node in program.nodes.values()
        }
        if set(self._modules) != {path.name for path in sources.glob("*.vy")}:
            raise MapError(f"code of {', '.join(sorted(self._modules))} only")
        self._known: dict[bytes, Program | None] = {}

    def program(self, code: bytes) -> Program | None:
        """The program that a code begins with: arguments or an immutable may follow."""
        if code not in self._known:
            self._known[code] = next((known for known in self._programs if code.startswith(known.code)), None)
        return self._known[code]

    def figures(self) -> dict[str, Figures]:
        """What was executed so far, by module."""
        return {name: self._figures(module) for name, module in sorted(self._modules.items())}

    def _figures(self, module: Any) -> Figures:
        coded = {_name(node) for program in self._programs for node in program.nodes.values()}
        executed = {
            _name(node) for program in self._programs for at, node in program.nodes.items() if at in program.seen
        }
        statements, missed, branches, one_sided = 0, [], 0, []
        for function in module.get_children(ast.FunctionDef):
            for block in _blocks(function.body):
                parts = [{_name(part) for part in [statement, *statement.get_descendants()]} for statement in block]
                own = [bool(part & coded) for part in parts]
                for number, statement in enumerate(block):
                    after = [other for other in range(number, len(block)) if own[other]]
                    before = [other for other in range(number) if own[other]]
                    shown_by = (after or before[-1:])[:1]
                    statements += 1
                    if not any(parts[other] & executed for other in shown_by):
                        missed.append(statement.lineno)
            for node in function.get_descendants((ast.If, ast.IfExp, ast.BoolOp)):
                for branch in _branches(node):
                    ways = [program.outcomes[branch] for program in self._programs if branch in program.outcomes]
                    if not ways and branch[1] > 0 and _returned(node):
                        continue
                    branches += 2
                    # Both within one program: in another one the same jump may stand for the other outcome.
                    one_sided += [node.lineno] * (2 - max(map(len, ways), default=0))
        return Figures(
            statements=statements,
            branches=branches,
            missed_statements=tuple(sorted(missed)),
            missed_branches=tuple(sorted(one_sided)),
        )


@cache
def _compiled(target: Target, sources: Path) -> tuple[tuple[bytes, dict[str, Any]], ...]:
    """Creation and runtime code, each with the compiler's maps."""
    bundle = FilesystemInputBundle([sources])
    data = CompilerData(
        bundle.load_file(MAIN),
        input_bundle=bundle,
        storage_layout=bundle.load_json_file(STORAGE),
        settings=Settings(optimize=OptimizationLevel.from_string(OPTIMISATION[target]), evm_version=target),
    )
    with anchor_settings(data.settings):
        return (
            assembly_to_evm(data.assembly, compiler_metadata=bytes.fromhex(data.integrity_sum)),
            assembly_to_evm(data.assembly_runtime),
        )


def _program(code: bytes, maps: Mapping[str, Any], end: int) -> Program:
    """The program of the compiler's code and maps, which holds instructions of its own up to `end`."""
    nodes = {at: node for at, node in maps["pc_raw_ast_map"].items() if at < end}
    program = Program(code=code, nodes=nodes)
    jumps = _jumps_by_condition(program, frozenset(maps["error_map"]))
    for node, found in jumps.values():
        operands = len(node.values) if isinstance(node, ast.BoolOp) else 2
        if len(found) != operands - 1:
            raise MapError(f"line {node.lineno}: {len(found)} jumps for a condition of {operands} outcomes")
        for number, jump in enumerate(found):
            program.decided.setdefault(jump, []).append(((_name(node), number), False))
            program.outcomes[_name(node), number] = set()
    for node, _ in jumps.values():
        if isinstance(node, ast.BoolOp) and (jump := _decider(node, jumps)) is not None:
            branch = (_name(node), len(node.values) - 1)
            program.decided.setdefault(jump, []).append((branch, True))
            program.outcomes[branch] = set()
            inside = {_name(part) for part in [node.values[-1], *node.values[-1].get_descendants()]}
            for at, part in program.nodes.items():
                if _name(part) in inside:
                    program.asked.setdefault(at, []).append(branch)
    return program


def _name(node: Any) -> Name:
    return (type(node).__name__, node.src)


def _blocks(body: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """A block of statements and every block inside it."""
    yield body
    for statement in body:
        for inner in (getattr(statement, "body", None), getattr(statement, "orelse", None)):
            if isinstance(inner, list) and inner:
                yield from _blocks(inner)


def _branches(node: Any) -> list[Branch]:
    return [(_name(node), number) for number in range(len(node.values) if isinstance(node, ast.BoolOp) else 1)]


def _plain(node: Any) -> Any:
    """The node without a `not` around it."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    return node


def _parent(node: Any) -> Any:
    """What a condition is part of, a `not` around it left out."""
    parent = node._parent
    while isinstance(parent, ast.UnaryOp):
        parent = parent._parent
    return parent


def _place(node: Any, parent: Any) -> int:
    """Number of the operand of `parent` that is the node."""
    return next(number for number, operand in enumerate(parent.values) if _name(_plain(operand)) == _name(node))


def _returned(node: Any) -> bool:
    """Whether the value of the condition's last operand is the function's result, not tested in it."""
    parent = _parent(node)
    if isinstance(parent, ast.BoolOp):
        return _place(node, parent) == len(parent.values) - 1 and _returned(parent)
    return isinstance(parent, ast.Return)


def _jumps_by_condition(program: Program, added: frozenset[int]) -> dict[Name, tuple[Any, list[int]]]:
    """A condition's name → it and the jumps that decide it, in their order; `added` are the compiler's own."""
    found: dict[Name, tuple[Any, list[int]]] = {}
    at, end = 0, max(program.nodes)
    before, tested = None, None
    while at <= end:
        opcode, node = program.code[at], program.nodes.get(at)
        if opcode == JUMPI:
            if node is None and at not in added:
                # The optimiser has dropped what the jump comes from: it tests the condition that ends before the jump's
                # target is pushed, if one does.
                node = _condition_of(tested)
            if isinstance(node, ast.If | ast.IfExp | ast.BoolOp):
                found.setdefault(_name(node), (node, []))[1].append(at)
        before, tested = node or before, before
        at += opcode - PUSH1 + 2 if PUSH1 <= opcode <= PUSH32 else 1
    return found


def _condition_of(part: Any) -> Any:
    """The condition that is decided where this part of it ends, unless a condition around it is."""
    while part is not None:
        parent = part._parent
        if isinstance(parent, ast.BoolOp) and _name(parent.values[-1]) != _name(part):
            return parent
        if isinstance(parent, ast.If | ast.IfExp) and _name(parent.test) == _name(part):
            return parent
        part = parent
    return None


def _decider(node: Any, jumps: Mapping[Name, tuple[Any, list[int]]]) -> int | None:
    """The jump that tests the value of a condition of `and` or `or`; none where it is returned."""
    parent = _parent(node)
    if isinstance(parent, ast.If | ast.IfExp) and _name(_plain(parent.test)) == _name(node):
        return jumps[_name(parent)][1][0]
    if isinstance(parent, ast.BoolOp):
        place = _place(node, parent)
        return jumps[_name(parent)][1][place] if place < len(parent.values) - 1 else _decider(parent, jumps)
    return None


@contextmanager
def measured(*coverages: Coverage) -> Iterator[None]:
    """Note what is executed of these sources while the context lasts."""
    original = CodeStream.__iter__

    def noted(stream: CodeStream) -> Iterator[int]:
        for coverage in coverages:
            program = coverage.program(stream._raw_code_bytes)
            if program is not None:
                return program.run(stream)
        return original(stream)

    with ExitStack() as stack:
        stack.callback(setattr, CodeStream, "__iter__", original)
        CodeStream.__iter__ = noted
        yield


def main(arguments: Sequence[str]) -> int:
    """Run the tests and report; the arguments go to pytest."""
    coverages: dict[Target, Coverage] = {target: Coverage(target) for target in TARGETS}
    with measured(*coverages.values()):
        failed = pytest.main([*TESTS, "-q", *arguments])
    if failed:
        return int(failed)
    complete = True
    for target, coverage in coverages.items():
        for name, figures in coverage.figures().items():
            sys.stdout.write(f"{target} {name}: {figures}\n")
            for line in figures.missed_statements:
                sys.stdout.write(f"  line {line}: never executed\n")
            for line in figures.missed_branches:
                sys.stdout.write(f"  line {line}: a branch never taken\n")
            complete = complete and not figures.missed_statements and not figures.missed_branches
    sys.stdout.write("100 %\n" if complete else "less than 100 %\n")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
