"""What fine-tuning on one's own application is worth: datasette before and after so many minutes.

    python -m deixis.benchmarks.adapt --sets DIR --minutes 20 --out DIR

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
from deixis.benchmarks.validation import datasette

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


def of_family(parts: list[Pair]) -> dict[str, Pair]:
    """What was answered about the family's named elements, by item."""
    return {item.id: (item, result) for item, result in parts if item.family == FAMILY and item.box is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True)
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
    before, after = (
        of_family([pair for part in ask(args.sets, model, args.out / name, named=True) for pair in part.pairs])
        for name, model in (("before", None), ("after", str(adapted)))
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
