"""`deixis bench report`: runs side by side on one page: tables, what differs by chance and what does not, plots, galleries.

A run is a folder with run.json, summary.json and results.jsonl, of whatever benchmark; runs of the same set (by its
hash) share a table and are compared item by item. Runs whose folders end in a number of its own (`step-1000`, `step-2000`,
never `1280x720`) are places on a learning curve. Pictures are shown while the set lies where it lay; without it, the words are. Knows no model.
"""

import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError

from deixis.benchmarks import plots, statistics
from deixis.benchmarks.gallery import Compared, gallery
from deixis.benchmarks.results import FILE, Run
from deixis.browser.errors import UsageError

HERE = Path(__file__).parent
GOOD = ("hit", "success", "correct")
"""What a result that counts is called, by benchmark."""
TABLES = ("kind", "family", "tag", "task", "subject")
MOST = 40
"""Most rows of a table by slice."""


class Entry(NamedTuple):
    """A run as it was read."""

    folder: Path
    run: Run
    summary: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    name: str
    """The model, and what else tells it from the others."""

    def good(self, item: str) -> bool:
        row = self.rows[item]
        return bool(next((row[key] for key in GOOD if key in row), False))

    @property
    def place(self) -> tuple[str, float] | None:
        """Where the run is on a learning curve: which one, and how far along."""
        match = re.fullmatch(r"(?:(.+)[-_ ])?(\d+(?:\.\d+)?)", self.folder.name)
        return (match[1] or self.folder.parent.name, float(match[2])) if match else None


class Board(NamedTuple):
    """The runs of one set."""

    title: str
    sha256: str
    entries: list[Entry]
    pairs: list[tuple[Entry, Entry, statistics.Paired]]
    slices: dict[str, list[tuple[str, list[dict[str, Any] | None]]]]
    shown: list[Compared]
    note: str

    @property
    def mark(self) -> str:
        """The beginning of the set's hash, where it has one."""
        return self.sha256[:12] if re.fullmatch(r"[0-9a-f]{64}", self.sha256) else ""


def report(folders: Sequence[Path], out: Path) -> Path:
    """Writes one page for all runs in some folders; UsageError when there are none."""
    entries = named([entry for folder in folders for entry in runs(folder)])
    if not entries:
        raise UsageError(f"no run (summary.json, {FILE}) in {', '.join(repr(str(folder)) for folder in folders)}")
    boards = titled([board(some) for some in by_set(entries)])
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    curves = [(name, points) for some in boards for name, points in curves_of(some.entries)]
    page = environment.get_template("leaderboard.html.j2").render(
        boards=boards, css=(files("deixis.agent") / "report.css").read_text() + (HERE / "grounding_report.css").read_text(),
        latency={some.sha256: plots.latency([(e.name, e.summary) for e in some.entries]) for some in boards if len(some.entries) > 1},
        curves=plots.curves(curves) if curves else "", runs=len(entries),
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return out


def runs(folder: Path) -> list[Entry]:
    """The run in a folder, or those in the folders below it; UsageError for a file that is broken."""
    if not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is no folder")
    paths = (
        [folder] if (folder / "summary.json").exists() else sorted(path.parent for path in folder.rglob("summary.json"))
    )
    return [entry(path) for path in paths if (path / FILE).exists() and (path / "run.json").exists()]


def entry(folder: Path) -> Entry:
    try:
        run = Run.model_validate_json((folder / "run.json").read_text())
        summary = json.loads((folder / "summary.json").read_text())
        lines = [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = {str(line["id"]): line for line in lines}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"the run in {str(folder)!r} cannot be read ({error})") from error
    return Entry(folder, run, summary, rows, run.model)


def named(entries: Iterable[Entry]) -> list[Entry]:
    """Runs of equal names on one set get their folders' names too."""
    found = list(entries)
    keys = [(e.run.set_sha256, e.run.model) for e in found]
    return [
        e._replace(name=f"{e.name} ({e.folder.name})") if keys.count((e.run.set_sha256, e.run.model)) > 1 else e
        for e in found
    ]


def by_set(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Runs of the same set together, the best first."""
    sets: dict[str, list[Entry]] = {}
    for found in entries:
        sets.setdefault(found.run.set_sha256, []).append(found)
    return [sorted(some, key=lambda e: -e.summary["rate"]) for some in sets.values()]


def board(entries: list[Entry]) -> Board:
    first = entries[0]
    shown, note = gallery(
        [(e.name, e.rows, {item: e.good(item) for item in e.rows}) for e in entries],
        first.summary,
        first.run.set_sha256,
    )
    pairs = [(a, b, compared(a, b)) for a, b in combinations(entries, 2) if a.rows.keys() & b.rows.keys()]
    return Board(first.run.set, first.run.set_sha256, entries, pairs, slices(entries), shown, note)


def titled(boards: Sequence[Board]) -> list[Board]:
    """Different sets of one name are told apart by the folder that each lies in."""
    names = [some.title for some in boards]

    def title(some: Board) -> str:
        path = some.entries[0].summary.get("path")
        return f"{Path(path).parent.name}/{some.title}" if path and names.count(some.title) > 1 else some.title

    return [some._replace(title=title(some)) for some in boards]


def compared(first: Entry, second: Entry) -> statistics.Paired:
    """Two runs on the items that both have."""
    items = sorted(first.rows.keys() & second.rows.keys())
    pages = [str(first.rows[i].get("page") or first.rows[i].get("task") or i) for i in items]
    return statistics.paired([first.good(i) for i in items], [second.good(i) for i in items], pages)


def slices(entries: Sequence[Entry]) -> dict[str, list[tuple[str, list[dict[str, Any] | None]]]]:
    """Rates by slice, a column a run; None where a run has none."""
    out = {}
    for name in TABLES:
        by = [e.summary.get("by", {}).get(name, {}) for e in entries]
        keys = sorted({key for some in by for key in some})
        if len(keys) > 1:
            out[name] = [(key, [some.get(key) for some in by]) for key in keys[:MOST]]
    return out


def curves_of(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[float, dict[str, Any]]]]]:
    """Learning curves, on one set each: at least two places."""
    found: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = {}
    for e in entries:
        if e.place:
            found.setdefault((e.run.set_sha256, f"{e.run.set}: {e.place[0]}"), []).append((e.place[1], e.summary))
    return [
        (name, sorted(points, key=lambda point: point[0]))
        for (_, name), points in found.items()
        if len({number for number, _ in points}) > 1
    ]
