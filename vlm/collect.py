"""Renders pages into screens to train on: a picture and what the DOM says is where.

    python -m deixis.vlm.collect --packages DIR --out DIR --count N [--start K] [--workers K]
    python -m deixis.vlm.collect --site URL|FOLDER --out DIR --count N   (your own pages, followed by their links)
    python -m deixis.vlm.collect --out DIR --card            (counts and licences of what is there)
    python -m deixis.vlm.collect --out DIR --sheet FILE.png  (a contact sheet, to look at)

Pages are generated (`pages`), real templates and components from npm packages, or documentation (also built by `sites`), each
varied in place and pictured several times: other words, scroll, viewport, colours, menus opened, fields filled. A screen is `NAME.png`
at one pixel per CSS pixel (one page in ten: magnified) and `NAME.json` (see collect.js). Pages that are done are skipped, so a second start
resumes. Every request that does not go to 127.0.0.1 is blocked. Running applications are walked by `applications`. Knows nothing
of models.
"""

import argparse
import asyncio
import functools
import io
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from PIL import Image, ImageDraw
from playwright.async_api import Browser, Error, Page, Route, async_playwright

from deixis.browser.errors import UsageError
from deixis.browser.launch import launch
from deixis.vlm.icons import Icons
from deixis.vlm.pages import PageMaker
from deixis.vlm.skins import FONTS, SANS, font_face
from deixis.vlm.words import ACTIONS, Words

HERE = Path(__file__).parent
WHAT_IS_THERE = (HERE / "collect.js").read_text()
Viewports = tuple[tuple[int, int, float], ...]
"""Widths, heights, device's pixels per CSS pixel."""
VIEWPORTS: Viewports = (
    (1280, 720, 1), (1280, 720, 1), (1280, 720, 1), (1280, 720, 1), (1366, 768, 1), (1280, 800, 1), (1024, 768, 1), (1440, 900, 1),
    (1920, 1080, 1), (1920, 1080, 1), (390, 844, 2), (390, 844, 2), (360, 740, 3), (820, 1180, 1), (600, 800, 1), (1280, 720, 2), (1100, 650, 1.25),
)  # fmt: skip
MAGNIFIED: Viewports = (
    (640, 360, 2),
    (853, 480, 1.5),
    (960, 540, 1.5),
    (512, 384, 2.5),
    (731, 411, 1.75),
    (400, 300, 3),
)
"""Viewports whose screens keep their device's pixels: what people see who zoom in, and small windows shown large."""
LARGE = 0.1
"""Share of pages that are pictured so."""
FILTERS = (
    None,
    None,
    None,
    None,
    "hue-rotate(90deg)",
    "hue-rotate(200deg)",
    "invert(.93) hue-rotate(180deg)",
    "invert(.9)",
    "contrast(.85)",
    "saturate(.3)",
)
WALL_PAGES = {"dense": range(700, 840), "controls": range(840, 920), "icons": range(920, 1000)}
"""Of every thousand pages, those that are full of one sort of thing."""
SHOTS = 3
"""Screens of one page."""


class Family(NamedTuple):
    """Real pages of one kind: a folder (below that of the npm packages, or absolute) and which of its files are pages."""

    name: str
    root: str
    pages: str
    licence: str
    docs: bool = False


FAMILIES = (
    Family("gentelella", "gentelella/dist", "production/*.html", "MIT"),
    Family("coreui", "coreui.io/Static_Full_Project_GULP", "**/*.html", "MIT"),
    Family("backstrap", "digitallyhappy_backstrap/dist", "**/*.html", "MIT"),
    Family("sb-admin-2", "startbootstrap-sb-admin-2", "*.html", "MIT"),
    Family("sb-admin-2-bs5", "startbootstrap-sb-admin-2-bs5", "*.html", "MIT"),
    Family("creative", "startbootstrap-creative", "dist/*.html", "MIT"),
    Family("resume", "startbootstrap-resume", "dist/*.html", "MIT"),
    Family("simple-sidebar", "startbootstrap-simple-sidebar", "dist/*.html", "MIT"),
    Family("govuk", "govuk-frontend/dist/govuk", "components/*/template-*.html", "MIT"),
    Family("reveal", "reveal.js", "*.html", "MIT"),
    Family("libreoffice-help", "/usr/share/libreoffice/help", "en-US/**/*.html", "MPL-2.0", True),
    Family("apache-docs", "/usr/share/doc/apache2-doc/manual", "en/**/*.html", "Apache-2.0", True),
    Family("postgresql-docs", "/usr/share/doc/postgresql-doc-15/html", "*.html", "PostgreSQL", True),
    # built by `sites`
    Family("mkdocs-material", "sites/mkdocs-material", "*/**/*.html", "MIT", True),
    Family("furo", "sites/furo", "*/*.html", "MIT", True),
    Family("sphinx-rtd", "sites/sphinx-rtd", "*/*.html", "MIT", True),
    Family("pelican", "sites/pelican", "*/**/*.html", "AGPL-3.0 (generator; its pages are ours)", True),
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """Serves a folder on 127.0.0.1; yields its URL, ending in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


def real_pages(packages: Path, families: tuple[Family, ...]) -> list[tuple[Family, Path]]:
    """Every page of the families, files of redirects and fragments left out."""
    found = []
    for family in families:
        pages = sorted((packages / family.root).glob(family.pages))
        small = 1500 if family.name != "govuk" else 100
        found += [(family, p) for p in pages if "node_modules" not in p.parts and p.stat().st_size > small]
    return found


def sizes(rng: Random) -> Viewports:
    """The viewports of a page."""
    return MAGNIFIED if rng.random() < LARGE else VIEWPORTS


def _weight(family: str) -> int:
    """How often a family's turn comes: those of many different pages more often."""
    return {"gentelella": 5, "coreui": 3, "backstrap": 3, "sb-admin-2": 2, "govuk": 2}.get(family, 1)


async def open_page(
    browser: Browser, viewport: tuple[int, int, float], site: str = "http://127.0.0.1", **options: Any
) -> Page:
    """A page in a context of its own that reaches nothing but this machine, or the one site."""

    async def bounded(route: Route) -> None:
        if route.request.url.startswith((site, "data:", "blob:", "about:")):
            await route.continue_()
        else:
            await route.abort()

    width, height, scale = viewport
    context = await browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale, service_workers="block", **options
    )
    await context.route("**/*", bounded)
    page = await context.new_page()
    page.set_default_timeout(15000)
    return page


async def still(page: Page) -> None:
    """Waits for fonts and for two frames."""
    await page.evaluate(
        "Promise.race([document.fonts.ready, new Promise(r => setTimeout(r, 3000))]).then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))))"
    )


async def capture(page: Page, full_scale: bool = False) -> tuple[Image.Image, dict[str, Any]]:
    """The picture at one pixel per CSS pixel (or as the screen has it) and what is on it."""
    data: dict[str, Any] = await page.evaluate(WHAT_IS_THERE)
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    if not full_scale and image.size != (data["width"], data["height"]):
        image = image.resize((data["width"], data["height"]), Image.Resampling.BOX)
    return image, data


def enlarged(data: dict[str, Any], scale: float) -> dict[str, Any]:
    """What is on a screen, in pixels so many times as small."""

    def times(values: list[float]) -> list[float]:
        return [round(scale * value, 1) for value in values]

    words = [[text, *times(box), times(edges)] for text, *box, edges in data["words"]]
    els = [element | {"box": times(element["box"])} for element in data["els"]]
    size = {side: round(scale * data[side]) for side in ("width", "height")}
    return data | size | {"words": words, "els": els, "skip": [times(box) for box in data["skip"]]}


async def save(page: Page, stem: Path, about: dict[str, Any], full_scale: bool = False) -> None:
    image, data = await capture(page, full_scale)
    if full_scale:
        data = enlarged(data, image.width / data["width"])
    image.save(stem.with_suffix(".png"), compress_level=3)
    stem.with_suffix(".json").write_text(json.dumps(data | about, ensure_ascii=False))


async def shots(
    page: Page, out: Path, name: str, about: dict[str, Any], rng: Random, viewports: Viewports = VIEWPORTS
) -> None:
    """Several screens of a page: as it opens, then scrolled, resized, recoloured, half filled, menus opened."""
    for k in range(SHOTS):
        if k:
            changes = rng.sample(["scroll", "scroll", "resize", "colours", "fill", "open"], 2)
            if "resize" in changes:
                width, height, _ = rng.choice(viewports)
                await page.set_viewport_size({"width": width, "height": height})
            await page.evaluate(
                (HERE / "vary.js").read_text(), {"changes": changes, "seed": rng.randrange(1 << 30), "values": [Words(rng).value() for _ in range(6)]}
            )  # fmt: skip
        elif rng.random() < 0.25:
            await page.evaluate(
                (HERE / "vary.js").read_text(), {"changes": ["scroll"], "seed": rng.randrange(1 << 30), "values": []}
            )
        await still(page)
        await save(page, out / f"{name}-{k}", about, viewports is MAGNIFIED)


class Renderer:
    """Renders the screens of one worker."""

    def __init__(self, packages: Path, out: Path, browser: Browser, bases: dict[str, str]) -> None:
        self.packages, self.out, self.browser, self.bases = packages, out, browser, bases
        self.maker = PageMaker(packages)
        self.icons = Icons(packages)
        self.templates: dict[str, list[tuple[Family, Path]]] = {}
        self.docs: dict[str, list[tuple[Family, Path]]] = {}
        for family, path in real_pages(packages, FAMILIES):
            for k in range(_weight(family.name)):
                pages = self.docs if family.docs else self.templates
                pages.setdefault(f"{family.name} {k}", []).append((family, path))

    async def one(self, index: int) -> None:
        """All screens of one page; of four pages two are generated, of sixteen one is documentation."""
        rng = Random(index)
        if wall := next((name for name, numbers in WALL_PAGES.items() if index % 1000 in numbers), ""):
            await self.generated(index, rng, wall)
        elif index % 16 == 15 and self.docs:
            await self.real(index, rng, *rng.choice(self.docs[rng.choice(sorted(self.docs))]))
        elif index % 8 in {1, 4, 6} and self.templates:
            await self.real(index, rng, *rng.choice(self.templates[rng.choice(sorted(self.templates))]))
        else:
            await self.generated(index, rng)

    async def generated(self, index: int, rng: Random, wall: str = "") -> None:
        viewports = sizes(rng)
        page = await open_page(self.browser, rng.choice(viewports))
        try:
            html, family = self.maker.page(index, self.bases[""], wall)
            await page.goto(self.bases[""] + "LICENSE-none", wait_until="commit")
            await page.set_content(html, wait_until="load")
            about = {"family": family, "page": str(index)}
            await shots(page, self.out, f"{wall or 'gen'}-{index:06d}", about, rng, viewports)
        finally:
            await page.context.close()

    async def real(self, index: int, rng: Random, family: Family, path: Path) -> None:
        viewports = sizes(rng)
        page = await open_page(self.browser, rng.choice(viewports))
        try:
            url = self.bases[family.name] + str(path.relative_to(self.packages / family.root))
            if family.name == "govuk":
                await page.goto(url, wait_until="commit")
                await page.set_content(self.govuk(path, rng), wait_until="load")
            else:
                await page.goto(url, wait_until="load")
            words, base = Words(rng), self.bases[""]
            face, font = "", rng.choice([None, rng.choice(FONTS), rng.choice(SANS)])
            if self.maker.fonts and rng.random() < 0.4:
                face, font = font_face(rng.choice(self.maker.fonts), base), "drawn"
            await page.evaluate((HERE / "mutate.js").read_text(), {
                "words": [w for w in (words.some(1) for _ in range(600)) if len(w) > 2],
                "labels": [words.label() if rng.random() < 0.5 else rng.choice(ACTIONS) for _ in range(120)],
                "icons": [self.icons.draw(rng, 16) for _ in range(40)] if rng.random() < 0.6 else [],
                "share": rng.choice([0, 0.5, 1, 1]), "relabel": rng.choice([0, 0, 0.3, 0.7]), "font": font, "face": face,
                "zoom": rng.choice([0.8, 0.9, 1, 1, 1, 1.15]), "filter": rng.choice(FILTERS), "seed": index,
            })  # fmt: skip
            about = {"family": family.name, "page": str(path.name)}
            await shots(page, self.out, f"{family.name}-{index:06d}", about, rng, viewports)
        finally:
            await page.context.close()

    def govuk(self, path: Path, rng: Random) -> str:
        """Components of the design system are fragments: several make a page."""
        files = sorted(path.parent.parent.glob("*/template-*.html"))
        parts = [path, *rng.sample(files, rng.randint(2, 6))]
        body = "".join(f'<div style="margin:14px 0">{p.read_text()}</div>' for p in parts)
        sheet = f'<link rel="stylesheet" href="{self.bases[""]}govuk-frontend/dist/govuk/govuk-frontend.min.css">'
        return f'<!doctype html><html class="govuk-template"><head><meta charset="utf-8">{sheet}</head><body class="govuk-template__body"><div class="govuk-width-container">{body}</div></body></html>'


LEAVE_ALONE = re.compile(
    r"log-?out|sign-?out|log-?off|delete|remove|destroy|\.(zip|pdf|csv|gz|png|jpe?g|svg|xml|txt)$", re.I
)
"""Links that are not followed: they end the session, change something, or are no pages."""


async def collect_site(start: str, out: Path, count: int) -> int:
    """Pictures of a running site, page after page by its own links, each several times; returns how many pages.

    Only links of the same origin are followed, with GET, never those that look as if they changed something.
    """
    origin = "/".join(start.split("/")[:3])
    queue, seen, taken = [start], {start.split("#")[0]}, 0
    out.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        while queue and taken < count:
            rng, url = Random(taken), queue.pop(0)
            page = await open_page(browser, VIEWPORTS[0] if taken % 3 else rng.choice(VIEWPORTS), site=origin)
            try:
                await page.goto(url, wait_until="load")
                links: list[str] = await page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
                new = [link for link in dict.fromkeys(h.split("#")[0] for h in links) if link.startswith(origin)]
                new = [link for link in new if link not in seen and not LEAVE_ALONE.search(link)]
                seen.update(new)
                queue += rng.sample(new, min(len(new), 12))
                await shots(page, out, f"site-{taken:06d}", {"family": "site", "page": url}, rng)
                taken += 1
            except Error as error:
                print(f"{url}: {str(error).splitlines()[0]}", flush=True)
            finally:
                await page.context.close()
        await browser.close()
    return taken


def done(out: Path) -> set[int]:
    """Numbers of the pages whose last screen is there."""
    return {int(found[1]) for p in out.glob(f"*-{SHOTS - 1}.json") if (found := re.search(r"-(\d{6})-\d$", p.stem))}


async def _work(packages: Path, out: Path, indices: list[int]) -> None:
    with ExitStack() as stack:
        bases = {"": stack.enter_context(serve(packages))}
        bases |= {f.name: stack.enter_context(serve(packages / f.root)) for f in FAMILIES}
        async with async_playwright() as playwright:
            for start in range(0, len(indices), 200):  # a fresh browser now and then: it grows
                browser = await launch(playwright)
                worker = Renderer(packages, out, browser, bases)
                for index in indices[start : start + 200]:
                    try:
                        await asyncio.wait_for(worker.one(index), 60)
                    except (Error, TimeoutError) as error:
                        print(f"page {index}: {(str(error) or 'took over 60 s').splitlines()[0]}", flush=True)
                await browser.close()


def _worker(packages: str, out: str, indices: list[int]) -> None:
    asyncio.run(_work(Path(packages), Path(out), indices))


def card(out: Path) -> str:
    """What the screens of a folder come from, as a Markdown table."""
    screens = [json.loads(p.read_text()) for p in out.glob("*.json")]
    counts = Counter(screen["family"] for screen in screens)
    licences = {f.name: f.licence for f in FAMILIES}
    licences |= {screen["family"]: screen["licence"] for screen in screens if "licence" in screen}
    rows = [
        f"| {name} | {n} | {licences.get(name, 'generated; style sheet MIT')} |" for name, n in sorted(counts.items())
    ]
    return "\n".join([f"{sum(counts.values())} screens", "", "| family | screens | licence |", "|---|---|---|", *rows])


def sheet(out: Path, file: Path, columns: int = 5, rows: int = 6) -> None:
    """A contact sheet: screens drawn at random, with their elements outlined."""
    files = sorted(out.glob("*.json"))
    width, height = 384, 240
    picture = Image.new("RGB", (columns * width, rows * height), "grey")
    for i, path in enumerate(Random(len(files)).sample(files, min(len(files), columns * rows))):
        screen = json.loads(path.read_text())
        image = Image.open(path.with_suffix(".png")).convert("RGB")
        draw = ImageDraw.Draw(image)
        for element in screen["els"]:
            draw.rectangle(element["box"], outline="red" if element["names"] else "blue", width=2)
        image.thumbnail((width - 4, height - 4))
        picture.paste(image, (i % columns * width, i // columns * height))
    picture.save(file)


def pages_of(site: str, out: Path, count: int) -> int:
    """Collects from a URL or from a folder of HTML files; returns how many pages."""
    folder = Path(site)
    if not folder.is_dir():
        return asyncio.run(collect_site(site, out, count))
    with serve(folder) as base:
        first = folder / "index.html"
        entry = first if first.exists() else next(iter(sorted(folder.rglob("*.html"))), None)
        if entry is None:
            raise UsageError(f"no HTML files in {site!r}")
        return asyncio.run(collect_site(base + str(entry.relative_to(folder)), out, count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--packages", type=Path, default=Path("packages"), help="what `python -m deixis.vlm.packages` fetched"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000, help="pages, three screens each")
    parser.add_argument("--start", type=int, default=0, help="number of the first page")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--site", help="a URL, or a folder of HTML files")
    parser.add_argument("--card", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.site:
        print(f"{pages_of(args.site, args.out, args.count)} pages")
    elif args.card:
        print(card(args.out))
    elif args.sheet:
        sheet(args.out, args.sheet)
    else:
        there = done(args.out)
        left = [i for i in range(args.start, args.start + args.count) if i not in there]
        with ProcessPoolExecutor(args.workers) as pool:
            work = [
                pool.submit(_worker, str(args.packages), str(args.out), left[k :: args.workers])
                for k in range(args.workers)
            ]
            for job in work:
                job.result()


if __name__ == "__main__":
    main()
