"""A text model that is shown pages: deixis-nano's eyes before a decoder-only language model, late fusion once more.

What the encoder, the line reader and the drawings' names say of each thing on a page becomes one token of the language
model, by a small connector; the tokens stand before the words, in the order of the page. The eyes stay as they are.
Knows no task and no training.
"""

import torch
from torch import Tensor, nn

from deixis.browser.types import Screenshot
from deixis.vlm import meaning, questions, spelling
from deixis.vlm.config import NanoConfig
from deixis.vlm.decoder import sinusoids
from deixis.vlm.gguf_files import TextModel
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.prompted import Turn
from deixis.vlm.text_chat import TextChat
from deixis.vlm.things import FLAGS, Things

MOST = 96
"""Things of a page that are shown, in reading order."""
PLACE = 16
"""Numbers for each edge of a box."""


def features(things: Things, width: int, height: int) -> Tensor:
    """(T, F) of everything that is known of a page's things, in reading order."""
    tokens = questions.tokens_of(things)
    edges = tokens.boxes / torch.tensor([width, height, width, height])  # shares of the page
    places = sinusoids(edges * 1000, PLACE).flatten(1)  # (T, 4 * PLACE)
    known = torch.cat([tokens.looks, tokens.flags, tokens.drawn, tokens.meanings, tokens.spelled, places], 1).float()
    order = sorted(range(len(known)), key=lambda i: (float(edges[i, 1] * 40) // 1, float(edges[i, 0])))
    return known[order[:MOST]]


class Bridge(nn.Module):
    """(T, F) -> (1 + T, dim): the connector. The first token says that there is a page, even one with nothing on it."""

    def __init__(self, width: int, dim: int, scale: float = 1.0) -> None:
        """scale: the size that the language model's own embeddings have."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * dim), nn.Linear(2 * dim, dim)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.page = nn.Parameter(torch.randn(1, dim))

    def forward(self, known: Tensor) -> Tensor:
        x = self.down(nn.functional.gelu(self.up(self.norm(known))))
        x = torch.cat([self.page, x.float()])  # under autocast the products are bfloat16
        return self.scale * nn.functional.layer_norm(x, x.shape[-1:])


class SeeingChat(TextChat):
    """A text model with eyes; without a picture it answers as the text model does."""

    sees = True

    def __init__(self, held: TextModel, eyes: NanoPointer, bridge: Bridge, name: str) -> None:
        self.use(held)
        self.eyes, self.bridge, self.model = eyes, bridge, name
        self._seen: tuple[bytes, Tensor] | None = None

    def shown(self, png: bytes) -> Tensor:
        """(1 + T, dim) of what is on a picture; what the eyes saw of the last one is kept."""
        if self._seen is None or self._seen[0] != png:
            size = Screenshot(png=png, width=1, height=1).image_size
            shot = Screenshot(png=png, width=size[0], height=size[1])
            self._seen = png, features(self.eyes.look(shot).things, *size)
        out: Tensor = self.bridge(self._seen[1])
        return out

    def embedded(self, turn: Turn) -> Tensor:
        """The things of the page stand where the user begins to speak."""
        if turn.png is None:
            return super().embedded(turn)
        ids = self.prompt(turn._replace(png=None))
        at = self.begins(ids)
        words = self.language.embed(torch.tensor(ids))
        return torch.cat([words[:at], self.shown(turn.png).to(words.dtype), words[at:]])


def bridge_for(pointer: NanoPointer, held: TextModel) -> Bridge:
    """A connector with the widths of both sides."""
    config: NanoConfig = pointer.model.config
    return Bridge(width_of(config), held.language.config.dim, float(held.language.embed.weight.detach().std()))


def width_of(config: NanoConfig) -> int:
    """How much is known of a thing."""
    return 2 * config.connector.width + FLAGS + config.symbols.meaning + meaning.WIDTH + spelling.SIZE + 4 * PLACE
