"""How a text model learns to see: questions about pages, with the decoder frozen, tuned, or tuned with text between.

The questions about one page are one row: they share the page and see nothing of one another, so that a page costs its
tokens once. In the same way it is told how many are answered right: a greedy answer is the right one just when every
token of the right one is the likeliest after those before it. Knows no benchmark.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from deixis.benchmarks import statistics
from deixis.benchmarks.progress import Told
from deixis.benchmarks.results import save
from deixis.benchmarks.study_pages import Asked, Page, replayed, stream
from deixis.benchmarks.text_tasks import folder as text_folder
from deixis.vlm import gguf_files, precision
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.prompted import Turn
from deixis.vlm.seeing import Bridge, SeeingChat, bridge_for
from deixis.vlm.text_chat import TextChat, apart

WAYS = ("frozen", "tuned", "replay")
EVERY = 10
"""With replay, each so manyeth step is on text."""
PAGES, QUESTIONS, TEXTS = 2, 16, 6
"""A step's pages, the questions about each, and the texts of a step on text."""
RATES = {"bridge": 1e-3, "decoder": 2e-5}
WARM = 20
"""Steps until the full rate."""
CLIP = 1.0
WEIGHTS = "weights.safetensors"


class Packed(NamedTuple):
    """Questions side by side."""

    logits: Tensor
    """(N, V) before each token of the answers"""
    targets: Tensor
    """(N,) the answers' tokens"""
    lengths: list[int]
    """How many of them are each answer's."""


def packed(chat: TextChat, bridge: Bridge, some: Sequence[Asked]) -> Packed:
    """Questions about one page, or about none, each answered as if it stood alone."""
    at = chat.begins(chat.prompt(Turn("")))
    head = chat.language.embed(torch.tensor(chat.prompt(Turn(""))[:at]))
    page = some[0].page
    past = head if page is None else torch.cat([head, bridge(page.known.float()).to(head.dtype)])
    answers = [[*chat.ids(asked.answer), chat.end] for asked in some]
    rows = [chat.prompt(Turn(asked.question))[at:] + own[:-1] for asked, own in zip(some, answers, strict=True)]
    lengths, first = [len(row) for row in rows], len(past)
    x = torch.cat([past, chat.language.embed(torch.tensor([token for row in rows for token in row]))])
    before = F.pad(torch.ones(first, first, dtype=torch.bool).tril(), (0, sum(lengths)))
    mask = torch.cat([before, apart(lengths, first)])
    places = torch.cat([torch.arange(first), *(torch.arange(first, first + length) for length in lengths)])
    states = chat.language(x[None], chat.language.cache(), mask, places)[0, first:]
    spoken = [row[-len(own) :] for row, own in zip(states.split(lengths), answers, strict=True)]
    targets = torch.tensor([token for own in answers for token in own])
    return Packed(chat.language.logits(torch.cat(spoken)).float(), targets, [len(own) for own in answers])


def loss_of(chat: TextChat, bridge: Bridge, some: Sequence[Asked]) -> Tensor:
    """Cross-entropy of the answers' tokens."""
    made = packed(chat, bridge, some)
    return F.cross_entropy(made.logits, made.targets)


def right(chat: TextChat, bridge: Bridge, some: Sequence[Asked]) -> list[bool]:
    """Of each question about a page, whether the model answers it to the letter."""
    made = packed(chat, bridge, some)
    good = made.logits.argmax(-1) == made.targets
    return [bool(part.all()) for part in good.split(made.lengths)]  # type: ignore[no-untyped-call]


def learn(way: str, chat: TextChat, bridge: Bridge, train: Sequence[Page], seconds: float, told: Told) -> list[float]:
    """Trains in place for so many seconds of this process; the losses."""
    tuned = way != "frozen"
    chat.language.requires_grad_(tuned)
    groups = [{"params": list(bridge.parameters()), "lr": RATES["bridge"]}]
    groups += [{"params": list(chat.language.parameters()), "lr": RATES["decoder"]}] if tuned else []
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    steps, losses, start = steps_of(way, train), list[float](), time.process_time()
    while (spent := time.process_time() - start) < seconds:
        share = min(1.0, (len(losses) + 1) / WARM) * max(0.05, 1 - spent / seconds)
        for group, rate in zip(optimiser.param_groups, RATES.values(), strict=False):
            group["lr"] = rate * share
        optimiser.zero_grad()
        losses.append(stepped(chat, bridge, next(steps)))
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], CLIP)  # type: ignore[attr-defined]
        optimiser.step()
        if len(losses) % 10 == 1:
            mean = sum(losses[-10:]) / len(losses[-10:])
            told.notice(f"{way}: step {len(losses)}, {spent:.0f} of {seconds:.0f} s, loss {mean:.3f}")
    chat.language.requires_grad_(False)
    return losses


def steps_of(way: str, train: Sequence[Page]) -> Iterator[list[list[Asked]]]:
    """Of each step the rows: pages with their questions, or text alone."""
    about, text, rng = stream(train, 1, QUESTIONS), replayed(text_folder()) if way == "replay" else [], Random(2)
    number = 0
    while True:
        number += 1
        if text and number % EVERY == 0:
            yield [rng.sample(text, min(TEXTS, len(text)))]
        else:
            yield [next(about) for _ in range(PAGES)]


def stepped(chat: TextChat, bridge: Bridge, rows: Sequence[Sequence[Asked]]) -> float:
    """Adds up a step's gradients; its loss."""
    total = 0.0
    for some in rows:
        with precision.running(precision.fastest()):
            loss = loss_of(chat, bridge, some) / len(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


def made(way: str, out: Path, train: Sequence[Page], seconds: float, told: Told) -> SeeingChat:
    """The model of a way, trained now or before; its language model answers in the number format that is fastest here."""
    eyes, held = NanoPointer(dtype="float32"), gguf_files.read(gguf_files.packaged())
    torch.manual_seed(0)
    bridge, file = bridge_for(eyes, held), out / way / WEIGHTS
    chat = SeeingChat(held, eyes, bridge, f"SmolLM2 behind deixis-nano, {way}")
    if not file.exists():
        losses = learn(way, chat, bridge, train, seconds, told)
        state = {f"bridge.{k}": v for k, v in bridge.state_dict().items()}
        state |= {} if way == "frozen" else {f"language.{k}": v for k, v in chat.language.state_dict().items()}
        file.parent.mkdir(parents=True, exist_ok=True)
        save(file.parent / "losses.json", losses)
        save_file({k: v.contiguous() for k, v in state.items()}, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)
    state = load_file(file)
    bridge.load_state_dict({k.removeprefix("bridge."): v for k, v in state.items() if k.startswith("bridge.")})
    if way != "frozen":
        chat.language.load_state_dict(
            {k.removeprefix("language."): v for k, v in state.items() if k.startswith("language.")}
        )
    chat.language.to(precision.fastest())
    chat.weights_sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return chat


@torch.inference_mode()
def seen(chat: SeeingChat, held: Sequence[Page], count: int) -> dict[str, Any]:
    """How often questions about pages that were held out are answered right, and by always saying the commonest answer."""
    source, asked, good = stream(held, 3, QUESTIONS), list[Asked](), list[bool]()
    while len(asked) < count:
        some = next(source)[: count - len(asked)]
        good += right(chat, chat.bridge, some)
        asked += some
    sorts = [one.question.split("'")[0] + one.question.rsplit("'", 1)[-1] for one in asked]
    pages = [one.page.name.rsplit("-", 1)[0] for one in asked if one.page]
    commonest: dict[str, list[str]] = {}
    for sort, one in zip(sorts, asked, strict=True):
        commonest.setdefault(sort, []).append(one.answer)
    best = {sort: max(answers.count(answer) for answer in set(answers)) for sort, answers in commonest.items()}
    return statistics.rate(good, pages).model_dump() | {
        "commonest_answer": sum(best.values()) / len(asked),
        "by": {
            sort: {
                "n": len(commonest[sort]),
                "rate": sum(hit for hit, own in zip(good, sorts, strict=True) if own == sort) / len(commonest[sort]),
                "commonest_answer": best[sort] / len(commonest[sort]),
            }
            for sort in sorted(commonest)
        },
    }
