"""Our Molmo beside the Molmo2 of transformers: the same random weights, one picture, prefill and decode in turns.

    python -m deixis.benchmarks.molmo_speed [--rounds 5] [--tokens 32] [--dim 512] [--layers 8] [--questions 8]

Prints medians in seconds and the ratio of theirs to ours (above 1: ours is faster), how far the numbers differ, and what
it saves to pack several questions on one picture. Knows nothing of real weights: time does not depend on them.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
import transformers
from PIL import Image

from deixis.vlm import molmo_files
from deixis.vlm.crops import Patches, cut
from deixis.vlm.molmo import Molmo, Packed


def shape(dim: int, layers: int) -> Any:
    """A Molmo2 of the proportions of the 4B one."""
    vision = {
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": layers,
        "num_attention_heads": 6,
        "num_key_value_heads": 6,
        "head_dim": 64,
    }
    adapter = {
        "vision_feature_layer": [layers - 1, layers // 2], "hidden_size": 384, "num_attention_heads": 6, "num_key_value_heads": 6, "head_dim": 64,
        "intermediate_size": 1024, "text_hidden_size": dim,
    }  # fmt: skip
    text = {
        "hidden_size": dim, "num_attention_heads": dim // 64, "num_key_value_heads": max(1, dim // 256), "head_dim": 64, "vocab_size": 8192, "additional_vocab_size": 128,
        "num_hidden_layers": layers, "intermediate_size": 3 * dim, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }  # fmt: skip
    return transformers.Molmo2Config(
        vision_config=vision, adapter_config=adapter, text_config=text, image_start_token_id=8192, image_end_token_id=8193, image_patch_id=8194,
        low_res_image_start_token_id=8196, frame_start_token_id=8199, frame_end_token_id=8200,
    )  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = perf_counter()
    out = work()
    return perf_counter() - start, out


def pack(ours: Molmo, image: Patches, questions: int, tokens: int) -> tuple[float, float]:
    """Seconds for so many questions on a picture that has been read: one after the other, and packed."""
    words = [list(range(10 + i, 26 + i)) for i in range(questions)]
    cache = ours.prefill([1, *image.tokens], [image])[1]

    def apart() -> None:
        for question in words:
            mine, new = cache.shared(1), question
            for _ in range(tokens):
                new = [int(ours.follow(new, mine)[-1].argmax())]

    def together() -> None:
        packed, new = Packed(ours, cache.shared(1), questions), words
        for _ in range(tokens):
            new = [[int(token)] for token in packed.follow(new).argmax(-1)]

    return timed(apart)[0], timed(together)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--questions", type=int, default=8)
    args = parser.parse_args()
    torch.manual_seed(0)
    theirs: Any = transformers.Molmo2ForConditionalGeneration(shape(args.dim, args.layers))
    theirs.eval()
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = molmo_files.load(Path(folder))
    image = cut(Image.effect_noise((1280, 720), 60).convert("RGB"), ours.config.crops, ours.config.tokens)
    ids = [1, *image.tokens, *range(10, 40)]
    marks = torch.tensor([[0] + [1] * len(image.tokens) + [0] * 30])
    grids = torch.tensor([[*image.grids[0], *image.grids[1]]])

    @torch.inference_mode()
    def their_prefill() -> Any:
        return theirs(
            torch.tensor([ids]), pixel_values=image.pixels, image_token_pooling=image.pooling, image_grids=grids, mm_token_type_ids=marks, use_cache=True
        )  # fmt: skip

    @torch.inference_mode()
    def their_decode(past: Any) -> None:
        token = 7
        for _ in range(args.tokens):
            out = theirs(torch.tensor([[token]]), past_key_values=past, use_cache=True)
            token = int(out.logits[0, -1].argmax())

    def our_decode(cache: Any) -> None:
        token = 7
        for _ in range(args.tokens):
            token = int(ours.follow([token], cache)[-1].argmax())

    times: dict[str, list[float]] = {"prefill theirs": [], "prefill ours": [], "decode theirs": [], "decode ours": []}
    for turn in range(args.rounds + 1):
        a, out = timed(their_prefill)
        b, (logits, cache) = timed(lambda: ours.prefill(ids, [image]))
        c, _ = timed(partial(their_decode, out.past_key_values))
        d, _ = timed(partial(our_decode, cache))
        if turn:  # the first is a warm-up
            for name, seconds in zip(times, (a, b, c / args.tokens, d / args.tokens), strict=True):
                times[name].append(seconds)
        else:
            print(
                f"{len(ids)} tokens, {sum(p.numel() for p in ours.parameters()) / 1e6:.1f} M parameters; logits differ by {float((logits - out.logits[0]).abs().max()):.1e}"
            )
    for part in ("prefill", "decode"):
        theirs_s, ours_s = median(times[f"{part} theirs"]), median(times[f"{part} ours"])
        print(
            f"{part}: transformers {theirs_s:.4f} s, ours {ours_s:.4f} s, ratio {theirs_s / ours_s:.2f} (median of {args.rounds}{', a token' if part == 'decode' else ''})"
        )
    rounds = [pack(ours, image, args.questions, args.tokens) for _ in range(args.rounds)]
    apart, together = (median(seconds) for seconds in zip(*rounds, strict=True))
    print(
        f"{args.questions} questions of 16 tokens, {args.tokens} tokens of answer each: one after the other {apart:.2f} s, packed {together:.2f} s, ratio {apart / together:.2f}"
    )


if __name__ == "__main__":
    main()
