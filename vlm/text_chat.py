"""A text model in this process: asked in the roles it was trained with, one by one or many together, greedily.

What two prompts begin with alike is computed once (a few solved examples before many questions). Prompts of unequal
length are answered together by filling the shorter ones from the left: rotations tell distances, so nothing else
changes. It has no eyes: a picture is a UsageError. Knows no benchmark.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from deixis.browser.errors import UsageError
from deixis.vlm import gguf_files
from deixis.vlm.language import Cache
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
"""What SmolLM2's own template puts first."""
TOGETHER = 64
LEAST = 16
"""Tokens that two prompts must share for the first one's to be kept."""
PACK = 256
"""Tokens of several continuations that are computed together."""


class TextChat:
    """One model; answers are the likeliest ones."""

    at_once = 1
    sees = False
    """Whether a picture can be shown to it."""

    def __init__(self, path: Path | None = None, dtype: torch.dtype = torch.float32) -> None:
        """path: a GGUF file; without one, SmolLM2-135M-Instruct from its package."""
        self.use(gguf_files.read(path or gguf_files.packaged(), dtype))

    def use(self, held: gguf_files.TextModel) -> None:
        self.model, self.weights_sha256 = held.name, held.sha256
        self.language, self.tokenizer, self.first = held.language, held.tokenizer, held.first
        self.end = held.end
        ends = [held.end, *(self.tokenizer.token_to_id(token) for token in ("<|im_end|>", "<|endoftext|>", "</s>"))]
        self.ends = {end for end in ends if end is not None}
        self._kept: tuple[bytes, list[int], Cache] = (b"", [], Cache(self.language.config.layers))

    # prompts

    def ids(self, text: str, control: bool = False) -> list[int]:
        """control: whether a control token that is spelled out counts as one; what people write never does."""
        self.tokenizer.encode_special_tokens = not control
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def prompt(self, turn: Turn) -> list[int]:
        """Token ids of a turn's words in ChatML; UsageError for a picture that cannot be shown."""
        if turn.png is not None:
            self.shown(turn.png)
        begin = [self.first] if self.first is not None else []
        head = self.ids("<|im_start|>system\n", True) + self.ids(turn.system or SYSTEM) + self.ids("<|im_end|>\n", True)
        own = (
            self.ids("<|im_start|>user\n", True)
            + self.ids(turn.text)
            + self.ids("<|im_end|>\n<|im_start|>assistant\n", True)
        )
        return [*begin, *head, *own]

    def begins(self, ids: Sequence[int]) -> int:
        """Where the user begins to speak in a prompt."""
        mark = self.ids("<|im_start|>user\n", True)
        return next(i for i in range(len(ids)) if ids[i : i + len(mark)] == mark) + len(mark)

    # answering

    @torch.inference_mode()
    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        completion = self.answer_many([turn], most)[0]
        if heard:
            heard(completion.text)
        return completion

    @torch.inference_mode()
    def answer_many(self, turns: Sequence[Turn], most: int = SHORT) -> list[Completion]:
        """The same answers, several prompts at a time, those of like length together."""
        prompts = [self.embedded(turn) for turn in turns]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        out: dict[int, Completion] = {}
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            out |= dict(zip(some, self._together([prompts[i] for i in some], most), strict=True))
        return [out[i] for i in range(len(prompts))]

    def embedded(self, turn: Turn) -> Tensor:
        """(L, dim) of a turn's tokens."""
        out: Tensor = self.language.embed(torch.tensor(self.prompt(turn)))
        return out

    def _together(self, prompts: Sequence[Tensor], most: int) -> list[Completion]:
        x, real = left_filled(prompts)
        cache = self.language.cache()
        last = self.language(x, cache, looking(real))[:, -1]
        said: list[list[int]] = [[] for _ in prompts]
        whole = [False] * len(prompts)
        alive = list(range(len(prompts)))
        for _ in range(most):
            chosen = self.language.logits(last).argmax(-1).tolist()
            keep = [row for row, token in enumerate(chosen) if token not in self.ends]
            for row, token in enumerate(chosen):
                if token in self.ends:
                    whole[alive[row]] = True
                else:
                    said[alive[row]].append(token)
            if not keep:
                break
            if len(keep) < len(alive):
                alive, real, cache = [alive[row] for row in keep], real[keep], picked(cache, keep)
                chosen = [chosen[row] for row in keep]
            real = torch.cat([real, torch.ones(len(alive), 1, dtype=torch.bool)], 1)
            last = self.language(self.language.embed(torch.tensor(chosen)[:, None]), cache, real[:, None, None, :])[
                :, -1
            ]
        texts = [self.tokenizer.decode(tokens, skip_special_tokens=False) for tokens in said]
        return [
            Completion(text, end, len(prompt) + len(tokens))
            for text, end, prompt, tokens in zip(texts, whole, prompts, said, strict=True)
        ]

    # choosing

    def shown(self, png: bytes) -> Tensor:
        """(T, dim) of what a picture shows; UsageError without eyes."""
        raise UsageError(f"{self.model!r} is a text model: it cannot be shown a picture")

    def likelihoods(self, text: str, options: Sequence[str], png: bytes | None = None) -> list[float]:
        """Log-probability of each option's first token after a plain text, without roles."""
        return self.likelihoods_many([text], options, png)[0]

    @torch.inference_mode()
    def likelihoods_many(
        self, texts: Sequence[str], options: Sequence[str], png: bytes | None = None
    ) -> list[list[float]]:
        """The same for each of some texts; what all of them begin with, and a picture before them, is computed once.

        The rest of them is computed several at a time, in one row in which none sees another.
        """
        begin = [self.first] if self.first is not None else []
        rows = [[*begin, *self.ids(text)] for text in texts]
        shown = None if png is None else self.shown(png)
        common = min(alike(rows[0], row) for row in rows)
        cache = self.after(rows[0][: min(common, min(map(len, rows)) - 1)], shown, _key(png))
        past = cache.length
        first = past - (0 if shown is None else len(shown))
        names = [self.ids(option)[0] for option in options]
        out: list[list[float]] = []
        for some in packs([row[first:] for row in rows], PACK):
            x = self.language.embed(torch.tensor([token for row in some for token in row]))
            places = torch.cat([torch.arange(past, past + len(row)) for row in some])
            states = self.language(x[None], cache, apart([len(row) for row in some], past), places)[0]
            cache.length = past  # the next ones do not see these
            last = torch.tensor([len(row) for row in some]).cumsum(0) - 1
            out += self.language.logits(states[last]).float().log_softmax(-1)[:, names].tolist()
        return out

    def after(self, ids: list[int], shown: Tensor | None = None, key: bytes = b"") -> Cache:
        """What has been seen after these tokens; what the last call shares with this one is not computed again.

        shown: (T, dim) that stands before the tokens, and the key by which it is known again.
        """
        first = 0 if shown is None else len(shown)
        before, words, kept = self._kept
        same = alike(words, ids)
        again = before == key and first + same >= LEAST
        cache = shortened(kept, first + same) if again else self.language.cache()
        rest = self.language.embed(torch.tensor(ids[same if again else 0 :], dtype=torch.long))
        if shown is not None and not again:
            rest = torch.cat([shown.to(rest.dtype), rest])
        if len(rest):
            total = first + len(ids)
            mask = torch.ones(len(rest), total, dtype=torch.bool).tril(total - len(rest)) if again else None
            self.language(rest[None], cache, mask)
        self._kept = key, ids, cache
        return cache


def _key(png: bytes | None) -> bytes:
    return b"" if png is None else hashlib.sha256(png).digest()


def alike(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two rows begin with alike."""
    differ = (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(differ, min(len(first), len(second)))


def packs(rows: Sequence[list[int]], most: int) -> Iterator[list[list[int]]]:
    """Rows in their order, as many together as have at most so many tokens, and one at least."""
    some: list[list[int]] = []
    for row in rows:
        if some and sum(map(len, some)) + len(row) > most:
            yield some
            some = []
        some.append(row)
    if some:
        yield some


def apart(lengths: Sequence[int], past: int) -> Tensor:
    """(L, past + L) for rows side by side after one past: each sees the past and itself, none sees another."""
    own = torch.block_diag(*(torch.ones(length, length).tril() for length in lengths)).bool()  # type: ignore[no-untyped-call]
    return torch.cat([torch.ones(len(own), past, dtype=torch.bool), own], 1)


def left_filled(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (L_i, dim) in one (B, L, dim), the shorter ones filled from the left; (B, L) tells what is no filling."""
    length = max(map(len, rows))
    x = rows[0].new_zeros(len(rows), length, rows[0].shape[-1])
    real = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        x[i, length - len(row) :], real[i, length - len(row) :] = row, True
    return x, real


def looking(real: Tensor) -> Tensor:
    """(B, 1, L, L): each sees itself and all before it that is no filling; a filler sees itself, so that no row is empty."""
    length = real.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return (causal & real[:, None, None, :]) | torch.eye(length, dtype=torch.bool)


def picked(cache: Cache, rows: Sequence[int]) -> Cache:
    """The cache of some of the sequences."""
    copy = Cache(len(cache.pairs))
    copy.length = cache.length
    copy.pairs = [None if pair is None else (pair[0][list(rows)], pair[1][list(rows)]) for pair in cache.pairs]
    return copy


def shortened(cache: Cache, length: int) -> Cache:
    """A copy that has seen only the first tokens."""
    copy = Cache(len(cache.pairs))
    copy.length = length
    copy.pairs = [
        None if pair is None else (pair[0][:, :, :length].clone(), pair[1][:, :, :length].clone())
        for pair in cache.pairs
    ]
    return copy
