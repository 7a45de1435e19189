"""The search among pictures for the one that flips answers, and what keeps it honest.

Every question is asked with N seeded pictures, and as often re-worded without any. Questions are halved by their order:
the picture (and the wording) that flips most of the first half is judged on the second. Knows no task.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deixis.benchmarks import statistics, text_images
from deixis.benchmarks.progress import answering
from deixis.benchmarks.results import Results, Run, save
from deixis.benchmarks.text_tasks import MOST, Question, digest
from deixis.browser.errors import ServerError
from deixis.browser.types import Frozen

WORDINGS = (
    "{}", "Question: {}", "Please answer. {}", "{}\n", "Here is a question.\n{}", "{}\nTake your time.", "Read carefully. {}", "{} ", "I have a question for you: {}",
    "Answer this:\n{}", "{}\nThank you.", "Consider the following.\n{}", "Q: {}", "Task: {}", "{}\nBe precise.", "Could you help me with this? {}",
)  # fmt: skip
"""Ways to ask the same without a picture; the first is the question itself."""


class Flip(Frozen):
    """One line of results.jsonl: a question asked in one way."""

    id: str
    """The question's, and how it was asked: with a picture's number, or a wording's."""
    question: str
    way: str
    chosen: str
    correct: bool


def searches(
    talker: Any,
    found: Sequence[Question],
    folder: Path,
    images: int,
    told: Any,
    asking: Callable[..., Iterator[list[Any]]],
    words: bool = True,
) -> dict[str, Any]:
    """Asks all of it, resumably, and sums up; words: by what is said, not by likelihood."""
    from deixis.benchmarks.text_run import Asked

    images = min(images, len(WORDINGS) - 1)
    run = Run(
        set=f"{found[0].task}, search, {'words' if words else 'likelihood'}",
        set_sha256=digest(found),
        model=f"{talker.model}, search of {images}",
        weights_sha256=talker.weights_sha256,
    )
    ways = [("words", 0), *(("image", k) for k in range(images)), *(("words", k) for k in range(1, images + 1))]
    with Results.open(folder, run, Flip, told.notice) as results:
        for sort, k in ways:
            todo = [q for q in found if f"{q.id}#{sort}{k}" not in results.done]
            png = text_images.candidate(k) if sort == "image" else None
            worded = [q.worded(WORDINGS[k]) if sort == "words" else q for q in todo]
            answers = asking(worded, Asked(talker, "search", png, MOST[found[0].task], words))
            for some in answering(answers, lambda answer: answer.failed):
                results.append([_flip(answer, f"{sort}{k}") for answer in some if not answer.failed])
        rows = dict(results.done)
    whole = [q.id for q in found if all(f"{q.id}#{sort}{k}" in rows for sort, k in ways)]
    if not whole:
        raise ServerError("no question was answered in every way: start again, what has an answer is not asked again")
    summary = summed(rows, whole, images) | run.model_dump()
    summary["failed"] = [{"id": q.id, "reason": "not answered in every way"} for q in found if q.id not in whole]
    save(folder / "summary.json", summary)
    return summary


def _flip(answer: Any, way: str) -> Flip:
    return Flip(
        id=f"{answer.id}#{way}",
        question=answer.id,
        way=way,
        chosen=answer.chosen or answer.answer,
        correct=answer.correct,
    )


def summed(rows: dict[str, Flip], ids: Sequence[str], images: int) -> dict[str, Any]:
    """How many questions some picture flips, and what the most flipping one does on questions it was not chosen by."""
    base = {i: rows[f"{i}#words0"] for i in ids}

    def flips(way: str, some: Sequence[str]) -> list[bool]:
        return [rows[f"{i}#{way}"].chosen != base[i].chosen for i in some]

    tune, held = ids[::2], ids[1::2] or ids
    out: dict[str, Any] = {"n": len(ids), "images": images}
    for sort, ways in (
        ("image", [f"image{k}" for k in range(images)]),
        ("words", [f"words{k}" for k in range(1, images + 1)]),
    ):
        ever = [any(flags) for flags in zip(*(flips(way, ids) for way in ways), strict=True)]
        best = max(ways, key=lambda way: sum(flips(way, tune)))
        out[sort] = {
            "flipped_by_some": statistics.rate(ever, list(ids)).model_dump(), "most_flipping": best,
            "on_the_half_it_was_chosen_by": statistics.rate(flips(best, tune), tune).model_dump(),
            "on_the_other_half": statistics.rate(flips(best, held), held).model_dump(),
            "correct_on_the_other_half": statistics.paired([base[i].correct for i in held], [rows[f"{i}#{best}"].correct for i in held], held).model_dump(),
        }  # fmt: skip
    best_image, best_words = out["image"]["most_flipping"], out["words"]["most_flipping"]
    out["image_against_words"] = statistics.paired(flips(best_words, held), flips(best_image, held), held).model_dump()
    out |= statistics.rate([base[i].correct for i in ids], list(ids)).model_dump()
    return out


def searched(s: dict[str, Any]) -> list[str]:
    """The summary for people."""
    lines = [f"search among {s['images']} images, {s['n']} questions: {s['rate']:.1%} right without one"]
    if s.get("failed"):
        lines.append(f"  left out, not answered in every way: {len(s['failed'])}")
    for sort, name in (("image", "images"), ("words", "re-wordings without an image")):
        part = s[sort]
        lines.append(
            f"  {name}: some one flips {part['flipped_by_some']['rate']:.1%}; {part['most_flipping']} flips {part['on_the_half_it_was_chosen_by']['rate']:.1%} of the half it was chosen by, "
            f"{part['on_the_other_half']['rate']:.1%} ± {part['on_the_other_half']['stderr']:.1%} of the other (n={part['on_the_other_half']['n']})"
        )
    pair = s["image_against_words"]
    return [
        *lines,
        f"  image against re-wording on the other half: {pair['difference']:+.1%} ± {pair['stderr']:.1%}, McNemar p={pair['p_items']:.2g}",
    ]
