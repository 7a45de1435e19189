"""The models that deixis knows by name: what they are made of, what they can do, what they need, how they are served.

Sizes and licences are those of their makers' cards, to choose by; the card that comes with the weights decides. How a
model points is in `families`. Knows no weights.
"""

import os
from typing import NamedTuple

from deixis.vlm import local
from deixis.vlm.abilities import styles
from deixis.vlm.families import FAMILIES, Family, family_of
from deixis.vlm.frames import Bins, Frame, Pixels
from deixis.vlm.prompted import askable, question_for

GIB = 2**30
ROOM = 1.15
"""Memory in use over the size of the weights: cache and features of one screenshot."""


class Known(NamedTuple):
    """A published model."""

    id: str
    billions: float
    """Parameters, all experts included."""
    licence: str
    parts: str
    """Image encoder, connector, decoder."""
    does: str

    @property
    def family(self) -> Family:
        return family_of(self.id)

    def gigabytes(self) -> float:
        """GiB of memory to run it in 16 bits."""
        return self.billions * 1e9 * 2 * ROOM / GIB


CLIP, SIGLIP = "CLIP ViT-L/14-336, 23 blocks, two layers", "SigLIP2 so400m/14-378, two layers"
POOL = "attention over 2x2 patches"
POINTS, ASKS = "points, counts, answers, reads clocks", "answers"
KNOWN = (
    Known("allenai/MolmoE-1B-0924", 7.2, "Apache-2.0", f"{CLIP}; {POOL}; OLMoE 1B of 7B, 64 experts", POINTS),
    Known("allenai/Molmo-7B-O-0924", 7.7, "Apache-2.0", f"{CLIP}; {POOL}; OLMo 7B", POINTS),
    Known("allenai/Molmo-7B-D-0924", 8.0, "Apache-2.0", f"{CLIP}; {POOL}; Qwen2 7B", POINTS),
    Known("allenai/Molmo-72B-0924", 73.3, "Apache-2.0", f"{CLIP}; {POOL}; Qwen2 72B", POINTS),
    Known("allenai/Molmo2-4B", 4.9, "Apache-2.0", f"{SIGLIP}; {POOL}; Qwen3 4B", POINTS),
    Known("allenai/Molmo2-O-7B", 7.8, "Apache-2.0", f"{SIGLIP}; {POOL}; OLMo 3 7B", POINTS),
    Known("allenai/Molmo2-8B", 8.7, "Apache-2.0", f"{SIGLIP}; {POOL}; Qwen3 8B", POINTS),
    Known("allenai/MolmoWeb-4B", 4.9, "Apache-2.0", f"{SIGLIP}; {POOL}; Qwen3 4B, causal", "plans, points, answers"),
    Known("allenai/MolmoWeb-8B", 8.7, "Apache-2.0", f"{SIGLIP}; {POOL}; Qwen3 8B, causal", "plans, points, answers"),
    Known("meta-llama/Llama-3.2-11B-Vision-Instruct", 10.7, "Llama 3.2 Community", "ViT-H/14, 40 blocks; cross-attention; Llama 3.1 8B", ASKS),
    Known("meta-llama/Llama-3.2-90B-Vision-Instruct", 88.6, "Llama 3.2 Community", "ViT-H/14, 40 blocks; cross-attention; Llama 3.1 70B", ASKS),
    Known("facebook/chameleon-7b", 7.0, "Chameleon Research", "VQ-GAN tokens; early fusion; 7B decoder", ASKS),
    Known("facebook/chameleon-30b", 34.0, "Chameleon Research", "VQ-GAN tokens; early fusion; 30B decoder", ASKS),
    Known("Qwen/Qwen2.5-VL-7B-Instruct", 8.3, "Apache-2.0", "ViT, windowed; 2x2 merge; Qwen2.5 7B", "points, answers"),
    Known("Qwen/Qwen3-VL-2B-Instruct", 2.1, "Apache-2.0", "SigLIP2 ViT; 2x2 merge, deep stack; Qwen3 2B", "points, answers"),
    Known("Qwen/Qwen3-VL-4B-Instruct", 4.4, "Apache-2.0", "SigLIP2 ViT; 2x2 merge, deep stack; Qwen3 4B", "points, answers"),
    Known("Qwen/Qwen3-VL-8B-Instruct", 8.8, "Apache-2.0", "SigLIP2 ViT; 2x2 merge, deep stack; Qwen3 8B", "points, answers"),
    Known("microsoft/Florence-2-base", 0.23, "MIT", "DaViT; projection; BART encoder-decoder", "boxes"),
    Known("microsoft/Florence-2-large", 0.77, "MIT", "DaViT; projection; BART encoder-decoder", "boxes"),
    Known("HuggingFaceTB/SmolVLM-256M-Instruct", 0.26, "Apache-2.0", "SigLIP B/16; pixel shuffle; SmolLM2 135M", ASKS),
    Known("HuggingFaceTB/SmolVLM-500M-Instruct", 0.51, "Apache-2.0", "SigLIP B/16; pixel shuffle; SmolLM2 360M", ASKS),
    Known("google/gemma-3-4b-it", 4.3, "Gemma", "SigLIP so400m/14-896; pooling to 256 tokens; Gemma 3 4B", ASKS),
)  # fmt: skip

HOSTED = ("Claude", "OpenAI computer use", "Gemini")
"""Families whose weights nobody else has."""


def known(name: str) -> Known | None:
    """The row of an id, or of its last part."""
    return next((row for row in KNOWN if name in (row.id, row.id.rpartition("/")[2])), None)


def memory() -> float:
    """GiB of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB


def runs_here(row: Known) -> bool:
    """Whether this machine can hold the model."""
    return row.gigabytes() <= memory()


def frame_in_words(frame: Frame | None) -> str:
    """What the numbers of a model mean."""
    if frame is None:
        return "not known; asked for parts of 1000"
    order = ", y first" if frame.order == "yx" else ""
    if isinstance(frame, Pixels):
        return f"pixels of the picture as {frame.of}{order}"
    if isinstance(frame, Bins):
        return f"{frame.count} location tokens an axis{order}"
    return f"0 to {frame.whole:g} of the {frame.of}{order}"


def serving(row: Known) -> str:
    """The command that serves a model with vLLM, or what to take where vLLM does not have it."""
    name = row.family.name
    if name in HOSTED:
        return "its makers run it: --model with the address of their OpenAI-compatible interface"
    if name == "Llama 3.2 Vision":
        return f"transformers serve {row.id}  (vLLM no longer has Mllama)"
    if name == "Molmo":
        return f"vllm serve {row.id} --trust-remote-code --dtype bfloat16"
    if name == "MolmoWeb":
        return f"vllm serve {row.id} --dtype bfloat16 --hf-overrides '{{\"is_mm_prefix_lm\": false}}'"
    return f"vllm serve {row.id} --dtype bfloat16"


def others() -> list[str]:
    """Names of the families that can be asked and of which no model is listed."""
    listed = {row.family.name for row in KNOWN}
    return [family.name for family in FAMILIES if family.name not in listed and family.form != "pointer_head"]


def told(row: Known, family: Family) -> list[tuple[str, str]]:
    """What is known of a model, line by line; of one that is not listed, what its family tells."""
    asked = askable(family)
    lines = [("model", f"{row.id}, of the family {family.name}")]
    if row.billions:
        folder = local.folder_of(row.id)
        fits = "fits" if runs_here(row) else "too big"
        lines += [
            ("size", f"{row.billions:g} B parameters, {row.licence}"),
            ("parts", row.parts),
            ("does", row.does),
            ("memory", f"{row.gigabytes():.1f} GiB in 16 bits; this machine has {memory():.0f}: {fits}"),
            ("weights", str(folder or f"deixis models fetch {row.id}")),
        ]
    return [
        *lines,
        ("frame", f"{frame_in_words(family.frame)}, written as {asked.form}"),
        ("asked", repr(question_for(asked, "TARGET"))),
        ("styles", ", ".join(styles(family))),
        ("source", family.source),
        ("serve", serving(row)),
        (
            "use",
            f"--model {row.id}@http://127.0.0.1:8000/v1"
            + (f", or --model {row.id} once fetched" if row.billions else ""),
        ),
    ]
