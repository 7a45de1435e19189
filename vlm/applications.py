"""Screens of running applications, walked by script: menus opened, tabs changed, dialogs, tables, forms half filled.

    pip install jupyterlab mlflow streamlit gradio marimo faker wordfreq   (in an environment of its own: BIN is its bin/)
    python -m deixis.vlm.applications --bin BIN --packages DIR --out DIR --count N [--start K] [--only NAME]

Each application is started on 127.0.0.1 in a folder of its own, filled with content drawn anew (notebooks, runs, forms,
an API), and walked by the mouse: at every step one of the things on the screen is clicked, filled or pointed at, then
the page is pictured as `collect` does. A dozen pages share one start. Pages that are done are skipped, so a second start
resumes. Nothing is written outside the folder, and the pages reach nothing but the application.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
from playwright.async_api import Browser, Error, Page, async_playwright
from playwright.async_api import TimeoutError as PageTimeout

from deixis.browser.errors import SetupError, UsageError
from deixis.browser.launch import launch
from deixis.vlm import collect, fillings
from deixis.vlm.words import Words

SHOTS = 8
"""Screens of one page."""
SHARED = 12
"""Pages of one start of an application."""
PATIENCE = 120
"""Seconds until an application must answer, and that a page may take."""
LEAVE_ALONE = re.compile(
    r"log-?\s?out|sign-?\s?out|shut\s?-?down|quit|restart|hard reload|delete|print|full\s?screen", re.I
)
"""Names of things that are not clicked: they end the application or take away what is walked through."""
WEIGHTS = {"menuitem": 4, "tab": 3, "button": 2, "field": 2, "link": 1}
"""How often a step goes to a thing, by its role."""
TRIES = 3
"""Pictures of a screen that does not stand still."""
FEW = 3
"""A screen with fewer things is not worth a picture."""


CALM = """([still, most]) => new Promise((done) => {
  let timer;
  const observer = new MutationObserver(() => again());
  const end = () => { observer.disconnect(); done(); };
  const again = () => { clearTimeout(timer); timer = setTimeout(end, still); };
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  setTimeout(end, most);
  again();
})"""
"""Waits until nothing has changed for some milliseconds, or until the most have passed."""


class Application(NamedTuple):
    """How one is filled and started."""

    name: str
    licence: str
    fill: fillings.Filling
    command: tuple[str, ...] = ()
    """Its program and arguments, with {port} and {folder}; none where the folder is only served."""
    before: tuple[str, ...] = ()
    """A program that is run in the folder first."""
    prelude: int = 0
    """Fields that are filled, each with Enter, before the first picture."""


APPLICATIONS = (
    Application("jupyterlab", "BSD-3-Clause", fillings.jupyterlab, ("jupyter-lab", "--no-browser", "--allow-root", "--port={port}",
        "--ServerApp.token=", "--ServerApp.root_dir={folder}", "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")),
    Application("streamlit", "Apache-2.0", fillings.script("streamlit", "?seed={seed}"),
        ("streamlit", "run", "streamlit_app.py", "--server.headless=true", "--server.port={port}", "--server.address=127.0.0.1")),
    Application("swagger-ui", "Apache-2.0", fillings.swagger),
    Application("gradio", "Apache-2.0", fillings.script("gradio", *(f"page{k}" for k in range(fillings.MANY))), ("python", "gradio_app.py", "{port}")),
    Application("marimo", "Apache-2.0", fillings.marimo, ("marimo", "edit", "--headless", "--no-token", "--host=127.0.0.1", "--port={port}", "--skip-update-check")),
    Application("todomvc", "MIT", fillings.todomvc, prelude=4),
    Application("mlflow", "Apache-2.0", fillings.script("mlflow", "#/experiments", "#/models", "#/experiments/1", "#/experiments/2/runs", "#/prompts", ""),
        ("mlflow", "ui", "--host=127.0.0.1", "--port={port}", "--backend-store-uri=sqlite:///runs.db"), before=("python", "mlflow_app.py")),
    Application("streamlit", "Apache-2.0", fillings.script("streamlit", "", "?a={seed}"),
        ("streamlit", "hello", "--server.headless=true", "--server.port={port}", "--server.address=127.0.0.1")),
    Application("marimo", "Apache-2.0", fillings.script("marimo", "?seed={seed}"), ("marimo", "run", "marimo_app.py", "--headless", "--no-token", "--host=127.0.0.1", "--port={port}")),
)  # fmt: skip


def program(command: tuple[str, ...], bin_: Path, **values: object) -> list[str]:
    """A command with its program found and its places filled; SetupError where there is none."""
    found = shutil.which(command[0], path=str(bin_))
    if found is None:
        raise SetupError(
            f"no {command[0]!r} in {str(bin_)!r}: pip install jupyterlab mlflow streamlit gradio marimo there"
        )
    return [found, *(part.format(**values) for part in command[1:])]


def environment(folder: Path, bin_: Path) -> dict[str, str]:
    """Of an application: its home is the folder, and it is told to report to nobody."""
    return os.environ | {
        "HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"), "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "GRADIO_ANALYTICS_ENABLED": "False",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip


@contextmanager
def running(application: Application, folder: Path, bin_: Path) -> Iterator[str]:
    """Starts an application; yields its address. SetupError when it ends or does not answer."""
    if not application.command:
        with collect.serve(folder) as base:
            yield base
        return
    env = environment(folder, bin_)
    if application.before:
        subprocess.run(program(application.before, bin_), cwd=folder, env=env, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            program(application.command, bin_, port=port, folder=folder), cwd=folder, env=env, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        answered(f"http://127.0.0.1:{port}/", process, application.name, folder / "log")
        yield f"http://127.0.0.1:{port}/"
    finally:
        ended(process)


def ended(process: "subprocess.Popen[bytes]") -> None:
    """Ends an application and what it has started."""
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answered(url: str, process: "subprocess.Popen[bytes]", name: str, log: Path) -> None:
    """Waits until an application answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=10).status_code < 500:
                return
        except httpx.HTTPError:
            if process.poll() is not None:
                raise SetupError(f"{name} ended: {log.read_text()[-300:].strip()}") from None
        time.sleep(0.5)  # a program of somebody else's: nothing but its answer says that it is ready
    raise SetupError(f"{name} did not answer within {PATIENCE} s: {log.read_text()[-300:].strip()}")


async def reachable(page: Page) -> list[dict[str, Any]]:
    """The things of a screen that a click would reach."""
    found: list[dict[str, Any]] = (await page.evaluate(collect.WHAT_IS_THERE))["els"]
    return found


async def calm(page: Page, still: int, most: int) -> None:
    """Waits until nothing has changed for so many milliseconds, and no longer than the most; or until the next page has come."""
    try:
        await page.evaluate(CALM, [still, most])
    except Error:
        await page.wait_for_load_state()


async def grown(page: Page) -> None:
    """Waits until a page that builds itself has something on it, then until it is calm."""
    with suppress(PageTimeout):  # too little is told by whoever looks at it then
        await page.wait_for_function(f"({collect.WHAT_IS_THERE})().els.length >= {FEW}", timeout=20_000, polling=500)
    await calm(page, 600, 18_000)


async def step(page: Page, rng: Random, words: Words, fields_only: bool = False) -> None:
    """One thing on the screen is clicked, filled, or pointed at."""
    doors = [
        element
        for element in await reachable(page)
        if not (element["disabled"] or any(LEAVE_ALONE.search(name) for _, name in element["names"]))
        and (element["role"] == "field" or not fields_only)
    ]
    if not doors or rng.random() < 0.1:
        await page.mouse.wheel(0, rng.choice([-300, 300, 600]))
        return
    element = rng.choices(doors, [WEIGHTS.get(e["role"], 1) for e in doors])[0]
    x, y = (element["box"][0] + element["box"][2]) / 2, (element["box"][1] + element["box"][3]) / 2
    if element["role"] == "field":
        await page.mouse.click(x, y)
        await page.keyboard.press("ControlOrMeta+A")
        await page.keyboard.type(words.title(1, 3) if fields_only else words.value())
        if fields_only or rng.random() < 0.4:
            await page.keyboard.press("Enter")
    elif rng.random() < 0.15:
        await page.mouse.move(x, y)
    else:
        await page.mouse.click(x, y, button="right" if rng.random() < 0.08 else "left")
    if not fields_only and rng.random() < 0.08:
        await page.keyboard.press("Escape")


async def looks(page: Page, rng: Random) -> None:
    """Other colours, now and then: fonts stay, since many applications draw their icons as letters of one."""
    if colours := rng.choice(collect.FILTERS):
        await page.add_style_tag(content=f"html{{filter:{colours}}}")


async def walk(page: Page, stem: Path, about: dict[str, str], rng: Random, prelude: int, large: bool) -> None:
    """Pictures of a page on the way through it, in so many of its states."""
    words, start = Words(rng), page.url
    await grown(page)
    await looks(page, rng)
    for _ in range(prelude):
        await step(page, rng, words, fields_only=True)
    for k in range(SHOTS):
        for _ in range(rng.randint(1, 2) if k else 0):
            await step(page, rng, words)
            await calm(page, 300, 3_000)
        # A link that leads out of the application, or a state in which nothing can be reached.
        if page.url.split("/")[:3] != start.split("/")[:3] or len(await reachable(page)) < FEW:
            await page.goto(start, wait_until="load")
        if rng.random() < 0.1:
            width, height, _ = rng.choice(collect.sizes(rng))
            await page.set_viewport_size({"width": width, "height": height})
        await grown(page)
        await collect.still(page)
        for _ in range(TRIES):  # things may move between what the page says and its picture
            there = await reachable(page)
            if len(there) < FEW:
                raise Error("there is next to nothing on it")
            await collect.save(page, stem.with_name(f"{stem.name}-{k}"), about, large)
            if await reachable(page) == there:
                break
            await calm(page, 700, 5_000)


class Walker:
    """Walks the pages of one start after another."""

    def __init__(self, packages: Path, bin_: Path, out: Path) -> None:
        self.packages, self.bin, self.out = packages, bin_, out

    async def start(self, application: Application, indices: list[int]) -> None:
        """The pages of one start of one application."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "app"
            folder.mkdir()
            starts = application.fill(folder, self.packages, Random(indices[0]))
            with running(application, folder, self.bin) as base:
                async with async_playwright() as playwright:
                    browser = await launch(playwright)
                    for index in indices:
                        try:
                            await self.page(application, index, browser, base, starts)
                        except (Error, TimeoutError) as error:
                            print(f"page {index}: {(str(error) or 'took too long').splitlines()[0]}", flush=True)
                    await browser.close()

    async def page(self, application: Application, index: int, browser: Browser, base: str, starts: list[str]) -> None:
        """One page, from one of the starts on."""
        rng = Random(index)
        viewports = collect.sizes(rng)
        scheme = rng.choice(["light", "light", "dark"])
        page = await collect.open_page(browser, rng.choice(viewports), base, color_scheme=scheme)
        # A window of its own would not be pictured, and would slow down what is.
        page.on("popup", lambda other: asyncio.ensure_future(other.close()))
        try:
            await page.goto(base + rng.choice(starts), wait_until="load")
            about = {"family": application.name, "page": str(index), "licence": application.licence}
            stem = self.out / f"{application.name}-{index:06d}"
            walked = walk(page, stem, about, rng, application.prelude, viewports is collect.MAGNIFIED)
            await asyncio.wait_for(walked, PATIENCE)
        finally:
            await page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("packages"))
    parser.add_argument(
        "--bin", type=Path, default=Path(sys.executable).parent, help="where the applications' programs are"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100, help=f"pages, {SHOTS} screens each")
    parser.add_argument("--start", type=int, default=0, help="number of the first page")
    parser.add_argument("--only", choices=sorted({a.name for a in APPLICATIONS}))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    chosen = [a for a in APPLICATIONS if args.only in (None, a.name)]
    walker = Walker(args.packages.resolve(), args.bin.absolute(), args.out)
    for first in range(args.start, args.start + args.count, SHARED):
        application = chosen[first // SHARED % len(chosen)]
        numbers = range(first, min(first + SHARED, args.start + args.count))
        left = [i for i in numbers if not (args.out / f"{application.name}-{i:06d}-{SHOTS - 1}.json").exists()]
        if left:
            print(f"{application.name}: pages {left[0]} to {left[-1]}", flush=True)
            try:
                asyncio.run(walker.start(application, left))
            except (SetupError, UsageError, subprocess.CalledProcessError) as error:
                print(f"left out: {error}", flush=True)


if __name__ == "__main__":
    main()
