"""Plots of runs as SVG to stand in a page: accuracy over latency, and learning curves. matplotlib, no screen needed."""

import io
from collections.abc import Sequence
from typing import Any

from deixis.browser.errors import SetupError

Curve = tuple[str, Sequence[tuple[float, dict[str, Any]]]]
SIZE = (7.2, 3.9)


def latency(runs: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Accuracy (with its 95 % interval) over the median seconds of an item, a mark for each run; "" when none has seconds."""
    timed = [(name, summary) for name, summary in runs if summary.get("seconds_p50")]
    if not timed:
        return ""
    figure, axes = _axes("median seconds of an item", "right, %")
    for name, summary in timed:
        low, high = summary["interval"]
        rate, seconds = 100 * summary["rate"], summary["seconds_p50"]
        axes.errorbar(
            [seconds], [rate], yerr=[[max(0.0, rate - 100 * low)], [max(0.0, 100 * high - rate)]], fmt="o", capsize=3
        )
        axes.annotate(name, (seconds, rate), xytext=(7, 5), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")  # 0.2, where a power of ten would stand
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.25)
    return _svg(figure)


def curves(found: Sequence[Curve]) -> str:
    """Accuracy over the numbers that the runs' folders end in."""
    figure, axes = _axes("the number in the folder's name", "right, %")
    for name, points in found:
        numbers = [number for number, _ in points]
        rates = [100 * summary["rate"] for _, summary in points]
        errors = [100 * summary["stderr"] for _, summary in points]
        axes.errorbar(numbers, rates, yerr=errors, marker="o", capsize=3, label=name)
    axes.legend(fontsize=8, frameon=False)
    return _svg(figure)


def _axes(across: str, up: str) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError(f"plots need {error.name!r}: pip install 'deixis[bench]'") from error
    figure = Figure(figsize=SIZE)
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_ylim(-2, 102)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    """The figure from its svg element on: what stands before it belongs to a file of its own."""
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
