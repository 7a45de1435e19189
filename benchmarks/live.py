"""Tasks on the live web from lists that people have: WebVoyager, Online-Mind2Web and DeepShop.

    WebVoyager       JSON lines: id, ques, web, web_name
    DeepShop         the same, or a JSON list of them, with a difficulty
    Online-Mind2Web  a JSON list: task_id, confirmed_task, website, level, reference_length

Which one a file is, its keys tell. Lines that are no task are named and counted apart. Knows no agent and no judge.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from deixis.benchmarks.sets import Broken, why
from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

FORMATS = ("webvoyager", "online-mind2web", "deepshop")


class LiveTask(Frozen):
    """One task."""

    id: str
    goal: str
    url: str
    site: str
    level: str = ""
    """How hard the list says it is."""


class LiveList(NamedTuple):
    """A list as it was read."""

    path: Path
    format: str
    sha256: str
    tasks: list[LiveTask]
    broken: tuple[Broken, ...]


def read_list(path: Path) -> LiveList:
    """The tasks of a file; UsageError when it holds none."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the list {str(path)!r} cannot be read ({error})") from error
    tasks: dict[str, LiveTask] = {}
    broken: list[Broken] = []
    kinds: set[str] = set()
    for where, row in _rows(text, broken):
        try:
            kind, task = _task(row)
            if task.id in tasks:
                raise UsageError(f"two tasks have the id {task.id!r}")
        except (KeyError, TypeError, ValueError, UsageError) as error:
            broken.append(Broken(where=where, reason=why(error)))
            continue
        kinds.add(kind)
        tasks[task.id] = task
    if not tasks:
        raise UsageError(
            f"the list {str(path)!r} holds no tasks" + (f": {broken[0].where}: {broken[0].reason}" if broken else "")
        )
    if len(kinds) > 1:
        kinds = {"deepshop"} if kinds == {"webvoyager", "deepshop"} else kinds
    return LiveList(
        path, "+".join(sorted(kinds)), hashlib.sha256(data).hexdigest(), list(tasks.values()), tuple(broken)
    )


def _rows(text: str, broken: list[Broken]) -> Iterator[tuple[str, Any]]:
    """The objects of a JSON list, or of JSON lines."""
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise UsageError(f"the list is no JSON ({error})") from error
        yield from ((f"entry {number}", row) for number, row in enumerate(rows))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                broken.append(Broken(where=f"line {number}", reason=str(error)))
                continue
            yield f"line {number}", row


def _task(row: Any) -> tuple[str, LiveTask]:
    if not isinstance(row, dict):
        raise UsageError("it is no object")
    if "confirmed_task" in row:
        url = str(row["website"])
        return "online-mind2web", LiveTask(
            id=str(row["task_id"]),
            goal=row["confirmed_task"],
            url=url,
            site=_host(url),
            level=str(row.get("level", "")),
        )
    level = str(row.get("difficulty") or row.get("level") or "")
    kind = "deepshop" if "difficulty" in row or "attribute" in row else "webvoyager"
    return kind, LiveTask(
        id=str(row["id"]),
        goal=row["ques"],
        url=str(row["web"]),
        site=str(row.get("web_name") or _host(row["web"])),
        level=level,
    )


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0] or url
