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
import sys
import zlib
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, async_playwright

from deixis.benchmarks.validation_markup import fields, icons, people_words, prices, table, ticks
from deixis.benchmarks.validation_sources import DOC_PAGES, HALVES, Source, sources
from deixis.browser.launch import launch
from deixis.vlm import scenes
from deixis.vlm.collect import capture, open_page, still
from deixis.vlm.spelling import fold

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


class View(NamedTuple):
    name: str
    viewport: tuple[int, int, float]
    dark: bool = False


DESKTOP = View("1280x720", (1280, 720, 1))

VIEWS = (
    DESKTOP, View("1280x720 dark", (1280, 720, 1), True), View("390x844@2", (390, 844, 2)), View("390x844@2 dark", (390, 844, 2), True),
    View("1920x1080", (1920, 1080, 1)), View("1920x1080 dark", (1920, 1080, 1), True),
)  # fmt: skip

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
        seen, found = scenes.scene(data["els"], data["words"]), []
        for element in data["els"]:
            names = [n for n in scenes.names_of(element, ("text", "label", "placeholder")) if len(n) > 1]
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
                self.elsewhere + [n for e in data["els"] for n in scenes.names_of(e, ("text",)) if 2 < len(n) < 30]
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
