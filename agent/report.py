"""The report of a run: one HTML file with everything in it, and pictures with points drawn on them.

Made from the journal alone, so it works for a run that was cut off, and again later. Knows no browser and no model.
"""

import base64
import io
import re
from collections.abc import Sequence
from math import hypot
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deixis.agent.journal import read_journal
from deixis.agent.state import Attempt, Episode, Step, is_not_found
from deixis.browser.actions import Drag, GiveUp, Type, describe
from deixis.browser.types import Candidate, Point, Pointing

HERE = Path(__file__).parent
PARTS = ("screenshot", "deciding", "pointing", "gating", "preparing", "acting", "settling", "verifying")
DOTS, INK = "••••••", "#e6007e"
FIXED = {"kind", "source", "screenshot", "outcome", "status", "input_type", "button", "modifiers"}


class Row(NamedTuple):
    """Seconds of one part of a step over the run."""

    part: str
    p50: float
    p95: float


def write_report(folder: Path) -> Path:
    """Writes report.html into the folder of a run; UsageError when it holds none."""
    episode = hidden(read_journal(folder))
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        episode=episode, state=episode.state, steps=[_view(step, folder) for step in episode.steps], rows=timings(episode),
        points=pointing_figures(episode), css=(HERE / "report.css").read_text(), js=(HERE / "report.js").read_text(),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8", errors="replace")  # a page may hold half a surrogate pair
    return path


def hidden(episode: Episode) -> Episode:
    """The episode with dots for everything that was typed into a password field, wherever its words come up again."""
    texts = {a.text for s in episode.steps for a in (s.planned, s.performed) if isinstance(a, Type) and _secret(s, a)}
    words = sorted((text for text in texts if text.strip()), key=len, reverse=True)
    if not words:
        return episode
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words))
    return Episode.model_validate(_dotted(episode.model_dump(mode="json"), pattern))


def _secret(step: Step, action: Type) -> bool:
    """Whether this goes into a password field: by what was found there, or by the words it was looked for with."""
    hits = [step.hit, *(attempt.hit for attempt in step.attempts)]
    named = isinstance(step.planned, Type) and re.search(r"pass\s?(word|phrase|code)", str(step.planned.target), re.I)
    return bool(action.text) and (bool(named) or any(hit is not None and hit.input_type == "password" for hit in hits))


def _dotted(value: Any, pattern: re.Pattern[str]) -> Any:
    """The dump of an episode with dots in all that people wrote or read; names of kinds and files stay."""
    if isinstance(value, str):
        return pattern.sub(DOTS, value)
    if isinstance(value, list):
        return [_dotted(part, pattern) for part in value]
    if isinstance(value, dict):
        return {key: part if key in FIXED else _dotted(part, pattern) for key, part in value.items()}
    return value


def timings(episode: Episode) -> list[Row]:
    """Median and 95th percentile of every part, in seconds."""
    steps = [step.timings for step in episode.steps]
    if not steps:
        return []
    values = {part: [getattr(t, part) for t in steps] for part in (*PARTS, "total")}
    return [
        Row(part, median(v), quantiles(v, n=20, method="inclusive")[-1] if len(v) > 1 else v[0])
        for part, v in values.items()
    ]


def pointing_figures(episode: Episode) -> dict[str, int]:
    """How many planned actions had to be pointed at, where the first point was right, and where one was in the end.

    Steps that only looked for a target further down the page belong to the action they looked for.
    """
    planned: dict[tuple[int | None, str], list[Step]] = {}
    for step in episode.steps:
        if step.attempts or (step.error and is_not_found(step.error)):
            planned.setdefault((step.item, step.planned.model_dump_json()), []).append(step)
    tried = [[step for step in steps if step.attempts] for steps in planned.values()]
    first = sum(bool(steps) and steps[0].performed is not None and len(steps[0].attempts) == 1 for steps in tried)
    return {"pointed": len(planned), "first": first, "done": sum(any(s.performed for s in steps) for steps in tried)}


def _view(step: Step, folder: Path) -> dict[str, Any]:
    """What the template shows of one step."""
    picture = folder / Path(step.screenshot).name if step.screenshot else None  # of this folder only
    image = base64.b64encode(picture.read_bytes()).decode() if picture and picture.is_file() else ""
    times, unit = step.timings, step.width / 1000
    gave_up = step.planned if isinstance(step.planned, GiveUp) else None
    return {
        "step": step, "title": "give up" if gave_up else describe(step.planned), "image": image, "unit": unit,
        "error": gave_up.reason if gave_up else step.error,
        "state": "bad" if step.error or gave_up else "idle" if step.changed is False else "good",
        "changes": [name.replace("_", " ") for name, value in (step.change or ()) if value],
        "tried": _rejected(step), "drag": _drag(step), "others": _others(step), "closeup": _closeup(step),
        "bars": [(part, getattr(times, part), 100 * getattr(times, part) / max(times.total, 1e-9)) for part in PARTS],
    }  # fmt: skip


def _rejected(step: Step) -> list[tuple[int, Attempt]]:
    """The attempts that came to nothing, numbered in their order."""
    numbered = [(number, a) for number, a in enumerate(step.attempts, 1) if a.pointing.point]
    return [(n, a) for n, a in numbered if a.refused or step.performed is None or a.pointing != step.pointing]


def _others(step: Step) -> list[tuple[Candidate, bool]]:
    """The next-best points, and whether each lies far enough from all before it for words beside it."""
    if step.pointing is None:
        return []
    others, near = step.pointing.alternatives, step.width / 25
    taken = [step.pointing.point, *(other.point for other in others)]
    far = [
        all(p is None or hypot(p.x - o.point.x, p.y - o.point.y) > near for p in taken[: n + 1])
        for n, o in enumerate(others)
    ]
    return list(zip(others, far, strict=True))


def _drag(step: Step) -> tuple[Point, Point] | None:
    """From where to where a drag went."""
    done = step.performed
    if isinstance(done, Drag) and isinstance(done.start, Point) and isinstance(done.end, Point):
        return done.start, done.end
    return None


def _closeup(step: Step) -> str | None:
    """The viewBox of a close look at the point, inside the picture; CSS pixels."""
    point = step.pointing.point if step.pointing else None
    if point is None or not step.width:
        return None
    wide, high = min(320.0, step.width), min(180.0, step.height)
    x = min(max(point.x - wide / 2, 0), step.width - wide)
    y = min(max(point.y - high / 2, 0), step.height - high)
    return f"{x:g} {y:g} {wide:g} {high:g}"


def annotate(png: bytes, pointings: Sequence[Pointing], css_width: int) -> bytes:
    """The picture with numbered points, boxes and words drawn on it; points are CSS pixels, css_width their range."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.open(io.BytesIO(png)).convert("RGB")
    scale = image.width / css_width
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=round(13 * scale))
    shown = [(number, p, p.point) for number, p in enumerate(pointings, 1) if p.point]
    for _, found, _ in shown:  # boxes below, so that no box crosses a label
        if found.box:
            corners = tuple(v * scale for v in found.box.model_dump().values())
            draw.rounded_rectangle(corners, 4 * scale, outline=INK, width=max(1, round(2 * scale)))
    for number, found, point in shown:
        x, y, r = point.x * scale, point.y * scale, 9 * scale
        words = f"{found.target[:37]}..." if len(found.target) > 40 else found.target
        wide, pad = draw.textlength(words, font=font), 4 * scale
        ends = (found.box.x0 * scale, found.box.x1 * scale) if found.box else (x, x)
        right = max(x + r, ends[1]) + 2.5 * pad
        left = right if right + 2 * pad + wide < image.width else max(pad, min(x - r, ends[0]) - 2.5 * pad - wide)
        high = min(max(y, r), image.height - r)
        draw.rounded_rectangle((left - pad, high - r, left + wide + pad, high + r), pad, fill="#2b0018")
        draw.text((left, high), words, font=font, fill="white", anchor="lm")
        draw.ellipse((x - r - pad / 2, y - r - pad / 2, x + r + pad / 2, y + r + pad / 2), fill="white")
        draw.ellipse((x - r, y - r, x + r, y + r), fill=INK)
        draw.text((x, y), str(number), font=font, fill="white", anchor="mm")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
