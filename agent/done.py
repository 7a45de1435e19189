"""What came of one action while it is being carried out, and the sentences for a target that is not there."""

from dataclasses import dataclass, field

from deixis.agent.state import NOT_FOUND, Attempt
from deixis.browser.actions import Action
from deixis.browser.types import Change, Hit, Pointing, Reading

SPENT = ("preparing", "acting", "settling", "verifying", "waiting", "picturing")
"""Parts of an action's time that the browser tells."""


@dataclass
class Done:
    """What came of one action."""

    performed: Action | None = None
    pointing: Pointing | None = None
    hit: Hit | None = None
    attempts: list[Attempt] = field(default_factory=list)
    change: Change | None = None
    reading: Reading | None = None
    error: str | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("pointing", "gating", *SPENT), 0.0))


def not_found(target: str, pointing: Pointing | None) -> str:
    """The error that planners know a missing target by; an answer nobody can read says nothing about the screen."""
    if pointing and pointing.unreadable:
        return f"{target!r}: {pointing.unreadable}"
    sure = f" (confidence {pointing.confidence:.2f})" if pointing else ""
    return f"{NOT_FOUND} {target!r} is not on the screen{sure}"


def no_point(target: str, attempts: list[Attempt]) -> str:
    """The error when no guess was carried out: the target is elsewhere, unless what was there is disabled or slipped away."""
    first = attempts[0] if attempts else None
    if first is None:
        return not_found(target, None)
    if first.refused and (first.late or (first.hit and not first.hit.enabled)):
        return first.refused
    if first.hit is None:
        return not_found(target, first.pointing)
    return f"{not_found(target, first.pointing)}: {first.refused}"
