"""Where validation pages come from: templates of packages, Python's documentation, a datasette server with a small shop."""

import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from deixis.vlm.collect import serve

ARGON, SB7 = "creative-tim-official_argon-dashboard", "startbootstrap-sb-admin"

DOCS = Path("/usr/share/doc/python3.11/html")

DOC_PAGES = (
    "index", "library/functions", "library/json", "library/pathlib", "library/asyncio", "tutorial/index", "tutorial/classes", "tutorial/errors", "faq/general", "whatsnew/3.11",
    "library/re", "library/index", "reference/index", "howto/index", "glossary", "about", "library/sqlite3", "library/random", "tutorial/venv", "library/csv",
)  # fmt: skip

PEOPLE = (
    "Alice Moreau",
    "Bruno Keller",
    "Chen Wei",
    "Dora Nilsson",
    "Emeka Obi",
    "Farah Aziz",
    "Greta Holm",
    "Hugo Lindt",
    "Ivana Petrov",
    "Jonas Weber",
    "Kira Sato",
    "Liam Byrne",
)

THINGS = (
    "Walnut desk",
    "Blue kettle",
    "Garden hose",
    "Desk lamp",
    "Wool blanket",
    "Steel bottle",
    "Oak shelf",
    "Rain jacket",
    "Trail shoes",
    "Chess set",
    "Coffee mill",
    "Yoga mat",
)

HALVES = ("report", "choose")
"""Pages to report figures of, and pages to choose by."""


class Source(NamedTuple):
    """One page to draw."""

    family: str
    name: str
    url: str

    @property
    def half(self) -> str:
        return HALVES[zlib.crc32(self.name.encode()) % 2]


def shop(database: Path) -> None:
    """A small database of people and products."""
    database.unlink(missing_ok=True)
    rng = Random(5)
    with sqlite3.connect(database) as db:
        db.execute("create table people (id integer primary key, name text, city text, joined text, score integer)")
        db.execute("create table products (id integer primary key, title text, price real, stock integer)")
        db.executemany("insert into people(name, city, joined, score) values (?,?,?,?)", [(n, rng.choice(["Lyon", "Oslo", "Porto", "Graz"]), f"20{rng.randint(10, 25)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}", rng.randint(1, 99)) for n in PEOPLE * 3])  # fmt: skip
        db.executemany(
            "insert into products(title, price, stock) values (?,?,?)",
            [(t, rng.randint(5, 400), rng.randint(0, 50)) for t in THINGS],
        )


@contextmanager
def datasette(database: Path) -> Iterator[str]:
    """A datasette server on this machine; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("datasette")), "serve", str(database), "-h", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(150):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def sources(packages: Path, stack: ExitStack, out: Path) -> list[Source]:
    """Every validation page that can be drawn here."""
    argon, sb7 = (stack.enter_context(serve(packages / root)) for root in (ARGON, SB7))
    found = [
        Source("argon", p.stem, f"{argon}pages/{p.name}") for p in sorted((packages / ARGON / "pages").glob("*.html"))
    ]
    found += [
        Source("sb-admin-7", p.stem, f"{sb7}dist/{p.name}")
        for p in sorted((packages / SB7 / "dist").glob("*.html"))
        if p.stat().st_size > 1500
    ]
    if DOCS.exists():
        docs = stack.enter_context(serve(DOCS))
        found += [
            Source("python-docs", name, f"{docs}{name}.html") for name in DOC_PAGES if (DOCS / f"{name}.html").exists()
        ]
    if Path(sys.executable).with_name("datasette").exists():
        shop(out / "shop.db")
        base = stack.enter_context(datasette(out / "shop.db"))
        places = (
            "",
            "shop",
            "shop/people",
            "shop/products",
            "shop/people/3",
            "shop/people?_sort_desc=score",
            "shop/people?_facet=city",
            "shop/products/2",
            "-/about",
            "shop?sql=select+*+from+people",
        )
        found += [Source("datasette", place or "index", base + place) for place in places]
    return found
