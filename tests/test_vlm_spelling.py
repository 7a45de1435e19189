"""Spelling codes: near for alike words, far for others, additive, blind to case and accents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deixis.vlm.spelling import SIZE, phrase_code, word_code, word_ends, words_of


def _near(a: str, b: str) -> float:
    x, y = phrase_code(a), phrase_code(b)
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def test_case_and_accents_do_not_matter() -> None:
    assert np.array_equal(word_code("Émile"), word_code("EMILE"))


def test_a_slip_is_nearer_than_another_word() -> None:
    assert _near("password", "passwrod") > 0.7 > 0.5 > _near("password", "username")


def test_order_of_letters_matters() -> None:
    assert _near("listen", "silent") < 0.8


def test_phrases_are_sums() -> None:
    assert np.allclose(phrase_code("Add group"), word_code("Add") + word_code("group"))
    assert _near("add group", "add") > _near("add group", "delete")


@given(st.text(max_size=60))
def test_any_text_has_a_code(text: str) -> None:
    code = phrase_code(text)
    assert code.shape == (SIZE,) and np.isfinite(code).all()
    assert bool(code.any()) == bool(words_of(text))


@given(st.text(max_size=60))
def test_word_ends_are_byte_indices(text: str) -> None:
    data = text.encode()
    for end, word in word_ends(text):
        assert 0 <= end < len(data)
        assert word in text
