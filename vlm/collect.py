"""Renders pages into screens to train and to validate on: a picture and what the DOM says is where.

    python -m deixis.vlm.collect --packages DIR --out DIR --count N [--split train|validate] [--workers K]

Pages are generated (`pages`) or real templates from npm packages, varied in place. A screen is `NAME.png` at one pixel
per CSS pixel and `NAME.json` (see collect.js). Screens that exist are skipped, so a second start resumes. Every request
that does not go to 127.0.0.1 is blocked. Knows nothing of models.
"""

import argparse
import asyncio
import functools
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from PIL import Image
from playwright.async_api import Browser, Error, Page, Route, async_playwright

from deixis.vlm.pages import PageMaker
from deixis.vlm.skins import FONTS, SANS
from deixis.vlm.words import Words

HERE = Path(__file__).parent
VIEWPORTS = (
    (1280, 720, 1),
    (1280, 720, 1),
    (1280, 720, 1),
    (1280, 800, 1),
    (1024, 768, 1),
    (1440, 900, 1),
    (1920, 1080, 1),
    (390, 844, 2),
    (820, 1180, 1),
    (600, 800, 1),
    (1280, 720, 2),
)


class Family(NamedTuple):
    """Real pages of one kind: an npm package's folder, and which of its files are pages."""

    name: str
    root: str
    pages: str
    split: str


FAMILIES = (
    Family("gentelella", "gentelella/dist", "production/*.html", "train"),
    Family("coreui", "coreui.io/Static_Full_Project_GULP", "**/*.html", "train"),
    Family("backstrap", "digitallyhappy_backstrap/dist", "**/*.html", "train"),
    Family("sb-admin-2", "startbootstrap-sb-admin-2", "*.html", "train"),
    Family("creative", "startbootstrap-creative", "dist/*.html", "train"),
    Family("resume", "startbootstrap-resume", "dist/*.html", "train"),
    Family("simple-sidebar", "startbootstrap-simple-sidebar", "dist/*.html", "train"),
    Family("argon", "creative-tim-official_argon-dashboard", "pages/*.html", "validate"),
    Family("sb-admin-7", "startbootstrap-sb-admin", "dist/*.html", "validate"),
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


def template_pages(packages: Path, split: str) -> list[tuple[Family, Path]]:
    """Every real page of a split, files of redirects and fragments left out."""
    found = []
    for family in FAMILIES:
        if family.split == split:
            pages = sorted((packages / family.root).glob(family.pages))
            found += [(family, p) for p in pages if "node_modules" not in p.parts and p.stat().st_size > 1500]
    return found


async def _only_loopback(route: Route) -> None:
    if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:", "about:")):
        await route.continue_()
    else:
        await route.abort()


async def _save(page: Page, stem: Path, about: dict[str, Any]) -> None:
    data = await page.evaluate((HERE / "collect.js").read_text())
    png = await page.screenshot()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.size != (data["width"], data["height"]):
        image = image.resize((data["width"], data["height"]), Image.Resampling.BOX)
    image.save(stem.with_suffix(".png"), compress_level=3)
    stem.with_suffix(".json").write_text(json.dumps(data | about, ensure_ascii=False))


async def _still(page: Page) -> None:
    await page.evaluate(
        "document.fonts.ready.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))))"
    )


async def _scroll(page: Page, rng: Random, share: float) -> None:
    """Scrolls down by a random amount, in a share of the cases."""
    spare = await page.evaluate("document.documentElement.scrollHeight - innerHeight")
    if spare > 20 and rng.random() < share:
        await page.evaluate("y => window.scrollTo({top: y, behavior: 'instant'})", rng.randint(0, spare))
        await _still(page)


class Renderer:
    """Renders the screens of one worker."""

    def __init__(self, packages: Path, out: Path, browser: Browser) -> None:
        self.packages, self.out, self.browser = packages, out, browser
        self.maker = PageMaker(packages)
        self.templates = template_pages(packages, "train")

    async def open(self, viewport: tuple[int, int, float]) -> Page:
        width, height, scale = viewport
        context = await self.browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        await context.route("**/*", _only_loopback)
        page = await context.new_page()
        page.set_default_timeout(15000)
        return page

    async def generated(self, index: int, base: str) -> None:
        rng = Random(index)
        stem = self.out / f"gen-{index:06d}"
        if stem.with_suffix(".json").exists():
            return
        page = await self.open(rng.choice(VIEWPORTS))
        html, family = self.maker.page(index, base)
        await page.goto(base + "LICENSE-none", wait_until="commit")
        await page.set_content(html, wait_until="load")
        await _still(page)
        await _scroll(page, rng, 0.4)
        await _save(page, stem, {"family": family, "page": str(index)})
        await page.context.close()

    async def template(self, index: int, bases: dict[str, str]) -> None:
        """Three screens of one real page: other words, other scroll, other viewport."""
        rng = Random(index)
        family, path = self.templates[index % len(self.templates)]
        stems = [self.out / f"{family.name}-{index:05d}-{k}" for k in range(3)]
        if stems[-1].with_suffix(".json").exists():
            return
        page = await self.open(rng.choice(VIEWPORTS))
        url = bases[family.name] + str(path.relative_to(self.packages / family.root))
        await page.goto(url, wait_until="load")
        words = Words(rng)
        await page.evaluate((HERE / "mutate.js").read_text(), {
            "words": [w for w in (words.some(1) for _ in range(600)) if len(w) > 2],
            "share": rng.choice([0, 0.5, 1, 1]), "font": rng.choice(FONTS + SANS) if rng.random() < 0.6 else None,
            "zoom": rng.choice([0.8, 0.9, 1, 1, 1, 1.15]), "filter": rng.choice([None, None, None, "hue-rotate(90deg)", "invert(.93) hue-rotate(180deg)", "contrast(.85)"]),
        })  # fmt: skip
        for k, stem in enumerate(stems):
            await _still(page)
            await _scroll(page, rng, 0.3 if k == 0 else 1)
            await _save(page, stem, {"family": family.name, "page": str(path.name)})
        await page.context.close()


async def _train(packages: Path, out: Path, first: int, step: int, count: int) -> None:
    from contextlib import ExitStack

    async with async_playwright() as playwright:
        browser = await launch(playwright)
        worker = Renderer(packages, out, browser)
        with ExitStack() as stack:
            base = stack.enter_context(serve(packages))
            bases = {f.name: stack.enter_context(serve(packages / f.root)) for f in FAMILIES if f.split == "train"}
            for index in range(first, count, step):
                try:
                    await worker.generated(index, base)
                    if index % 4 == 0:
                        await worker.template(index // 4, bases)
                except Error as error:
                    print(f"screen {index}: {str(error).splitlines()[0]}", flush=True)
        await browser.close()


async def _validate(packages: Path, out: Path, viewport: tuple[int, int, float]) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        worker = Renderer(packages, out, browser)
        for family, path in template_pages(packages, "validate"):
            with serve(packages / family.root) as base:
                page = await worker.open(viewport)
                await page.goto(base + str(path.relative_to(packages / family.root)), wait_until="load")
                for k in range(2):
                    await _still(page)
                    await _save(
                        page, out / f"{family.name}-{path.stem}-{k}", {"family": family.name, "page": path.name}
                    )
                    await page.evaluate("window.scrollBy({top: innerHeight * .8, behavior: 'instant'})")
                await page.context.close()
        await browser.close()


async def launch(playwright: Any) -> Browser:
    """Headless Chromium as the acting browser starts it."""
    import os
    import shutil

    flags = [
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
    ]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    browser: Browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
    return browser


def _worker(packages: str, out: str, first: int, step: int, count: int) -> None:
    asyncio.run(_train(Path(packages), Path(out), first, step, count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--split", choices=["train", "validate"], default="train")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.split == "validate":
        asyncio.run(_validate(args.packages, args.out, (1280, 720, 1)))
        return
    with ProcessPoolExecutor(args.workers) as pool:
        list(
            pool.map(
                _worker,
                *zip(
                    *[
                        (str(args.packages), str(args.out), args.start + k, args.workers, args.count)
                        for k in range(args.workers)
                    ],
                    strict=True,
                ),
            )
        )


if __name__ == "__main__":
    main()
