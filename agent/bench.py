"""`deixis bench ...`: the commands that measure. What they need is loaded inside each, so that `--help` is instant."""

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(help="Measures a model; whatever the score, the exit status is 0.", no_args_is_help=True)


@bench.command()
def grounding(
    file: Annotated[Path, typer.Argument(metavar="SET.jsonl", help="Pictures, instructions and boxes, JSON lines.")],
    model: Annotated[
        str | None, typer.Option(help="nano, ocr, centre, random, a .safetensors file, or MODEL@URL.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder of results; a second start goes on in it.")] = None,
) -> None:
    """How often a model points at the right place."""
    from deixis.benchmarks import runner

    runner.bench(file, model, workers, out)
