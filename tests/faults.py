"""Faults that are put into runs at random, by a seed: what breaks, when, and which outcomes are right for it.

A case is a plan of a few steps on a local page and one fault at one of them. Everything is real: the browser, the page,
the journal, the signal; nothing is patched but the clock.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from deixis.agent.journal import Journal, read_journal
from deixis.agent.loop import Limits, Loop
from deixis.agent.state import Outcome, Step, TaskState
from deixis.browser.actions import Action, AnswerDialog, Check, Click, Expect, Finish, GiveUp, Press, Read, Scroll, Type
from deixis.browser.errors import DeixisError, SetupError
from deixis.browser.launch import launch
from deixis.browser.session import Session, SessionConfig
from deixis.browser.settle import Patience
from deixis.browser.types import Point, Screenshot
from tests.fakes import FixedPointer
from tests.hostile import Site

BOUND = 45.0
"""Seconds after which a run hangs."""
PAGE = """<!doctype html><meta charset=utf-8><title>{title}</title><body style="margin:0;height:3000px"><style>button,input,p,a{{position:absolute;margin:0;box-sizing:border-box;width:150px;height:30px}}</style>
<button style="left:0;top:0" onclick="o.textContent='saved '+n.value+' '+(window.k=(window.k||0)+1)">Save</button><input id=n style="left:200px;top:0">
<input type=checkbox id=c style="left:400px;top:0;width:20px"><p id=o style="left:0;top:60px">none</p><a href="/second" style="left:600px;top:0">Second</a>{more}</body>"""
POINTER = FixedPointer(
    {
        "Save": Point(x=50, y=15),
        "Name": Point(x=250, y=15),
        "Box": Point(x=410, y=15),
        "the message": Point(x=20, y=70),
        "Second": Point(x=620, y=10),
    }
)
ACTIONS: tuple[Action, ...] = (
    Click(target="Save"), Type(text="Ada", target="Name"), Check(target="Box"), Press(keys="Tab"), Scroll(dy=200), Scroll(dy=-200),
    Read(question="the message"), Expect(what="the message", seconds=0.2), Click(target="Second"), Click(target="Nowhere"),
)  # fmt: skip
WORKING = {Outcome.FINISHED, Outcome.GAVE_UP, Outcome.STEP_LIMIT, Outcome.FAILED, Outcome.BUDGET, Outcome.CYCLE}
"""Outcomes of a run that went on, whatever the page did."""


class Breaking:
    """A planner that follows its list, and does as a person would when a dialog is open; before one step it breaks something."""

    goal = "break"

    def __init__(self, actions: list[Action], at: int, fault: Callable[[], Any]) -> None:
        self.actions, self.at, self.fault = list(actions), at, fault
        self.count = 0

    def begin(self, state: TaskState) -> None:
        """It has no lines to show."""

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        if self.count == self.at:
            self.fault()
        self.count += 1
        if screenshot.dialog is not None:
            return AnswerDialog(accept=False) if len(state.steps) < 15 else GiveUp(reason="dialogs without end")
        return self.actions.pop(0) if self.actions else Finish(answer="done")


@dataclass
class Case:
    """One run with one fault."""

    seed: int
    name: str
    at: int
    actions: list[Action]

    @classmethod
    def of(cls, seed: int) -> "Case":
        rng = random.Random(seed)
        names = list(FAULTS)
        name = (
            names[seed % len(names)]
            if seed < len(names)
            else rng.choice([n for n in names if n not in RARE or rng.random() < 0.1])
        )
        actions = [rng.choice(ACTIONS) for _ in range(rng.randint(3, 6))]
        return cls(seed, name, rng.randrange(len(actions)), actions)


@dataclass
class Scene:
    """What a fault may break."""

    session: Session
    site: Site
    journal: Journal
    loop: asyncio.AbstractEventLoop
    browser: Browser
    task: "asyncio.Task[Any] | None" = None
    restore: list[Callable[[], Any]] = field(default_factory=list)

    def script(self, text: str) -> None:
        """Runs script in the page, without waiting for what becomes of it."""

        async def run() -> None:
            with suppress(PlaywrightError):
                await self.session.page.evaluate(f"() => {{ setTimeout(() => {{ {text} }}, 0); }}")

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def do(self, work: Awaitable[Any]) -> None:
        async def run() -> None:
            with suppress(PlaywrightError, TimeoutError):
                await asyncio.wait_for(asyncio.ensure_future(work), 5)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)


def crash(scene: Scene) -> None:
    async def run() -> None:
        devtools = await scene.session.page.context.new_cdp_session(scene.session.page)
        await devtools.send("Page.crash")

    scene.do(run())


def kill(scene: Scene) -> None:
    """Kills the browser's own process, by its id."""

    async def run() -> None:
        devtools = await scene.browser.new_browser_cdp_session()
        found = await devtools.send("SystemInfo.getProcessInfo")
        for process in found["processInfo"]:
            if process["type"] == "browser":
                os.kill(int(process["id"]), signal.SIGKILL)

    scene.do(run())


def full_disk(scene: Scene) -> None:
    """The journal's file becomes one that takes nothing: writes fail as on a full disk."""
    old = scene.journal._handle
    scene.journal._handle = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
    scene.restore.append(old.close)


def clock(jump: float) -> Callable[[Scene], None]:
    def turn(scene: Scene) -> None:
        real = time.time
        time.time = lambda: real() + jump  # type: ignore[method-assign]
        scene.restore.append(lambda: setattr(time, "time", real))
        scene.script(f"const d = Date.now; Date.now = () => d() + {jump * 1000:.0f}; performance.now = () => 0;")

    return turn


def cancel(scene: Scene) -> None:
    assert scene.task is not None
    scene.loop.call_soon_threadsafe(scene.task.cancel)


@dataclass(frozen=True)
class Fault:
    """How to break something, and what may come of it."""

    do: Callable[[Scene], None]
    outcomes: frozenset[Outcome]
    own_browser: bool = False
    answer: float = 6.0
    """Seconds after which a page that does not answer counts as dead."""


def page(script: str, answer: float = 6.0) -> Fault:
    return Fault(lambda scene: scene.script(script), frozenset(WORKING), answer=answer)


def goes(path: str) -> Fault:
    return Fault(lambda scene: scene.script(f"location.href = '{path}'"), frozenset(WORKING))


FAULTS: dict[str, Fault] = {
    "nothing": page(""),
    "the page crashes": Fault(crash, frozenset({Outcome.CRASHED}), own_browser=True),
    "the browser is killed": Fault(kill, frozenset({Outcome.CRASHED}), own_browser=True),
    "the browser closes": Fault(lambda s: s.do(s.browser.close()), frozenset({Outcome.CRASHED}), own_browser=True),
    "the tab closes": Fault(lambda s: s.do(s.session.page.close()), frozenset({Outcome.CRASHED})),
    "a navigation that never ends": goes("/never"),
    "a page that never ends": goes("/endless"),
    "a server that hangs up": goes("/gone"),
    "alerts without end": page("setInterval(() => alert('again'), 1)"),
    "alerts in a row": page("for (let i = 0; i < 5; i++) alert(i)"),
    "a confirmation and a prompt": page("confirm('sure?'); prompt('name?')"),
    "leaving is asked about": page("addEventListener('beforeunload', e => { e.preventDefault(); e.returnValue = 'x' })"),
    "windows without end": page("let i = 0; const t = setInterval(() => { window.open('about:blank'); if (++i > 30) clearInterval(t) }, 5)"),
    "50,000 elements": page("document.body.insertAdjacentHTML('beforeend', '<i>x</i>'.repeat(50000))"),
    "animation without end": page("setInterval(() => { o.style.left = Math.random() * 300 + 'px'; o.textContent = Math.random() }, 4)"),
    "animation by style": page("document.body.insertAdjacentHTML('beforeend', '<style>@keyframes a{to{transform:translate(90px)}} p{animation:a .2s infinite alternate}</style>')"),
    "the target runs away": page("document.addEventListener('mousemove', () => document.querySelectorAll('button, input').forEach(e => e.style.top = Math.random() * 400 + 'px'), true)"),
    "everything is rebuilt": page("setInterval(() => { const b = document.querySelector('button'); b && b.replaceWith(b.cloneNode(true)) }, 10)"),
    "everything is gone": page("document.body.replaceChildren()"),
    "the document is opened anew": page("document.open(); document.write('<p>new</p>'); document.close()"),
    "the page reloads itself": page("setTimeout(() => location.reload(), 20)"),
    "the page reloads without end": goes("/restless"),
    "the script never ends": page("const t = Date.now(); while (Date.now() - t < 3000);"),
    "a cover over everything": page("document.body.insertAdjacentHTML('beforeend', '<div style=\"position:fixed;inset:0;background:#fff;z-index:9\"></div>')"),
    "it scrolls away": page("setInterval(() => scrollBy(0, 7), 16)"),
    "the console is flooded": page("for (let i = 0; i < 20000; i++) console.log('x'.repeat(200))", answer=20),
    "requests without end": page("setInterval(() => fetch('/second').catch(() => 0), 5)"),
    "history is emptied": page("history.pushState(0, '', '/x'); history.go(-5)"),
    "the clock jumps forward": Fault(clock(10_000_000.0), frozenset(WORKING)),
    "the clock jumps back": Fault(clock(-10_000_000.0), frozenset(WORKING)),
    "the disk is full": Fault(full_disk, frozenset({Outcome.INTERRUPTED, Outcome.CRASHED})),
    "it is interrupted": Fault(cancel, frozenset({Outcome.INTERRUPTED})),
    "a 100-MB page": Fault(lambda s: s.script("location.href = '/huge'"), frozenset({Outcome.CRASHED, *WORKING})),
}  # fmt: skip
RARE = {"a 100-MB page"}
QUICK = Patience(still=1.0, fetch=0.5, navigation=3.0, load=1.0)


async def run(case: Case, shared: Browser, site: Site, folder: Path) -> tuple[Outcome, str, list[int], list[int]]:
    """Outcome and reason as the caller gets them, indices of the steps that were done, and of those in the journal."""
    fault = FAULTS[case.name]
    config = SessionConfig(
        width=800,
        height=600,
        patience=QUICK,
        navigation_timeout=3,
        answer_timeout=fault.answer,
        dialog_timeout=5,
        allow=(),
    )
    if not fault.own_browser:
        return await _run(case, fault, Session(config, shared), shared, site, folder)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            return await _run(case, fault, Session(config, browser), browser, site, folder)
        finally:
            with suppress(PlaywrightError):
                await browser.close()


async def _run(
    case: Case, fault: Fault, session: Session, browser: Browser, site: Site, folder: Path
) -> tuple[Outcome, str, list[int], list[int]]:
    done: list[int] = []
    scene: Scene | None = None

    def note(step: Step) -> None:
        done.append(step.index)

    def broken() -> None:
        assert scene is not None
        fault.do(scene)

    outcome, reason = Outcome.CRASHED, ""
    with Journal.open(folder) as journal:
        state = TaskState(goal=case.name)
        try:
            async with session:
                scene = Scene(session, site, journal, asyncio.get_running_loop(), browser)
                journal.header(state, url=site.at("127.0.0.1"), model="fixed", weights_sha256="", started="")
                await session.start(site.at("127.0.0.1"))
                loop = Loop(
                    Breaking(case.actions, case.at, broken),
                    POINTER,
                    session,
                    Limits(max_steps=25, max_seconds=30),
                    journal,
                )
                loop.on_step = note
                scene.task = asyncio.ensure_future(loop.run(state))
                outcome, reason = await asyncio.wait_for(scene.task, BOUND)
        except asyncio.CancelledError:
            outcome, reason = Outcome.INTERRUPTED, "cancelled"
        except SetupError as error:
            outcome, reason = Outcome.CRASHED, str(error)
        except DeixisError as error:
            outcome, reason = Outcome.GAVE_UP, str(error)
        finally:
            for undo in scene.restore if scene else []:
                undo()
    written = [step.index for step in read_journal(folder).steps]
    return outcome, reason, done, written


def serve() -> Site:
    """The site of all cases."""
    site = Site()
    html = PAGE.format(title="first", more="")
    site.pages = {
        "/": (200, {}, html),
        "/second": (200, {}, PAGE.format(title="second", more="<p style='top:90px'>second</p>")),
        "/restless": (200, {}, html + "<script>setTimeout(() => location.reload(), 30)</script>"),
        "/never": _sleep, "/endless": _endless, "/gone": _gone,
        "/huge": lambda: (200, {}, "<p>" + "x" * 100_000_000),
    }  # fmt: skip
    return site


def _sleep() -> tuple[int, dict[str, str], str]:
    time.sleep(20)  # a server that does not answer: longer than any patience here
    return 200, {}, "late"


def _endless() -> tuple[int, dict[str, str], str]:
    time.sleep(2.5)
    return 200, {"Refresh": "0"}, "<p>again</p>"


def _gone() -> tuple[int, dict[str, str], str]:
    raise ConnectionResetError
