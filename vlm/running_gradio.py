"""Pages of Gradio drawn from random words, for `applications`: `python running_gradio.py PORT` serves a dozen of them.

Run in an environment that need not have deixis; its words are in `words.json` beside it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import gradio as gr

WORDS: dict[str, list[str]] = json.loads(Path("words.json").read_text())
rng = Random(WORDS["labels"][0] + WORDS["titles"][0])
PAGES = 12


def some(kind: str) -> str:
    return rng.choice(WORDS[kind])


def several(kind: str) -> list[str]:
    return list(dict.fromkeys(some(kind) for _ in range(rng.randint(2, 5))))


WIDGETS: tuple[Callable[[], object], ...] = (
    lambda: gr.Textbox(label=some("fields"), placeholder=rng.choice(["", some("titles")]), lines=rng.randint(1, 3)),
    lambda: gr.Textbox(show_label=False, placeholder=some("fields")),
    lambda: gr.Number(label=some("fields"), value=rng.randint(0, 99)),
    lambda: gr.Slider(label=some("fields"), maximum=100, value=rng.randint(0, 100)),
    lambda: gr.Checkbox(label=some("options"), value=rng.random() < 0.5),
    lambda: gr.CheckboxGroup(several("options"), label=some("fields")),
    lambda: gr.Radio(several("options"), label=some("fields")),
    lambda: gr.Dropdown(several("options"), label=some("fields"), multiselect=rng.random() < 0.3),
    lambda: gr.Button(some("labels"), variant=rng.choice(["primary", "secondary", "stop", "huggingface"])),
    lambda: gr.Button(some("labels"), size="sm"),
    lambda: gr.Dataframe(
        [[some("values") for _ in range(4)] for _ in range(rng.randint(2, 6))],
        headers=[some("fields") for _ in range(4)],
    ),
    lambda: gr.Markdown(f"## {some('titles')}\n\n{some('sentences')} [{some('labels')}](#)"),
    lambda: gr.File(label=some("fields")),
    lambda: gr.Image(label=some("fields")),
    lambda: gr.DateTime(label=some("fields")),
    lambda: gr.ColorPicker(label=some("fields")),
    lambda: gr.Label({some("options"): 0.7, some("titles"): 0.3}, label=some("fields")),
    lambda: gr.Chatbot(
        [{"role": "user", "content": some("sentences")}, {"role": "assistant", "content": some("sentences")}]
    ),
    lambda: gr.Code(f"print({some('values')!r})", language="python"),
)


def widgets(low: int, high: int) -> None:
    for _ in range(rng.randint(low, high)):
        rng.choice(WIDGETS)()


def block() -> None:
    """Widgets in one of Gradio's containers."""
    kind = rng.randrange(5)
    if kind == 0:
        with gr.Row():
            for _ in range(rng.randint(2, 3)):
                with gr.Column():
                    widgets(1, 3)
    elif kind == 1:
        with gr.Tabs():
            for name in several("labels"):
                with gr.Tab(name):
                    widgets(1, 3)
    elif kind == 2:
        with gr.Accordion(some("titles"), open=rng.random() < 0.5):
            widgets(1, 3)
    elif kind == 3:
        with gr.Group():
            widgets(2, 4)
    else:
        widgets(1, 3)


def fill() -> None:
    if rng.random() < 0.3:
        with gr.Sidebar():
            widgets(1, 4)
    for _ in range(rng.randint(2, 4)):
        block()


with gr.Blocks(title=some("titles")) as demo:
    fill()
for page in range(PAGES):
    with demo.route(some("labels"), f"/page{page}"):
        fill()
theme = rng.choice([gr.themes.Default, gr.themes.Soft, gr.themes.Monochrome, gr.themes.Glass, gr.themes.Ocean])
colours = {hue: rng.choice(["emerald", "indigo", "rose", "amber", "sky", "slate"]) for hue in ("primary_hue",)}
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), theme=theme(**colours), quiet=True)
