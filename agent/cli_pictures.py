"""`deixis point` and `deixis ask`: about one picture, of a file or of a page."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from deixis.agent.options import Json, Model, Scale, Viewport, size

console = Console(stderr=True)


def point(
    place: Annotated[str, typer.Argument(metavar="IMAGE|URL", help="A picture, or a page to open.")],
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="What to point at, in words.")],
    scale: Scale = 1.0,
    viewport: Viewport = "1280x720",
    model: Model = None,
    save: Annotated[Path | None, typer.Option(help="Save the picture with the points drawn on it.")] = None,
    as_json: Json = False,
) -> None:
    """Says where things are: one line a target, in CSS pixels."""
    from deixis.agent import picture
    from deixis.agent.api import in_own_loop, is_url, load_pointer
    from deixis.agent.report import annotate

    screenshot = (
        in_own_loop(picture.of_page(place, *size(viewport), scale))
        if is_url(place)
        else picture.from_file(Path(place), scale)
    )
    pointings = load_pointer(model).point_many(screenshot, targets)
    for found in pointings:
        x, y = (round(found.point.x, 1), round(found.point.y, 1)) if found.found and found.point else (None, None)
        box = [round(v, 1) for v in found.box.model_dump().values()] if found.found and found.box else None
        if as_json:
            row: dict[str, Any] = {"target": found.target, "found": found.found, "x": x, "y": y, "box": box}
            print(
                json.dumps(
                    row
                    | {
                        "confidence": round(found.confidence, 4),
                        "seconds": round(found.seconds, 3),
                        "model": found.model,
                    },
                    ensure_ascii=False,
                )
            )
        else:
            nowhere = "no readable answer" if found.unreadable else "not found"
            print(f"{found.target}: " + (f"{x:g} {y:g}" if x is not None else nowhere) + f"  ({found.confidence:.0%})")
        if found.unreadable:
            console.print(f"{found.target}: {found.unreadable}", markup=False, highlight=False, soft_wrap=True)
    if save:
        save.write_bytes(annotate(screenshot.png, [p for p in pointings if p.found], screenshot.width))
    raise typer.Exit(0 if all(found.found for found in pointings) else 1)


def ask(
    place: Annotated[str, typer.Argument(metavar="IMAGE|URL", help="A picture, or a page to open.")],
    question: Annotated[
        str, typer.Argument(help="Anything about what is on it; with --style count, what to count.")
    ] = "",
    model: Annotated[str | None, typer.Option(help="A FOLDER of weights, a fetched id, or MODEL@URL.")] = None,
    style: Annotated[
        str, typer.Option(help="answer, count (by pointing), clock, or another that the model's makers publish.")
    ] = "answer",
    scale: Scale = 1.0,
    viewport: Viewport = "1280x720",
    as_json: Json = False,
) -> None:
    """Asks a model about a picture; deixis-nano only reads the line that the question names."""
    from deixis.agent import picture
    from deixis.agent.api import in_own_loop, is_url, load_pointer
    from deixis.agent.asking import asked

    pointer = load_pointer(model)
    screenshot = (
        in_own_loop(picture.of_page(place, *size(viewport), scale))
        if is_url(place)
        else picture.from_file(Path(place), scale)
    )
    live = sys.stdout.isatty() and not as_json
    said = asked(
        pointer, screenshot, question, style, (lambda piece: print(piece, end="", flush=True)) if live else None
    )
    if as_json:
        print(json.dumps(said.model_dump(exclude={"heard"}) | {"model": pointer.name}, ensure_ascii=False))
    elif said.answer:
        print("" if said.heard else said.answer)
    if not said.answer:
        console.print(f"{pointer.name} says nothing to {question!r}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
