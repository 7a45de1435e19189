"""What learning to see does to a language model's text: SmolLM2-135M behind deixis-nano's eyes, in three ways.

    DEIXIS_TEXT_DATA=DIR python -m deixis.benchmarks.text_study --screens DIR [--minutes 45] [--out runs/study]

The connector (`vlm.seeing.Bridge`) learns to answer questions about pages, with the decoder frozen, tuned, or tuned with
every tenth step on text alone (solutions of GSM8K's training half), each for a third of the minutes. Then every one is
asked MMLU and IFEval, without a picture and with pictures that have nothing to do with the question, and is compared with
the model before, question by question (McNemar). Stages (`--stages`): `look` at the screens, ask the model `before`,
`learn`, `ask`, `search`; each resumes, keeps its results in the folder, and can be run by itself; in the end stands the
report of all there is. Without a picture a frozen decoder says what it said before, so it is not asked again.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from deixis.benchmarks import statistics, text_run
from deixis.benchmarks.progress import Told
from deixis.benchmarks.results import Results, save
from deixis.benchmarks.study_learning import WAYS, WEIGHTS, made, seen
from deixis.benchmarks.study_pages import Page, held_out, pages
from deixis.benchmarks.text_search import searched
from deixis.benchmarks.text_tasks import MOST, SHOTS
from deixis.vlm import precision
from deixis.vlm.seeing import SeeingChat
from deixis.vlm.text_chat import TextChat

STAGES = ("look", "before", "learn", "ask", "search")
BEFORE = "before"


def before(chat: TextChat, out: Path, args: argparse.Namespace) -> None:
    """The model as it is."""
    _ask("mmlu", ["none"], chat, out, args)
    _ask("ifeval", ["none"], chat, out, args)
    _ask("pictured", ["none"], chat, out, args)


def ask(way: str, chat: SeeingChat, held: Sequence[Page], out: Path, args: argparse.Namespace) -> None:
    """Pages that were held out, then text, then text with every picture."""
    if held and args.questions and not (out / "pages.json").exists():
        save(out / "pages.json", seen(chat, held, args.questions))
    for task in ("mmlu", "ifeval", "pictured"):
        # Without a picture a frozen decoder says what it said before.
        _ask(
            task,
            [mode for mode in getattr(args, f"{task}_modes") if way != "frozen" or mode != "none"],
            chat,
            out,
            args,
        )


def _ask(task: str, modes: list[str], chat: TextChat, out: Path, args: argparse.Namespace) -> None:
    solved = task == "mmlu" and args.examples > 0
    how = text_run.How(args.images, solved, args.tokens if task == "ifeval" else None)
    if modes and getattr(args, task):
        text_run.bench("mmlu" if task == "pictured" else task, modes, chat, getattr(args, task), out / task, how)


def search(chat: SeeingChat, out: Path, args: argparse.Namespace) -> None:
    """Among pictures, on questions without solved examples."""
    text_run.bench("mmlu", ["search"], chat, args.search, out / "pictured", text_run.How(args.images, solved=False))


# telling


def against(first: Path, second: Path) -> str:
    """How the second run of the same questions differs from the first; "" where there are not both."""
    one, two = (Results.read(path / "results.jsonl", text_run.Answer) for path in (first, second))
    both = sorted(one.keys() & two.keys())
    if not both or first == second:
        return ""
    pair = statistics.paired([one[i].correct for i in both], [two[i].correct for i in both], both)
    changed = sum(one[i].answer != two[i].answer for i in both) / len(both)
    return f"{pair.difference:+.1%} ± {pair.stderr:.1%}, {pair.only_first} lost, {pair.only_second} won, McNemar p={pair.p_items:.2g}, {changed:.1%} of the answers differ"


def report(out: Path) -> Iterator[str]:
    """Every figure there is, a line each."""
    for way in (BEFORE, *WAYS):
        yield from _about_pages(out / way, way)
        for task in ("mmlu", "ifeval", "pictured"):
            alone = out / (BEFORE if way == "frozen" else way) / task / "none"
            for mode in ("none", "blank", "noise", "page"):
                yield from _figure(out, out / way / task / mode, alone, f"{way}, {task}, image {mode}")
        found = out / way / "pictured" / "search" / "summary.json"
        if found.exists():
            yield from [f"{way}, MMLU without solved examples:", *searched(json.loads(found.read_text()))]


def _about_pages(folder: Path, way: str) -> Iterator[str]:
    path, losses = folder / "pages.json", folder / "losses.json"
    if losses.exists():
        all_ = json.loads(losses.read_text())
        ends = [sum(part) / len(part) for part in (all_[:20], all_[-20:])]
        yield f"{way}: {len(all_)} steps, loss {ends[0]:.3f} in the first twenty, {ends[1]:.3f} in the last"
    if path.exists():
        row = json.loads(path.read_text())
        yield f"{way}, questions about held-out pages: {row['rate']:.1%} ± {row['stderr']:.1%} (n={row['n']}; by the commonest answer {row['commonest_answer']:.1%})"
        for sort, own in row["by"].items():
            yield f"  {sort} {own['rate']:.1%} (n={own['n']}; commonest {own['commonest_answer']:.1%})"


def _figure(out: Path, folder: Path, alone: Path, name: str) -> Iterator[str]:
    path = folder / "summary.json"
    if not path.exists():
        return
    row = json.loads(path.read_text())
    yield f"{name}: {row['rate']:.1%} ± {row['stderr']:.1%} (n={row['n']}; {row['cut_off']} cut off)"
    start = out / BEFORE / folder.parent.name / "none"
    for word, other in (("the model before", start), ("no picture", alone)):
        told = against(other, folder) if word == "the model before" or other != start else ""
        if told:
            yield f"  against {word}: {told}"
    if "instructions_strict" in row:
        yield f"  single instructions, strictly {row['instructions_strict']['rate']:.1%} ± {row['instructions_strict']['stderr']:.1%} (n={row['instructions_strict']['n']})"


# the command


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45, help="of processor time, the three ways together")
    parser.add_argument("--pages", type=int, default=0, help="so many screens only")
    parser.add_argument("--questions", type=int, default=400, help="about held-out pages")
    parser.add_argument("--mmlu", type=int, default=1000, help="questions without a picture")
    parser.add_argument("--examples", type=int, choices=(0, SHOTS), default=SHOTS, help="solved before each of these")
    parser.add_argument("--ifeval", type=int, default=100)
    parser.add_argument(
        "--pictured", type=int, default=200, help="questions of MMLU without examples, for every picture"
    )
    parser.add_argument("--search", type=int, default=100, help="of these for the search")
    parser.add_argument("--images", type=int, default=4, help="of a search")
    parser.add_argument("--tokens", type=int, default=MOST["ifeval"], help="of an answer of IFEval, at most")
    parser.add_argument("--mmlu-modes", type=_words, default=["none"])
    parser.add_argument("--ifeval-modes", type=_words, default=["none"])
    parser.add_argument("--pictured-modes", type=_words, default=["none", "page", "noise", "blank"])
    parser.add_argument("--stages", type=_words, default=list(STAGES))
    parser.add_argument("--ways", type=_words, default=list(WAYS))
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    args = parser.parse_args()
    for name, known in (("stages", STAGES), ("ways", WAYS)):
        if unknown := set(getattr(args, name)) - set(known):
            parser.error(f"--{name} {unknown.pop()!r} is none of {', '.join(known)}")
    return args


def main() -> None:
    args, told = arguments(), Told()
    found = pages(args.screens, args.out / "looks.safetensors", args.pages, told)
    train, held = [p for p in found if not held_out(p.name)], [p for p in found if held_out(p.name)]
    told.notice(f"{len(train)} screens to learn from, {len(held)} held out")
    if "before" in args.stages:
        before(TextChat(dtype=precision.fastest()), args.out / BEFORE, args)
    for way in args.ways if {"learn", "ask", "search"} & set(args.stages) else []:
        if "learn" not in args.stages and not (args.out / way / WEIGHTS).exists():
            told.notice(f"{way} has not learned yet: it is left out")
            continue
        chat = made(way, args.out, train, 60 * args.minutes / len(WAYS), told)
        if "ask" in args.stages:
            ask(way, chat, held, args.out / way, args)
        if "search" in args.stages:
            search(chat, args.out / way, args)
    print("\n".join(report(args.out)))


if __name__ == "__main__":
    main()
