"""Tasks as a Gymnasium environment: a picture and a goal in, one of our actions out, the page's own reward.

    import gymnasium, deixis.benchmarks.gym_env as gym_env
    gym_env.register(); env = gymnasium.make("deixis/click-test-v0")
    obs, info = env.reset(seed=1); obs, reward, terminated, truncated, info = env.step('{"kind": "click", "target": {"x": 40, "y": 80}}')

An action is the JSON of an action of ours with points for targets (CSS pixels), carried out by the agent's own executor. An
action that the page refuses, or that cannot be read, changes nothing and is told in `info["error"]`. The browser lives on an event loop in a thread of its own,
so the environment works in notebooks. Needs `gymnasium`.
"""

import asyncio
import io
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import gymnasium
import numpy as np
from gymnasium import spaces
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright
from pydantic import ValidationError

from deixis.benchmarks.miniwob import RULES, MiniwobTask, Rules, tasks
from deixis.benchmarks.tasks import Task
from deixis.browser.actions import ACTION, Expect, Finish, GiveUp, Read
from deixis.browser.errors import ActionError
from deixis.browser.executor import Executor
from deixis.browser.launch import launch
from deixis.browser.script import source
from deixis.browser.tabs import Tabs

LONGEST = 4000
"""Letters of a goal or an action."""
T = TypeVar("T")
Observation = dict[str, Any]


class DeixisEnv(gymnasium.Env[Observation, str]):
    """One task in a browser."""

    metadata = {"render_modes": ["rgb_array"]}  # as gymnasium has it

    def __init__(self, task: Task, rules: Rules, render_mode: str | None = None) -> None:
        self.task, self.rules, self.render_mode = task, rules, render_mode
        width, height = round(rules.width * rules.scale), round(rules.height * rules.scale)
        letters = "".join(chr(n) for n in range(32, 127)) + "\n\t"
        self.observation_space = spaces.Dict({
            "screenshot": spaces.Box(0, 255, (height, width, 3), np.uint8),
            "goal": spaces.Text(LONGEST, min_length=0, charset=letters),
        })  # fmt: skip
        self.action_space = spaces.Text(LONGEST, min_length=1, charset=letters)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="deixis-gym").start()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._executor: Executor | None = None
        self._goal, self._steps = "", 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """The same seed gives the same task again; without one, the generator's next."""
        super().reset(seed=seed)
        drawn = seed if seed is not None else int(self.np_random.integers(2**31))
        self._steps = 0
        self._goal = self._wait(self._start(str(drawn)))
        return self._observed(), {"seed": drawn}

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if self._page is None:
            raise gymnasium.error.ResetNeeded("call reset first")
        self._steps += 1
        error = self._wait(self._act(action))
        verdict = self._wait(self.task.check(self._page))
        info = {"error": error, "raw_reward": verdict.raw, "reason": verdict.reason}
        reward = verdict.reward if verdict.done else 0.0
        return self._observed(), reward, verdict.done, not verdict.done and self._steps >= self.rules.steps, info

    def render(self) -> Any:
        return self._observed()["screenshot"] if self._page is not None else None

    def close(self) -> None:
        if self._browser is not None:
            self._wait(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self, seed: str) -> str:
        if self._browser is None:
            self._playwright = await async_playwright().start()
            self._browser = await launch(self._playwright)
        if self._context is not None:
            await self._context.close()
        self._context = await self._browser.new_context(
            viewport={"width": self.rules.width, "height": self.rules.height}, device_scale_factor=self.rules.scale, locale="en-US"
        )  # fmt: skip
        await self._context.add_init_script(source())
        self._page = await self._context.new_page()
        tabs = Tabs()
        tabs.add(self._page)
        self._executor = Executor(tabs, 30)
        return (await self.task.start(self._page, seed)).text

    async def _act(self, text: str) -> str:
        """Why an action was not carried out; empty when it was."""
        assert self._executor is not None
        try:
            action = ACTION.validate_json(text)
            if isinstance(action, Read | Expect | Finish | GiveUp):
                return f"{action.kind!r} is no action of a browser"
            if any(isinstance(getattr(action, name, None), str) for name in ("target", "start", "end")):
                return f"{text} names its target in words: an environment needs a point"
            await self._executor.perform(action)
        except ValidationError as error:
            return f"no action: {error.errors()[0]['msg']}"
        except ActionError as error:
            return str(error)
        return ""

    def _observed(self) -> Observation:
        assert self._page is not None
        png = self._wait(self._page.screenshot(scale="device", caret="initial"))
        with Image.open(io.BytesIO(png)) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
        return {"screenshot": pixels, "goal": self._goal.encode("ascii", "replace").decode()[:LONGEST]}

    async def _shut(self) -> None:
        assert self._browser is not None and self._playwright is not None
        await self._browser.close()
        await self._playwright.stop()
        self._browser = None


def miniwob(name: str, protocol: str = "browsergym", **more: Any) -> DeixisEnv:
    """A task of MiniWoB++ by a protocol's rules."""
    return DeixisEnv(MiniwobTask(name, RULES[protocol]), RULES[protocol], **more)


def register() -> None:
    """Makes every task of MiniWoB++ known to gymnasium as deixis/NAME-v0."""
    for name in tasks():
        gymnasium.register(f"deixis/{name}-v0", entry_point=_maker(name))


def _maker(name: str) -> Callable[..., DeixisEnv]:
    def make(**more: Any) -> DeixisEnv:
        return miniwob(name, **more)

    return make
