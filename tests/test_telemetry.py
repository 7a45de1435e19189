"""Spans of a run, as a real OpenTelemetry SDK takes them."""

import pytest

from deixis.agent.state import Episode, Outcome, Step, TaskState, Timings
from deixis.browser.actions import Click
from deixis.browser.types import Point, Pointing

sdk = pytest.importorskip("opentelemetry.sdk.trace")
telemetry = pytest.importorskip("deixis.agent.telemetry")


def test_a_run_is_a_tree_of_spans() -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    told = telemetry.Telemetry(provider.get_tracer("test"))
    told.begin("press Save", "http://127.0.0.1/", "nano")
    pointing = Pointing(target="Save", point=Point(x=3, y=4), confidence=0.9, found=True)
    timings = Timings(screenshot=0.1, pointing=0.5, gating=0.02, acting=0.03, total=0.7)
    step = Step(
        index=0,
        planned=Click(target="Save"),
        performed=Click(target=Point(x=3, y=4)),
        pointing=pointing,
        timings=timings,
    )
    told.step(step)
    told.step(step.model_copy(update={"index": 1, "performed": None, "error": "it is disabled"}))
    told.end(
        Episode(
            task_id="x",
            model="nano",
            outcome=Outcome.GAVE_UP,
            reason="no way",
            state=TaskState(goal="press Save", steps=[step]),
        )
    )
    spans = {span.name: span for span in kept.get_finished_spans()}
    run, last = spans["deixis.run"], spans["deixis.step"]
    assert run.attributes["deixis.outcome"] == "gave_up" and run.status.description == "no way"
    assert last.parent.span_id == run.context.span_id and last.status.description == "it is disabled"
    assert last.attributes["deixis.step.planned"] == "click 'Save'" and last.attributes["deixis.step.confidence"] == 0.9
    assert abs((last.end_time - last.start_time) / 1e9 - 0.7) < 1e-6
    pointed = spans["deixis.pointing"]
    assert pointed.parent.span_id == last.context.span_id and (pointed.end_time - pointed.start_time) == 500_000_000
    assert "deixis.settling" not in spans  # a part that took no time
