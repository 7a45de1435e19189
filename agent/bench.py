"""`deixis bench ...`: the commands that measure. What they need is loaded inside each, so that `--help` is instant."""

from pathlib import Path
from typing import Annotated

import typer

from deixis.agent.command import takes
from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

Ray = Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: HOST:PORT, auto, or local.")]
Out = Annotated[Path | None, typer.Option(help="Folder of results; a second start goes on in it.")]
bench = typer.Typer(help="Measures a model; whatever the score, the exit status is 0.", no_args_is_help=True)


@bench.command()
def grounding(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="SET", help="Pictures, instructions and boxes, JSON lines; or a published set's folder."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="nano, ocr, centre, random, a .safetensors file, or MODEL@URL.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Of a published set, where its folder does not tell: screenspot, websrc, ...")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    ray: Ray = None,
    out: Out = None,
) -> None:
    """How often a model points at the right place."""
    from deixis.benchmarks import runner

    runner.bench(file, model, workers, out, form=format, cluster=ray)


class Miniwob(Frozen):
    """What `deixis bench miniwob` takes."""

    protocol: Annotated[str, typer.Option(help="pix2act, browsergym or native.")] = "browsergym"
    tasks: Annotated[str, typer.Option(help="Some tasks only, with commas between them.")] = ""
    episodes: Annotated[int | None, typer.Option(min=1, help="Of each task, the first so many seeds.")] = None
    agent: Annotated[str, typer.Option(help="scripted, embedded, or a model as --model takes it.")] = "embedded"
    goal: Annotated[str, typer.Option(help="Where a model has the goal from: text or pixels.")] = "text"
    gate: Annotated[
        bool, typer.Option("--gate", help="Hit-test before acting; without it nothing but pixels is used.")
    ] = False
    record: Annotated[Path | None, typer.Option(help="Folder for pictures and actions, as demonstrations.")] = None
    workers: Annotated[int, typer.Option(min=1, help="Processes, a browser in each.")] = 1
    ray: Ray = None
    out: Out = None


@bench.command()
@takes(Miniwob)
def miniwob(asked: Miniwob) -> None:
    """How often an agent does small tasks in a real browser: MiniWoB++, from pixels."""
    from deixis.benchmarks import miniwob_run

    if asked.goal not in {"text", "pixels"}:
        raise UsageError(f"--goal {asked.goal!r} is neither 'text' nor 'pixels'")
    options = miniwob_run.Options(asked.protocol, asked.agent, asked.goal, asked.gate, asked.record)
    names = [name.strip() for name in asked.tasks.split(",") if name.strip()]
    print(miniwob_run.table(miniwob_run.bench(options, names, asked.episodes, asked.workers, asked.out, asked.ray)))


@bench.command()
def text(
    task: Annotated[
        str, typer.Option(help="gsm8k, mmlu or ifeval; the data is in the folder that DEIXIS_TEXT_DATA names.")
    ],
    image: Annotated[
        str, typer.Option(help="none, blank, noise, page, search: one or more, with commas between.")
    ] = "none",
    model: Annotated[str | None, typer.Option(help="smollm2, a .gguf file, a folder of weights, or MODEL@URL.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="So many questions only, drawn by a seed.")] = None,
    images: Annotated[int, typer.Option(min=1, max=15, help="Pictures of a search.")] = 8,
    out: Out = None,
) -> None:
    """What a model knows in words alone, and what a picture that has nothing to do with it changes."""
    from deixis.benchmarks import text_run

    modes = [mode.strip() for mode in image.split(",") if mode.strip()]
    print(text_run.table(text_run.bench(task, modes, model, count, out, text_run.How(images))))


Model = Annotated[str | None, typer.Option(help="A folder of weights, or MODEL@URL; the embedded model has no words.")]
Count = Annotated[int | None, typer.Option(min=1, help="So many pictures, drawn one after the other.")]
Seed = Annotated[int, typer.Option(help="Another number draws other pictures.")]


@bench.command()
def clocks(model: Model = None, count: Count = None, seed: Seed = 0, out: Out = None) -> None:
    """How often a model reads the time off a clock: 45 styles, drawn here, scored as in the Molmo paper."""
    from deixis.benchmarks import abilities_run

    print(abilities_run.table("clocks", abilities_run.bench("clocks", model, count, seed, out)))


@bench.command()
def counting(model: Model = None, count: Count = None, seed: Seed = 0, out: Out = None) -> None:
    """How often a model counts right, and points at each: scenes drawn here, scored as in the Molmo paper."""
    from deixis.benchmarks import abilities_run

    print(abilities_run.table("counting", abilities_run.bench("counting", model, count, seed, out)))


class Live(Frozen):
    """What `deixis bench live` takes."""

    file: Annotated[Path, typer.Argument(metavar="LIST", help="Tasks of WebVoyager, Online-Mind2Web or DeepShop.")]
    judge: Annotated[str, typer.Option(help="The model that judges: MODEL@URL.")]
    model: Annotated[str | None, typer.Option(help="What points, as `deixis run` takes it.")] = None
    planner: Annotated[str, typer.Option(help="instructions or molmoweb.")] = "instructions"
    count: Annotated[int | None, typer.Option(min=1, help="The first so many tasks only.")] = None
    max_steps: Annotated[int, typer.Option(min=1, help="Of each task.")] = 30
    max_seconds: Annotated[float, typer.Option(min=1, help="Of each task.")] = 600
    max_requests: Annotated[int | None, typer.Option(min=1, help="To the judge, all tasks together.")] = None
    out: Out = None


@bench.command()
@takes(Live)
def live(asked: Live) -> None:
    """How often an agent does tasks on the live web, as another model judges it."""
    from deixis.benchmarks import live_run
    from deixis.vlm.remote import Budget, Chat, spelled

    said = spelled(asked.judge)
    judged_by = Chat(said.url, said.model, budget=Budget(requests=asked.max_requests))
    options = live_run.Options(
        model=asked.model, planner=asked.planner, max_steps=asked.max_steps, max_seconds=asked.max_seconds
    )
    print(live_run.table(live_run.bench(asked.file, options, judged_by, asked.count, asked.out)))


@bench.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, or of folders of runs.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("runs") / "report.html",
) -> None:
    """Runs side by side on one page: tables, tests of significance, plots, pictures of hits and misses."""
    from deixis.benchmarks import leaderboard

    print(leaderboard.report(folders, out))
