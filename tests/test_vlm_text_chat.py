"""Text models from GGUF files: a tiny random one against transformers' own class, batches against single answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm import gguf_files, text_chat
from deixis.vlm.gguf_files import TextModel
from deixis.vlm.prompted import Turn
from deixis.vlm.text_chat import TextChat

gguf = pytest.importorskip("gguf", reason="extra deixis[text]")
WORDS = [f"w{n}" for n in range(124)]


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """As llama.cpp's converter stores queries and keys."""
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False, attn_implementation="eager",
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def file(theirs: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_embedding_length(48)
    writer.add_feed_forward_length(80)
    writer.add_head_count(6)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>", *WORDS]
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, 3] + [1] * len(WORDS))
    writer.add_token_merges([])
    writer.add_eos_token_id(2)
    state = theirs.state_dict()
    names = {"self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}  # fmt: skip
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"].numpy())
    writer.add_tensor("output.weight", state["lm_head.weight"].numpy())
    writer.add_tensor("output_norm.weight", state["model.norm.weight"].numpy())
    for i in range(2):
        for theirs_name, ours in names.items():
            writer.add_tensor(f"blk.{i}.{ours}.weight", state[f"model.layers.{i}.{theirs_name}.weight"].numpy())
        for letter, heads in (("q", 6), ("k", 2)):
            weight = interleaved(state[f"model.layers.{i}.self_attn.{letter}_proj.weight"], heads)
            writer.add_tensor(f"blk.{i}.attn_{letter}.weight", np.ascontiguousarray(weight.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_decoder_is_that_of_transformers(theirs: torch.nn.Module, file: Path) -> None:
    language = gguf_files.read(file).language
    ids = torch.tensor([[5, 9, 20, 41, 7, 7, 63]])
    with torch.inference_mode():
        expected = theirs(ids).logits
        ours = language.logits(language(language.embed(ids), language.cache()))
    torch.testing.assert_close(ours, expected, atol=2e-4, rtol=1e-4)


@pytest.fixture
def chat(file: Path) -> TextChat:
    """The tiny model with a tokenizer of whole letters, so that any words can be written."""
    held = gguf_files.read(file)
    letters = {chr(32 + n): n + 4 for n in range(95)}
    letters |= {"<|im_start|>": 1, "<|im_end|>": 2, "<|endoftext|>": 0, "\n": 100}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="?"))
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
    made = TextChat.__new__(TextChat)
    made.use(TextModel(held.name, held.sha256, held.language, tokenizer, None, 2, ""))
    return made


def test_many_together_are_answered_as_each_alone(chat: TextChat) -> None:
    turns = [
        Turn(text, system=text[::-1])
        for text in ("abc", "a much longer question than that", "xyz", "de", "the quick brown fox jumps over")
    ]
    alone = [chat.answer(turn, 12) for turn in turns]
    assert chat.answer_many(turns, 12) == alone and len({answer.text for answer in alone}) > 1


def test_what_prompts_share_is_kept_and_changes_nothing(chat: TextChat) -> None:
    texts = ["abcdefghijklmnopqrstuvwxyz" + end for end in ("abc", "abd", "zz", "")]
    fresh = []
    for text in texts:
        chat._kept = (b"", [], chat.language.cache())
        fresh.append(chat.likelihoods(text, ["a", "b", "c"]))
    kept = [chat.likelihoods(text, ["a", "b", "c"]) for text in texts]
    assert np.allclose(fresh, kept, atol=1e-5)


def test_many_texts_are_weighed_as_each_alone(chat: TextChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against one plain pass over the whole text each: what is shared is computed once, the rest in packs."""
    solved = "a few solved examples, the same for all. "
    texts = [solved + end for end in ("short?", "a somewhat longer question?", "x", "another one, longer still?", "")]

    def plainly(text: str) -> list[float]:
        ids = torch.tensor([chat.ids(text)])
        with torch.inference_mode():
            out = chat.language.logits(chat.language(chat.language.embed(ids), chat.language.cache())[0, -1])
        return [float(out.log_softmax(-1)[chat.ids(letter)[0]]) for letter in "abc"]

    expected = [plainly(text) for text in texts]
    for pack in (1, 40, 1000):
        monkeypatch.setattr(text_chat, "PACK", pack)
        assert np.allclose(chat.likelihoods_many(texts, list("abc")), expected, atol=1e-5), pack
    assert np.allclose(chat.likelihoods_many(["abc", "xyz"], list("abc")), [plainly("abc"), plainly("xyz")], atol=1e-5)


def test_text_models_have_no_eyes(chat: TextChat) -> None:
    with pytest.raises(UsageError, match="cannot be shown a picture"):
        chat.answer(Turn("what is this", png=b"x"))


def test_broken_files(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF nothing")
    with pytest.raises(SetupError, match="no GGUF"):
        gguf_files.read(tmp_path / "a.gguf")


@pytest.mark.slow
def test_smollm2_writes_sense() -> None:
    try:
        chat = TextChat()
    except SetupError as error:
        pytest.skip(str(error))
    assert "Paris" in chat.answer(Turn("What is the capital of France?"), 24).text
    assert chat.ids("in 1984", False) == chat.tokenizer.encode("in 1984").ids and len(chat.ids("1984")) == 4
