"""deixis-nano: pre-processor, image encoder, connector and decoder, and the two that read what the encoder has found.

Late fusion: the picture is turned into things once, whatever is asked. The encoder finds lines of text and elements,
`reader` reads the lines, `symbols` says what drawings mean; every thing becomes a token, and the decoder relates the
words of questions to them, and `judge` says how sure the answer is. Tensors only: pictures and pixels are the business of `pointer`.
"""

import torch
from torch import Tensor, nn

from deixis.vlm.config import NanoConfig
from deixis.vlm.connector import Connector, Maps
from deixis.vlm.decoder import Answers, Asked, Decoder, Screen
from deixis.vlm.image import Prepared
from deixis.vlm.judge import Judge
from deixis.vlm.reader import Strips
from deixis.vlm.symbols import Symbols
from deixis.vlm.vit import STRIDE, Stem, Vit

SEEING, READING, DRAWING, RELATING = ("stem.", "vit.", "connector."), ("reader.",), ("symbols.",), ("decoder.",)
"""Beginnings of the names of the parameters of each part."""


class Nano(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.stem, self.vit, self.connector = Stem(config.vit), Vit(config.vit), Connector(config)
        self.reader, self.symbols = Strips(config.reader), Symbols(config.symbols)
        self.decoder = Decoder(config)
        self.judge = Judge()

    def see(self, page: Prepared, held: bool = False) -> Maps:
        """What is on a whole page, cell by cell (H, W, ...); the work is done once, whatever is asked of it afterwards.

        held: the stem stays as it is, which makes a training step twice as fast.
        """
        origin = torch.tensor([[tile.x, tile.y] for tile in page.plan], dtype=torch.float32)
        n = len(page.plan)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not held):
            cells, small = self.stem(page.tiles), self.stem(page.overview)
        tokens, _ = self.vit(cells, small.expand(n, -1, -1, -1), origin, torch.full((n,), page.overview_scale))
        maps = self.connector(cells, tokens)
        return Maps(_stitch(maps.mixed, page), _stitch(maps.lines, page, 2), _stitch(maps.elements, page))

    def answer(self, screen: Screen, asked: Asked) -> Answers:
        """What questions mean on a screen that the decoder has seen."""
        return self.decoder(screen, asked, self.symbols.named(asked.whole))


def _stitch(parts: Tensor, page: Prepared, fine: int = 1) -> Tensor:
    """(N, h, fine * w, D) of tiles -> (H, fine * W, D) of the page, every cell from the tile that owns it."""
    width = max(tile.own[2] for tile in page.plan) // STRIDE
    height = max(tile.own[3] for tile in page.plan) // STRIDE
    out = parts.new_empty(height, width * fine, parts.shape[-1])
    for tile, part in zip(page.plan, parts, strict=True):
        x0, y0, x1, y1 = (edge // STRIDE for edge in tile.own)
        dx, dy = tile.x // STRIDE, tile.y // STRIDE
        out[y0:y1, x0 * fine : x1 * fine] = part[y0 - dy : y1 - dy, (x0 - dx) * fine : (x1 - dx) * fine]
    return out
