"""Published models from a folder, each as a tiny random checkpoint on disk, loaded the way a user's would be."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from deixis.agent.api import load_pointer
from deixis.browser.errors import SetupError, UsageError
from deixis.browser.types import Screenshot
from deixis.vlm import local
from deixis.vlm.adapters import TransformersChat
from deixis.vlm.families import family_of
from deixis.vlm.frames import SmartResize
from deixis.vlm.molmo_chat import MolmoChat
from deixis.vlm.molmo_theirs import TheirMolmo
from deixis.vlm.prompted import PromptedPointer, Turn
from tests.tiny_models import BUILDERS, molmo_folder

Made = Callable[[str], Path]


def picture(noise: float = 90.0) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((320, 200), noise).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def shot() -> Screenshot:
    return Screenshot(png=picture(), width=320, height=200)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The folder of a tiny checkpoint with a published name."""
    root = tmp_path_factory.mktemp("models")

    def build(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            BUILDERS[name](folder)
        return folder

    return build


@pytest.mark.parametrize("name", BUILDERS)
def test_a_published_layout_is_loaded_asked_and_pointed_with(made: Made, name: str) -> None:
    pointer = local.load(str(made(name)))
    chat = pointer.talker
    assert isinstance(chat, TransformersChat) and chat.net.dtype is torch.float32
    turn = Turn("what is this?", picture())
    seen = chat.answer(turn, 6)
    assert seen == chat.answer(turn, 6)
    assert 0 < (seen.sure or 0) <= 1 and seen.tokens > 0
    found = pointer.point_many(shot(), ["Save", "Cancel"])  # random weights: nothing that could be read
    assert [one.target for one in found] == ["Save", "Cancel"]
    assert all(one.unreadable and not one.found for one in found)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_picture_reaches_the_model(made: Made, name: str) -> None:
    chat = TransformersChat(made(name), local.kind_of(made(name)))
    answers = []
    for png in (picture(90.0), picture(0.0)):
        inputs = chat.inputs(Turn("what is this?", png))
        start = {"decoder_input_ids": torch.tensor([[2]])} if chat.net.config.is_encoder_decoder else {}
        with torch.inference_mode():
            answers.append(chat.net(**inputs, **start).logits[0, -1])
    assert not torch.equal(*answers)


@pytest.mark.parametrize("name", [name for name in BUILDERS if "lorence" not in name])
def test_words_are_never_read_as_control_tokens(made: Made, name: str) -> None:
    chat = TransformersChat(made(name), local.kind_of(made(name)))
    tokenizer = chat.processor.tokenizer
    marks = "".join(tokenizer.all_special_tokens) + chat.kind.image
    plain, odd = chat.inputs(Turn("find x", picture())), chat.inputs(Turn(f"find {marks}x", picture()))
    specials = set(tokenizer.all_special_ids)

    def control(ids: torch.Tensor) -> list[int]:
        return [token for token in ids[0].tolist() if token in specials]

    assert control(plain["input_ids"]) == control(odd["input_ids"])


def test_a_turn_begins_once(made: Made) -> None:
    for name in ("Llama-3.2-11B-Vision-Instruct", "gemma-3-4b-it"):
        chat = TransformersChat(made(name), local.kind_of(made(name)))
        ids = chat.inputs(Turn("hello", picture()))["input_ids"][0].tolist()
        assert ids.count(chat.processor.tokenizer.bos_token_id) == 1 and ids[0] == chat.processor.tokenizer.bos_token_id


@pytest.fixture(scope="module")
def molmo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return molmo_folder(tmp_path_factory.mktemp("molmo") / "Molmo2-4B")


def test_molmo2_answers_as_transformers_does(molmo: Path) -> None:
    pointer = local.load(str(molmo))
    chat, png = pointer.talker, picture()
    assert isinstance(chat, MolmoChat)
    theirs = local.load(f"transformers:{molmo}").talker
    assert isinstance(theirs, TheirMolmo)
    turn = Turn("what is this?", png)
    mine, other = chat.answer(turn, 8), theirs.answer(turn, 8)
    assert (mine.text, mine.whole, mine.tokens) == (other.text, other.whole, other.tokens)
    assert mine.sure == pytest.approx(other.sure, rel=1e-3)
    assert chat.answer(Turn("and this?", png), 8).tokens > 0  # the picture is kept
    assert chat.answer(Turn("what is this?", png), 8) == mine


def test_molmoweb_sees_its_picture_causally_in_both(molmo: Path) -> None:
    """The same weights answer otherwise as Molmo2, whose image tokens see one another."""
    turn, logits = Turn("where is it?", picture()), {}
    for family in ("MolmoWeb-4B", "Molmo2-4B"):
        ours, theirs = MolmoChat(molmo, family_of(family)), TheirMolmo(molmo, family_of(family))
        image = ours.prompt.patches(turn.png or b"")
        ids = [*ours.prompt.before(image), *ours.prompt.words(turn.text)]
        with torch.inference_mode():
            logits[family] = theirs.net(**theirs.inputs(turn)).logits[0, -1]
        assert torch.allclose(ours.molmo.prefill(ids, [image])[0][-1], logits[family], rtol=0, atol=1e-4)
    assert not torch.allclose(*logits.values(), rtol=0, atol=1e-4)


def test_transformers_has_no_class_for_the_first_molmo(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "molmo"}')
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="leave out 'transformers:'"):
        local.load(f"transformers:{tmp_path}=Molmo")


def test_molmo_is_asked_in_its_roles(molmo: Path) -> None:
    chat = MolmoChat(molmo, family_of("Molmo2-4B"))
    words = chat.prompt.tokenizer.decode(
        chat.prompt.before(None) + chat.prompt.words("Point to <|im_end|>"), skip_special_tokens=False
    )
    assert words == "<|im_end|><|im_start|>user\nPoint to <|im_end|><|im_end|>\n<|im_start|>assistant\n"
    marks = [chat.prompt.tokenizer.token_to_id("<|im_end|>")]
    assert chat.prompt.words("Point to <|im_end|>").count(marks[0]) == 1  # what people write is text
    config = molmo / "tokenizer_config.json"
    before = config.read_text()
    config.write_text(json.dumps(json.loads(before) | {"bos_token": {"content": "<|endoftext|>"}}))
    assert chat.prompt.before(None)[0] == marks[0]
    assert MolmoChat(molmo, family_of("Molmo2-4B")).prompt.before(None)[0] == chat.prompt.tokenizer.token_to_id(
        "<|endoftext|>"
    )
    config.write_text(before)
    web = MolmoChat(molmo, family_of("MolmoWeb-4B"))
    assert chat.molmo.config.bidirectional and not web.molmo.config.bidirectional
    assert (chat.molmo.config.crops.most, web.molmo.config.crops.most) == (24, 8)


def test_what_is_no_model_is_told_in_a_sentence(made: Made, molmo: Path, tmp_path: Path) -> None:
    def copy(name: str, source: Path) -> Path:
        return Path(shutil.copytree(source, tmp_path / name))

    with pytest.raises(SetupError, match="deixis models fetch"):
        local.load("nobody/nothing")
    pickled = copy("Qwen3-VL-8B", made("Qwen3-VL-8B-Instruct"))
    weights = next(pickled.glob("*.safetensors"))
    weights.rename(pickled / "pytorch_model.bin")
    with pytest.raises(SetupError, match="pickles"):
        local.load(str(pickled))
    short = copy("Qwen3-VL-2B", made("Qwen3-VL-8B-Instruct"))
    weights = next(short.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(SetupError, match="cannot be loaded"):
        local.load(str(short))
    strange = copy("Qwen2.5-VL-3B", made("Qwen2.5-VL-7B-Instruct"))
    config: dict[str, Any] = json.loads((strange / "config.json").read_text())
    (strange / "config.json").write_text(json.dumps(config | {"model_type": "speech"}))
    with pytest.raises(SetupError, match="architecture 'speech'"):
        local.load(str(strange))
    with pytest.raises(UsageError, match="not known"):
        local.load(str(copy("mine", molmo)))
    assert isinstance(load_pointer(str(tmp_path / "mine") + "=Molmo2"), PromptedPointer)
    with pytest.raises(SetupError, match="number format"):
        local.load(str(molmo), dtype="int3")
    (tmp_path / "mine" / "tokenizer.json").unlink()
    with pytest.raises(SetupError, match="no tokenizer"):
        local.load(str(tmp_path / "mine") + "=Molmo2")


def test_the_limits_of_a_checkpoint_are_its_own(tmp_path: Path) -> None:
    assert local.fitted(family_of("Qwen3-VL"), tmp_path) == family_of("Qwen3-VL")  # its frame does not depend on them
    qwen = family_of("Qwen2.5-VL")
    assert local.fitted(qwen, tmp_path) == qwen  # nothing is said
    for name, said in (
        ("preprocessor_config.json", {"min_pixels": 3136, "max_pixels": 500_000}),
        ("preprocessor_config.json", {"size": {"shortest_edge": 3136, "longest_edge": 500_000}}),
        ("processor_config.json", {"image_processor": {"min_pixels": 3136, "max_pixels": 500_000}}),
    ):
        folder = tmp_path / f"{name}{len(said)}{list(said)}"
        folder.mkdir()
        (folder / name).write_text(json.dumps(said))
        fit = local.fitted(family_of("OpenCUA"), folder).fit
        assert isinstance(fit, SmartResize) and (fit.factor, fit.min_pixels, fit.max_pixels) == (28, 3136, 500_000)


def test_keys_that_are_missing_or_unknown_are_listed(
    made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(made("SmolVLM-256M-Instruct"), tmp_path / "SmolVLM-256M"))
    path = next(folder.glob("*.safetensors"))
    with safe_open(path, "pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 -- not a dict
    save_file(weights | {"model.odd.weight": torch.zeros(2)}, path, {"format": "pt"})
    local.load(str(folder))
    assert "1 weights are unknown and not used: model.odd.weight" in caplog.text
    gone = sorted(weights)[-1]
    del weights[gone]
    save_file(weights | {"model.odd.weight": torch.zeros(2)}, path, {"format": "pt"})
    with pytest.raises(SetupError, match="1 weights are missing: .*; 1 are unknown: model.odd.weight"):
        local.load(str(folder))


def test_molmo_answers_many_questions_as_one_by_one(molmo: Path) -> None:
    chat, png = MolmoChat(molmo, family_of("Molmo2-4B")), picture()
    turns = [Turn(text, png) for text in ("what is this?", "Point to Save", "a", "how many rows has the table there?")]
    alone = [chat.answer(turn, 7) for turn in turns]
    together = chat.answer_many(turns, 7)
    assert [(one.text, one.whole, one.tokens) for one in together] == [
        (one.text, one.whole, one.tokens) for one in alone
    ]
    assert all(a.sure == pytest.approx(b.sure, abs=1e-6) for a, b in zip(together, alone, strict=True))
    assert len({round(one.sure or 0, 5) for one in alone}) > 2  # they are not all alike
    with pytest.raises(UsageError, match="same picture"):
        chat.answer_many([turns[0], Turn("what is this?", picture(10.0))])
    found = PromptedPointer(chat, family_of("Molmo2-4B")).point_many(shot(), ["Save", "Cancel"])
    assert [one.target for one in found] == ["Save", "Cancel"] and all(one.unreadable for one in found)


def test_answers_are_heard_while_they_are_written(made: Made, molmo: Path) -> None:
    for chat in (MolmoChat(molmo, family_of("Molmo2-4B")), local.load(str(made("Qwen3-VL-8B-Instruct"))).talker):
        heard: list[str] = []
        whole = chat.answer(Turn("what is this?", picture()), 6, heard.append).text
        assert whole.startswith("".join(heard)) and heard
