"""The command line: `deixis run | point | ask | show | replay | setup | models | doctor | serve | mcp | bench`.

Standard output carries results only; progress and messages go to standard error. Exit status: 0 finished, 1 not
finished or not found, 2 wrong arguments, 3 no browser or no weights, 130 interrupted. Heavy modules are loaded inside
the command that needs them, so that `--help` is instant. Commands about one picture, about models, and those that serve are
in `cli_pictures`, `cli_models` and `cli_serving`.
"""

import json
import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deixis.agent.bench import bench
from deixis.agent.cli_models import models
from deixis.agent.cli_pictures import ask, point
from deixis.agent.cli_serving import mcp, serve
from deixis.agent.command import takes
from deixis.agent.consent import Risk
from deixis.agent.options import Json, Model, RunOptions, Scale
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


@app.command()
@takes(RunOptions)
def run(options: RunOptions, as_json: Json = False) -> None:
    """Does a task in a browser and leaves a report behind."""
    from deixis.agent.run import Prepared

    person = sys.stdin.isatty() and sys.stderr.isatty()
    prepared = Prepared(options, _asked if person else False, _handed_over if person else None)
    try:
        episode = prepared.agent.run_sync(prepared.planner, prepared.url, on_step=progress())
    finally:
        if prepared.report:
            console.print(f"report: {prepared.report}", highlight=False, soft_wrap=True)
    if options.record:
        from deixis.agent.record import write_script

        write_script(episode, options.record)
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
@takes(RunOptions, "url", "model", "scale", "allow", "secret", "yes", "headed", "out")
def replay(
    options: RunOptions, folder: Annotated[Path, typer.Argument(help="Folder of a run.")], as_json: Json = False
) -> None:
    """Does a recorded run again without a model, by how things looked; --model only finds what looks otherwise now."""
    from deixis.agent.replay import told
    from deixis.agent.run import Replayed

    again = Replayed(folder, options, _asked if sys.stdin.isatty() and sys.stderr.isatty() else False)
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


for command in (point, ask, serve, mcp):
    app.command()(command)


if __name__ == "__main__":
    main()
