"""MiniWoB++ without selenium: its pages, three protocols for running them, and the driver on Playwright.

The pages come from the `miniwob` package, which is never imported (that would want gymnasium and selenium), only its
HTML files are opened. Protocols differ, so a score must name its own:

    pix2act     59 tasks (one of which the package no longer has), 100 seeds from 1201539860, no time limit, fewer than
                30 steps, goal in the picture; success is raw reward > 0, score the mean of raw / 2 + 0.5 where raw > 0
    browsergym  125 tasks, 5 seeds each drawn as BrowserGym draws them, no time limit, 10 steps, goal as text and blanked
                in the page; success is raw reward > 0
    native      the same 125 tasks with the pages' own time limits: the reward decays, so the score counts speed

Pages are laid out by the window, not by the 160x210 pixels that a task takes up: in a window of just these a dialog's cross
lies outside. So the window is wider in all three, and beside the task a picture shows the page's grey ground.

Knows no agent.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Page

from deixis.benchmarks.tasks import Goal, Verdict
from deixis.browser.errors import SetupError, UsageError
from deixis.browser.types import Frozen

LEFT_OUT = ("button-delay", "chase-circle", "hover-shape", "moving-items", "simon-says")
"""Pages that BrowserGym leaves out: time is what they are about."""
PIX2ACT = [
    "bisect-angle",
    "choose-date-nodelay",
    "circle-center",
    "click-button",
    "click-button-sequence",
    "click-checkboxes",
    "click-checkboxes-large",
    "click-checkboxes-soft",
    "click-checkboxes-transfer",
    "click-collapsible-2-nodelay",
    "click-collapsible-nodelay",
    "click-color",
    "click-dialog",
    "click-dialog-2",
    "click-link",
    "click-option",
    "click-pie-nodelay",
    "click-shades",
    "click-shape",
    "click-tab",
    "click-tab-2",
    "click-tab-2-easy",
    "click-tab-2-hard",
    "click-tab-2-medium",
    "click-test",
    "click-test-2",
    "click-test-transfer",
    "click-widget",
    "count-shape",
    "count-sides",
    "drag-box",
    "drag-item",
    "drag-items",
    "drag-items-grid",
    "drag-shapes",
    "drag-sort-numbers",
    "email-inbox-delete",
    "email-inbox-important",
    "enter-date",
    "enter-text-2",
    "enter-time",
    "find-midpoint",
    "grid-coordinate",
    "identify-shape",
    "navigate-tree",
    "number-checkboxes",
    "resize-textarea",
    "right-angle",
    "simple-algebra",
    "simple-arithmetic",
    "text-transform",
    "tic-tac-toe",
    "unicode-test",
    "use-autocomplete-nodelay",
    "use-colorwheel",
    "use-colorwheel-2",
    "use-slider",
    "use-slider-2",
    "visual-addition",
]
"""As published; `drag-item` is not among the pages of miniwob 1.1."""
PIX2ACT_SEED, PIX2ACT_EPISODES = 1201539860, 100
SEEDS = 34
"""BrowserGym draws its seeds below `2 ^ 32`, which in Python is 34."""
START = """async ([seed, time, blank]) => {
  Math.seedrandom(seed);
  if (time) core.EPISODE_MAX_TIME = time;
  core.startEpisodeReal();
  const query = document.getElementById("query"), said = core.getUtterance(), html = query.innerHTML;
  for (const id of ["reward-display", "click-canvas"]) document.getElementById(id).style.visibility = "hidden";
  core.cover_div.onclick = null;  // a late click must not begin another episode
  if (blank) query.innerHTML = "";
  for (const end = performance.now() + 10000; !WOB_TASK_READY; await new Promise((resolve) => setTimeout(resolve, 4)))
    if (performance.now() > end) throw new Error("the task was not ready after 10 seconds");
  return typeof said === "string" ? {text: said, html} : {text: said.utterance, fields: said.fields, html};
}"""
ENDED = """async (wait) => {
  for (const end = performance.now() + wait; !WOB_DONE_GLOBAL && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 10));
}"""
CHECK = "() => ({done: WOB_DONE_GLOBAL, reward: WOB_REWARD_GLOBAL, raw: WOB_RAW_REWARD_GLOBAL, reason: String(WOB_REWARD_REASON || '')})"
NEVER = 3_600_000
"""Milliseconds of an episode that is not to end by itself."""


class Rules(Frozen):
    """A protocol."""

    name: str
    steps: int
    """Most actions of an episode."""
    time: int
    """Milliseconds of an episode; 0 keeps the page's own limit."""
    blank: bool
    """Whether the goal is taken out of the page."""
    width: int
    """CSS pixels of the viewport."""
    height: int
    scale: float
    """Image pixels per CSS pixel: the letters are 8 to 10 CSS pixels high."""


RULES = {
    "pix2act": Rules(name="pix2act", steps=29, time=NEVER, blank=False, width=332, height=214, scale=3),
    "browsergym": Rules(name="browsergym", steps=10, time=1_000_000, blank=True, width=332, height=214, scale=3),
    "native": Rules(name="native", steps=10, time=0, blank=False, width=332, height=214, scale=3),
}


class Episode(Frozen):
    """One task with one seed."""

    id: str
    task: str
    seed: str
    """What the page's random numbers are seeded with."""


@lru_cache(maxsize=1)
def folder() -> Path:
    """Where the pages lie; SetupError without the package."""
    try:
        found = [file for file in files("miniwob") or [] if file.parts[-2:] == ("miniwob", "click-test.html")]
    except PackageNotFoundError:
        found = []
    if not found:
        raise SetupError("the pages of MiniWoB++ are not installed: pip install 'deixis[bench]'")
    return Path(str(found[0].locate())).parent


@lru_cache(maxsize=1)
def tasks() -> tuple[str, ...]:
    """All pages by name."""
    return tuple(sorted(path.stem for path in folder().glob("*.html")))


def episodes(rules: Rules, names: Sequence[str] = (), count: int | None = None) -> list[Episode]:
    """The episodes of a protocol: of some tasks only, and of each the first `count` only; UsageError for an unknown task."""
    unknown = next((name for name in names if name not in tasks()), None)
    if unknown is not None:
        raise UsageError(f"MiniWoB++ has no task {unknown!r}: it has {', '.join(tasks())}")
    if rules.name == "pix2act":
        seeds = [str(PIX2ACT_SEED + n) for n in range(PIX2ACT_EPISODES)]
        drawn = {task: seeds for task in (names or [task for task in PIX2ACT if task in tasks()])}
    else:
        drawn = _browsergym(names)
    return [
        Episode(id=f"{task}/{number}", task=task, seed=seed)
        for task, seeds in drawn.items()
        for number, seed in enumerate(seeds[:count])
    ]


def _browsergym(names: Sequence[str]) -> dict[str, list[str]]:
    """Page seeds by task: five a task, drawn over all tasks in their order, whichever are asked for."""
    rng = np.random.RandomState(42)
    order = [task for task in tasks() if task not in LEFT_OUT]
    drawn = {
        task: [str(np.random.RandomState(seed).randint(0, 1_000_000)) for seed in rng.randint(0, SEEDS, 5)]
        for task in order
    }
    drawn |= {task: [str(number) for number in range(5)] for task in names if task in LEFT_OUT}
    return {task: drawn[task] for task in (names or order)}


class MiniwobTask:
    """A page of MiniWoB++ as a task."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name, self.rules = name, rules

    async def start(self, page: Page, seed: str) -> Goal:
        """Loads the page afresh: what an episode leaves behind would change the next."""
        await page.goto((folder() / f"{self.name}.html").as_uri(), wait_until="load")
        said: dict[str, Any] = await page.evaluate(START, [int(seed), self.rules.time, self.rules.blank])
        return Goal(text=said["text"], fields=said.get("fields") or {}, html=said["html"])

    async def ended(self, page: Page, seconds: float) -> Verdict:
        """The verdict, as soon as there is one, or what there is after so many seconds."""
        await page.evaluate(ENDED, 1000 * seconds)
        return await self.check(page)

    async def check(self, page: Page) -> Verdict:
        return Verdict.model_validate(await page.evaluate(CHECK))
