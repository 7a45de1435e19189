"""What running applications are filled with before they are walked: notebooks, texts, tables, APIs, pages of widgets.

Each filling writes into the folder of one start, from random words, and says at which paths a page may begin. Knows nothing
of how an application is started or pictured; see `applications`.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from deixis.browser.errors import UsageError
from deixis.vlm.words import Words

HERE = Path(__file__).parent
MANY = 12
"""Pages of what is drawn anew from page to page."""
Filling = Callable[[Path, Path, Random], list[str]]
"""Folder, npm packages, and where the draws come from; returns paths at which a page may begin."""


def words_of(folder: Path, rng: Random) -> Words:
    """The words of a start, left in the folder for programs that know nothing of deixis."""
    words = Words(rng)
    kinds: dict[str, Callable[[], str]] = {
        "labels": words.label, "fields": words.field, "options": words.option, "values": words.value,
        "titles": lambda: words.title(1, 4), "sentences": words.sentence,
    }  # fmt: skip
    drawn = {kind: [make() for _ in range(200)] for kind, make in kinds.items()}
    (folder / "words.json").write_text(json.dumps(drawn))
    return words


def file_name(words: Words) -> str:
    return re.sub(r"\W+", words.rng.choice("-_ "), words.title(1, 3)).strip("-_ ") or "untitled"


def jupyterlab(folder: Path, packages: Path, rng: Random) -> list[str]:
    """Notebooks, texts and tables in a few folders; the theme is drawn."""
    words, starts = words_of(folder, rng), ["lab"]
    for place in (folder, *(folder / file_name(words) for _ in range(4))):
        place.mkdir(exist_ok=True)
        for _ in range(rng.randint(2, 6)):
            name = file_name(words)
            text: dict[str, object] = {"cell_type": "markdown", "metadata": {}}
            program: dict[str, object] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
            cells = [
                text | {"source": f"## {words.title()}\n\n{words.sentence()} [{words.label()}](#a)"}
                if rng.random() < 0.5
                else program | {"source": code(words)}
                for _ in range(rng.randint(2, 8))
            ]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
            book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
            (place / f"{name}.ipynb").write_text(json.dumps(book))
            starts += [f"lab/tree/{(place / name).relative_to(folder)}.ipynb"]
        rows = [",".join(words.value().replace(",", " ") for _ in range(5)) for _ in range(30)]
        (place / f"{file_name(words)}.csv").write_text("\n".join(rows))
        (place / f"{file_name(words)}.md").write_text(f"# {words.title()}\n\n{words.sentence()}\n\n- {words.title()}\n")
        (place / f"{file_name(words)}.py").write_text(code(words))
    settings = folder / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    theme = rng.choice(["JupyterLab Light", "JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
    settings.write_text(json.dumps({"theme": theme}))
    return starts


def code(words: Words) -> str:
    """A few lines that look like a program."""
    name = re.sub(r"\W", "", words.some(1)) or "x"
    return f"{name} = {words.value()!r}  # {words.sentence(3, 8)}\nfor i in range({words.rng.randint(2, 99)}):\n    print({name}, i)"


def script(name: str, *starts: str) -> Filling:
    """Programs of ours, `running_NAME.py`, that draw a page from a seed in its address."""

    def fill(folder: Path, packages: Path, rng: Random) -> list[str]:
        words_of(folder, rng)
        shutil.copy(HERE / f"running_{name}.py", folder / f"{name}_app.py")
        return [start.replace("{seed}", str(rng.randrange(1 << 30))) for start in starts for _ in range(MANY)]

    return fill


def marimo(folder: Path, packages: Path, rng: Random) -> list[str]:
    """Notebooks to edit."""
    words = words_of(folder, rng)
    names = [f"{file_name(words).replace(' ', '-')}.py" for _ in range(5)]
    for name in names:
        cells = "\n\n".join(
            f"@app.cell\ndef _():\n    {body}\n    return"
            for body in (notebook_cell(words) for _ in range(rng.randint(3, 8)))
        )
        head = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    import marimo as mo\n    return (mo,)\n\n\n"
        (folder / name).write_text(head + cells.replace("def _():\n    mo", "def _(mo):\n    mo") + "\n")
    return ["", *(f"?file={name}" for name in names)]


def notebook_cell(words: Words) -> str:
    rng, label = words.rng, words.field()
    return rng.choice([
        f"mo.md({('# ' + words.title() + ' — ' + words.sentence())!r})", f"mo.ui.slider(1, 100, label={label!r})",
        f"mo.ui.text(label={label!r})", f"mo.ui.dropdown({[words.option() for _ in range(4)]!r}, label={label!r})",
        f"mo.ui.checkbox(label={words.option()!r})", f"mo.ui.button(label={words.label()!r})",
        f"mo.ui.table([{{'a': {words.value()!r}, 'b': {words.value()!r}}} for _ in range(9)])",
        f"mo.ui.tabs({{{words.title()!r}: 'x', {words.title()!r}: 'y'}})", f"print({words.sentence()!r})",
    ])  # fmt: skip


def swagger(folder: Path, packages: Path, rng: Random) -> list[str]:
    """Pages of made-up APIs."""
    words, starts = Words(rng), []
    source = need(packages / "swagger-ui-dist")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "index.css"):
        shutil.copy(source / name, folder)
    for k in range(MANY):
        tags = [words.title(1, 2) for _ in range(rng.randint(2, 5))]
        paths = {
            f"/{words.some(1)}" + rng.choice(["", "/{id}", f"/{words.some(1)}"]): {
                method: {
                    "tags": [rng.choice(tags)], "summary": words.sentence(2, 7), "description": words.sentence(),
                    "parameters": [
                        {"name": words.field().lower().replace(" ", "_"), "in": "query", "description": words.sentence(2, 6),
                         "schema": {"type": rng.choice(["string", "integer", "boolean"])}} for _ in range(rng.randint(0, 4))
                    ],
                    "responses": {"200": {"description": words.sentence(2, 5)}, "404": {"description": "Not found"}},
                }
                for method in rng.sample(["get", "post", "put", "patch", "head"], rng.randint(1, 3))
            }
            for _ in range(rng.randint(4, 14))
        }  # fmt: skip
        scheme = {"securitySchemes": {words.some(1): {"type": "http", "scheme": rng.choice(["basic", "bearer"])}}}
        info = {"title": words.title(), "version": "1.0", "description": words.sentence()}
        about = [{"name": tag, "description": words.sentence(2, 6)} for tag in tags]
        api = {"openapi": "3.0.0", "info": info, "tags": about, "paths": paths, "components": scheme}
        (folder / f"{k}.json").write_text(json.dumps(api))
        tried, filtered = rng.random() < 0.5, rng.random() < 0.5
        options = {"url": f"{k}.json", "dom_id": "#ui", "tryItOutEnabled": tried, "filter": filtered}
        (folder / f"{k}.html").write_text(
            '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="swagger-ui.css"><div id="ui"></div>'
            f'<script src="swagger-ui-bundle.js"></script><script>SwaggerUIBundle({json.dumps(options)})</script>'
        )
        starts.append(f"{k}.html")
    return starts


def todomvc(folder: Path, packages: Path, rng: Random) -> list[str]:
    """The same small application in dozens of frameworks: those that need no building."""
    examples = need(packages / "todomvc") / "examples"
    folder.rmdir()
    folder.symlink_to(examples.resolve())
    return [str(page.relative_to(examples)) for page in sorted(examples.glob("*/index.html"))]


def need(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is missing: python -m deixis.vlm.packages --out {folder.parent} fetches it")
    return folder
