"""What `deixis run` was asked for, in one object: the options of the command line, checked as far as words go.

Knows no browser and no model; `deixis.agent.run` makes both from it.
"""

from pathlib import Path

from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen


class RunOptions(Frozen):
    """Every option under its own name."""

    task: str | None = None
    url: str | None = None
    script: Path | None = None
    var: list[str] | None = None
    model: str | None = None
    planner: str = "instructions"
    max_steps: int = 60
    max_seconds: float = 900
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    price: str | None = None
    viewport: str = "1280x720"
    scale: float = 1.0
    locale: str | None = None
    storage_state: Path | None = None
    save_storage_state: Path | None = None
    headed: bool = False
    no_gate: bool = False
    allow: list[str] | None = None
    strict_network: bool = False
    secret: list[str] | None = None
    yes: bool = False
    answer_schema: Path | None = None
    out: Path | None = None
    record: Path | None = None
    resume: bool = False
    cdp: str | None = None
    profile: Path | None = None
    pause_for: list[str] | None = None

    @property
    def prices(self) -> tuple[float, float]:
        """Of a million tokens read, and of a million written."""
        read, _, written = (self.price or "0").partition("/")
        try:
            return float(read), float(written or read)
        except ValueError:
            raise UsageError(
                f"--price {self.price!r} is no price: write IN/OUT for a million tokens, for example 0.5/1.5"
            ) from None

    @property
    def variables(self) -> dict[str, str]:
        """Values of `{names}` in the task."""
        return pairs("--var", self.var or [])


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """NAME=VALUE as a mapping; UsageError for one without a value."""
    split = [pair.partition("=") for pair in given]
    wrong = next((name + sign + value for name, sign, value in split if not sign), None)
    if wrong is not None:
        raise UsageError(f"{option} {wrong!r} has no value: write {option} NAME=VALUE")
    return {name: value for name, _, value in split}


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in CSS pixels."""
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise UsageError(f"{text!r} is no size: write WIDTHxHEIGHT, for example 1280x720") from None
    return width, height
