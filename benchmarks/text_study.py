"""What learning to see does to a language model's text: SmolLM2-135M behind deixis-nano's eyes, in three ways.

    DEIXIS_TEXT_DATA=DIR python -m deixis.benchmarks.text_study --screens DIR [--minutes 60] [--out runs/study]

Screens are what `deixis.vlm.collect` writes: pictures with the names, roles and boxes of their elements. The connector
(`vlm.seeing.Bridge`) learns to answer questions about pages, with the decoder frozen, tuned, or tuned with every tenth
step on text alone (solutions of GSM8K's training half), each for a third of the minutes. Then every one is asked MMLU and IFEval, without
a picture and with pictures that have nothing to do with the question, and is compared with the model before, question by question
(McNemar). Every stage resumes. Pages are split by page: what is asked in the end was never trained on.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from deixis.benchmarks import statistics, text_run
from deixis.benchmarks.progress import Told
from deixis.benchmarks.results import Results, save
from deixis.benchmarks.text_tasks import folder as text_folder
from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot
from deixis.vlm import gguf_files
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.prompted import Turn
from deixis.vlm.seeing import Bridge, SeeingChat, bridge_for, features
from deixis.vlm.text_chat import TextChat, left_filled, looking

WAYS = ("frozen", "tuned", "replay")
EVERY = 10
"""With replay, each so manyeth step is on text."""
BATCH = 8
RATES = {"bridge": 1e-3, "decoder": 2e-5}
WARM = 20
"""Steps until the full rate."""
HELD = 8
"""One page of so many is held out."""
CLIP = 1.0


class Page(NamedTuple):
    """A screen as it is learned from."""

    name: str
    known: Tensor
    """(T, F)"""
    elements: list[dict[str, Any]]
    width: int
    height: int


class Asked(NamedTuple):
    page: Page | None
    question: str
    answer: str


# pages


def pages(screens: Path, cache: Path, most: int, told: Told) -> list[Page]:
    """What the eyes know of each screen; looked at once, then kept."""
    files = sorted(screens.glob("*.json"))[: most or None]
    if not files:
        raise UsageError(f"no screens in {str(screens)!r}: make them with python -m deixis.vlm.collect")
    kept = load_file(cache) if cache.exists() else {}
    eyes: NanoPointer | None = None
    found = []
    for number, file in enumerate(files):
        about = json.loads(file.read_text())
        if file.stem not in kept:
            eyes = eyes or NanoPointer()
            kept[file.stem] = _known(eyes, file.with_suffix(".png"), about)
            if number % 20 == 0:
                told.notice(f"looked at {number + 1} of {len(files)} screens")
                _store(cache, kept)
        if len(kept[file.stem]):
            found.append(Page(file.stem, kept[file.stem], about["els"], about["width"], about["height"]))
    _store(cache, kept)
    return found


def _known(eyes: NanoPointer, path: Path, about: dict[str, Any]) -> Tensor:
    shot = Screenshot(png=_png(path), width=about["width"], height=about["height"])
    with torch.inference_mode():
        return features(eyes.look(shot).things, shot.width, shot.height).half().clone()


def _png(path: Path) -> bytes:
    with Image.open(path) as image:
        image.verify()
    return path.read_bytes()


def _store(cache: Path, kept: dict[str, Tensor]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part")
    save_file(kept, part)
    part.replace(cache)


def held_out(name: str) -> bool:
    """By page, not by picture: a page's scroll offsets stay together."""
    page = name.rsplit("-", 1)[0]
    return int(hashlib.sha256(page.encode()).hexdigest(), 16) % HELD == 0


# questions


def named(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """Elements whose name no other one has."""
    names = [
        (name, element)
        for element in page.elements
        for kind, name in element["names"][:1]
        if kind == "text" and 2 < len(name) < 40
    ]
    texts = [name for name, _ in names]
    return [(name, element) for name, element in names if texts.count(name) == 1]


def question(page: Page, others: Sequence[Page], rng: Random) -> Asked | None:
    """One question about a page and its short answer; None when the page names nothing."""
    own = named(page)
    if not own:
        return None
    name, element = rng.choice(own)
    sort = rng.randrange(4)
    if sort == 0:
        if rng.random() < 0.5:
            return Asked(page, f"Is there '{name}' on the page?", "Yes.")
        strangers = [other for other, _ in named(rng.choice(others))]
        absent = [other for other in strangers if other not in {n for n, _ in own}]
        return Asked(page, f"Is there '{rng.choice(absent)}' on the page?", "No.") if absent else None
    x, y = (element["box"][0] + element["box"][2]) / 2, (element["box"][1] + element["box"][3]) / 2
    if sort == 1:
        return Asked(page, f"What is '{name}' on the page?", f"A {element['role']}.")
    if sort == 2:
        return Asked(
            page, f"Is '{name}' in the left or the right half of the page?", "Left." if x < page.width / 2 else "Right."
        )
    return Asked(
        page, f"Is '{name}' in the upper or the lower half of the page?", "Upper." if y < page.height / 2 else "Lower."
    )


def stream(found: Sequence[Page], seed: int) -> Iterator[Asked]:
    rng = Random(seed)
    while True:
        asked = question(rng.choice(found), found, rng)
        if asked:
            yield asked


def replayed(data: Path | None) -> list[Asked]:
    """Text alone: GSM8K's training half."""
    path = (data or Path()) / "gsm8k_train.jsonl"
    if not path.exists():
        raise UsageError("replay needs gsm8k_train.jsonl in the folder that DEIXIS_TEXT_DATA names")
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [Asked(None, row["question"], row["answer"]) for row in rows if len(row["answer"]) < 400]


# learning


def loss_of(chat: TextChat, bridge: Bridge, some: Sequence[Asked]) -> Tensor:
    """Cross-entropy of the answers, given pages and questions."""
    rows, targets = [], []
    for asked in some:
        ids, end = chat.prompt(Turn(asked.question)), next(iter(chat.ends))
        answer = [*chat.ids(asked.answer), end]
        words = chat.language.embed(torch.tensor([*ids, *answer]))
        at = chat.begins(ids)
        shown = [bridge(asked.page.known.float())] if asked.page else []
        rows.append(torch.cat([words[:at], *shown, words[at:]]))
        targets.append(answer)
    x, real = left_filled(rows)
    out = chat.language(x[:, :-1], chat.language.cache(), looking(real[:, :-1]))
    logits = torch.cat([chat.language.logits(out[i, -len(answer) :]) for i, answer in enumerate(targets)])
    return F.cross_entropy(logits.float(), torch.tensor([token for answer in targets for token in answer]))


def learn(way: str, chat: TextChat, bridge: Bridge, train: Sequence[Page], seconds: float, told: Told) -> list[float]:
    """Trains in place for so many seconds of this process; the losses."""
    tuned = way != "frozen"
    chat.language.requires_grad_(tuned)
    groups = [{"params": list(bridge.parameters()), "lr": RATES["bridge"]}]
    groups += [{"params": list(chat.language.parameters()), "lr": RATES["decoder"]}] if tuned else []
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    about, text = stream(train, 1), replayed(text_folder()) if way == "replay" else []
    rng, losses, start = Random(2), list[float](), time.process_time()
    while (spent := time.process_time() - start) < seconds:
        step = len(losses)
        some = rng.sample(text, 2) if text and step % EVERY == EVERY - 1 else [next(about) for _ in range(BATCH)]
        share = min(1.0, (step + 1) / WARM) * max(0.05, 1 - spent / seconds)
        for group, rate in zip(optimiser.param_groups, (RATES["bridge"], RATES["decoder"]), strict=False):
            group["lr"] = rate * share
        loss = loss_of(chat, bridge, some)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], CLIP)  # type: ignore[attr-defined]
        optimiser.step()
        losses.append(float(loss.detach()))
        if step % 10 == 0:
            told.notice(
                f"{way}: step {step}, {spent:.0f} of {seconds:.0f} s, loss {sum(losses[-10:]) / len(losses[-10:]):.3f}"
            )
    chat.language.requires_grad_(False)
    return losses


def made(way: str, out: Path, train: Sequence[Page], seconds: float, told: Told) -> SeeingChat:
    """The model of a way, trained now or before."""
    eyes, held = NanoPointer(), gguf_files.read(gguf_files.packaged())
    torch.manual_seed(0)
    bridge, file = bridge_for(eyes, held), out / way / "weights.safetensors"
    chat = SeeingChat(held, eyes, bridge, f"SmolLM2 behind deixis-nano, {way}")
    if not file.exists():
        losses = learn(way, chat, bridge, train, seconds, told)
        state = {f"bridge.{k}": v for k, v in bridge.state_dict().items()}
        state |= {} if way == "frozen" else {f"language.{k}": v for k, v in chat.language.state_dict().items()}
        file.parent.mkdir(parents=True, exist_ok=True)
        save(file.parent / "losses.json", losses)
        save_file({k: v.contiguous() for k, v in state.items()}, file)
    state = load_file(file)
    bridge.load_state_dict({k.removeprefix("bridge."): v for k, v in state.items() if k.startswith("bridge.")})
    if way != "frozen":
        chat.language.load_state_dict(
            {k.removeprefix("language."): v for k, v in state.items() if k.startswith("language.")}
        )
    chat.weights_sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return chat


# asking


@torch.inference_mode()
def seen(chat: SeeingChat, bridge: Bridge, held: Sequence[Page], count: int) -> dict[str, Any]:
    """How often questions about pages that were held out are answered right, and by always saying the commonest answer."""
    source = stream(held, 3)
    asked = [next(source) for _ in range(count)]
    good: list[bool] = []
    commonest: dict[str, list[str]] = {}
    for one in asked:
        sort = one.question.split("'")[0] + one.question.rsplit("'", 1)[-1]
        commonest.setdefault(sort, []).append(one.answer)
        assert one.page is not None
        ids = chat.prompt(Turn(one.question))
        at = chat.begins(ids)
        words = chat.language.embed(torch.tensor(ids))
        said = chat._together([torch.cat([words[:at], bridge(one.page.known.float()), words[at:]])], 8)[0]
        good.append(said.text.strip().lower() == one.answer.lower())
    best = sum(max(answers.count(a) for a in set(answers)) for answers in commonest.values()) / len(asked)
    names = [one.page.name.rsplit("-", 1)[0] for one in asked if one.page]
    return statistics.rate(good, names).model_dump() | {"commonest_answer": best}


def against(before: Path, after: Path) -> statistics.Paired | None:
    """Two runs of the same questions."""
    first, second = (Results.read(path / "results.jsonl", text_run.Answer) for path in (before, after))
    both = sorted(first.keys() & second.keys())
    return (
        statistics.paired([first[i].correct for i in both], [second[i].correct for i in both], both) if both else None
    )


def report(out: Path, told: Told, args: argparse.Namespace) -> str:
    """Every figure there is."""
    lines = []
    for way in ("before", *WAYS):
        facts = out / way / "pages.json"
        if facts.exists():
            row = json.loads(facts.read_text())
            lines.append(
                f"{way}: questions about held-out pages {row['rate']:.1%} ± {row['stderr']:.1%} (n={row['n']}; the commonest answer {row['commonest_answer']:.1%})"
            )
        for task, modes in (("mmlu", args.modes), ("ifeval", ["none"])):
            for mode in modes:
                summary = out / way / task / mode / "summary.json"
                if not summary.exists():
                    continue
                row = json.loads(summary.read_text())
                line = f"{way}, {task}, image {mode}: {row['rate']:.1%} ± {row['stderr']:.1%} (n={row['n']})"
                for name, other in (("before", out / "before" / task / "none"), ("none", out / way / task / "none")):
                    pair = against(other, summary.parent) if other != summary.parent else None
                    if pair:
                        line += f"; against {name} {pair.difference:+.1%}, {pair.only_first} lost, {pair.only_second} won, McNemar p={pair.p_items:.2g}"
                lines.append(line)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60, help="of processor time, the three ways together")
    parser.add_argument("--pages", type=int, default=0, help="so many screens only")
    parser.add_argument("--mmlu", type=int, default=1000)
    parser.add_argument("--ifeval", type=int, default=100)
    parser.add_argument("--questions", type=int, default=200, help="about held-out pages")
    parser.add_argument("--modes", type=lambda text: text.split(","), default=["none", "blank", "noise", "page"])
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    args = parser.parse_args()
    told = Told()
    found = pages(args.screens, args.out / "looks.safetensors", args.pages, told)
    train, held = [p for p in found if not held_out(p.name)], [p for p in found if held_out(p.name)]
    told.notice(f"{len(train)} screens to learn from, {len(held)} held out")
    before = TextChat()
    text_run.bench("mmlu", ["none"], None, args.mmlu, args.out / "before" / "mmlu", talker=before)
    text_run.bench(
        "ifeval", ["none"], None, args.ifeval, args.out / "before" / "ifeval", talker=before
    ) if args.ifeval else None
    for way in WAYS:
        chat = made(way, args.out, train, 60 * args.minutes / len(WAYS), told)
        if held and not (args.out / way / "pages.json").exists():
            save(args.out / way / "pages.json", seen(chat, chat.bridge, held, args.questions))
        text_run.bench("mmlu", args.modes, None, args.mmlu, args.out / way / "mmlu", talker=chat)
        if args.ifeval and way != "frozen":  # without a picture, a frozen decoder says what it said before
            text_run.bench("ifeval", ["none"], None, args.ifeval, args.out / way / "ifeval", talker=chat)
        print(report(args.out, told, args), flush=True)


if __name__ == "__main__":
    main()
