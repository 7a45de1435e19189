"""Sentences around clauses: `if ..., ...`, `... until ...`, `... 3 times`, `for each row in FILE: ...`.

Works on pieces that are cut already and held-back quotes. Knows neither verbs nor a screen.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deixis.agent.looks import LOOKS
from deixis.agent.program import Block, Clause
from deixis.agent.quoted import Held
from deixis.browser.actions import Expect
from deixis.browser.errors import UsageError

IF = re.compile(r"(?P<how>if|when|unless|in case)\s+(?P<test>.+)$", re.I | re.S)
ELSE = re.compile(r"(?:otherwise|else|if not)[,:]?\s*(?P<rest>.*)$", re.I | re.S)
UNTIL = re.compile(r"(?:repeat[: ]+|keep )?(?P<rest>.+?)\s+(?:again and again )?until\s+(?P<test>.+)$", re.I | re.S)
RETRY = re.compile(
    r"(?:try|retry)(?: up to)? (?P<n>\d{1,2}|twice|three) ?(?:times)?(?: to)?[:, ]+(?P<rest>.+)$", re.I | re.S
)
EACH = re.compile(r"for (?:each|every) (?:\w+ )?(?:in|of) (?P<file>[^:]+?)\s*:\s*(?P<rest>.+)$", re.I | re.S)
NUMBERS = {"twice": 2, "three": 3}
ROWS = 1000
"""Rows of a file at most."""
Read = Callable[[str], Clause]


def expectation(words: str, held: Held, negated: bool = False) -> Expect:
    """What a condition looks for; ValueError when it is no condition."""
    for pattern, meaning in LOOKS:
        match = pattern.match(f"expect {words}")
        found = meaning(match, held) if match else []
        if found and isinstance(found[0], Expect):
            return found[0].model_copy(update={"absent": found[0].absent != negated})
    raise ValueError("the condition is not understood (write: if THING is visible)")


def gathered(pieces: list[str], read: Read, held: Held) -> list[Clause]:
    """Clauses of pieces: a condition takes the piece after it, `otherwise` the one after that."""
    found: list[Clause] = []
    todo = list(pieces)
    while todo:
        piece = todo.pop(0)
        condition = IF.match(piece)
        if condition is None:
            found.append(single(piece, read, held))
            continue
        if not todo:
            raise UsageError(f"clause {held.back(piece, shown=True)!r} is not complete: what is to be done then?")
        body = single(todo.pop(0), read, held)
        other = _otherwise(todo, read, held)
        test = _tested(piece, condition, held)
        text = f"{held.back(piece, shown=True)}: {body.text}" + (f", otherwise {other[0].text}" if other else "")
        found.append(Clause(text, block=Block("if", (body,), test, other)))
    return found


def _tested(piece: str, condition: re.Match[str], held: Held) -> Expect:
    try:
        return expectation(condition["test"].strip(" ,:"), held, condition["how"].lower() == "unless")
    except ValueError as error:
        raise UsageError(f"clause {held.back(piece, shown=True)!r} is not complete: {error}") from error


def _otherwise(todo: list[str], read: Read, held: Held) -> tuple[Clause, ...]:
    said = ELSE.match(todo[0]) if todo else None
    if said is None:
        return ()
    todo.pop(0)
    rest = said["rest"].strip(" ,") or (todo.pop(0) if todo else "")
    return (single(rest, read, held),) if rest else ()


def single(piece: str, read: Read, held: Held) -> Clause:
    """One piece, with what stands around it."""
    shown = held.back(piece, shown=True)
    if again := RETRY.match(piece):
        times = NUMBERS.get(again["n"].lower()) or int(again["n"])
        return Clause(shown, block=Block("retry", (read(again["rest"]),), times=times))
    until = UNTIL.match(piece)
    if until and not re.match(r"(?:wait|scroll)\b", piece, re.I):
        try:
            return Clause(shown, block=Block("until", (read(until["rest"]),), expectation(until["test"], held)))
        except ValueError as error:
            raise UsageError(f"clause {shown!r} is not complete: {error}") from error
    return read(piece)


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file, or of a JSON file that is a list of objects or one; UsageError for anything else."""
    path = Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            rows: list[Any] = list(csv.DictReader(text.splitlines()))
        elif path.suffix.lower() == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            data = json.loads(text)
            rows = data if isinstance(data, list) else [data]
    except (OSError, ValueError) as error:
        raise UsageError(f"the rows of {name!r} cannot be read: {error}") from error
    if not all(isinstance(row, dict) for row in rows) or len(rows) > ROWS:
        raise UsageError(f"{name!r} has to be a list of at most {ROWS} objects, or a CSV file with a header")
    return [{str(key): _text(value) for key, value in row.items()} for row in rows]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def each_row(
    text: str, variables: Mapping[str, str], clauses: Callable[[str, Mapping[str, str]], list[Clause]]
) -> list[Clause] | None:
    """`for each row in FILE: ...` as clauses, once for every row; what comes after a `;` is done once. None for other texts."""
    match = EACH.match(text.strip())
    if match is None:
        return None
    name = re.sub(r"\{(\w+)\}", lambda m: variables.get(m[1], m[0]), match["file"]).strip(" '\"")
    body, after = _ended(match["rest"])
    done = [clause for row in rows_of(name) for clause in clauses(body, {**variables, **row})]
    return done + (clauses(after, variables) if after else [])


def _ended(text: str) -> tuple[str, str]:
    """What is done for each row, and what afterwards: a `;` outside quotes ends the former."""
    parts = re.match(r"((?:[^;'\"]|'[^']*'|\"[^\"]*\"|['\"])*?);(.*)$", text, re.S)
    if parts is None:
        return text, ""
    return parts[1], re.sub(r"^\s*(?:and )?(?:then|afterwards|finally)[ ,]+", "", parts[2], flags=re.I).strip()
