"""Molmo2 and MolmoWeb from a folder in transformers' own class, asked with our crops and prompts.

For comparison with our own implementation (`molmo_chat`), and for what only transformers runs, such as its kernels for
GPUs. Its picture processor is not used, since that needs torchvision. Knows no points.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError

from deixis.browser.errors import SetupError
from deixis.vlm.adapters import likeliest, weights_of
from deixis.vlm.families import Family
from deixis.vlm.molmo_chat import MolmoPrompt
from deixis.vlm.molmo_files import DTYPES, read_config
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn


class TheirMolmo:
    """One Molmo2 or MolmoWeb in this process; answers are the likeliest ones."""

    at_once = 1

    def __init__(self, folder: Path, family: Family, dtype: str = "float32", device: str | None = None) -> None:
        """SetupError when weights, config or tokenizer are missing or broken."""
        if dtype not in DTYPES:
            raise SetupError(f"{dtype!r} is no number format for weights: {', '.join(DTYPES)}")
        self.model, self.weights_sha256 = folder.name, ""
        self.device, self.dtype = device or ("cuda" if torch.cuda.is_available() else "cpu"), DTYPES[dtype]
        self.prompt = MolmoPrompt(folder, family, read_config(folder))
        try:
            self.net = weights_of(folder, self.dtype, self.device)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise SetupError(f"{str(folder)!r} cannot be loaded ({error}): fetch it again") from error
        self.net.generation_config.update(eos_token_id=self.prompt.ends, pad_token_id=self.prompt.ends[0])

    @torch.inference_mode()
    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        """heard: is told the whole answer at its end."""
        new, tokens, sure = likeliest(self.net, self.inputs(turn), most)
        ended = int(new[-1]) in self.prompt.ends
        text = str(self.prompt.tokenizer.decode(new[: len(new) - ended].tolist(), skip_special_tokens=False))
        if heard:
            heard(text)
        return Completion(text, ended, tokens - ended, sure)

    def inputs(self, turn: Turn) -> dict[str, torch.Tensor]:
        """What the model is called with; image tokens are marked as such only where they see one another."""
        image = self.prompt.patches(turn.png) if turn.png else None
        ids = torch.tensor([[*self.prompt.before(image), *self.prompt.words(turn.text)]], device=self.device)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if image:
            inputs |= {
                "pixel_values": image.pixels.to(self.device, self.dtype),
                "image_token_pooling": image.pooling.to(self.device),
                "image_grids": torch.tensor([[*image.grids[0], *image.grids[1]]], device=self.device),
            }
            if self.prompt.config.bidirectional:
                inputs["mm_token_type_ids"] = torch.isin(ids, torch.tensor(image.tokens, device=self.device)).long()
        return inputs
