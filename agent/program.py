"""A plan as a list of steps with jumps: conditions, repetitions and retries over clauses.

A `Block` is what a plan is written in, nested as people nest it; `compiled` makes a flat program of it, whose tests are
expectations looked up on the screen. Knows no words (`grammar`, `script`) and no screen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from deixis.browser.actions import Action, Expect

MOST = 50
"""Repetitions of `until` where the plan gives no number."""


class Clause(NamedTuple):
    """One instruction in the user's words, and the actions it stands for; or a block around others."""

    text: str
    actions: tuple[Action, ...] = ()
    block: "Block | None" = None


@dataclass(frozen=True)
class Block:
    """Clauses that are done under a condition, again and again, or once more when they fail."""

    kind: Literal["if", "until", "retry"]
    body: tuple[Clause, ...]
    test: Expect | None = None
    """Of if: whether to do it; of until: whether it is enough, asked before each turn."""
    other: tuple[Clause, ...] = ()
    """Of if: what is done otherwise."""
    times: int = MOST


@dataclass
class Op:
    """One step of the program. `item` is the line of the plan that it serves."""

    item: int
    action: Action | None = None
    kind: Literal["do", "test", "jump", "count"] = "do"
    to: int = -1
    """Where to go: of a test that does not hold, of a jump."""
    times: int = 0
    """Of count: how often it may be passed; of a jump out of a loop: the count that starts anew, plus 1."""


@dataclass
class Program:
    """Ops, the lines of the plan, and where a failure may start over."""

    ops: list[Op] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    retries: list[list[int]] = field(default_factory=list)
    """[first op, op after the last, tries left]."""


def compiled(clauses: Sequence[Clause]) -> Program:
    """The program of a plan."""
    program = Program()
    _add(program, clauses)
    return program


def _add(program: Program, clauses: Sequence[Clause]) -> None:
    for clause in clauses:
        line = len(program.lines)
        program.lines.append(clause.text)
        if clause.block is None:
            program.ops += [Op(line, action) for action in clause.actions]
        else:
            {"if": _if, "until": _until, "retry": _retry}[clause.block.kind](program, clause.block, line)


def _if(program: Program, block: Block, line: int) -> None:
    assert block.test is not None
    test = Op(line, soon(block.test), "test")
    program.ops.append(test)
    _add(program, block.body)
    if block.other:
        over = Op(line, kind="jump")
        program.ops.append(over)
        test.to = len(program.ops)
        _add(program, block.other)
        over.to = len(program.ops)
    else:
        test.to = len(program.ops)


def _until(program: Program, block: Block, line: int) -> None:
    """start: count; enough? yes: out; body; back to start. A number without a test only counts."""
    start = len(program.ops)
    count = Op(line, kind="count", times=block.times)
    program.ops.append(count)
    out = Op(line, kind="jump", times=start + 1)
    if block.test is not None:
        test = Op(line, soon(block.test), "test", to=len(program.ops) + 2)
        program.ops += [test, out]
    _add(program, block.body)
    program.ops.append(Op(line, kind="jump", to=start))
    out.to = len(program.ops)
    count.to = len(program.ops) if block.test is None else -1


def soon(test: Expect) -> Expect:
    """A condition: it is looked up, not waited for."""
    return test.model_copy(update={"seconds": 0.5})


def _retry(program: Program, block: Block, line: int) -> None:
    start = len(program.ops)
    _add(program, block.body)
    program.retries.append([start, len(program.ops), block.times])


def flat(clauses: Sequence[Clause]) -> Iterator[Action]:
    """All actions of a plan, tests included, in the order they are written."""
    for clause in clauses:
        yield from clause.actions
        if clause.block:
            yield from [clause.block.test] if clause.block.test else []
            yield from flat(clause.block.body)
            yield from flat(clause.block.other)
