"""What fine-tuning on one's own application is worth: datasette before and after so many minutes.

    python -m deixis.benchmarks.adapt --sets DIR [DIR] --minutes 20 --out DIR

A datasette server with one database is what the embedded weights are adapted to (`deixis.vlm.train --pages`); the pages that
are asked about, of the sets of `deixis.benchmarks.validation`, are of another database with other tables and other words.
Both weights answer the same items; the difference is paired by item.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np

from deixis.benchmarks import statistics
from deixis.benchmarks.evaluate import Pair, ask, rate
from deixis.benchmarks.validation_sources import datasette
from deixis.browser.errors import UsageError

FAMILY = "datasette"
SUBJECTS = [
    "rivers",
    "engines",
    "recipes",
    "bridges",
    "planets",
    "books",
    "rooms",
    "trains",
    "mountains",
    "stations",
    "gardens",
    "concerts",
]
COLUMNS = [
    "label",
    "owner",
    "length",
    "colour",
    "year",
    "region",
    "weight",
    "country",
    "opened",
    "rating",
    "code",
    "remark",
]
VALUES = [
    "amber",
    "north",
    "cedar",
    "Lisbon",
    "quiet",
    "Monday",
    "copper",
    "harbour",
    "Ingrid",
    "seven",
    "velvet",
    "1874",
    "12.5",
    "open",
    "Marta",
    "closed",
]


def other_database(file: Path) -> None:
    """Tables that the validation pages do not have."""
    rng = Random(77)
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as db:
        for subject in SUBJECTS:
            columns = rng.sample(COLUMNS, rng.randint(3, 6))
            db.execute(f"create table {subject} (id integer primary key, {', '.join(f'{c} text' for c in columns)})")
            marks = ",".join("?" * len(columns))
            rows = [
                [" ".join(rng.sample(VALUES, rng.randint(1, 2))) for _ in columns] for _ in range(rng.randint(5, 60))
            ]
            db.executemany(f"insert into {subject}({','.join(columns)}) values ({marks})", rows)


def of_family(sets: list[Path], out: Path) -> Path:
    """A folder with the family's items of all the sets of named elements; pictures stay where they are."""
    lines: dict[str, list[str]] = {}
    for path in sorted(path for folder in sets for path in folder.glob("named*.jsonl")):
        items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for item in items:
            if item["family"] == FAMILY:
                moved = item | {"image": str((path.parent / item["image"]).resolve())}
                lines.setdefault(path.name, []).append(json.dumps(moved, ensure_ascii=False))
    if not lines:
        raise UsageError(f"no page of {FAMILY} in the sets {', '.join(map(str, sets))}")
    out.mkdir(parents=True, exist_ok=True)
    for name, some in lines.items():
        (out / name).write_text("\n".join(some) + "\n", encoding="utf-8")
    return out


def answers(sets: Path, model: str | None, out: Path) -> dict[str, Pair]:
    """What weights answer about elements that are there, by set and item."""
    return {
        f"{part.goal.set} {item.id}": (item, result)
        for part in ask(sets, model, out, named=True)
        for item, result in part.present
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/adapt"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    adapted = args.out / "adapted" / "nano.safetensors"
    if not adapted.exists():
        other_database(args.out / "other.db")
        with datasette(args.out / "other.db") as url:
            command = [sys.executable, "-m", "deixis.vlm.train", "--pages", url, "--minutes", str(args.minutes)]
            subprocess.run([*command, "--out", str(adapted.parent)], check=True, stdout=sys.stderr)
    sets = of_family(args.sets, args.out / "sets")
    before, after = (
        answers(sets, model, args.out / name) for name, model in (("before", None), ("after", str(adapted)))
    )
    same = sorted(before.keys() & after.keys())
    pages = [before[i][0].group for i in same]
    gains = np.array([float(after[i][1].hit) - float(before[i][1].hit) for i in same])
    rates = {name: rate([some[i] for i in same]) for name, some in (("before", before), ("after", after))}
    spread = statistics.bootstrap(lambda i: float(gains[i].mean()), pages)
    for name, value in rates.items():
        print(f"{name:7} {value.rate:6.1%} ± {value.stderr:5.1%} (n={value.n})")
    print(f"gain    {gains.mean():+6.1%} ± {spread:5.1%}")
    figures = {name: value.model_dump() for name, value in rates.items()} | {
        "gain": float(gains.mean()),
        "stderr": spread,
    }
    (args.out / "adapt.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
