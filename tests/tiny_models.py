"""Tiny random checkpoints of published architectures, written to disk in the layout they are published in."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers as t
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'image' %}IMAGE"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def tokenizer(folder: Path, specials: list[str], **named: Any) -> dict[str, int]:
    """A byte-level tokenizer without merges and these special tokens; their ids."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    bare.add_special_tokens(specials)
    folder.mkdir(parents=True, exist_ok=True)
    bare.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": specials, **named})
    )
    return {token: bare.token_to_id(token) for token in specials} | {"size": bare.get_vocab_size()}


def written(folder: Path, config: Any, images: dict[str, Any], template: str | None = None, **processor: Any) -> Path:
    """Random weights of this shape, with the files that come with published ones."""
    torch.manual_seed(0)
    net = t.AutoModelForImageTextToText.from_config(config)
    for name, weight in net.named_parameters():
        if name.endswith("_gate") or (weight.dim() > 1 and not weight.any()):  # new models do not look at pictures yet
            torch.nn.init.normal_(weight)
    net.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    if template:
        (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    if processor:
        (folder / "processor_config.json").write_text(json.dumps(processor))
    return folder


def mllama(folder: Path) -> Path:
    ids = tokenizer(
        folder, ["<|begin_of_text|>", "<|eot_id|>", "<|image|>", "<|pad|>", "<|python_tag|>"],
        bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", pad_token="<|pad|>",
    )  # fmt: skip
    shapes = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    vision = t.models.mllama.MllamaVisionConfig(
        hidden_size=16, num_hidden_layers=2, num_global_layers=1, num_attention_heads=2, intermediate_size=32, vision_output_dim=32,
        image_size=28, patch_size=14, intermediate_layers_indices=[0], supported_aspect_ratios=shapes,
    )  # fmt: skip
    text = t.models.mllama.MllamaTextConfig(
        vocab_size=ids["size"] - 1, num_key_value_heads=2, cross_attention_layers=[1], pad_token_id=ids["<|pad|>"],
        bos_token_id=ids["<|begin_of_text|>"], eos_token_id=ids["<|eot_id|>"], **TEXT | {"num_hidden_layers": 3},
    )  # fmt: skip
    config = t.MllamaConfig(vision_config=vision, text_config=text, image_token_index=ids["<|image|>"])
    images = {"image_processor_type": "MllamaImageProcessor", "size": {"height": 28, "width": 28}, "max_image_tiles": 4}
    template = "<|begin_of_text|>" + CHATML.replace("IMAGE", "<|image|>")
    return written(folder, config, images, template)


def chameleon(folder: Path) -> Path:
    marks = ["<s>", "</s>", "<pad>", "<image>", "<racm3:break>", "<eoss>", "<reserved08706>"]
    codes = [f"IMGIMG{''.join('ABCDEFGHIJ'[int(digit)] for digit in str(n))}Z" for n in range(16)]
    ids = tokenizer(folder, marks + codes, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    vocabulary = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary |= {k: v for k, v in ids.items() if k != "size"}
    config = t.ChameleonConfig(
        vocab_size=ids["size"], num_key_value_heads=4, vocabulary_map=vocabulary, max_position_embeddings=4096,
        bos_token_id=ids["<s>"], eos_token_id=ids["</s>"], pad_token_id=ids["<pad>"],
        vq_config={
            "embed_dim": 8, "num_embeddings": 16, "latent_channels": 8, "resolution": 32, "base_channels": 32,
            "channel_multiplier": [1, 1], "num_res_blocks": 1,
        }, **TEXT,
    )  # fmt: skip
    images = {
        "image_processor_type": "ChameleonImageProcessor",
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
    }
    return written(folder, config, images, image_seq_length=256, image_token="<image>")


def qwen(folder: Path, version: str) -> Path:
    marks = [
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
    ]
    ids = tokenizer(folder, marks, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    places = {
        "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"],
    }  # fmt: skip
    text = TEXT | {
        "vocab_size": ids["size"], "num_key_value_heads": 2, "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"],
    }  # fmt: skip
    if version == "2.5":
        rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1]}
        vision = {
            "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 14, "out_hidden_size": 32,
            "window_size": 56, "fullatt_block_indexes": [1],
        }  # fmt: skip
        config: Any = t.Qwen2_5_VLConfig(text_config=text | {"rope_parameters": rope}, vision_config=vision, **places)
        size, patch = {"shortest_edge": 56 * 56, "longest_edge": 16384 * 28 * 28}, 14
    else:
        rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [2, 1, 1], "mrope_interleaved": True}
        vision = {
            "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 16, "out_hidden_size": 32,
            "deepstack_visual_indexes": [0], "num_position_embeddings": 64,
        }  # fmt: skip
        config = t.Qwen3VLConfig(
            text_config=text | {"rope_parameters": rope, "head_dim": 8}, vision_config=vision, **places
        )
        size, patch = {"shortest_edge": 65536, "longest_edge": 16777216}, 16
    images = {
        "image_processor_type": "Qwen2VLImageProcessorFast", "size": size, "patch_size": patch, "merge_size": 2, "temporal_patch_size": 2,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    }  # fmt: skip
    return written(folder, config, images, CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"))


def florence2(folder: Path) -> Path:
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<image>", *(f"<loc_{n}>" for n in range(1000))]
    ids = tokenizer(folder, marks, bos_token="<s>", eos_token="</s>", pad_token="<pad>", image_token="<image>")
    vision = {
        "embed_dim": [8, 8, 16, 16], "num_heads": [2, 2, 2, 2], "num_groups": [2, 2, 2, 2], "depths": [1, 1, 1, 1], "window_size": 2,
        "projection_dim": 32,
    }  # fmt: skip
    text = {
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32, "vocab_size": ids["size"], "bos_token_id": ids["<s>"], "eos_token_id": ids["</s>"], "pad_token_id": ids["<pad>"],
        "decoder_start_token_id": ids["</s>"], "forced_eos_token_id": ids["</s>"],
    }  # fmt: skip
    config = t.Florence2Config(text_config=text, vision_config=vision, image_token_id=ids["<image>"])
    images = {
        "image_processor_type": "CLIPImageProcessor", "size": {"height": 64, "width": 64}, "do_center_crop": False,
        "crop_size": {"height": 64, "width": 64}, "image_seq_length": 5,
    }  # fmt: skip
    return written(folder, config, images, num_additional_image_tokens=1)


def smolvlm(folder: Path) -> Path:
    rows = [f"<row_{i + 1}_col_{j + 1}>" for i in range(6) for j in range(6)]
    marks = [
        "<|im_start|>",
        "<end_of_utterance>",
        "<fake_token_around_image>",
        "<image>",
        "<global-img>",
        "<pad>",
        *rows,
    ]
    ids = tokenizer(folder, marks, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<pad>")
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    text = TEXT | {
        "model_type": "llama", "vocab_size": ids["size"], "num_key_value_heads": 2, "eos_token_id": ids["<end_of_utterance>"],
        "pad_token_id": ids["<pad>"], "bos_token_id": ids["<|im_start|>"],
    }  # fmt: skip
    config = t.SmolVLMConfig(
        text_config=text, vision_config=vision, scale_factor=2, image_token_id=ids["<image>"], pad_token_id=ids["<pad>"]
    )
    images = {
        "image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 192}, "max_image_size": {"longest_edge": 64}, "do_image_splitting": True,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    }  # fmt: skip
    template = (
        "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}:{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
        "{% else %} {{ c['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
    )
    return written(folder, config, images, template, image_seq_len=4, processor_class="SmolVLMProcessor")


def gemma3(folder: Path) -> Path:
    marks = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
    ]
    ids = tokenizer(
        folder, marks, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", boi_token="<start_of_image>", eoi_token="<end_of_image>",
        image_token="<image_soft_token>",
    )  # fmt: skip
    text = TEXT | {
        "vocab_size": ids["size"], "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 64, "bos_token_id": ids["<bos>"],
        "eos_token_id": ids["<end_of_turn>"], "pad_token_id": ids["<pad>"],
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
        "vision_use_head": False,
    }  # fmt: skip
    config = t.Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=4, boi_token_index=ids["<start_of_image>"],
        eoi_token_index=ids["<end_of_image>"], image_token_index=ids["<image_soft_token>"],
    )  # fmt: skip
    images = {
        "image_processor_type": "Gemma3ImageProcessor", "size": {"height": 64, "width": 64}, "image_seq_length": 4, "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3, "do_pan_and_scan": None,
    }  # fmt: skip
    template = (
        "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'image' %}<start_of_image>"
        "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )
    return written(folder, config, images, template, image_seq_length=4, processor_class="Gemma3Processor")


def molmo2(norm_after: bool, words: int = 128) -> Any:
    """A tiny Molmo2 of transformers, as 4B and 8B are made (Qwen3) or as O-7B (OLMo 3, slow rotations in one layer).

    words: rows of the base vocabulary; the tokens around images come after them.
    """
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": 1e4}
    if norm_after:
        rope = {
            "rope_type": "yarn",
            "rope_theta": 1e4,
            "factor": 8.0,
            "original_max_position_embeddings": 64,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "attention_factor": 1.2,
        }
    text = {
        "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4 if norm_after else 2, "head_dim": 16, "vocab_size": words, "additional_vocab_size": 16,
        "num_hidden_layers": 3, "intermediate_size": 96, "rope_parameters": rope, "qk_norm_type": "olmo" if norm_after else "qwen3", "norm_after": norm_after,
        "rope_scaling_layers": [1] if norm_after else None, "max_position_embeddings": 4096,
    }  # fmt: skip
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
    }
    adapter = {
        "vision_feature_layer": [3, 1],
        "hidden_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 40,
        "text_hidden_size": 64,
    }
    return t.Molmo2Config(
        vision_config=vision, adapter_config=adapter, text_config=text, image_start_token_id=words, image_end_token_id=words + 1, image_patch_id=words + 2,
        low_res_image_start_token_id=words + 4, frame_start_token_id=words + 7, frame_end_token_id=words + 8,
    )  # fmt: skip


def molmo_folder(folder: Path, norm_after: bool = False) -> Path:
    """A Molmo2 on disk, with a tokenizer."""
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unused>"]
    ids = tokenizer(folder, marks, eos_token="<|im_end|>")
    torch.manual_seed(0)
    t.Molmo2ForConditionalGeneration(molmo2(norm_after, ids["size"])).save_pretrained(folder)
    return folder


BUILDERS = {
    "Llama-3.2-11B-Vision-Instruct": mllama,
    "chameleon-7b": chameleon,
    "Qwen2.5-VL-7B-Instruct": lambda folder: qwen(folder, "2.5"),
    "Qwen3-VL-8B-Instruct": lambda folder: qwen(folder, "3"),
    "Florence-2-base": florence2,
    "SmolVLM-256M-Instruct": smolvlm,
    "gemma-3-4b-it": gemma3,
}
"""By the name the architecture is published under."""
