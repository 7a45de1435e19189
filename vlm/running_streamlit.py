"""A page of Streamlit drawn from the seed in its address, for `applications`: any widgets, in columns, tabs and forms.

Run by `streamlit run` in an environment that need not have deixis; its words are in `words.json` beside it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import streamlit as st

WORDS: dict[str, list[str]] = json.loads(Path("words.json").read_text())
rng = Random(st.query_params.get("seed", "0"))
keys = iter(range(10000))


def some(kind: str) -> str:
    return rng.choice(WORDS[kind])


def several(kind: str, low: int = 2, high: int = 5) -> list[str]:
    return list(dict.fromkeys(some(kind) for _ in range(rng.randint(low, high))))


def table() -> dict[str, list[str]]:
    heads, rows = several("fields", 3, 6), rng.randint(3, 9)
    return {head: [some("values") for _ in range(rows)] for head in heads}


def key() -> str:
    return str(next(keys))


PLAIN: tuple[Callable[[], object], ...] = (
    lambda: st.text_input(some("fields"), placeholder=rng.choice(["", some("titles")]), key=key()),
    lambda: st.number_input(some("fields"), value=rng.randint(0, 99), key=key()),
    lambda: st.text_area(some("fields"), key=key()),
    lambda: st.selectbox(some("fields"), several("options"), key=key()),
    lambda: st.multiselect(some("fields"), several("options"), key=key()),
    lambda: st.slider(some("fields"), 0, 100, rng.randint(0, 100), key=key()),
    lambda: st.checkbox(some("options"), value=rng.random() < 0.5, key=key()),
    lambda: st.toggle(some("options"), value=rng.random() < 0.5, key=key()),
    lambda: st.radio(some("fields"), several("options"), horizontal=rng.random() < 0.5, key=key()),
    lambda: st.date_input(some("fields"), key=key()),
    lambda: st.time_input(some("fields"), key=key()),
    lambda: st.color_picker(some("fields"), key=key()),
    lambda: st.file_uploader(some("fields"), key=key()),
    lambda: st.pills(some("fields"), several("options"), key=key()),
    lambda: st.segmented_control(some("fields"), several("options"), key=key()),
    lambda: st.write(some("sentences")),
    lambda: st.metric(some("fields"), rng.randint(1, 9999), rng.randint(-99, 99)),
    lambda: rng.choice([st.info, st.success, st.warning, st.error])(some("sentences")),
    lambda: st.progress(rng.randint(0, 100), text=some("titles")),
    lambda: st.dataframe(table()),
    lambda: st.table(table()),
    lambda: st.link_button(some("labels"), "#"),
)
BUTTONS: tuple[Callable[[], object], ...] = (
    lambda: st.button(some("labels"), key=key(), type=rng.choice(["primary", "secondary", "tertiary"])),
    lambda: st.download_button(some("labels"), "text", key=key()),
)


def widgets(count: int, buttons: bool = True) -> None:
    for _ in range(count):
        rng.choice(PLAIN + (BUTTONS * 4 if buttons else ()))()


def block() -> None:
    """Widgets in one of Streamlit's containers."""
    kind = rng.randrange(7)
    if kind == 0:
        for column in st.columns(rng.randint(2, 4)):
            with column:
                widgets(rng.randint(1, 3))
    elif kind == 1:
        for tab in st.tabs(several("labels", 2, 4)):
            with tab:
                widgets(rng.randint(1, 3))
    elif kind == 2:
        with st.form(key()):
            widgets(rng.randint(2, 5), buttons=False)
            st.form_submit_button(some("labels"))
    elif kind == 3:
        with st.expander(some("titles"), expanded=rng.random() < 0.4):
            widgets(2)
    elif kind == 4:
        with st.popover(some("labels")):
            widgets(2)
    elif kind == 5:
        st.subheader(some("titles"))
    else:
        widgets(rng.randint(1, 4))


st.set_page_config(page_title=some("titles"), layout=rng.choice(["wide", "centered"]))
if rng.random() < 0.6:
    with st.sidebar:
        widgets(rng.randint(2, 7))
if rng.random() < 0.7:
    st.title(some("titles"))
for _ in range(rng.randint(2, 6)):
    block()
