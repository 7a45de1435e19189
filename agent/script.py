"""Scripts: a task as YAML, for the InstructionPlanner.

    url: http://127.0.0.1:8000/admin/        # optional; --url wins
    vars: {name: ada}                        # optional; --var wins
    steps:
      - log in as {name} with password {password}     # plain English,
      - click: Add group                              # or one verb with what belongs to it
      - type: {text: Editors, into: Name, submit: false}
      - fill: {First name: Grace, Last name: Hopper}
      - select: {option: Blue, in: Colour}
      - expect: {what: the message, text: was added}
      - read: the message
      - read: {what: the total, as: total}            # under a name in the answer; {table: the orders} for all rows
      - if: the cookie banner                         # or unless:
        then: [click: Accept]
        else: []
      - repeat: [click: Next]                         # until it is there, at most so many times
        until: the last page
        times: 20
      - retry: [click: Send]                          # from the start when something in it fails
        times: 3
      - for_each: people.csv                          # or .json, or a list of mappings: {column} in what is done
        do: [type {name} into Name, press Save]

A mapping's values are taken verbatim, apart from `{variables}`: `click: Yes` clicks Yes, and `text: 007` types all three
digits. Knows no screen and no state.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from deixis.agent.field_verbs import SEARCH_FIELD
from deixis.agent.grammar import clauses
from deixis.agent.grammar_blocks import expectation, rows_of
from deixis.agent.looks import FAR, PAGE
from deixis.agent.program import MOST, Block, Clause
from deixis.agent.quoted import Held
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Back,
    Check,
    Click,
    Drag,
    Expect,
    Forward,
    Goto,
    Hover,
    Own,
    Press,
    Read,
    Reload,
    Scroll,
    Select,
    Type,
    Upload,
    Wait,
)
from deixis.browser.errors import UsageError

KEYS = {"url", "vars", "steps", "name"}
PARTS = {
    "type": {"text", "into", "clear", "submit"},
    "log_in": {"name", "password"},
    "drag": {"from", "to"},
    "select": {"option", "in"},
    "upload": {"to", "files"},
    "scroll": {"in", "dx", "dy"},
    "expect": {"what", "text", "absent"},
    "wait": {"for", "seconds"},
    "read": {"what", "as", "table"},
    "own": {"name"},
}
"""What the mapping of a verb may hold; `fill` takes any field, the other verbs take words only."""
FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Script(NamedTuple):
    clauses: list[Clause]
    goal: str
    url: str | None


def _flag(value: Mapping[str, str], name: str, default: bool) -> bool:
    said = value.get(name, str(default)).lower()
    if said not in FLAGS:
        raise ValueError(f"{name} takes true or false")
    return FLAGS[said]


def _files(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _fill(value: Any) -> list[Action]:
    return [Type(text=str(text), target=str(field)) for field, text in value.items()]


def _login(value: Any) -> list[Action]:
    return [
        Type(text=str(value["name"]), target="username"),
        Type(text=str(value["password"]), target="password"),
        Click(target="log in"),
    ]


def _scroll(value: Any) -> list[Action]:
    way = value if isinstance(value, str) else "down"
    amount = {"down": PAGE, "up": -PAGE, "bottom": FAR, "top": -FAR}.get(way)
    if isinstance(value, Mapping):
        return [Scroll(target=value.get("in"), dx=float(value.get("dx", 0)), dy=float(value.get("dy", PAGE)))]
    if amount is None:
        raise ValueError("scroll takes down, up, bottom, top, or {dy: PIXELS, in: TARGET}")
    return [Scroll(dy=amount)]


def _expect(value: Any) -> list[Action]:
    if isinstance(value, Mapping):
        return [
            Expect(
                what=str(value["what"]),
                text=str(value["text"]) if "text" in value else None,
                absent=_flag(value, "absent", False),
            )
        ]
    return [Expect(what=str(value), text=str(value))]


def _read(value: Any) -> Read:
    if isinstance(value, Mapping):
        table = "table" in value
        return Read(question=str(value["table" if table else "what"]), into=value.get("as"), table=table)
    return Read(question=str(value))


def _wait(value: Any) -> list[Action]:
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        return [Wait(seconds=float(value))]
    return (
        [Wait(target=str(value["for"]), seconds=float(value.get("seconds", 15)))]
        if isinstance(value, Mapping)
        else [Wait(target=str(value), seconds=15)]
    )


VERBS: dict[str, Callable[[Any], list[Action]]] = {
    "click": lambda v: [Click(target=str(v))],
    "open": lambda v: [Click(target=str(v))],
    "double_click": lambda v: [Click(target=str(v), count=2)],
    "right_click": lambda v: [Click(target=str(v), button="right")],
    "hover": lambda v: [Hover(target=str(v))],
    "drag": lambda v: [Drag(start=str(v["from"]), end=str(v["to"]))],
    "type": lambda v: [
        Type(
            text=str(v["text"]),
            target=v.get("into"),
            clear=_flag(v, "clear", True),
            submit=_flag(v, "submit", False),
        )
    ],
    "fill": _fill,
    "clear": lambda v: [Type(text="", target=str(v))],
    "search": lambda v: [Type(text=str(v), target=SEARCH_FIELD, submit=True)],
    "press": lambda v: [Press(keys=str(v))],
    "check": lambda v: [Check(target=str(v))],
    "uncheck": lambda v: [Check(target=str(v), checked=False)],
    "select": lambda v: [Select(target=str(v["in"]), option=str(v["option"]))],
    "upload": lambda v: [Upload(target=str(v["to"]), files=_files(v["files"]))],
    "log_in": _login,
    "goto": lambda v: [Goto(url=str(v))],
    "back": lambda v: [Back()],
    "forward": lambda v: [Forward()],
    "reload": lambda v: [Reload()],
    "scroll": _scroll,
    "wait": _wait,
    "dialog": lambda v: [AnswerDialog(accept=str(v).lower() in {"accept", "true", "ok"})],
    "read": lambda v: [_read(v)],
    "own": lambda v: [Own(name=str(v["name"]), data={k: str(p) for k, p in v.items() if k != "name"})],
    "expect": _expect,
}


def read_script(path: Path, variables: Mapping[str, str]) -> Script:
    """The clauses of a YAML file; UsageError naming the step that is not understood."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # every scalar as it was written
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the script {str(path)!r} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the script {str(path)!r} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
        raise UsageError(
            f"the script {str(path)!r} has no list of steps: write `steps:` and a line `- click: NAME` below it"
        )
    if unknown := set(data) - KEYS:
        raise UsageError(f"the script {str(path)!r} has unknown keys {sorted(unknown)}: it may have {sorted(KEYS)}")
    own = data.get("vars") or {}
    if not isinstance(own, dict) or not all(isinstance(value, str) for value in own.values()):
        raise UsageError(f"the vars of the script {str(path)!r} are no mapping: write `vars: {{name: ada}}`")
    if not isinstance(data.get("url", "") or "", str) or not isinstance(data.get("name", "") or "", str):
        raise UsageError(f"url and name of the script {str(path)!r} must be words")
    values = own | dict(variables)
    found = [clause for n, step in enumerate(data["steps"], 1) for clause in _step(step, n, values)]
    if not found:
        raise UsageError(f"the script {str(path)!r} has no steps")
    return Script(found, str(data.get("name") or path.stem), data.get("url") and _filled(data["url"], values))


BLOCKS = {
    "if": {"then", "else"},
    "unless": {"then", "else"},
    "repeat": {"until", "times"},
    "retry": {"times"},
    "for_each": {"do"},
}
"""What stands beside the word that makes a block of steps."""


def _steps(value: Any, number: int, variables: Mapping[str, str]) -> tuple[Clause, ...]:
    steps = value if isinstance(value, list) else [value]
    return tuple(clause for step in steps if step != "" for clause in _step(step, number, variables))


def _block(step: dict[str, Any], number: int, variables: Mapping[str, str]) -> list[Clause]:
    """A step with steps in it."""
    word = next(word for word in BLOCKS if word in step)
    if unknown := sorted(set(step) - BLOCKS[word] - {word}):
        raise UsageError(
            f"step {number} has the unknown part {unknown[0]!r}: beside {word} stands {', '.join(sorted(BLOCKS[word]))}"
        )
    try:
        return _BLOCKS[word](step, number, variables)
    except (KeyError, ValueError) as error:
        raise UsageError(f"step {number} ({word}) is not understood: {error}") from error


def _conditional(step: dict[str, Any], number: int, variables: Mapping[str, str]) -> list[Clause]:
    word = "if" if "if" in step else "unless"
    test = _test(step[word], variables, word == "unless")
    body, other = _steps(step["then"], number, variables), _steps(step.get("else", []), number, variables)
    return [Clause(f"{word} {_shown(step[word])}", block=Block("if", body, test, other))]


def _repeated(step: dict[str, Any], number: int, variables: Mapping[str, str]) -> list[Clause]:
    test = _test(step["until"], variables) if "until" in step else None
    if test is None and "times" not in step:
        raise ValueError("it lacks until or times")
    times = int(_filled(step.get("times", str(MOST)), variables))
    until = f" until {_shown(step['until'])}" if "until" in step else f" {times} times"
    return [
        Clause(f"repeat{until}", block=Block("until", _steps(step["repeat"], number, variables), test, times=times))
    ]


def _retried(step: dict[str, Any], number: int, variables: Mapping[str, str]) -> list[Clause]:
    times = int(_filled(step.get("times", "3"), variables))
    return [Clause(f"try {times} times", block=Block("retry", _steps(step["retry"], number, variables), times=times))]


def _for_each(step: dict[str, Any], number: int, variables: Mapping[str, str]) -> list[Clause]:
    given = step["for_each"]
    try:
        rows = rows_of(str(_filled(given, variables))) if isinstance(given, str) else given
    except UsageError as error:
        raise UsageError(f"step {number} (for_each): {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("for_each takes a .csv or .json file, or a list of mappings")
    return [clause for row in rows for clause in _steps(step["do"], number, {**variables, **row})]


_BLOCKS: dict[str, Callable[[dict[str, Any], int, Mapping[str, str]], list[Clause]]] = {
    "if": _conditional, "unless": _conditional, "repeat": _repeated, "retry": _retried, "for_each": _for_each,
}  # fmt: skip


def _test(value: Any, variables: Mapping[str, str], negated: bool = False) -> Expect:
    """What a condition looks for: words, or the parts of `expect`."""
    filled = _filled(value, variables)
    if isinstance(filled, str):
        return expectation(filled, Held(filled, {}), negated)
    found = _expect(filled)[0]
    assert isinstance(found, Expect)
    return found.model_copy(update={"absent": found.absent != negated})


def _shown(value: Any) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
        .strip()
        .removesuffix("...")
        .strip()
    )


def _step(step: Any, number: int, variables: Mapping[str, str]) -> list[Clause]:
    if isinstance(step, str) and step in VERBS and step in {"back", "forward", "reload"}:
        return [Clause(step, tuple(VERBS[step](None)))]
    if isinstance(step, str):
        return clauses(step, variables)
    if isinstance(step, dict) and set(step) & set(BLOCKS):
        return _block(step, number, variables)
    if not isinstance(step, dict) or len(step) != 1:
        raise UsageError(f"step {number} ({step!r}) must be a sentence or one verb with its value")
    (verb, value), shown = (
        next(iter(step.items())),
        yaml.safe_dump(step, default_flow_style=True, allow_unicode=True, width=1000).strip().strip("{}"),
    )
    if verb not in VERBS:
        raise UsageError(f"step {number} has the unknown verb {verb!r}: I know {', '.join(sorted(VERBS))}")
    if value == "" and verb not in {"back", "forward", "reload"}:
        raise UsageError(f"step {number} ({shown}) has no value")
    if isinstance(value, dict | list) and (wrong := _unfit(verb, value)):
        raise UsageError(f"step {number} ({shown}) {wrong}")
    try:
        return [Clause(shown, tuple(VERBS[verb](_filled(value, variables))))]
    except KeyError as error:
        raise UsageError(f"step {number} ({shown}) lacks {error.args[0]!r}") from error
    except (ValueError, TypeError, AttributeError, ValidationError) as error:
        raise UsageError(f"step {number} ({shown}) is not understood: {' '.join(str(error).split())}") from error


def _unfit(verb: str, value: dict[str, Any] | list[Any]) -> str:
    """What is wrong with the shape of a verb's value, empty when nothing is."""
    if isinstance(value, list) or (verb != "fill" and verb not in PARTS):
        return f"is not understood: {verb} takes {'a mapping' if verb in {*PARTS, 'fill'} else 'words'}"
    unknown = sorted(set(value) - PARTS.get(verb, set(value))) if verb != "own" else []
    if unknown:
        return f"has the unknown part {unknown[0]!r}: {verb} takes {', '.join(sorted(PARTS[verb]))}"
    deep = [name for name, part in value.items() if not isinstance(part, str) and name != "files"]
    return f"is not understood: {deep[0]} takes words" if deep else ""


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with its `{variables}` replaced, all the way down."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda m: _value(m[1], variables), value)
    if isinstance(value, list):
        return [_filled(part, variables) for part in value]
    if isinstance(value, dict):
        return {_filled(key, variables): _filled(part, variables) for key, part in value.items()}
    return value


def _value(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise UsageError(
            f"the script uses {{{name}}} but gives it no value: add it to `vars:` or as --var {name}=VALUE"
        )
    return str(variables[name])
