"""Molmo, Molmo2 and MolmoWeb from a folder: prompts, tokens and text around our own implementation of the model.

The picture comes first, then the words; what people write is never read as a control token. Knows no points: the text
goes to `points`. Source of the prompts: allenai/molmo, olmo/data/data_formatter.py; ChatML of Qwen3 and OLMo 3.
"""

import io
import json
import math
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

from deixis.browser.errors import SetupError
from deixis.vlm import molmo_files
from deixis.vlm.crops import Patches, cut
from deixis.vlm.families import Family
from deixis.vlm.language import Cache
from deixis.vlm.prompted import SHORT, Completion, Turn

CAUSAL = {"MolmoWeb"}
"""Families whose image tokens do not see later ones, though their config is that of Molmo2."""
ENDS = ("<|im_end|>", "<|endoftext|>", "</s>")
"""Tokens that end an answer, besides the one the tokenizer's config names."""


class MolmoChat:
    """One model in this process; answers are the likeliest ones."""

    at_once = 1

    def __init__(self, folder: Path, family: Family, dtype: str = "float32", device: str | None = None) -> None:
        """SetupError when weights, config or tokenizer are missing or broken."""
        self.model, self.weights_sha256 = folder.name, ""
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.molmo = molmo_files.load(folder, dtype, device)
        config = self.molmo.config
        crops = config.crops.model_copy(update={"most": family.crops or config.crops.most})
        self.molmo.config = config.model_copy(
            update={"crops": crops, "bidirectional": config.bidirectional and family.name not in CAUSAL}
        )
        self.chatml = config.crops.fit == "stretch"
        self.tokenizer, self.ends = tokenizer_of(folder)
        self._kept: tuple[bytes | None, list[int], Cache] | None = None

    def answer(self, turn: Turn, most: int = SHORT) -> Completion:
        """The picture is read once, however many questions come after it."""
        before, cache = self._looked(turn.png)
        words = self.words(turn.text)
        last = self.molmo.follow(words, cache)[-1]
        tokens, sure = [], 0.0
        for _ in range(most):
            share = last.float().log_softmax(0)
            token = int(share.argmax())
            if token in self.ends:
                break
            tokens.append(token)
            sure += float(share[token])
            last = self.molmo.follow([token], cache)[-1]
        text = self.tokenizer.decode(tokens, skip_special_tokens=False)
        mean = math.exp(sure / len(tokens)) if tokens else 1.0
        return Completion(text, len(tokens) < most, len(before) + len(words) + len(tokens), mean)

    def before(self, image: Patches | None) -> list[int]:
        """Token ids up to the words: a first token, the role where there is one, the picture."""
        role = self._ids("<|im_start|>user\n", control=True) if self.chatml else []
        return [self.ends[0], *role, *(image.tokens if image else [])]

    def words(self, text: str) -> list[int]:
        """Token ids of the words and of what makes the model answer, in the roles it was trained with."""
        if not self.chatml:
            return self._ids(f" User: {text} Assistant:")
        return [*self._ids(text), *self._ids("<|im_end|>\n<|im_start|>assistant\n", control=True)]

    def _looked(self, png: bytes | None) -> tuple[list[int], Cache]:
        """What stands before the words, and the cache after it, to be written on; the last picture's is kept."""
        if self._kept is None or self._kept[0] != png:
            image = self._patches(png) if png else None
            before = self.before(image)
            self._kept = png, before, self.molmo.prefill(before, [image] if image else [])[1]
        return self._kept[1], self._kept[2].shared(1)

    def _ids(self, text: str, control: bool = False) -> list[int]:
        """control: whether a control token that is spelled out counts as one."""
        self.tokenizer.encode_special_tokens = not control
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _patches(self, png: bytes) -> Patches:
        with Image.open(io.BytesIO(png)) as image:
            return cut(image.convert("RGB"), self.molmo.config.crops, self.molmo.config.tokens)


def tokenizer_of(folder: Path) -> tuple[Tokenizer, list[int]]:
    """The tokenizer and the tokens that end an answer, that of the config first; SetupError when it is not there."""
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise SetupError(f"{str(path)!r} is no tokenizer ({error}): fetch it again") from error
    named = None
    config = folder / "tokenizer_config.json"
    if config.is_file():
        named = json.loads(config.read_text()).get("eos_token")
        named = named.get("content") if isinstance(named, dict) else named
    ids = [tokenizer.token_to_id(token) for token in dict.fromkeys([named, *ENDS]) if token]
    ends = [token for token in ids if token is not None]
    if not ends:
        raise SetupError(f"{str(path)!r} has none of the tokens that end an answer: {', '.join(ENDS)}")
    return tokenizer, ends
