"""A run as OpenTelemetry spans: one for the run, one for each step, one for each part of a step.

Goes to whatever tracer provider the program has set up (`opentelemetry-instrument deixis run ...` sets one up from the
environment); without one, or without the package, nothing is made and nothing is sent. Needs `deixis[otel]`. Knows
no browser; texts are those of the journal, in which secrets are names.
"""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Any

from deixis.agent.state import Episode, Step
from deixis.browser.actions import describe

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

PARTS = ("screenshot", "deciding", "pointing", "gating", "preparing", "acting", "settling", "verifying")
"""In the order in which they mostly happen; a part that comes back (a second try) counts as one."""


def available() -> bool:
    return importlib.util.find_spec("opentelemetry") is not None


class Telemetry:
    """Spans of one run, each made when it is over; use `begin`, `step` after each step, `end`."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        """tracer: by default that of the program's tracer provider."""
        if tracer is None:
            from opentelemetry import trace

            tracer = trace.get_tracer("deixis")
        self.tracer = tracer
        self._run: Span | None = None

    def begin(self, goal: str, url: str, model: str) -> None:
        about = {"deixis.goal": goal, "deixis.model": model, "url.full": url}
        self._run = self.tracer.start_span("deixis.run", attributes=about)

    def step(self, step: Step) -> None:
        """The step and its parts, which ended now."""
        end = time.time_ns()
        start = end - _ns(step.timings.total)
        span = self._child("deixis.step", self._run, start, _about(step))
        at = start
        for part in PARTS:
            took = _ns(getattr(step.timings, part))
            if took:
                self._child(f"deixis.{part}", span, at, {}).end(end_time=min(at + took, end))
                at = min(at + took, end)
        if step.error:
            _failed(span, step.error)
        span.end(end_time=end)

    def end(self, episode: Episode) -> None:
        if self._run is None:
            return
        self._run.set_attribute("deixis.outcome", episode.outcome.value)
        self._run.set_attribute("deixis.steps", len(episode.steps))
        if episode.reason:
            _failed(self._run, episode.reason)
        self._run.end()
        self._run = None

    def _child(self, name: str, parent: Span | None, start: int, about: dict[str, Any]) -> Span:
        from opentelemetry import trace

        context = trace.set_span_in_context(parent) if parent else None
        return self.tracer.start_span(name, context, start_time=start, attributes=about)


def _about(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "deixis.step.index": step.index,
        "deixis.step.planned": describe(step.planned),
        "deixis.step.attempts": len(step.attempts),
        "url.full": step.url,
    }
    if step.performed:
        told["deixis.step.performed"] = describe(step.performed)
    if step.pointing:
        told["deixis.step.confidence"] = step.pointing.confidence
    if step.changed is not None:
        told["deixis.step.changed"] = step.changed
    return told


def _failed(span: Span, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, why))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
