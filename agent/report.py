"""The report of a run: one HTML file with everything in it, and pictures with points drawn on them.

Made from the journal alone, so it works for a run that was cut off, and again later. Knows no browser and no model.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deixis.agent.journal import read_journal
from deixis.agent.state import Episode, Step, is_not_found
from deixis.browser.actions import Type, describe
from deixis.browser.types import Pointing

HERE = Path(__file__).parent
PARTS = ("screenshot", "deciding", "pointing", "acting", "settling", "verifying")


class Row(NamedTuple):
    """Seconds of one part of a step over the run."""

    part: str
    p50: float
    p95: float


def write_report(folder: Path) -> Path:
    """Writes report.html into the folder of a run; UsageError when it holds none."""
    episode = read_journal(folder)
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        episode=episode, state=episode.state, steps=[_view(step, folder) for step in episode.steps], rows=timings(episode),
        points=pointing_figures(episode), css=(HERE / "report.css").read_text(), js=(HERE / "report.js").read_text(),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


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
    picture = folder / step.screenshot if step.screenshot else None
    image = base64.b64encode(picture.read_bytes()).decode() if picture and picture.exists() else ""
    tried = [a for a in step.attempts if a.pointing.point and a.pointing is not step.pointing]
    return {
        "step": step, "title": describe(_masked(step)), "image": image,
        "state": "bad" if step.error else "idle" if step.changed is False else "good",
        "changes": [name.replace("_", " ") for name, value in (step.change or ()) if value], "tried": tried,
        "bars": [(part, getattr(step.timings, part), 100 * getattr(step.timings, part) / max(step.timings.total, 1e-9)) for part in PARTS],
    }  # fmt: skip


def _masked(step: Step) -> Any:
    """The planned action, with what was typed into a password field as dots."""
    secret = step.hit is not None and step.hit.input_type == "password"
    return (
        step.planned.model_copy(update={"text": "••••••"})
        if secret and isinstance(step.planned, Type)
        else step.planned
    )


def annotate(png: bytes, pointings: Sequence[Pointing], css_width: int) -> bytes:
    """The picture with numbered points, boxes and words drawn on it; points are CSS pixels, css_width their range."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.open(io.BytesIO(png)).convert("RGB")
    scale = image.width / css_width
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=round(13 * scale))
    for number, found in enumerate((p for p in pointings if p.point), 1):
        assert found.point is not None
        x, y, r = found.point.x * scale, found.point.y * scale, 9 * scale
        if found.box:
            corners = tuple(v * scale for v in found.box.model_dump().values())
            draw.rounded_rectangle(corners, 4 * scale, outline="#e6007e", width=max(1, round(2 * scale)))
        draw.ellipse((x - r - 2 * scale, y - r - 2 * scale, x + r + 2 * scale, y + r + 2 * scale), fill="white")
        draw.ellipse((x - r, y - r, x + r, y + r), fill="#e6007e")
        draw.text((x, y), str(number), font=font, fill="white", anchor="mm")
        words = found.target if len(found.target) < 40 else found.target[:37] + "..."
        wide = draw.textlength(words, font=font)
        left = x + r + 6 * scale if x + r + 12 * scale + wide < image.width else x - r - 10 * scale - wide
        draw.rounded_rectangle((left - 4 * scale, y - r, left + wide + 4 * scale, y + r), 4 * scale, fill="#2b0018")
        draw.text((left, y), words, font=font, fill="white", anchor="lm")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
