"""Labels that mean the same: found by what a question means, read by their spelling."""

import pytest
import torch

from deixis.browser.errors import UsageError
from deixis.vlm import lexicon, meaning, precision, spelling


@pytest.mark.parametrize(
    ("said", "written"),
    [("log me in", "sign in"), ("get rid of it", "remove"), ("shopping basket", "cart"), ("e-mail address", "email")],
)
def test_a_question_is_near_labels_that_mean_the_same(said: str, written: str) -> None:
    near = lexicon.shared().near(meaning.of_names([said]), 40)
    codes = torch.from_numpy(spelling.phrase_codes([written], 3)[0][0])
    assert any(torch.equal(label[: len(codes)], codes) and not label[len(codes) :].any() for label in near.codes)
    assert near.similarity[0, 0] >= near.similarity[0, -1] > 0.2


def test_vectors_survive_being_stored_in_eight_bits() -> None:
    known = lexicon.shared()
    some = [known.labels.index(name) for name in ("sign in", "settings", "password")]
    exact = meaning.of_names([known.labels[i] for i in some])
    assert torch.allclose((known.vectors[some] * exact).sum(1), torch.ones(3), atol=0.01)


def test_names_are_encoded_once_and_in_their_order() -> None:
    both = meaning.of_names(["Settings", "Password", "settings"])
    assert torch.equal(both[0], both[2]) and not torch.equal(both[0], both[1])
    assert meaning.of_names([]).shape == (0, meaning.WIDTH)


def test_the_number_format_is_timed_or_told() -> None:
    assert precision.chosen("bfloat16") == torch.bfloat16
    assert precision.chosen(None) in precision.FORMATS.values()
    with pytest.raises(UsageError, match="float64"):
        precision.chosen("float64")


def test_what_only_asks_is_left_out() -> None:
    assert lexicon.bare("click the shopping cart button") == "shopping cart"
    assert lexicon.bare("open it!") == "open it!"
