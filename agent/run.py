"""`deixis run`: from the options of the command line to an agent at work.

Planner, pointer, session and limits are made here, each by a function of its own. Knows no terminal.
"""

from pathlib import Path
from typing import Any

from deixis.agent.api import Agent, Run, load_pointer
from deixis.agent.loop import Limits
from deixis.agent.options import RunOptions, size
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner
from deixis.browser.errors import UsageError


class Prepared:
    """An agent, its planner and where it begins; made before anything is started, so that wrong options cost nothing."""

    def __init__(self, options: RunOptions) -> None:
        if (options.task is None) == (options.script is None):
            raise UsageError("give either a task in words or --script FILE")
        pointer = pointer_for(options)
        self.planner = planner_for(options, pointer)
        start = options.url or getattr(self.planner, "url", None)
        if not start:
            raise UsageError("--url is missing: where should the task begin?")
        self.url: str = start
        self.agent = Agent(pointer, session_for(options), run_for(options))

    @property
    def report(self) -> Path | None:
        """The report, once there is one."""
        path = self.agent.folder / "report.html" if self.agent.folder else None
        return path if path and path.exists() else None


def pointer_for(options: RunOptions) -> Any:
    """The model as Agent takes it: by its name, or, with a budget, the pointer."""
    if options.max_requests is None and options.max_tokens is None:
        return options.model
    from deixis.vlm.remote import Budget, pointer_at

    if not options.model or "@" not in options.model:
        raise UsageError("--max-requests and --max-tokens are for a model on a server: --model MODEL@URL")
    return pointer_at(options.model, Budget(requests=options.max_requests, tokens=options.max_tokens))


def planner_for(options: RunOptions, pointer: Any) -> Planner:
    """Who decides what to do next."""
    if options.planner == "molmoweb":
        return _molmoweb(pointer, options.task)
    if options.planner != "instructions":
        raise UsageError(f"--planner {options.planner!r} is neither 'instructions' nor 'molmoweb'")
    if options.script:
        return InstructionPlanner.from_script(options.script, options.variables)
    return InstructionPlanner.from_text(options.task or "", options.variables)


def _molmoweb(model: Any, task: str | None) -> Planner:
    """The planner; its model also points, for targets in words."""
    from deixis.agent.molmoweb import MolmoWebPlanner
    from deixis.vlm.prompted import PromptedPointer

    if not task:
        raise UsageError("--planner molmoweb takes a task in words, not a script")
    pointer = load_pointer(model) if model is None or isinstance(model, str) else model
    if not isinstance(pointer, PromptedPointer) or pointer.family.name != "MolmoWeb":
        raise UsageError("--planner molmoweb needs --model allenai/MolmoWeb-8B@URL or a folder of its weights")
    return MolmoWebPlanner(pointer.talker, task)


def session_for(options: RunOptions) -> Any:
    """The browser to start."""
    from deixis.browser.session import SessionConfig

    width, height = size(options.viewport)
    return SessionConfig(
        width=width, height=height, scale=options.scale, locale=options.locale, headed=options.headed,
        storage_state=options.storage_state,
    )  # fmt: skip


def run_for(options: RunOptions) -> Run:
    """Limits, and where the run is written down."""
    return Run(
        out=options.out,
        limits=Limits(max_steps=options.max_steps, max_seconds=options.max_seconds, gate=not options.no_gate),
        save_storage_state=options.save_storage_state,
    )
