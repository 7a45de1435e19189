"""results.jsonl of a run: appended as it goes, so that a second start goes on where the first ended.

Beside it run.json says whose results they are; a folder that belongs to another model, set or protocol is refused. Any
frozen model with an `id` can be a result. Knows no benchmark.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

Notice = Callable[[str], None]
FILE = "results.jsonl"


class Run(Frozen):
    """Who answered which set; a second start must be the same."""

    set: str
    set_sha256: str
    model: str
    weights_sha256: str
    dtype: str | None = None
    """Number format, where a model has several to choose from."""


R = TypeVar("R", bound=BaseModel)


class Results(Generic[R]):
    """results.jsonl of a folder, open for more."""

    def __init__(self, file: TextIO, done: dict[str, R]) -> None:
        self._file, self.done = file, done

    @classmethod
    def open(cls, folder: Path, run: Run, kind: type[R], notice: Notice) -> Self:
        """Makes the folder, or goes on in it; UsageError when it belongs to another model or set."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder {str(folder)!r} cannot be made ({error})") from error
        _same(folder, run)
        path = folder / FILE
        if path.exists():
            _mend(path, kind, notice)
        done = cls.read(path, kind)
        (folder / "run.json").write_text(run.model_dump_json(indent=1) + "\n")
        return cls(path.open("a", encoding="utf-8"), done)

    @staticmethod
    def read(path: Path, kind: type[R]) -> dict[str, R]:
        """Results by id, of equal ids the last; UsageError naming the line that is none."""
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        found: dict[str, R] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                result = kind.model_validate_json(line)
            except ValidationError as error:
                raise UsageError(f"line {number} of {str(path)!r} is no result: give another --out") from error
            found[str(result.id)] = result  # type: ignore[attr-defined]
        return found

    def append(self, results: Sequence[R]) -> None:
        """Writes results that are not there yet, flushed."""
        fresh = {str(result.id): result for result in results if str(result.id) not in self.done}  # type: ignore[attr-defined]
        self._file.write("".join(result.model_dump_json() + "\n" for result in fresh.values()))
        self._file.flush()
        self.done |= fresh

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def save(path: Path, data: Any) -> None:
    """Writes JSON whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    part.replace(path)


def begun(folder: Path) -> Run | None:
    """Whose results a folder holds; None where there are none; UsageError when that cannot be read."""
    path = folder / "run.json"
    if not path.exists():
        return None
    try:
        return Run.model_validate_json(path.read_text())
    except ValidationError as error:
        raise UsageError(f"{str(path)!r} does not say whose results these are: give another --out") from error


def _same(folder: Path, run: Run) -> None:
    before = begun(folder)
    if before is None:
        return
    if before.model_copy(update={"set": run.set}) != run:
        whose, this = (" ".join(filter(None, (r.model, r.weights_sha256[:8], r.dtype))) for r in (before, run))
        raise UsageError(
            f"{str(folder)!r} holds results of {whose} on {before.set!r}, not of {this} on this set: give another --out"
        )


def _mend(path: Path, kind: type[BaseModel], notice: Notice) -> None:
    """Drops a last line that was cut off while it was written."""
    data = path.read_bytes()
    if not data or data.endswith(b"\n"):
        return
    start = data.rfind(b"\n") + 1
    try:
        kind.model_validate_json(data[start:])
    except ValidationError:
        os.truncate(path, start)
        notice(f"the last line of {path} was half written and is dropped: its item is asked again")
    else:
        path.write_bytes(data + b"\n")
