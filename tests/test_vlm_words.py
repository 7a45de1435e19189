"""Requests by kind alone, what people say, and the encoder of meanings that is taught it."""

from pathlib import Path
from random import Random

import pytest
import torch

from deixis.vlm import ask, meaning, scenes
from deixis.vlm.collect import enlarged
from deixis.vlm.counting import LAST
from deixis.vlm.kinds import only_a_kind
from deixis.vlm.sheet import Wording, sayings
from deixis.vlm.train_meaning import Speech, Tuning, loss_of, nearest


@pytest.mark.parametrize(
    ("question", "so"),
    [
        ("the text field", True),
        ("click the button", True),
        ("the second checkbox", True),
        ("please type into the 3rd textbox", True),
        ("the last drop-down list", True),
        ("the save button", False),
        ("First name", False),
        ("search", False),
        ("the button below Save", False),
    ],
)
def test_requests_that_say_nothing_but_a_kind(question: str, so: bool) -> None:
    assert only_a_kind(question) == so


def control(role: str, x: float, y: float) -> dict[str, object]:
    return {"role": role, "names": [], "box": [x, y, x + 40, y + 20], "disabled": False}


def test_kinds_are_asked_for_alone_by_number_or_although_they_are_not_there() -> None:
    some = [control("checkbox", 0, 60 * i) for i in range(5)] + [control("field", 200, 0)]
    seen = scenes.scene(some, [])
    asked = [q for k in range(200) if (q := ask.by_kind(seen, Random(k)))]
    assert all(only_a_kind(q.text) for q in asked)
    fields = [q for q in asked if q.boxes == ((200, 0, 240, 20),)]
    boxes = [q for q in asked if len(q.boxes) == 5]
    assert fields and all(not q.ordinal for q in fields)
    # Of five nobody could know which is meant, so they are always asked for by number, from the top.
    assert {q.ordinal for q in boxes} == {1, 2, 3, 4, 5, LAST} and all(q.boxes[0][1] == 0 for q in boxes)
    absent = [q for q in asked if q.absent]
    there = ("checkbox", "check box", "tick box", "tickbox", "text field", "textbox", "text box", "text input")
    assert absent and not any(noun in q.text for q in absent for noun in there)


def test_what_is_drawn_is_asked_for_as_people_speak_of_it() -> None:
    bin_ = {"role": "button", "names": [["icon", "trash"]], "box": [0, 0, 20, 20], "disabled": False}
    seen = scenes.scene([bin_], [])
    said = sayings([Wording("Trash", "icon", ["throw it away"]), Wording("Trash", "field", ["what to discard"])])
    asked = {
        q.text
        for k in range(40)
        if (q := ask.about(seen.elements[0], seen, Random(k), None, said)) and q.kind == "people"
    }
    assert asked == {"throw it away"}


def test_a_magnified_screen_has_its_boxes_in_its_own_pixels() -> None:
    data = {"width": 100, "height": 50, "els": [{"role": "button", "box": [1, 2, 3, 4]}], "words": [["Hi", 1, 2, 9, 4, [1, 5, 9]]], "skip": [[0, 0, 5, 5]]}  # fmt: skip
    large = enlarged(data, 2)
    assert (large["width"], large["height"], large["skip"]) == (200, 100, [[0, 0, 10, 10]])
    assert large["els"] == [{"role": "button", "box": [2, 4, 6, 8]}]
    assert large["words"] == [["Hi", 2, 4, 18, 8, [2, 10, 18]]]


def test_texts_are_understood_alike_whatever_stands_beside_them() -> None:
    encoder = meaning.MeaningEncoder()
    texts = ["log me out", "Sign out of this account, and of all other devices too", "log me out", "x"]
    together = encoder.encode(texts)
    for row, text in enumerate(texts):
        alone = encoder.encode([text])
        assert torch.allclose(together.whole[row], alone.whole[0], atol=1e-4)
        first, again = (meaning.word_vectors(m, i, 0, 3) for m, i in ((together, row), (alone, 0)))
        assert torch.allclose(first, again, atol=1e-3)
    assert encoder.encode([]).whole.shape == (0, meaning.WIDTH)


def test_what_people_say_is_drawn_to_the_label_and_labels_stay(tmp_path: Path) -> None:
    known = [
        Wording("Sign out", "link", ["zap my presence", "zap me from here"]),
        Wording("Pay", "button", ["hand over coins", "hand the coins over"]),
        Wording("Inbox", "link", ["letters that came", "what letters came"]),
    ]
    before = meaning.MeaningEncoder()
    labels = before.encode([w.label.lower() for w in known]).whole
    tuning = Tuning(Speech(known, ["Some page", "other words"] * 30, before), tmp_path / "meaning.safetensors", 3e-4)
    said = [words for w in known for words in w.words]
    numbers = [i for i, w in enumerate(known) for _ in w.words]

    def away(encoder: meaning.MeaningEncoder) -> float:
        return float(loss_of(encoder.encode(said).whole, numbers, labels, Random(0)))

    first = away(before)
    rng = Random(0)
    for _ in range(6):
        tuning.step(rng, 3e-4)
    tuning.save()
    written = meaning.MeaningEncoder(tuning.out)
    assert away(written) < 0.8 * first
    assert (written.encode([w.label.lower() for w in known]).whole * labels).sum(1).min() > 0.9
    again = Tuning(tuning.speech, tuning.out, 3e-4)
    again.resume()
    assert again.steps == 6 and all(torch.equal(again.learning[k], v) for k, v in tuning.learning.items())


def test_the_share_of_requests_whose_label_is_nearest() -> None:
    known = [
        Wording(label, "link", [label]) for label in ("Sign out", "Pay the bill", "Inbox", *map(str, range(100, 160)))
    ]
    encoder = meaning.MeaningEncoder()
    labels = encoder.encode([w.label.lower() for w in known]).whole
    assert nearest(encoder, labels, known) == 1.0
    assert nearest(encoder, labels.roll(1, 0), known) < 0.5
