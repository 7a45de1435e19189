"""`deixis run`: from the options of the command line to an agent at work.

Planner, pointer, session and limits are made here, each by a function of its own. Knows no terminal.
"""

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from deixis.agent.api import Agent, Run, load_pointer
from deixis.agent.consent import Consent
from deixis.agent.form import Form
from deixis.agent.journal import left_by, read_journal
from deixis.agent.loop import Limits
from deixis.agent.options import RunOptions, size
from deixis.agent.pause import HandOver, Pause
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner
from deixis.agent.replay import Recording, RememberingPointer, ReplayPlanner
from deixis.browser.errors import UsageError
from deixis.browser.secrets import Secret, Secrets

PLANNERS = "deixis.planners"


class Prepared:
    """An agent, its planner and where it begins; made before anything is started, so that wrong options cost nothing."""

    def __init__(self, options: RunOptions, consent: Consent = False, hand_over: HandOver | None = None) -> None:
        """consent: who is asked before something risky, where --yes does not answer. hand_over: who deals with what
        --pause-for names."""
        options = resumed(options) if options.resume else options
        if (options.task is None) == (options.script is None):
            raise UsageError("give either a task in words or --script FILE")
        pointer = pointer_for(options)
        session = session_for(options)
        self.planner = planner_for(options, pointer, session)
        start = options.url or getattr(self.planner, "url", None)
        if not start:
            raise UsageError("--url is missing: where should the task begin?")
        self.url: str = start
        self.agent = Agent(
            pointer, session, run_for(options, consent).model_copy(update={"pause": _pause(options, hand_over)})
        )

    @property
    def report(self) -> Path | None:
        """The report, once there is one."""
        path = self.agent.folder / "report.html" if self.agent.folder else None
        return path if path and path.exists() else None


def _pause(options: RunOptions, hand_over: HandOver | None) -> Pause | None:
    if not options.pause_for:
        return None
    if hand_over is None:
        raise UsageError("--pause-for hands over to a person: run it in a terminal, with --headed or --cdp")
    return Pause(options.pause_for, hand_over)


def resumed(options: RunOptions) -> RunOptions:
    """The options of a run that goes on: task and address are its own, unless they are given again."""
    if options.out is None:
        raise UsageError("--resume goes on with a run: name its folder with --out")
    left = left_by(options.out)
    given = options.task or options.script
    return options.model_copy(
        update={"task": options.task if given else left.state.goal, "url": options.url or left.url}
    )


class Replayed:
    """An agent that does a recorded run again; made before anything is started."""

    def __init__(self, folder: Path, options: RunOptions, consent: Consent = False) -> None:
        recording = Recording(folder, read_journal(folder))
        self.planner = ReplayPlanner(recording)
        self.pointer = RememberingPointer(self.planner, lambda: load_pointer(options.model))
        self.url = options.url or recording.episode.url
        first = recording.steps[0]
        session = session_for(options).model_copy(update={"width": first.width or 1280, "height": first.height or 720})
        limits = Limits(max_steps=3 * len(recording.steps) + 5, max_seconds=options.max_seconds)
        self.agent = Agent(self.pointer, session, run_for(options, consent).model_copy(update={"limits": limits}))


def pointer_for(options: RunOptions) -> Any:
    """The model as Agent takes it: by its name, or, with a budget, the pointer."""
    if options.max_requests is None and options.max_tokens is None and options.max_cost is None:
        return options.model
    if not _served(options.model):
        if _served(options.planner):
            return options.model  # the planner's model is the one that costs
        raise UsageError("--max-requests, --max-tokens and --max-cost are for a model on a server: --model MODEL@URL")
    return _within_budget(options.model or "", options)


def _served(model: str | None) -> bool:
    return bool(model) and "@http" in str(model)


def _within_budget(model: str, options: RunOptions) -> Any:
    from deixis.vlm.remote import Budget, pointer_at

    if options.max_cost is not None and not options.price:
        raise UsageError(
            "--max-cost needs to know what tokens cost: --price IN/OUT for a million tokens read and written"
        )
    budget = Budget(
        requests=options.max_requests, tokens=options.max_tokens, cost=options.max_cost, prices=options.prices
    )
    return pointer_at(model, budget)


def planner_for(options: RunOptions, pointer: Any, session: Any = None) -> Planner:
    """Who decides what to do next."""
    variables = {**options.variables, **Secrets(session.secrets if session else ()).placeholders}
    if options.planner == "molmoweb":
        return _molmoweb(pointer, options.task)
    if options.planner == "vlm" or _served(options.planner) or Path(options.planner).is_dir():
        return _vlm(options, pointer)
    if options.planner != "instructions":
        return _own(options)
    if options.script:
        return InstructionPlanner.from_script(options.script, variables)
    return InstructionPlanner.from_text(options.task or "", variables)


def _vlm(options: RunOptions, pointer: Any) -> Planner:
    """A vision-language model as planner: the one that points, or one of its own."""
    from deixis.agent.vlm_planner import VlmPlanner
    from deixis.vlm.prompted import PromptedPointer

    if not options.task:
        raise UsageError(f"--planner {options.planner} takes a task in words, not a script")
    model = pointer if options.planner == "vlm" else options.planner
    if options.planner != "vlm" and _served(options.planner):
        model = _within_budget(options.planner, options)
    thinker = load_pointer(model) if model is None or isinstance(model, str) else model
    if not isinstance(thinker, PromptedPointer):
        raise UsageError("--planner vlm needs a model that answers in words: --model MODEL@URL, or --planner MODEL@URL")
    form = Form.of(options.answer_schema) if options.answer_schema else None
    return VlmPlanner(thinker.talker, thinker.family, _filled(options), form)


def _filled(options: RunOptions) -> str:
    """The task with its variables; a secret stays a name."""
    names = [text.partition("=")[0] for text in options.secret or []]
    values = {**options.variables, **{name: f"<secret:{name}>" for name in names}}
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), options.task or "")


def _own(options: RunOptions) -> Planner:
    """Somebody else's planner, by its entry point: it is called with the task in words."""
    found = next(iter(entry_points(group=PLANNERS, name=options.planner)), None)
    if found is None:
        raise UsageError(
            f"--planner {options.planner!r} is neither 'instructions', 'vlm', 'molmoweb', MODEL@URL nor an entry point in {PLANNERS!r}"
        )
    planner: Planner = found.load()(_filled(options))
    return planner


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
        storage_state=options.storage_state, cdp=options.cdp, profile=options.profile, allow=tuple(options.allow or ()), strict_network=options.strict_network,
        secrets=tuple(Secret.read(text, os.environ) for text in options.secret or []),
    )  # fmt: skip


def run_for(options: RunOptions, consent: Consent) -> Run:
    """Limits, and where the run is written down."""
    return Run(
        out=options.out,
        limits=Limits(max_steps=options.max_steps, max_seconds=options.max_seconds, gate=not options.no_gate),
        save_storage_state=options.save_storage_state,
        answer=options.answer_schema,
        resume=options.resume,
        consent=True if options.yes else False if options.no_gate else consent,
    )
