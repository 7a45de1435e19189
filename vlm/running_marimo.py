"""A page of marimo drawn from the seed in its address, for `applications`: `marimo run running_marimo.py`.

Run in an environment that need not have deixis; its words are in `words.json` beside it.
"""

import marimo

app = marimo.App()


@app.cell
def _():  # type: ignore[no-untyped-def]
    import json
    from pathlib import Path
    from random import Random

    import marimo as mo

    words = json.loads(Path("words.json").read_text())
    rng = Random(str(mo.query_params().get("seed") or "0"))

    def some(kind: str) -> str:
        return str(rng.choice(words[kind]))

    def several(kind: str) -> list[str]:
        return list(dict.fromkeys(some(kind) for _ in range(rng.randint(2, 5))))

    kinds = [
        lambda: mo.ui.text(label=some("fields"), placeholder=rng.choice(["", some("titles")])),
        lambda: mo.ui.text_area(label=some("fields")),
        lambda: mo.ui.number(0, 100, label=some("fields")),
        lambda: mo.ui.slider(0, 100, label=some("fields")),
        lambda: mo.ui.checkbox(label=some("options")),
        lambda: mo.ui.switch(label=some("options")),
        lambda: mo.ui.radio(several("options"), label=some("fields")),
        lambda: mo.ui.dropdown(several("options"), label=some("fields")),
        lambda: mo.ui.multiselect(several("options"), label=some("fields")),
        lambda: mo.ui.date(label=some("fields")),
        lambda: mo.ui.file(label=some("fields")),
        lambda: mo.ui.button(label=some("labels"), kind=rng.choice(["neutral", "success", "warn", "danger"])),
        lambda: mo.ui.run_button(label=some("labels")),
        lambda: mo.ui.table([{head: some("values") for head in several("fields")} for _ in range(rng.randint(3, 12))]),
        lambda: mo.md(f"## {some('titles')}\n\n{some('sentences')} [{some('labels')}](#)"),
        lambda: mo.callout(some("sentences"), kind=rng.choice(["info", "warn", "success", "danger"])),
        lambda: mo.stat(rng.randint(1, 9999), label=some("fields"), bordered=True),
    ]

    def widgets(low: int, high: int) -> list[object]:
        return [rng.choice(kinds)() for _ in range(rng.randint(low, high))]

    def block() -> object:
        k = rng.randrange(5)
        if k == 0:
            return mo.hstack(widgets(2, 4), wrap=True)
        if k == 1:
            return mo.ui.tabs({name: mo.vstack(widgets(1, 4)) for name in several("labels")})
        if k == 2:
            return mo.accordion({name: mo.vstack(widgets(1, 3)) for name in several("titles")})
        return mo.vstack(widgets(1, 4))

    side = mo.sidebar(widgets(2, 5)) if rng.random() < 0.3 else None
    mo.vstack([mo.md(f"# {some('titles')}"), *(block() for _ in range(rng.randint(2, 6))), side or mo.md("")])
    return


if __name__ == "__main__":
    app.run()
