"""`deixis models`: those that are known, what each is made of, and fetching one."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deixis.agent.options import Json
from deixis.browser.errors import UsageError

models = typer.Typer(invoke_without_command=True)
console = Console(stderr=True)


@models.callback()
def list_models(context: typer.Context, as_json: Json = False) -> None:
    """Lists the models that are known: sizes, licences, what they can do, whether this machine can hold them."""
    if context.invoked_subcommand:
        return
    from deixis.vlm import catalogue, checkpoint, local

    own = checkpoint.about(checkpoint.embedded())
    rows: list[dict[str, Any]] = [
        {
            "id": row.id, "parameters": int(row.billions * 1e9), "licence": row.licence, "parts": row.parts, "does": row.does,
            "frame": catalogue.frame_in_words(row.family.frame), "memory_gib": round(row.gigabytes(), 1), "runs_here": catalogue.runs_here(row),
            "fetched": local.folder_of(row.id) is not None,
        } for row in catalogue.KNOWN
    ]  # fmt: skip
    if as_json:
        print(json.dumps([own._asdict() | {"fetched": True, "runs_here": True}, *rows]))
        return
    size = f"{own.parameters / 1e6:.1f} M parameters, {own.bytes / 1e6:.0f} MB"
    print(f"{own.id}  {size}, {own.licence}, runs on the CPU; in the package")
    table = Table("id", "parameters", "parts", "licence", "does", "frame", "memory", "here", box=None, pad_edge=False)
    for row in rows:
        here = "fetched" if row["fetched"] else "fits" if row["runs_here"] else "too big"
        billions = f"{row['parameters'] / 1e9:g} B"
        memory = f"{row['memory_gib']:g} GiB"
        table.add_row(row["id"], billions, row["parts"], row["licence"], row["does"], row["frame"], memory, here)
    Console(width=None if sys.stdout.isatty() else 280).print(table)
    print(f"On servers, with frame and words known by their id: {', '.join(catalogue.others())}")


@models.command("show")
def show_model(name: Annotated[str, typer.Argument(metavar="ID", help="As `deixis models` lists it.")]) -> None:
    """What a model is made of, how it points, and the command that serves it."""
    from deixis.vlm import catalogue
    from deixis.vlm.families import family_of

    row = catalogue.known(name)
    family = family_of(row.id if row else name)
    if row is None and family.name == name:
        raise UsageError(f"{name!r} is a family; give the id of a model of it: `deixis models` lists some")
    for title, text in catalogue.told(row or catalogue.Known(name, 0, "", "", ""), family):
        print(f"{title + ':':9}{text}")


@models.command("fetch")
def fetch_model(name: Annotated[str, typer.Argument(metavar="ID", help="owner/name on the hub.")]) -> None:
    """Fetches a model's weights; a second start goes on where the first stopped."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from deixis.vlm import hub

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def tell(file: str, here: int, size: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=size)
            bars.update(tasks[file], completed=here)

        folder = hub.fetch(name, tell)
    print(folder)
