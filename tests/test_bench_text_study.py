"""A text model behind the eyes, and the study of what learning to see does to its text: on a tiny model, the plumbing only."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models

from deixis.benchmarks import study_learning, study_pages, text_study, text_tasks
from deixis.benchmarks.progress import Told
from deixis.benchmarks.study_learning import loss_of, packed, right
from deixis.benchmarks.study_pages import Asked, Page, held_out, named, question, stream
from deixis.browser.errors import UsageError
from deixis.vlm import gguf_files
from deixis.vlm.gguf_files import TextModel
from deixis.vlm.language import Language
from deixis.vlm.molmo_config import LanguageConfig
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.prompted import Turn
from deixis.vlm.seeing import Bridge, SeeingChat, bridge_for
from deixis.vlm.text_chat import TextChat

WIDTH = 24


def tiny(dtype: torch.dtype = torch.float32) -> TextModel:
    torch.manual_seed(0)
    config = LanguageConfig(
        dim=32, layers=2, heads=4, kv_heads=2, head_dim=8, hidden=48, vocabulary=128, extra=0, norm_eps=1e-5, theta=1e4
    )
    letters = {chr(32 + n): n + 4 for n in range(95)}
    letters |= {"<|im_start|>": 1, "<|im_end|>": 2, "<|endoftext|>": 0, "\n": 100}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="?"))
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
    return TextModel("tiny", "0" * 64, Language(config).to(dtype).eval(), tokenizer, None, 2, "")


def element(name: str, role: str, x: float, y: float) -> dict[str, object]:
    return {"role": role, "names": [["text", name]], "box": [x, y, x + 50, y + 20], "disabled": False}


def page(name: str, *names: str) -> Page:
    torch.manual_seed(len(name))
    return Page(
        name,
        torch.randn(7, WIDTH).half(),
        [element(n, "button", 200 * i, 150 * i) for i, n in enumerate(names)],
        600,
        400,
    )


PAGES = [page("one-1-0", "Save", "Cancel", "Orders"), page("two-1-0", "Open", "Close", "Save")]


def test_questions_have_answers_that_the_page_gives() -> None:
    source = stream(PAGES, 0, 8)
    rows = [next(source) for _ in range(40)]
    assert all(len({one.page.name for one in row if one.page}) == 1 for row in rows), "a row is about one page"
    assert all(len({one.question for one in row}) == len(row) for row in rows), "and asks nothing twice"
    asked = [one for row in rows for one in row]
    for one in asked:
        assert one.page is not None
        own = {name: e for name, e in named(one.page)}
        name = one.question.split("'")[1]
        if one.question.startswith("Is there"):
            assert (one.answer == "Yes.") == (name in own)
        elif "left" in one.question:
            assert one.answer == ("Left." if own[name]["box"][0] + 25 < 300 else "Right.")
        elif "upper" in one.question:
            assert one.answer == ("Upper." if own[name]["box"][1] + 10 < 200 else "Lower.")
        else:
            assert one.answer == "A button."
    assert {one.answer for one in asked} >= {"Yes.", "No.", "Left.", "Right.", "Upper.", "Lower.", "A button."}
    from random import Random

    assert question(page("three-1-0"), PAGES, Random(0)) is None


def test_pages_are_held_out_whole() -> None:
    names = [f"page-{n}" for n in range(200)]
    assert all(held_out(f"{name}-0") == held_out(f"{name}-3") for name in names)
    assert 10 < sum(held_out(f"{name}-0") for name in names) < 45


@pytest.mark.slow  # seconds of the processor bound it
@pytest.mark.parametrize("way", ["frozen", "tuned"])
def test_learning_lowers_the_loss_and_a_frozen_decoder_stays(way: str) -> None:
    held = tiny()
    chat = TextChat.__new__(TextChat)
    chat.use(held)
    bridge = Bridge(WIDTH, 32)
    before = {name: value.clone() for name, value in chat.language.state_dict().items()}
    some = [
        Asked(PAGES[0], "Is there 'Save' on the page?", "Yes."),
        Asked(PAGES[0], "Is there 'Open' on the page?", "No."),
    ]
    first = float(loss_of(chat, bridge, some).detach())
    losses = study_learning.learn(way, chat, bridge, PAGES, 4.0, Told())
    changed = [name for name, value in chat.language.state_dict().items() if not torch.equal(value, before[name])]
    assert bool(changed) == (way == "tuned") and len(losses) > 10
    assert float(loss_of(chat, bridge, some).detach()) < first
    # Behind a frozen decoder of random weights the losses of single steps, each on another page, hardly fall.
    assert way == "frozen" or sum(losses[-5:]) < sum(losses[:5])


def test_questions_side_by_side_are_answered_as_each_alone() -> None:
    """Against one plain pass over the page and one question each, and against the model's own greedy answers."""
    chat = TextChat.__new__(TextChat)
    chat.use(tiny())
    bridge = Bridge(WIDTH, 32)
    questions = ["Is there 'Save' on the page?", "What is it?", "Where?"]
    some = [
        Asked(PAGES[0], question, answer)
        for question, answer in zip(questions, ("Yes.", "A button.", "Left."), strict=True)
    ]
    together = packed(chat, bridge, some)
    alone = [packed(chat, bridge, [one]) for one in some]
    torch.testing.assert_close(together.logits, torch.cat([one.logits for one in alone]))
    ids = chat.prompt(Turn(questions[0]))
    at, answer = chat.begins(ids), [*chat.ids("Yes."), chat.end]
    words = chat.language.embed(torch.tensor([*ids, *answer]))
    x = torch.cat([words[:at], bridge(PAGES[0].known.float()), words[at:]])
    plain = chat.language.logits(chat.language(x[None], chat.language.cache())[0, -len(answer) - 1 : -1])
    torch.testing.assert_close(alone[0].logits, plain)
    greedy: list[int] = []
    for _ in range(4):  # what the model says by itself
        x = torch.cat(
            [words[:at], bridge(PAGES[0].known.float()), chat.language.embed(torch.tensor(ids[at:] + greedy))]
        )
        greedy.append(int(chat.language.logits(chat.language(x[None], chat.language.cache())[0, -1]).argmax()))
    said = "".join(str(chat.tokenizer.id_to_token(token)) for token in greedy)
    own = packed(chat, bridge, [Asked(PAGES[0], questions[0], said)])
    assert own.targets[:4].tolist() == greedy == own.logits.argmax(-1)[:4].tolist()
    assert right(chat, bridge, some) == [False] * 3
    text = packed(chat, bridge, [Asked(None, "1 + 1?", "2")])
    assert text.lengths == [2] and text.targets.tolist() == [*chat.ids("2"), chat.end], "text alone has no page"


def test_replay_needs_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gsm8k_train"):
        study_pages.replayed(tmp_path)
    (tmp_path / "gsm8k_train.jsonl").write_text(json.dumps({"question": "1 + 1?", "answer": "2\n#### 2"}) + "\n")
    assert study_pages.replayed(tmp_path) == [Asked(None, "1 + 1?", "2\n#### 2")]


def test_a_text_model_with_eyes(tmp_path: Path) -> None:
    held, eyes = tiny(), NanoPointer()
    torch.manual_seed(1)
    chat = SeeingChat(held, eyes, bridge_for(eyes, held), "tiny with eyes")
    blind = TextChat.__new__(TextChat)
    blind.use(held)
    Image.open(Path(__file__).parent.parent / "docs" / "points.png").convert("RGB").crop((0, 0, 640, 400)).save(
        tmp_path / "a.png"
    )
    png = (tmp_path / "a.png").read_bytes()
    shown = chat.embedded(Turn("What is it?", png)).shape[0] - chat.embedded(Turn("What is it?")).shape[0]
    assert 2 <= shown <= 97, "a token a thing, and one for the page"
    assert chat.answer(Turn("What is it?"), 6) == blind.answer(Turn("What is it?"), 6), (
        "without a picture nothing changes"
    )
    assert chat.answer(Turn("What is it?", png), 6).tokens > 6
    plain, seen = chat.likelihoods("Answer:", [" A", " B"]), chat.likelihoods("Answer:", [" A", " B"], png)
    assert plain == blind.likelihoods("Answer:", [" A", " B"]) and plain != seen
    long = "A few solved examples stand here. " * 3
    first = chat.likelihoods(long + "one", [" A", " B"], png)
    chat.likelihoods(long + "another", [" A", " B"])
    chat.likelihoods(long + "two", [" A", " B"], png)
    assert torch.allclose(
        torch.tensor(chat.likelihoods(long + "one", [" A", " B"], png)), torch.tensor(first), atol=1e-5
    ), "what is shared is kept"


def test_screens_are_looked_at_once(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), "white").save(tmp_path / "a-0.png")
    Image.open(Path(__file__).parent.parent / "docs" / "points.png").convert("RGB").crop((0, 0, 640, 400)).save(
        tmp_path / "b-0.png"
    )
    for name, size in (("a-0", (320, 240)), ("b-0", (640, 400))):
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"width": size[0], "height": size[1], "els": [], "words": []})
        )
    cache = tmp_path / "out" / "looks.safetensors"
    found = study_pages.pages(tmp_path, cache, 0, Told())
    assert [p.name for p in found] == ["b-0"], "a page on which nothing is seen teaches nothing"
    (tmp_path / "b-0.png").unlink()
    assert torch.equal(study_pages.pages(tmp_path, cache, 0, Told())[0].known, found[0].known)
    with pytest.raises(UsageError, match="no screens"):
        study_pages.pages(tmp_path / "out", cache, 0, Told())


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model in place of SmolLM2, two screens whose pages fall on both sides, and a handful of questions."""
    data = tmp_path / "data"
    for split in ("dev", "test"):
        (data / "mmlu" / split).mkdir(parents=True)
        rows = "".join(f"is {split} {n} odd?,no,yes,maybe,never,{n % 4}\n" for n in range(4))
        (data / "mmlu" / split / f"logic_{split}.csv").write_text(
            "question,choice0,choice1,choice2,choice3,answer\n" + rows
        )
    (data / "gsm8k_train.jsonl").write_text(json.dumps({"question": "1 + 1?", "answer": "2\n#### 2"}) + "\n")
    prompt = {"prompt": "No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    (data / "ifeval_input_data.jsonl").write_text("".join(json.dumps({"key": n, **prompt}) + "\n" for n in range(2)))
    monkeypatch.setenv(text_tasks.DATA, str(data))
    monkeypatch.setattr(gguf_files, "packaged", lambda: Path("tiny.gguf"))
    monkeypatch.setattr(gguf_files, "read", lambda path, dtype=torch.float32: tiny(dtype))
    screens = tmp_path / "screens"
    screens.mkdir()
    picture = Image.open(Path(__file__).parent.parent / "docs" / "points.png").convert("RGB").crop((0, 0, 480, 300))
    names = [next(f"page-{n}" for n in range(100) if held_out(f"page-{n}-0") == side) for side in (False, True)]
    for name in names:
        picture.save(screens / f"{name}-0.png")
        els = [element("Save", "button", 20, 10), element("Orders", "link", 300, 200)]
        (screens / f"{name}-0.json").write_text(json.dumps({"width": 480, "height": 300, "els": els, "words": []}))
    return screens


def test_a_study_goes_through_all_its_stages_and_resumes(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["--screens", str(study), "--out", str(out), "--minutes", "0.05", "--mmlu", "3", "--ifeval", "2"]
    words += ["--questions", "6", "--search", "2", "--images", "1", "--pictured", "3", "--tokens", "6"]
    words += ["--pictured-modes", "none,blank"]

    def run(*more: str) -> str:
        monkeypatch.setattr("sys.argv", ["text_study", *words, *more])
        text_study.main()
        return capsys.readouterr().out

    first = run("--stages", "look,before,ask")
    assert "before, mmlu, image none" in first and "frozen" not in first, "what has not learned is left out"
    whole = run()
    for way in ("frozen", "tuned", "replay"):
        assert f"{way}, questions about held-out pages" in whole and f"{way}, MMLU without solved examples" in whole
        assert f"{way}, pictured, image blank" in whole and "against no picture" in whole
    assert "tuned, ifeval, image none" in whole and "frozen, ifeval" not in whole, "by construction it says the same"
    files = {path: path.read_bytes() for path in out.rglob("*.jsonl")}
    weights = (out / "tuned" / "weights.safetensors").read_bytes()
    assert run() == whole and {path: path.read_bytes() for path in files} == files
    assert (out / "tuned" / "weights.safetensors").read_bytes() == weights, "nothing learns twice"
