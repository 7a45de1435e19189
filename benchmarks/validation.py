"""The grounding sets that deixis-nano is judged by: real pages of families it was never trained on, drawn and asked here.

    python -m deixis.benchmarks.validation --packages DIR --out DIR

Families: argon-dashboard, Python's documentation, datasette (a running server), and sb-admin 7, a near sibling of a
training family, reported apart. Named elements are the pages' own; rare things (rows of a table, fields named only by
text nearby, icons, prices) are put into them as markup with the page's own classes and carry their questions. Each row
of the report is a set of its own; each page belongs to the half to report (`report/ROW.jsonl`) or to the half to choose
by (`choose/ROW.jsonl`).
Wordings are written down here and are not those of training (`vlm.ask`).
"""

import argparse
import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import escape
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, async_playwright

from deixis.browser.launch import launch
from deixis.vlm import ask
from deixis.vlm.collect import capture, open_page, serve, still
from deixis.vlm.spelling import fold

ARGON, SB7 = "creative-tim-official_argon-dashboard", "startbootstrap-sb-admin"
DOCS = Path("/usr/share/doc/python3.11/html")
DOC_PAGES = (
    "index", "library/functions", "library/json", "library/pathlib", "library/asyncio", "tutorial/index", "tutorial/classes", "tutorial/errors", "faq/general", "whatsnew/3.11",
    "library/re", "library/index", "reference/index", "howto/index", "glossary", "about", "library/sqlite3", "library/random", "tutorial/venv", "library/csv",
)  # fmt: skip
FORMS = (
    "{}",
    "{}",
    "the {} {role}",
    "click {}",
    "click the {} {role}",
    "{} {role}",
    "press {}",
    "open {}",
    "the {} {role} please",
    "go to {}",
)
FIELD_FORMS = (
    "{}",
    "the {} field",
    "{} field",
    "type in the {} field",
    "the input for {}",
    "enter the {}",
    "where I type the {}",
    "fill in {}",
    "click on {}",
)
CHECK_FORMS = ("{}", "tick {}", "check {}", "the {} checkbox", "the checkbox for {}", "select {}")

# bootstrap-icons by function: the drawing's file, and words for it
ICONS = {
    "search": "search|find|magnifier", "trash": "delete|trash can|remove|bin", "pencil": "edit|pencil|modify", "gear": "settings|gear|preferences", "house": "home|house", "bell": "notifications|bell|alerts",
    "envelope": "mail|envelope|message", "person": "user|profile|account", "cart": "shopping cart|cart|basket", "heart": "heart|like|favourite", "star": "star|favorite|rate", "download": "download|save to disk",
    "upload": "upload", "printer": "print|printer", "calendar": "calendar|date picker", "camera": "camera|take a photo", "lock": "lock|padlock|secure", "unlock": "unlock|open padlock", "eye": "show|eye|view", "eye-slash": "hide|crossed-out eye",
    "share": "share", "link-45deg": "link|copy link", "plus-lg": "add|plus|new", "dash-lg": "minus|subtract", "x-lg": "close|cross|dismiss", "check-lg": "tick|check mark|confirm", "arrow-left": "back|left arrow|previous", "arrow-right": "forward|right arrow|next",
    "arrow-clockwise": "reload|refresh", "funnel": "filter|funnel", "list": "menu|hamburger menu", "three-dots": "more options|three dots", "info-circle": "info|information", "question-circle": "help|question mark", "exclamation-triangle": "warning|alert triangle",
    "chat": "chat|speech bubble|comment", "telephone": "call|phone", "geo-alt": "location|map pin", "globe": "globe|language|world", "bookmark": "bookmark", "flag": "flag|report", "folder": "folder|directory", "file-earmark": "file|document",
    "paperclip": "attach|paper clip", "send": "send|paper plane", "play": "play|start", "pause": "pause", "stop": "stop", "volume-up": "sound|volume|speaker", "mic": "microphone|record voice", "image": "picture|image|photo", "moon": "dark mode|moon", "sun": "light mode|sun",
    "box-arrow-right": "log out|sign out|exit", "box-arrow-in-right": "log in|sign in", "clipboard": "clipboard|paste", "scissors": "cut|scissors", "clock": "time|clock|history", "credit-card": "credit card|payment", "gift": "gift|present", "truck": "delivery|truck|shipping",
    "hand-thumbs-up": "thumbs up|like", "hand-thumbs-down": "thumbs down|dislike", "zoom-in": "zoom in|enlarge", "zoom-out": "zoom out|shrink", "type-bold": "bold", "type-italic": "italic", "bar-chart": "chart|statistics", "wifi": "wifi|wireless network", "shield": "shield|security",
}  # fmt: skip
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
NEARBY = (
    "Nickname",
    "Floor",
    "Vehicle",
    "Invoice note",
    "Budget",
    "Hobby",
    "Delivery hint",
    "Contact person",
    "Room",
    "Serial number",
)
TICKS = (
    "Send me a receipt",
    "Gift packaging",
    "Share my location",
    "Weekly digest",
    "Allow comments",
    "Show my birthday",
    "Use dark colours",
    "Express delivery",
    "Keep a copy",
    "Hide prices",
)


HALVES = ("report", "choose")
"""Pages to report figures of, and pages to choose by."""


class View(NamedTuple):
    name: str
    viewport: tuple[int, int, float]
    dark: bool = False


DESKTOP = View("1280x720", (1280, 720, 1))
VIEWS = (
    DESKTOP, View("1280x720 dark", (1280, 720, 1), True), View("390x844@2", (390, 844, 2)), View("390x844@2 dark", (390, 844, 2), True),
    View("1920x1080", (1920, 1080, 1)), View("1920x1080 dark", (1920, 1080, 1), True),
)  # fmt: skip


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


# markup put into pages; what is asked of an element stands in its data-q as [[kind, instruction, text or null], ...]


def _q(*asked: tuple[str, str] | tuple[str, str, str]) -> str:
    return f'data-q="{escape(json.dumps([[*one, None][:3] for one in asked]))}"'


def table(rng: Random) -> str:
    """People with the same two actions."""
    names, actions = (
        rng.sample(PEOPLE, rng.randint(3, 5)),
        rng.choice([("Edit", "Delete"), ("View", "Remove"), ("Open", "Archive")]),
    )
    rows = []
    for i, name in enumerate(names):
        ways = ("the {a} in the row of {n}", "{a} next to {n}", "{a} {n}'s entry", "in {n}'s row, the {a} button")
        cells = "".join(
            f'<td><a href="#" class="btn btn-sm btn-primary" {_q(("row", rng.choice(ways).format(a=a, n=name.split()[0])), ("ordinal", f"the {ask.ORDINALS[i]} {a}"))}>{a}</a></td>'
            for a in actions
        )
        city, points = rng.choice(["Lyon", "Oslo", "Porto", "Graz", "Bergen"]), rng.randint(10, 99)
        rows.append(
            f"<tr><td>{name}</td><td>{city}</td><td><span {_q(('reading', f'the number in the row of {name}', str(points)))}>{points}</span></td>{cells}</tr>"
        )
    return f'<table class="table"><thead><tr><th>Name</th><th>City</th><th>Points</th><th></th><th></th></tr></thead><tbody>{"".join(rows)}</tbody></table>'


def prices(rng: Random) -> str:
    cards = []
    for thing in rng.sample(THINGS, 4):
        price = rng.choice([f"${rng.randint(5, 400)}.{rng.randint(0, 99):02d}", f"{rng.randint(5, 400)} €"])
        asked = _q(
            (
                "price",
                rng.choice([f"the price under {thing}", f"the price of the {thing}", f"how much is the {thing}"]),
            ),
            ("reading", f"the price under {thing}", price),
        )
        buy = _q(
            (
                "row",
                rng.choice(
                    [
                        f"Add to cart for {thing}",
                        f"the Add to cart button under {thing}",
                        f"buy the {thing}: Add to cart",
                    ]
                ),
            )
        )
        cards.append(
            f'<div class="col-3"><div class="card p-3"><h5>{thing}</h5><div><b {asked}>{price}</b></div><a href="#" class="btn btn-primary" {buy}>Add to cart</a></div></div>'
        )
    return f'<div class="row">{"".join(cards)}</div>'


def fields(rng: Random) -> str:
    """Fields named only by text nearby, in three layouts."""
    out, place = [], rng.choice(["left", "above", "table"])
    for name in rng.sample(NEARBY, 4):
        asked = _q(
            (
                "near-text field",
                rng.choice(["{}", "the {} field", "type the {}", "where do I put the {}", "the box for the {}"]).format(
                    name
                ),
            )
        )
        control = f'<input type="text" class="form-control" style="width:240px" {asked}>'
        if place == "table":
            out.append(f"<tr><td style='padding-right:20px'>{name}</td><td>{control}</td></tr>")
        elif place == "left":
            out.append(f'<div class="d-flex mb-2"><span style="width:140px">{name}</span>{control}</div>')
        else:
            out.append(f'<div class="mb-2"><div>{name}</div>{control}</div>')
    body = "".join(out)
    return f"<table>{body}</table>" if place == "table" else f"<div>{body}</div>"


def ticks(rng: Random) -> str:
    kind, out = rng.choice(["checkbox", "radio"]), []
    for i, name in enumerate(rng.sample(TICKS, 5)):
        asked = _q(
            (
                kind,
                rng.choice(["{}", "tick {}", "the {} box", "select {}", "the one next to {}", "choose {}"]).format(
                    name
                ),
            )
        )
        out.append(
            f'<div class="form-check"><input class="form-check-input" type="{kind}" name="v" id="v{i}" {asked}><label class="form-check-label" for="v{i}">{name}</label></div>'
        )
    return f"<div>{''.join(out)}</div>"


def icons(rng: Random, folder: Path) -> str:
    """A row of bare icons of one size."""
    size, look = (
        rng.choice([16, 18, 20, 24]),
        rng.choice(
            [
                "border:0;background:none",
                "border:1px solid #999;border-radius:4px;background:none",
                "border:0;background:#eee;border-radius:50%",
            ]
        ),
    )
    out = []
    for name in rng.sample(sorted(ICONS), 7):
        svg = (folder / f"{name}.svg").read_text().replace('width="16" height="16"', f'width="{size}" height="{size}"')
        words = rng.choice(ICONS[name].split("|"))
        asked = _q(("icon", rng.choice(["{}", "the {} icon", "click {}", "{} button", "the {} button"]).format(words)))
        out.append(
            f'<button type="button" style="{look};padding:5px;margin:0 {rng.randint(1, 9)}px;color:#333" {asked}>{svg}</button>'
        )
    return f'<div style="padding:6px;background:#fff">{"".join(out)}</div>'


def people_words(rows: list[dict[str, str]]) -> str:
    """Links, buttons, fields and check boxes with the labels of the list."""
    out = []
    for i, row in enumerate(rows):
        asked, label = _q(("people", row["words"])), escape(row["label"])
        if row["role"] == "field":
            out.append(
                f'<div class="mb-2"><label for="p{i}" class="form-label">{label}</label><input id="p{i}" class="form-control" style="max-width:360px" {asked}></div>'
            )
        elif row["role"] == "checkbox":
            out.append(
                f'<div class="form-check mb-2"><input class="form-check-input" type="checkbox" id="p{i}" {asked}><label class="form-check-label" for="p{i}">{label}</label></div>'
            )
        elif row["role"] == "button":
            out.append(
                f'<button type="button" class="btn btn-{["primary", "secondary", "light"][i % 3]} me-2 mb-2" {asked}>{label}</button>'
            )
        else:
            out.append(f'<a href="#" class="me-3" {asked}>{label}</a>')
    return f"<div>{''.join(out)}</div>"


INSERT = """([html, front]) => {
  const places = [".container-fluid.py-4", "main .container-fluid.px-4", "main .container-fluid", "main", ".container-fluid", "body"];
  const place = places.map((where) => document.querySelector(where)).find((e) => e && e.getBoundingClientRect().width > 500);
  const box = document.createElement("div"); box.className = "card p-3 mb-3"; box.style.cssText = "position:relative;z-index:2;background:#fff;color:#333;padding:12px;width:100%"; box.innerHTML = html;
  front ? place.prepend(box) : place.append(box); box.scrollIntoView({block: "center", behavior: "instant"});
}"""
ASKED = """() => [...document.querySelectorAll("[data-q]")].map((e) => {
  const r = e.getBoundingClientRect(), t = document.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2);
  const there = r.width > 3 && r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight && t && (e === t || e.contains(t));
  return [JSON.parse(e.dataset.q), there ? [r.left, r.top, r.right, r.bottom] : null];
})"""


class Maker:
    """Draws pages and writes items."""

    def __init__(self, browser: Browser, packages: Path, out: Path) -> None:
        self.browser, self.packages, self.out = browser, packages, out
        self.elsewhere: list[str] = []
        for folder in ("screens", *HALVES):
            (out / folder).mkdir(parents=True, exist_ok=True)

    async def open(self, source: Source, view: View) -> Page:
        page = await open_page(self.browser, view.viewport)
        if view.dark:
            session = await page.context.new_cdp_session(page)
            await session.send("Emulation.setAutoDarkModeOverride", {"enabled": True})
        await page.goto(source.url, wait_until="load")
        await still(page)
        return page

    async def shoot(self, page: Page, source: Source, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A picture on disk: what is on it, and what all its items share."""
        await still(page)
        image, data = await capture(page, full_scale=True)
        file = f"{name}.png".replace(" ", "-")
        image.save(self.out / "screens" / file)
        shared = {
            "image": f"../screens/{file}",
            "width": data["width"],
            "height": data["height"],
            "family": source.family,
            "page": f"{source.family}/{source.name}",
            "half": source.half,
        }
        return data, shared

    def write(self, row: str, items: list[dict[str, Any]]) -> None:
        for half in HALVES:
            mine = [item for item in items if item["half"] == half]
            if mine:
                with (self.out / half / f"{row}.jsonl").open("a") as file:
                    file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in mine)

    def named(self, data: dict[str, Any], shared: dict[str, Any], rng: Random) -> list[dict[str, Any]]:
        """Elements whose name is theirs alone and stands nowhere else on the screen, and names that are not there."""
        seen, found = ask.scene(data["els"], data["words"]), []
        for element in data["els"]:
            names = [n for n in ask.names_of(element, ("text", "label", "placeholder")) if len(n) > 1]
            if (
                not names
                or len(seen.groups[fold(names[0])]) > 1
                or sum(fold(r.text) == fold(names[0]) for r in seen.runs) > 1
            ):
                continue
            role = element["role"]
            forms = (
                FIELD_FORMS
                if role in {"field", "select"}
                else CHECK_FORMS
                if role in {"checkbox", "radio", "switch"}
                else FORMS
            )
            found.append((element["box"], rng.choice(forms).format(names[0], role=role), role))
        wanted = max(1, len(found) // 4)
        strangers = [
            n
            for n in rng.sample(self.elsewhere, min(len(self.elsewhere), 60))
            if not {fold(w) for w in n.split()} <= seen.written and fold(n) not in seen.groups
        ]
        near = []
        for name in rng.sample(sorted(seen.groups), min(3, len(seen.groups))):
            first = rng.choice(["New", "Old", "Export", "Team", "Weekly", "Remove"])
            if fold(first) not in seen.written:
                near.append(f"{first} {name}")
        missing = [
            (None, rng.choice(FORMS).format(n, role=rng.choice(["link", "button"])), "absent")
            for n in (strangers[: wanted - wanted // 3] + near[: wanted // 3])
        ]
        self.elsewhere = list(
            dict.fromkeys(
                self.elsewhere + [n for e in data["els"] for n in ask.names_of(e, ("text",)) if 2 < len(n) < 30]
            )
        )[-400:]
        return [
            {"id": f"{Path(shared['image']).stem}#{i}", **shared, "instruction": text, "box": box, "kind": kind}
            for i, (box, text, kind) in enumerate(found + missing)
        ]

    async def plain(self, source: Source, view: View) -> None:
        """The page as it is, at the top and further down."""
        page = await self.open(source, view)
        for k in range(2):
            name = f"{source.family}-{source.name}-{view.name}-{k}".replace("/", "_").replace("?", "_")
            data, shared = await self.shoot(page, source, name)
            row = f"named {view.name}" if source.family != "sb-admin-7" else f"sibling {view.name}"
            self.write(row, self.named(data, shared, Random(zlib.crc32(name.encode()))))
            before = data["els"][:3]
            await page.evaluate("window.scrollBy({top: innerHeight * .8, behavior: 'instant'})")
            if k == 0 and await page.evaluate("scrollY") < 40 and before:
                break
        await page.context.close()

    async def with_markup(self, source: Source, row: str, html: str, seed: int, half: str) -> None:
        page = await self.open(source, DESKTOP)
        await page.evaluate(INSERT, [html, seed % 2 == 0])
        name = f"{row}-{source.family}-{source.name}-{seed}".replace("/", "_").replace("?", "_").replace(" ", "-")
        _, shared = await self.shoot(page, source, name)
        shared |= {"half": half, "page": f"{source.family}/{source.name}/{seed}"}
        for asked, box in await page.evaluate(ASKED):
            if box is not None:
                for i, (kind, instruction, text) in enumerate(asked):
                    item = {
                        "id": f"{Path(shared['image']).stem}#{box[0]:.0f},{box[1]:.0f}.{i}",
                        **shared,
                        "instruction": instruction,
                        "box": box,
                        "kind": kind,
                    }
                    self.write("reading" if text else row, [item | ({"text": text} if text else {})])
        await page.context.close()


HOSTS = {
    "argon": ("billing", "dashboard", "tables", "profile"),
    "sb-admin-7": ("charts", "index", "tables", "layout-static"),
}
"""Pages that markup is put into."""


def _forget(out: Path, plain: bool, marked: bool) -> None:
    """An empty place for the rows that are drawn anew."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*/*.jsonl"):
        if plain if old.stem.startswith(("named", "sibling")) else marked:
            old.unlink()


async def make(packages: Path, out: Path, plain: bool, marked: bool) -> None:
    """Draws the pages as they are, and those with markup put in."""
    _forget(out, plain, marked)
    with ExitStack() as stack:
        pages = sources(packages, stack, out)
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            maker = Maker(browser, packages, out)
            for view in VIEWS if plain else ():
                for source in pages:
                    if view is DESKTOP or source.family != "python-docs" or source.name in DOC_PAGES[:8]:
                        await maker.plain(source, view)
                print(f"{view.name}: drawn", file=sys.stderr, flush=True)
            hosts = [source for source in pages if source.name in HOSTS.get(source.family, ())]
            words = [
                json.loads(line)
                for line in (files("deixis.benchmarks") / "people_words.jsonl").read_text().splitlines()
            ]
            for seed in range(24 if marked else 0):
                source, rng = hosts[seed % len(hosts)], Random(seed)
                parts = (
                    ("relations", table(rng)),
                    ("relations", prices(rng)),
                    ("relations", fields(rng)),
                    ("relations", ticks(rng)),
                    ("icons", icons(rng, packages / "bootstrap-icons/icons")),
                )
                for number, (row, html) in enumerate(parts):  # each a picture of its own
                    await maker.with_markup(source, row, html, seed * 10 + number, HALVES[seed % 2])
            for seed, start in enumerate(range(0, len(words) if marked else 0, 6)):
                batch, used = [], set()
                for row_ in Random(1).sample(words, len(words))[start : start + 6]:
                    if row_["label"] not in used:
                        batch.append(row_)
                        used.add(row_["label"])
                await maker.with_markup(hosts[seed % len(hosts)], "people", people_words(batch), seed, HALVES[seed % 2])
            await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("packages"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--part", choices=["all", "plain", "marked"], default="all", help="pages as they are, or with markup put in"
    )
    args = parser.parse_args()
    asyncio.run(make(args.packages, args.out, args.part != "marked", args.part != "plain"))
    for file in sorted(args.out.glob("*/*.jsonl")):
        print(f"{file.parent.name}, {file.stem}: {len(file.read_text().splitlines())} items")


if __name__ == "__main__":
    main()
