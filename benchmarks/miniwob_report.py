"""report.html of a MiniWoB++ run: the figures, every task, and every episode that failed with its last picture.

One file with everything in it, made from results and pictures alone; knows no agent.
"""

import base64
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
SHOWN = 300
"""Most failed episodes with a picture."""


def picture_of(pictures: Path, episode: str) -> Path:
    """Where an episode's last picture lies."""
    pictures.mkdir(parents=True, exist_ok=True)
    return pictures / (episode.replace("/", "-") + ".png")


def write_report(folder: Path, rows: Sequence[dict[str, Any]], summary: dict[str, Any]) -> Path:
    """Writes report.html into the folder of a run."""
    failed = [row for row in rows if not row["success"]]
    shown = [row | {"image": _image(picture_of(folder / "pictures", row["id"]))} for row in failed[:SHOWN]]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("miniwob_report.html.j2").render(
        summary=summary, failed=len(failed), shown=shown,
        css=(files("deixis.agent") / "report.css").read_text() + (HERE / "grounding_report.css").read_text(),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _image(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode() if path.exists() else ""
