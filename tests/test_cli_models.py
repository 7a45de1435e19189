"""The commands for models of other makers, as people meet them: `models`, `ask`, `--planner molmoweb`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deixis.vlm.catalogue import KNOWN, known, memory
from deixis.vlm.families import FAMILIES
from tests.servers import Server, said, streamed
from tests.test_cli import DATA, FORM, deixis
from tests.tiny_models import molmo_folder

PICTURE = str(DATA / "login.png")


def test_models_are_listed_with_what_they_need() -> None:
    table, rows = deixis("models").stdout, json.loads(deixis("models", "--json").stdout)
    for row in KNOWN:
        assert row.id in table and row.licence in table and row.parts in table and row.does in table
    named = {row.family.name for row in KNOWN}
    assert all(
        family.name in table for family in FAMILIES if family.name not in named and family.form != "pointer_head"
    )
    by_id = {row["id"]: row for row in rows[1:]}
    assert set(by_id) == {row.id for row in KNOWN} and rows[0]["id"] == "deixis-nano"
    large = by_id["allenai/Molmo-72B-0924"]
    assert large["memory_gib"] > 140 and large["runs_here"] == (large["memory_gib"] <= memory())
    keys = {"id", "parameters", "licence", "parts", "does", "frame", "memory_gib", "runs_here", "fetched"}
    assert set(large) == keys


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("allenai/Molmo-7B-D-0924", ["CLIP ViT-L/14-336", "0 to 100 of the picture, written as molmo_xml", "'Point to TARGET'", "clock", "vllm serve allenai/Molmo-7B-D-0924 --trust-remote-code", "deixis models fetch"]),
        ("MolmoWeb-8B", ["Qwen3 8B, causal", '{"is_mm_prefix_lm": false}', "web_grounding"]),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", ["not known; asked for parts of 1000", "transformers serve"]),
        ("ByteDance-Seed/UI-TARS-1.5-7B", ["of the family UI-TARS-1.5", "pixels of the picture as resized", "vllm serve ByteDance-Seed/UI-TARS-1.5-7B"]),
        ("claude-opus-4-8", ["its makers run it"]),
    ],
)  # fmt: skip
def test_a_model_is_shown_with_the_command_that_serves_it(name: str, lines: list[str]) -> None:
    done = deixis("models", "show", name)
    assert done.returncode == 0 and all(line in done.stdout for line in lines), done.stdout + done.stderr
    assert (known(name) is not None) == ("memory:" in done.stdout)


@pytest.mark.parametrize(
    ("name", "told"),
    [("gpt-4o", "give the family"), ("UI-TARS-1.5", "is a family"), ("allenai/MolmoPoint-8B", "a head of its own")],
)
def test_what_is_no_model_is_told(name: str, told: str) -> None:
    done = deixis("models", "show", name)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr


def test_questions_counts_and_clocks(serve: Callable[..., Server]) -> None:
    tag = '<points x1="10.0" y1="20.0" x2="50.0" y2="80.0" alt="fields">fields</points>'
    server = serve(
        streamed("A form ", "to log in."),
        streamed(f"Counting the {tag} shows a total of 2."),
        said("The time shown is 10:09"),
        streamed("caption"),
        streamed(""),
    )
    model = f"allenai/Molmo-7B-D-0924@{server.url}"
    assert deixis("ask", PICTURE, "What is it?", "--model", model).stdout == "A form to log in.\n"
    counted = json.loads(deixis("ask", PICTURE, "fields", "--style", "count", "--json", "--model", model).stdout)
    assert (counted["number"], counted["answer"], len(counted["points"])) == (2, "2", 2)
    assert deixis("ask", PICTURE, "--style", "clock", "--model", model).stdout == "10:09\n"
    assert deixis("ask", PICTURE, "--style", "caption", "--model", model).stdout == "caption\n"
    done = deixis("ask", PICTURE, "What is it?", "--model", model)
    assert done.returncode == 1 and done.stdout == "" and "says nothing to 'What is it?'" in done.stderr
    for words, told in ((["--style", "count"], "needs a question"), (["x", "--style", "poem"], "no style 'poem'")):
        done = deixis("ask", PICTURE, *words, "--model", model)
        assert done.returncode == 2 and told in done.stderr
    done = deixis("ask", PICTURE, "x", "--style", "count")
    assert done.returncode == 2 and "--model names one that answers questions" in " ".join(done.stderr.split())


def test_a_folder_is_asked_and_pointed_with(tmp_path: Path) -> None:
    folder = molmo_folder(tmp_path / "Molmo2-4B")
    done = deixis("point", PICTURE, "Save", "Cancel", "--model", str(folder), "--json")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 2  # random weights say nothing that could be read
    assert "names no place" in done.stderr or "cut off" in done.stderr, done.stderr
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1])
    done = deixis("point", PICTURE, "Save", "--model", str(folder))
    assert done.returncode == 3 and "no complete safetensors file" in done.stderr


def test_molmoweb_plans_a_run(serve: Callable[..., Server], tmp_path: Path) -> None:
    def step(thought: str, name: str, **fields: object) -> str:
        return json.dumps({"thought": thought, "action": {"name": name, **fields}})

    server = serve(
        streamed(step("The field.", "click", x=12.0, y=23.9)), streamed(step("Typing.", "keyboard_type", text="Ada")),
        streamed(step("Saving.", "mouse_click", x=7.5, y=32.2)), streamed(step("Done.", "send_msg_to_user", msg="[ANSWER] saved Ada")),
    )  # fmt: skip
    model = f"allenai/MolmoWeb-8B@{server.url}"
    done = deixis(
        "run", "save Ada", "--url", FORM, "--planner", "molmoweb", "--model", model, "--max-requests", "9", "--out", str(tmp_path / "run")
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.strip() == "saved Ada", done.stderr
    assert all(body["messages"][0]["content"][1]["text"].startswith("molmo_web_think: ") for body in server.asked)
    done = deixis("run", "save Ada", "--url", FORM, "--planner", "molmoweb", "--out", str(tmp_path / "no"))
    assert done.returncode == 2 and "needs --model allenai/MolmoWeb-8B@URL" in " ".join(done.stderr.split())
