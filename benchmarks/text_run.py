"""`deixis bench text`: a model's text abilities, alone and with a picture that has nothing to do with the question.

Every mode (`deixis.benchmarks.text_images`) is a run of its own in a folder of its own, resumable, over the same
questions, and is compared with the mode `none` question by question. `search` asks every question with each of N seeded
pictures: the best of many is a maximum and says little by itself, so the picture that changes most on one half of the
questions is judged on the other half, and beside it stands what as many re-wordings without any picture change.
Models: a text model (SmolLM2 from its package, or a GGUF file), a folder of a vision-language model, MODEL@URL. MMLU is
scored by likelihood where the model gives one, else by the letter that is answered. Knows no files of tasks.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol, runtime_checkable

from deixis.benchmarks import statistics, text_images
from deixis.benchmarks.progress import Told, answering, shown
from deixis.benchmarks.results import Results, Run, save
from deixis.benchmarks.text_search import searched, searches
from deixis.benchmarks.text_tasks import LETTERS, MOST, TASKS, Grade, Question, digest, graded, questions
from deixis.browser.errors import OutputError, ServerError, UsageError
from deixis.browser.types import Frozen
from deixis.vlm.prompted import Talker, Turn

BATCH = 64
"""Questions that are asked together, where the model can."""


@runtime_checkable
class Chooser(Protocol):
    """A model whose likelihoods can be read."""

    sees: bool
    """Whether a picture can be shown to it."""

    def likelihoods_many(
        self, texts: Sequence[str], options: Sequence[str], png: bytes | None = None
    ) -> list[list[float]]: ...


@runtime_checkable
class Packer(Protocol):
    """A model that answers many at a time."""

    def answer_many(self, turns: Sequence[Turn], most: int = 0) -> list[Any]: ...


class Answer(Frozen):
    """One line of results.jsonl."""

    id: str
    subject: str
    question: str
    answer: str
    chosen: str
    correct: bool
    parts: tuple[bool, ...] = ()
    loose: tuple[bool, ...] = ()
    whole: bool = True
    """False when the answer was cut off at the most tokens."""
    seconds: float = 0.0
    failed: str = ""
    """Why there is no answer: it counts as wrong, and apart."""


class How(NamedTuple):
    """What of a task may be other than usual."""

    images: int = 8
    """Pictures of a search."""
    solved: bool = True
    """Whether solved examples stand before MMLU's questions."""
    most: int | None = None
    """Tokens of an answer at most."""


class Asked(NamedTuple):
    """How questions are asked in a run."""

    talker: Talker
    mode: str
    png: bytes | None
    most: int
    words: bool
    """Ask for words even where likelihoods could be read, so that modes with a picture can be compared."""


def bench(
    task: str, modes: Sequence[str], model: str | Talker | None, count: int | None, out: Path | None,
    how: How = How(),  # noqa: B008  frozen
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Runs a task in some modes; the summary of each, with its comparison with `none` where both were run."""
    unknown = [mode for mode in modes if mode not in text_images.MODES]
    if unknown:
        raise UsageError(f"--image {unknown[0]!r} is none of {', '.join(text_images.MODES)}")
    told = Told()
    found, broken = questions(task, count, solved=how.solved)
    for line in broken:
        told.notice(f"left out: {line}")
    held = load(model) if model is None or isinstance(model, str) else model
    folder = out or Path("runs") / f"text-{task}-{held.model.replace('/', '-')}"
    likely = isinstance(held, Chooser) and task == "mmlu" and (set(modes) == {"none"} or held.sees)
    summaries: dict[str, dict[str, Any]] = {}
    for mode in modes:
        if mode == "search":
            summaries[mode] = searches(held, found, folder / mode, how.images, told, asking, not likely)
            continue
        asked = Asked(held, mode, text_images.picture(mode), how.most or MOST[task], not likely)
        summaries[mode] = one(task, found, asked, folder / mode, told, broken)
    _compare(folder, summaries, found)
    return summaries


def load(model: str | None) -> Talker:
    """The model of a name; without one, SmolLM2 from its package."""
    if model in (None, "smollm2") or Path(str(model)).suffix == ".gguf":
        from deixis.vlm.text_chat import TextChat

        return TextChat(None if model in (None, "smollm2") else Path(str(model)))
    if "@http" in str(model):
        from deixis.vlm.remote import Chat, spelled

        said = spelled(str(model))
        return Chat(said.url, said.model)
    from deixis.vlm.local import load as load_folder

    return load_folder(str(model)).talker


def one(
    task: str, found: Sequence[Question], asked: Asked, folder: Path, told: Told, broken: Sequence[str]
) -> dict[str, Any]:
    """One mode: its results and its summary."""
    how = "likelihood" if task == "mmlu" and not asked.words else "words"
    run = Run(
        set=f"{task}, {how}" + (f", at most {asked.most} tokens" if asked.most != MOST[task] else ""),
        set_sha256=digest(found),
        model=f"{asked.talker.model}, image {asked.mode}",
        weights_sha256=asked.talker.weights_sha256,
    )
    with Results.open(folder, run, Answer, told.notice) as results:
        todo = [question for question in found if question.id not in results.done]
        failed: dict[str, Answer] = {}
        answers = answering(asking(todo, asked), lambda answer: answer.failed)
        for some in shown(answers, len(todo), told, lambda answer: answer.correct, "right"):
            results.append([answer for answer in some if not answer.failed])
            failed |= {answer.id: answer for answer in some if answer.failed}
        rows = [results.done.get(question.id) or failed[question.id] for question in found]
    summary = (
        summarise(rows)
        | run.model_dump()
        | {"broken": list(broken), "failed": [{"id": r.id, "reason": r.failed} for r in rows if r.failed]}
    )
    save(folder / "summary.json", summary)
    told.notice(f"results and summary: {folder}")
    return summary


def asking(found: Sequence[Question], asked: Asked) -> Iterator[list[Answer]]:
    """Answers, some at a time."""
    if not asked.words and isinstance(asked.talker, Chooser):
        for _, group in groupby(found, lambda question: question.subject):
            same = list(group)
            for start in range(0, len(same), BATCH):
                yield _likeliest(same[start : start + BATCH], asked.talker, asked)
        return
    size = BATCH if isinstance(asked.talker, Packer) else 2 * asked.talker.at_once
    for start in range(0, len(found), size):
        yield _said(found[start : start + size], asked)


def _likeliest(some: Sequence[Question], model: Chooser, asked: Asked) -> list[Answer]:
    """Questions of one subject, so that what stands before them is computed once."""
    start = perf_counter()
    texts = [text_images.asked(asked.mode, question.plain) for question in some]
    scores = model.likelihoods_many(texts, [f" {letter}" for letter in LETTERS], asked.png)
    seconds = (perf_counter() - start) / len(some)
    chosen = [LETTERS[row.index(max(row))] for row in scores]
    return [
        _answer(q, letter, Grade(correct=letter == q.gold, chosen=letter), True, seconds)
        for q, letter in zip(some, chosen, strict=True)
    ]


def _said(some: Sequence[Question], asked: Asked) -> list[Answer]:
    turns = [Turn(text_images.asked(asked.mode, question.text), asked.png) for question in some]
    start = perf_counter()
    if isinstance(asked.talker, Packer):
        completions = asked.talker.answer_many(turns, asked.most)
        seconds = (perf_counter() - start) / len(some)
        return [_answer(q, c.text, graded(q, c.text), c.whole, seconds) for q, c in zip(some, completions, strict=True)]
    with ThreadPoolExecutor(asked.talker.at_once) as pool:
        return list(pool.map(lambda pair: _alone(pair[0], pair[1], asked), zip(some, turns, strict=True)))


def _alone(question: Question, turn: Turn, asked: Asked) -> Answer:
    start = perf_counter()
    try:
        completion = asked.talker.answer(turn, asked.most)
    except (ServerError, OutputError, TimeoutError) as error:
        return _answer(question, "", Grade(correct=False, chosen=""), False, perf_counter() - start).model_copy(
            update={"failed": f"{type(error).__name__}: {error}"}
        )
    return _answer(
        question, completion.text, graded(question, completion.text), completion.whole, perf_counter() - start
    )


def _answer(question: Question, said: str, grade: Grade, whole: bool, seconds: float) -> Answer:
    return Answer(
        id=question.id, subject=question.subject, question=question.text, answer=said, chosen=grade.chosen, correct=grade.correct,
        parts=grade.parts, loose=grade.loose, whole=whole, seconds=seconds,
    )  # fmt: skip


def summarise(rows: Sequence[Answer]) -> dict[str, Any]:
    """Rates over questions; for instructions, the four figures that IFEval is quoted by."""

    def rate(hits: Sequence[bool], pages: Sequence[str]) -> dict[str, Any]:
        return statistics.rate(hits, pages).model_dump()

    ids = [row.id for row in rows]
    subjects = sorted({row.subject for row in rows})
    out = rate([row.correct for row in rows], ids)
    seconds = [row.seconds for row in rows]
    out |= {
        "by": {"subject": {s: rate([r.correct for r in rows if r.subject == s], [r.id for r in rows if r.subject == s]) for s in subjects}},
        "cut_off": sum(not row.whole and not row.failed for row in rows), "nothing_chosen": sum(not row.chosen and not row.failed for row in rows),
        "seconds_p50": statistics.percentile(seconds, 50), "seconds_p95": statistics.percentile(seconds, 95),
    }  # fmt: skip
    if any(row.parts for row in rows):
        for name in ("parts", "loose"):
            every = [(hit, row.id) for row in rows for hit in (getattr(row, name) or (False,))]
            word = "strict" if name == "parts" else "loose"
            out[f"instructions_{word}"] = rate([hit for hit, _ in every], [id_ for _, id_ in every])
            out[f"prompts_{word}"] = rate([bool(getattr(row, name)) and all(getattr(row, name)) for row in rows], ids)
    return out


def _compare(folder: Path, summaries: dict[str, dict[str, Any]], found: Sequence[Question]) -> None:
    """Adds to every mode its comparison with `none`, if that was run on the same questions."""
    alone = Results.read(folder / "none" / "results.jsonl", Answer)
    for mode, summary in summaries.items():
        if mode in {"none", "search"}:
            continue
        rows = Results.read(folder / mode / "results.jsonl", Answer)
        both = [q.id for q in found if q.id in rows and q.id in alone]
        if both:
            pair = statistics.paired([alone[i].correct for i in both], [rows[i].correct for i in both], both)
            changed = sum(alone[i].chosen != rows[i].chosen or alone[i].parts != rows[i].parts for i in both)
            summary["against_none"] = pair.model_dump() | {"answers_changed": changed / len(both)}
            save(folder / mode / "summary.json", summary)


def table(summaries: dict[str, dict[str, Any]]) -> str:
    """For people: a line a mode."""
    lines = []
    for mode, s in summaries.items():
        if mode == "search":
            lines += searched(s)
            continue
        low, high = s["interval"]
        lines.append(f"image {mode}: {s['rate']:.1%} ± {s['stderr']:.1%} (95 % {low:.1%} to {high:.1%}, n={s['n']}, {s['set']}; {s['cut_off']} cut off, {len(s['failed'])} without an answer)")  # fmt: skip
        for name in ("prompts_strict", "instructions_strict", "prompts_loose", "instructions_loose"):
            if name in s:
                lines.append(
                    f"  {name.replace('_', ', ')}: {s[name]['rate']:.1%} ± {s[name]['stderr']:.1%} (n={s[name]['n']})"
                )
        if pair := s.get("against_none"):
            lines.append(f"  against no image: {pair['difference']:+.1%} ± {pair['stderr']:.1%}, McNemar p={pair['p_items']:.2g}, {pair['only_first']} lost and {pair['only_second']} won, {pair['answers_changed']:.1%} of the answers changed")  # fmt: skip
        lines += [f"  no answer, counted as wrong: {row['id']}: {row['reason']}" for row in s["failed"]]
        lines += [f"  broken, not asked: {line}" for line in s["broken"]]
        lines.append(
            f"  seconds a question {s['seconds_p50']:.2f}; model {s['model']} {s['weights_sha256'][:12]}".rstrip()
        )
    return "\n".join(lines)


__all__ = ["TASKS", "bench", "table"]
