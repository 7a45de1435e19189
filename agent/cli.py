"""The command line: `deixis run | point | ask | show | replay | setup | models | doctor | serve | mcp | bench`.

Standard output carries results only; progress and messages go to standard error. Exit status: 0 finished, 1 not
finished or not found, 2 wrong arguments, 3 no browser or no weights, 130 interrupted. Heavy modules are loaded inside
the command that needs them, so that `--help` is instant.
"""

import json
import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deixis.agent.bench import bench
from deixis.agent.consent import Risk
from deixis.agent.options import size
from deixis.agent.state import Episode, Outcome, Step
from deixis.browser.actions import describe
from deixis.browser.errors import DeixisError, SetupError, UsageError
from deixis.browser.types import Screenshot

app = typer.Typer(
    help="Web agents that act from what they see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
models = typer.Typer(invoke_without_command=True)
app.add_typer(models, name="models")
console = Console(stderr=True)
INTERRUPTED = 130


def main() -> None:
    """Entry point: errors that are meant for people become one sentence and an exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: as by Ctrl-C, with everything written
    try:
        status = app(standalone_mode=False)  # what a command leaves with, typer returns here
    except DeixisError as error:
        console.print("[red]deixis:[/] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.status)
    except (KeyboardInterrupt, typer.Abort):
        console.print("[red]deixis:[/] interrupted")
        sys.exit(INTERRUPTED)
    except _usage_errors() as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)
    if status == INTERRUPTED:  # typer catches Ctrl-C itself and says nothing
        console.print("[red]deixis:[/] interrupted")
    sys.exit(status if isinstance(status, int) else 0)


def _usage_errors() -> type[Exception]:
    """Typer carries its own copy of click; its usage errors know how to show themselves."""
    for name in ("typer._click.exceptions", "click.exceptions"):
        module = sys.modules.get(name)
        if module is not None:
            found: type[Exception] = module.ClickException
            return found
    return typer.BadParameter


def _version(wanted: bool) -> None:
    if wanted:
        print(f"deixis {version('deixis')}")
        raise typer.Exit


@app.callback()
def _root(
    show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


Model = Annotated[
    str | None,
    typer.Option(
        help="nano, a .safetensors file of its kind, a FOLDER of published weights, or MODEL@URL of a server."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Scale = Annotated[float, typer.Option(help="Device pixels per CSS pixel.")]
Viewport = Annotated[str, typer.Option(help="CSS size of the browser's viewport.")]


@app.command()
def run(
    task: Annotated[str | None, typer.Argument(help="What to do, in plain English.")] = None,
    url: Annotated[str | None, typer.Option(help="Where to begin.")] = None,
    script: Annotated[Path | None, typer.Option(help="A YAML file of steps, instead of a task.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for a {NAME} in the task; repeatable.")] = None,
    model: Model = None,
    planner: Annotated[
        str,
        typer.Option(
            help="instructions: plain English, no language model. vlm: --model plans each step. MODEL@URL: that one does. molmoweb: in its own words."
        ),
    ] = "instructions",
    max_steps: Annotated[int, typer.Option(min=1)] = 60,
    max_seconds: Annotated[float, typer.Option(min=1)] = 900,
    max_requests: Annotated[int | None, typer.Option(min=1, help="Of a model on a server.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Of a model on a server, prompts included.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Of a model on a server, by --price.")] = None,
    price: Annotated[str | None, typer.Option(help="IN/OUT: of a million tokens read, and written.")] = None,
    viewport: Viewport = "1280x720",
    scale: Scale = 1.0,
    locale: Annotated[str | None, typer.Option(help="For example de-DE.")] = None,
    storage_state: Annotated[Path | None, typer.Option(help="Cookies to begin with.")] = None,
    save_storage_state: Annotated[Path | None, typer.Option(help="Where to save cookies at the end.")] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Act on the model's point without a hit-test.")] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Domain, with subdomains, that may be opened beside --url's host; '*' for all."),
    ] = None,
    strict_network: Annotated[
        bool, typer.Option("--strict-network", help="Hold every request to --allow, not only documents.")
    ] = False,
    secret: Annotated[
        list[str] | None, typer.Option(help="NAME=ENV[@DOMAIN]: {NAME} in the task is typed, and never written down.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Consent to what pays, deletes, sends.")] = False,
    answer_schema: Annotated[
        Path | None, typer.Option("--schema", help="JSON schema that the answer has to fit.")
    ] = None,
    cdp: Annotated[
        str | None,
        typer.Option(help="Work in a Chrome that runs already: http://127.0.0.1:9222, its debugging address."),
    ] = None,
    profile: Annotated[Path | None, typer.Option(help="Folder of a browser profile to work with.")] = None,
    pause_for: Annotated[
        list[str] | None, typer.Option(help="Hand over to you when this is on the screen, as a captcha; repeatable.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Where to write what was done as a script for --script.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    as_json: Json = False,
) -> None:
    """Does a task in a browser and leaves a report behind."""
    from deixis.agent.options import RunOptions
    from deixis.agent.run import Prepared

    given = {name: value for name, value in locals().items() if name in RunOptions.model_fields}
    person = sys.stdin.isatty() and sys.stderr.isatty()
    prepared = Prepared(RunOptions(**given), _asked if person else False, _handed_over if person else None)
    try:
        episode = prepared.agent.run_sync(prepared.planner, prepared.url, on_step=progress())
    finally:
        if prepared.report:
            console.print(f"report: {prepared.report}", highlight=False, soft_wrap=True)
    if record:
        from deixis.agent.record import write_script

        write_script(episode, record)
    _conclude(episode, as_json)


def _asked(risk: Risk) -> bool:
    """Asks the person at the terminal."""
    console.print()
    return typer.confirm(f"{risk.sentence} ({risk.url}). Do it?", default=False, err=True)


def _handed_over(words: str, screenshot: Screenshot) -> None:
    """Waits until the person at the terminal is done."""
    console.print()
    console.print(f"{words!r} is on the screen ({screenshot.url}): deal with it in the browser,", end=" ", markup=False)
    console.input("then press Enter here. ")


def progress() -> Callable[[Step], None]:
    """Prints one line a step."""

    def show(step: Step) -> None:
        mark = "[red]✗[/]" if step.error else "[green]✓[/]" if step.changed or step.changed is None else "[yellow]·[/]"
        tries = f" after {len(step.attempts)} tries" if len(step.attempts) > 1 else ""
        console.print(f"{mark} [dim]{step.index + 1:3d}  {step.seconds:4.1f} s[/]  ", end="")
        console.print(describe(step.planned) + tries, markup=False, highlight=False, soft_wrap=True)
        if step.error:
            console.print("           " + step.error, style="red", markup=False, highlight=False, soft_wrap=True)

    return show


def _conclude(episode: Episode, as_json: bool) -> None:
    if as_json:
        data = json.loads(episode.model_dump_json())
        steps = [step | {"seconds": step["timings"]["total"]} for step in data["state"]["steps"]]
        print(json.dumps(data | {"answer": episode.answer, "steps": steps}, ensure_ascii=False))
    elif episode.answer:
        print(episode.answer)
    if episode.outcome is not Outcome.FINISHED:
        console.print(f"[red]{episode.outcome.value}:[/] ", end="")
        console.print(episode.reason, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED if episode.outcome is Outcome.INTERRUPTED else 1)
    console.print(f"[green]finished[/] {len(episode.steps)} steps in {episode.seconds:.1f} s", highlight=False)


@app.command()
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


@app.command()
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


@app.command()
def show(folder: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Opens the report of a run, making it first if it is missing."""
    from deixis.agent.report import write_report

    if not (folder / "journal.jsonl").exists():
        raise UsageError(f"{str(folder)!r} is no folder of a run: it has no journal.jsonl")
    report = folder / "report.html"
    if not report.exists():
        report = write_report(folder)
    print(report)
    if sys.stdout.isatty() and not os.environ.get("CI"):
        webbrowser.open(report.resolve().as_uri())


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    url: Annotated[str | None, typer.Option(help="Where to begin, if not where the run began.")] = None,
    model: Model = None,
    scale: Scale = 1.0,
    allow: Annotated[list[str] | None, typer.Option(help="As of run.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="As of run.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Consent to what pays, deletes, sends.")] = False,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of this run.")] = None,
    as_json: Json = False,
) -> None:
    """Does a recorded run again without a model, by how things looked; --model only finds what looks otherwise now."""
    from deixis.agent.options import RunOptions
    from deixis.agent.replay import told
    from deixis.agent.run import Replayed

    given = {name: value for name, value in locals().items() if name in RunOptions.model_fields}
    again = Replayed(folder, RunOptions(**given), _asked if sys.stdin.isatty() and sys.stderr.isatty() else False)
    episode = again.agent.run_sync(again.planner, again.url, on_step=progress())
    result = told(episode, again.pointer)
    if as_json:
        print(result.model_dump_json())
    else:
        for one in result.healed:
            print(
                f"step {one.step}: {one.target!r} {one.how}, {one.before.x:.0f} {one.before.y:.0f} -> {one.after.x:.0f} {one.after.y:.0f}"
            )
        print(
            f"{result.steps} steps, {result.seconds_p50 * 1000:.0f} ms a step (median), {result.seconds:.1f} s with the page's own time"
        )
    if episode.outcome is not Outcome.FINISHED:
        console.print(f"[red]{episode.outcome.value}:[/] ", end="")
        console.print(episode.reason, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def setup() -> None:
    """Finds a browser, or installs one; without the rights to, says the one line to run."""
    from deixis.browser.launch import install, install_commands, install_fonts

    browser = install()
    if browser is None:
        line = " && ".join(" ".join(command) for command in install_commands())
        raise SetupError(f"no browser is here, and installing one did not work without you; run: {line}")
    print(f"browser: {browser}")
    if not install_fonts():
        console.print("Noto Sans is not installed: pages may be drawn in a font the model knows less (fonts-noto-core)")


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


@app.command()
def doctor(model: Model = None, scale: Scale = 1.0, as_json: Json = False) -> None:
    """Checks browser, weights and scale, and clicks a calibration page in this very set-up."""
    from deixis.agent.doctor import examine

    checks = examine(model, scale)
    if as_json:
        print(json.dumps([check.model_dump() for check in checks]))
    else:
        for check in checks:
            print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
    if not all(check.ok for check in checks):
        raise typer.Exit(3)


@app.command()
def mcp(
    url: Annotated[str | None, typer.Option(help="Where to begin; its host is allowed.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Domain, with subdomains, that may be opened; '*' for all.")
    ] = None,
    model: Model = None,
    yes: Annotated[bool, typer.Option("--yes", help="Consent to what pays, deletes, sends.")] = False,
    secret: Annotated[
        list[str] | None, typer.Option(help="NAME=ENV[@DOMAIN]: <secret:NAME> is typed, and never shown.")
    ] = None,
    viewport: Viewport = "1280x720",
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Eyes and hands for other agents, over the Model Context Protocol on standard input and output."""
    from deixis.agent.options import RunOptions

    try:
        from deixis.agent.mcp import Desk, server
    except ImportError as error:
        raise SetupError(f"the MCP server is not installed ({error.name}): pip install 'deixis[mcp]'") from error
    given = {name: value for name, value in locals().items() if name in RunOptions.model_fields}
    server(Desk(RunOptions(**given), consent=yes)).run("stdio")


@app.command()
def serve(
    model: Annotated[str | None, typer.Option(help="nano, or a .safetensors file of the same kind.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8765,
) -> None:
    """Offers the model as an OpenAI-compatible server, for other frameworks to point with."""
    try:
        import uvicorn

        from deixis.vlm.serve import application
    except ImportError as error:
        raise SetupError(f"the server is not installed ({error.name}): pip install 'deixis[serve]'") from error
    from deixis.agent.api import load_pointer
    from deixis.vlm.pointer import NanoPointer

    pointer = load_pointer(model)
    if not isinstance(pointer, NanoPointer):
        raise UsageError(f"--model {model!r}: only deixis-nano or weights of its kind can be served")
    uvicorn.run(application(pointer), host=host, port=port, log_level="info")


if __name__ == "__main__":
    main()
