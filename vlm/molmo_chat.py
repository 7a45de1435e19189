"""Molmo, Molmo2 and MolmoWeb from a folder: prompts, tokens and text around our own implementation of the model.

The picture comes first, then the words; what people write is never read as a control token. Knows no points: the text
goes to `points`. Source of the prompts: allenai/molmo, olmo/data/data_formatter.py; ChatML of Qwen3 and OLMo 3.
"""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm import molmo_files
from deixis.vlm.crops import Patches, cut
from deixis.vlm.families import Family
from deixis.vlm.language import Cache
from deixis.vlm.molmo import Packed
from deixis.vlm.molmo_config import MolmoConfig
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn

CAUSAL = {"MolmoWeb"}
"""Families whose image tokens do not see later ones, though their config is that of Molmo2."""
TOGETHER = 16
"""Questions on one picture that are answered at the same time."""
ENDS = ("<|im_end|>", "<|endoftext|>", "</s>")
"""Tokens that end an answer, besides the one the tokenizer's config names."""


class MolmoPrompt:
    """What a Molmo of a family is asked with: its crops and tokens of a picture, its roles, its tokenizer."""

    def __init__(self, folder: Path, family: Family, config: MolmoConfig) -> None:
        """SetupError when the tokenizer is missing or broken."""
        crops = config.crops.model_copy(update={"most": family.crops or config.crops.most})
        bidirectional = config.bidirectional and family.name not in CAUSAL
        self.config = config.model_copy(update={"crops": crops, "bidirectional": bidirectional})
        self.chatml = config.crops.fit == "stretch"
        self.tokenizer, self.first, self.ends = tokenizer_of(folder)

    def before(self, image: Patches | None) -> list[int]:
        """Token ids up to the words: a first token, the role where there is one, the picture."""
        role = self._ids("<|im_start|>user\n", control=True) if self.chatml else []
        return [self.first, *role, *(image.tokens if image else [])]

    def words(self, text: str) -> list[int]:
        """Token ids of the words and of what makes the model answer, in the roles it was trained with."""
        if not self.chatml:
            return self._ids(f" User: {text} Assistant:")
        return [*self._ids(text), *self._ids("<|im_end|>\n<|im_start|>assistant\n", control=True)]

    def patches(self, png: bytes) -> Patches:
        """UsageError for a size that the model does not take."""
        with Image.open(io.BytesIO(png)) as image:
            return cut(image.convert("RGB"), self.config.crops, self.config.tokens)

    def _ids(self, text: str, control: bool = False) -> list[int]:
        """control: whether a control token that is spelled out counts as one."""
        self.tokenizer.encode_special_tokens = not control
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids


class MolmoChat:
    """One model in this process; answers are the likeliest ones."""

    at_once = 1

    def __init__(self, folder: Path, family: Family, dtype: str = "float32", device: str | None = None) -> None:
        """SetupError when weights, config or tokenizer are missing or broken."""
        self.model, self.weights_sha256 = folder.name, ""
        several = torch.cuda.device_count() > 1
        device = device or ("auto" if several else "cuda" if torch.cuda.is_available() else "cpu")
        self.molmo = molmo_files.load(folder, dtype, device)
        self.prompt = MolmoPrompt(folder, family, self.molmo.config)
        self.molmo.config = self.prompt.config
        self._kept: tuple[bytes | None, list[int], Cache] | None = None

    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        """The picture is read once, however many questions come after it."""
        before, cache = self._looked(turn.png)
        new = self.prompt.words(turn.text)
        said = _Said(len(before) + len(new), most, self.prompt.tokenizer, heard)
        while new:
            new = said.take(self.molmo.follow(new, cache)[-1], self.prompt.ends)
        return said.completion()

    def answer_many(self, turns: Sequence[Turn], most: int = SHORT) -> list[Completion]:
        """The same answers, several questions on one picture at the same time; UsageError when the pictures differ."""
        if len({turn.png for turn in turns}) > 1:
            raise UsageError("questions are answered together when they are about the same picture")
        out: list[Completion] = []
        for start in range(0, len(turns), TOGETHER):
            out += self._together(turns[start : start + TOGETHER], most)
        return out

    def _together(self, turns: Sequence[Turn], most: int) -> list[Completion]:
        before, cache = self._looked(turns[0].png)
        pack = Packed(self.molmo, cache, len(turns))
        new = [self.prompt.words(turn.text) for turn in turns]
        said = [_Said(len(before) + len(words), most, self.prompt.tokenizer) for words in new]
        while any(new):
            logits = iter(pack.follow(new))
            new = [
                one.take(next(logits), self.prompt.ends) if more else [] for one, more in zip(said, new, strict=True)
            ]
        return [one.completion() for one in said]

    def _looked(self, png: bytes | None) -> tuple[list[int], Cache]:
        """What stands before the words, and the cache after it, to be written on; the last picture's is kept."""
        if self._kept is None or self._kept[0] != png:
            image = self.prompt.patches(png) if png else None
            before = self.prompt.before(image)
            self._kept = png, before, self.molmo.read(before, [image] if image else [])[1]
        return self._kept[1], self._kept[2].shared(1)


class _Said:
    """An answer while it is written, the likeliest token each time."""

    def __init__(self, before: int, most: int, tokenizer: Tokenizer, heard: Heard | None = None) -> None:
        """before: tokens of the prompt."""
        self.before, self.most, self.tokenizer, self.heard = before, most, tokenizer, heard
        self.tokens: list[int] = []
        self.sure, self.letters, self.ended = 0.0, 0, False

    def take(self, logits: torch.Tensor, ends: Sequence[int]) -> list[int]:
        """The token that (vocabulary,) logits like best, in a list; nothing when it ends the answer or no more may come."""
        share = logits.float().log_softmax(0)
        token = int(share.argmax())
        if token in ends:
            self.ended = True
            return []
        self.tokens.append(token)
        self.sure += float(share[token])
        self._tell()
        return [token] if len(self.tokens) < self.most else []

    def _tell(self) -> None:
        """Passes on the letters that are new and whole: a letter may take several tokens."""
        if self.heard and not (text := self._text()).endswith("\ufffd"):
            self.heard(text[self.letters :])
            self.letters = len(text)

    def _text(self) -> str:
        return str(self.tokenizer.decode(self.tokens, skip_special_tokens=False))

    def completion(self) -> Completion:
        mean = math.exp(self.sure / len(self.tokens)) if self.tokens else 1.0
        return Completion(self._text(), self.ended, self.before + len(self.tokens), mean)


def tokenizer_of(folder: Path) -> tuple[Tokenizer, int, list[int]]:
    """The tokenizer, the token that begins a prompt, and those that end an answer; SetupError when it is not there."""
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise SetupError(f"{str(path)!r} is no tokenizer ({error}): fetch it again") from error
    named = _named(folder / "tokenizer_config.json")
    ids = [tokenizer.token_to_id(token) for token in dict.fromkeys([named["eos_token"], *ENDS]) if token]
    ends = [token for token in ids if token is not None]
    if not ends:
        raise SetupError(f"{str(path)!r} has none of the tokens that end an answer: {', '.join(ENDS)}")
    first = tokenizer.token_to_id(named["bos_token"]) if named["bos_token"] else None
    return tokenizer, ends[0] if first is None else first, ends


def _named(path: Path) -> dict[str, str | None]:
    """The first and the last token by the tokenizer's config; the last stands for a first that is not named."""
    try:
        data = dict(json.loads(path.read_text())) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise SetupError(f"{str(path)!r} cannot be read ({error}): fetch it again") from error
    said = {name: data.get(name) for name in ("bos_token", "eos_token")}
    return {name: token.get("content") if isinstance(token, dict) else token for name, token in said.items()}
