"""What `deixis run` was asked for, in one object: the options of the command line, checked as far as words go.

Commands take all of them or some (`deixis.agent.command`), so that each is described once. Knows no browser and no model;
`deixis.agent.run` makes both from it.
"""

from pathlib import Path
from typing import Annotated

import typer

from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

Model = Annotated[
    str | None,
    typer.Option(
        help="nano, a .safetensors file of its kind, a FOLDER of published weights, or MODEL@URL of a server."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Scale = Annotated[float, typer.Option(help="Device pixels per CSS pixel.")]
Viewport = Annotated[str, typer.Option(help="CSS size of the browser's viewport.")]


class RunOptions(Frozen):
    """Every option under its own name."""

    task: Annotated[str | None, typer.Argument(help="What to do, in plain English.")] = None
    url: Annotated[str | None, typer.Option(help="Where to begin; its host is allowed.")] = None
    script: Annotated[Path | None, typer.Option(help="A YAML file of steps, instead of a task.")] = None
    var: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for a {NAME} in the task; repeatable.")] = None
    model: Model = None
    planner: Annotated[
        str,
        typer.Option(
            help="instructions: plain English, no language model. vlm: --model plans each step. MODEL@URL: that one does. molmoweb: in its own words."
        ),
    ] = "instructions"
    max_steps: Annotated[int, typer.Option(min=1)] = 60
    max_seconds: Annotated[float, typer.Option(min=1)] = 900
    max_requests: Annotated[int | None, typer.Option(min=1, help="Of a model on a server.")] = None
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Of a model on a server, prompts included.")] = None
    max_cost: Annotated[float | None, typer.Option(min=0, help="Of a model on a server, by --price.")] = None
    price: Annotated[str | None, typer.Option(help="IN/OUT: of a million tokens read, and written.")] = None
    viewport: Viewport = "1280x720"
    scale: Scale = 1.0
    locale: Annotated[str | None, typer.Option(help="For example de-DE.")] = None
    storage_state: Annotated[Path | None, typer.Option(help="Cookies to begin with.")] = None
    save_storage_state: Annotated[Path | None, typer.Option(help="Where to save cookies at the end.")] = None
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Act on the model's point without a hit-test.")] = False
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Domain, with subdomains, that may be opened beside --url's host; '*' for all."),
    ] = None
    strict_network: Annotated[
        bool, typer.Option("--strict-network", help="Hold every request to --allow, not only documents.")
    ] = False
    secret: Annotated[
        list[str] | None, typer.Option(help="NAME=ENV[@DOMAIN]: {NAME} in the task is typed, and never written down.")
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Consent to what pays, deletes, sends.")] = False
    answer_schema: Annotated[Path | None, typer.Option("--schema", help="JSON schema that the answer has to fit.")] = (
        None
    )
    cdp: Annotated[
        str | None,
        typer.Option(help="Work in a Chrome that runs already: http://127.0.0.1:9222, its debugging address."),
    ] = None
    profile: Annotated[Path | None, typer.Option(help="Folder of a browser profile to work with.")] = None
    pause_for: Annotated[
        list[str] | None, typer.Option(help="Hand over to you when this is on the screen, as a captcha; repeatable.")
    ] = None
    record: Annotated[Path | None, typer.Option(help="Where to write what was done as a script for --script.")] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None

    @property
    def prices(self) -> tuple[float, float]:
        """Of a million tokens read, and of a million written."""
        read, _, written = (self.price or "0").partition("/")
        try:
            return float(read), float(written or read)
        except ValueError:
            raise UsageError(
                f"--price {self.price!r} is no price: write IN/OUT for a million tokens, for example 0.5/1.5"
            ) from None

    @property
    def variables(self) -> dict[str, str]:
        """Values of `{names}` in the task."""
        return pairs("--var", self.var or [])


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """NAME=VALUE as a mapping; UsageError for one without a value."""
    split = [pair.partition("=") for pair in given]
    wrong = next((name + sign + value for name, sign, value in split if not sign), None)
    if wrong is not None:
        raise UsageError(f"{option} {wrong!r} has no value: write {option} NAME=VALUE")
    return {name: value for name, _, value in split}


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in CSS pixels."""
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise UsageError(f"{text!r} is no size: write WIDTHxHEIGHT, for example 1280x720") from None
    return width, height
