"""Names stand where their words meet."""

import torch
import torch.nn.functional as F

from deixis.vlm import match

SHAPE = (12, 60)


def page(*written: tuple[int, int, int]) -> torch.Tensor:
    """Text keys (12, 60, 8): word k at (row, column), nothing elsewhere."""
    text = torch.zeros(*SHAPE, 8)
    text[..., 7] = 1.0
    for word, row, column in written:
        text[row, column] = F.one_hot(torch.tensor(word), 8).float()
    return text


def asked(*words: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.stack([F.one_hot(torch.tensor(word), 8).float() for word in words])[None], torch.ones(1, len(words))


def test_a_name_is_where_all_its_words_are() -> None:
    text = page((0, 2, 5), (0, 8, 30), (1, 8, 36))  # "save" alone; "save" and "draft" side by side
    found = match.Match(*asked(0, 1), text)
    assert divmod(int(found.fit.argmax()), SHAPE[1]) in {(8, 30), (8, 36)}
    assert found.fit.amax(1) > found.fit[0, 2 * SHAPE[1] + 5] + 0.2


def test_the_nearer_the_better() -> None:
    text = page((0, 2, 5), (1, 2, 11), (0, 8, 5), (1, 8, 25))
    found = match.Match(*asked(0, 1), text).fit.view(SHAPE)
    assert found[2, 5] > found[8, 5] > 0.5


def test_a_word_that_is_nowhere_is_noticed() -> None:
    words, weights = asked(0, 2)
    text = page((0, 2, 5), (1, 2, 11))
    assert match.Match(words, weights, text).rarest() < 0.1
    assert match.Match(*asked(0, 1), text).rarest() == 1.0
    unimportant = torch.tensor([[1.0, 0.0]])
    assert match.Match(words, unimportant, text).rarest() == 1.0


def test_the_gradient_reaches_the_word_that_was_found() -> None:
    at = torch.zeros(1, SHAPE[0] * SHAPE[1], dtype=torch.float64, requires_grad=True)
    values = torch.rand(1, SHAPE[0] * SHAPE[1], dtype=torch.float64)
    near = match.near(at + values, SHAPE)
    assert torch.equal(near.detach(), match.near(values, SHAPE))
    near[0, 0].backward()
    assert at.grad is not None and at.grad.sum() == 1.0 and at.grad.count_nonzero() == 1
