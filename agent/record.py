"""A run as a script: what was done, in words, for the InstructionPlanner. Secrets stay names. Knows no screen."""

from pathlib import Path
from typing import Any

import yaml

from deixis.agent.state import Episode, Step
from deixis.browser.actions import Action, Click, Expect, Read, Scroll, Select, Type, Upload
from deixis.browser.secrets import PLACEHOLDER

WORDS = {"hover": "target", "press": "keys", "goto": "url"}
BARE = {"back", "forward", "reload"}


def write_script(episode: Episode, path: Path) -> None:
    """Writes the steps of a run that did something; they can be run again with `deixis run --script`."""
    steps = [line for step in episode.steps if (line := line_of(step)) is not None]
    data = {"url": episode.url, "name": episode.state.goal[:200], "steps": steps}
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")


def line_of(step: Step) -> dict[str, Any] | str | None:
    """One step as a script writes it; None for one that did nothing, or that a script has no words for."""
    if step.error is not None or step.performed is None:
        return None
    action, target = step.planned, words_of(step)
    if action.kind in BARE:
        return action.kind
    if action.kind in WORDS:
        return {action.kind: target if action.kind == "hover" else _text(getattr(action, WORDS[action.kind]))}
    return _detailed(action, target)


def _detailed(action: Action, target: str) -> dict[str, Any] | None:
    if isinstance(action, Click):
        kind = "double_click" if action.count == 2 else "right_click" if action.button == "right" else "click"
        return {kind: target}
    if isinstance(action, Type):
        parts = {"text": _text(action.text), "into": target or None, "clear": None if action.clear else "false"}
        return {
            "type": {
                **{k: v for k, v in parts.items() if v is not None},
                **({"submit": "true"} if action.submit else {}),
            }
        }
    if isinstance(action, Select):
        return {"select": {"option": _text(action.option), "in": target}}
    if isinstance(action, Scroll):
        return {"scroll": {"dx": action.dx, "dy": action.dy, **({"in": target} if target else {})}}
    if isinstance(action, Upload):
        return {"upload": {"to": target, "files": [_text(name) for name in action.files]}}
    return _said(action, target)


def _said(action: Action, target: str) -> dict[str, Any] | None:
    """What looks, checks, drags, waits and answers."""
    if isinstance(action, Expect):
        parts: dict[str, Any] = {"what": _text(action.what), **({"text": _text(action.text)} if action.text else {})}
        return {"expect": {**parts, **({"absent": "true"} if action.absent else {})}}
    if isinstance(action, Read):
        word = "table" if action.table else "what"
        return {"read": {word: action.question, "as": action.into} if action.into else action.question}
    if action.kind == "check":
        return {"check" if action.checked else "uncheck": target}
    if action.kind == "drag":
        return {"drag": {"from": str(action.start), "to": str(action.end)}}
    if action.kind == "wait":
        return {"wait": {"for": action.target, "seconds": action.seconds} if action.target else f"{action.seconds:g}"}
    return {"dialog": "accept" if action.accept else "dismiss"} if action.kind == "answer_dialog" else None


def words_of(step: Step) -> str:
    """The words of a target: those that were used, or the name of what was there."""
    target = getattr(step.planned, "target", None)
    if isinstance(target, str):
        return _text(target)
    return _text(f"{step.hit.name} {step.hit.role}".strip()) if target is not None and step.hit else ""


def _text(text: str) -> str:
    """A text with {NAME} for its secrets."""
    return PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}", text)
