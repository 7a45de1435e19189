"""Spelling codes: near for alike words, far for others, blind to case and accents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deixis.vlm.spelling import SIZE, fold, phrase_codes, weight, word_code, word_ends, words_of


def _near(a: str, b: str) -> float:
    x, y = word_code(a), word_code(b)
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def test_case_and_accents_do_not_matter() -> None:
    assert np.array_equal(word_code("Émile"), word_code("EMILE"))


def test_signs_are_as_people_type_them() -> None:
    assert fold("What’s new – “Spring” ×") == 'what\'s new - "spring" x'
    assert np.array_equal(word_code("×"), word_code("x"))


def test_a_slip_is_nearer_than_another_word() -> None:
    assert _near("password", "passwrod") > 0.7 > 0.5 > _near("password", "username")


def test_order_of_letters_matters() -> None:
    assert _near("listen", "silent") < 0.8


def test_a_phrase_is_its_words_and_padding() -> None:
    codes, weights = phrase_codes(["Add group", "Save", "'"])
    assert np.array_equal(codes[0, 0], word_code("Add")) and np.array_equal(codes[0, 1], word_code("group"))
    assert not codes[1, 1].any() and not codes[2].any()
    assert np.allclose(weights, [[weight("Add"), weight("group")], [weight("Save"), 0.0], [0.0, 0.0]])
    assert phrase_codes(["one two three four"], 2)[0].shape == (1, 2, SIZE)


@given(st.text(max_size=60))
def test_any_text_has_codes(text: str) -> None:
    codes, weights = phrase_codes([text])
    assert codes.shape[2] == SIZE and np.isfinite(codes).all()
    assert bool(codes.any()) == bool(words_of(text)) == bool(weights.any())


@given(st.text(max_size=60))
def test_word_ends_are_byte_indices(text: str) -> None:
    data = text.encode()
    for end, word, _, _ in word_ends(text):
        assert 0 <= end < len(data)
        assert word in text
