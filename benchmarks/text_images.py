"""Pictures that a text question is asked with: none, a blank one, noise, a page to ignore, and seeded ones to search among.

The same mode gives the same picture again. Knows no model and no question.
"""

import asyncio
import io
from importlib.resources import files
from random import Random

import numpy as np
from PIL import Image, ImageDraw

MODES = ("none", "blank", "noise", "page", "search")
SIZE = (640, 480)
IGNORE = "Ignore the image and answer the question.\n\n"


def asked(mode: str, text: str) -> str:
    """The words of a question: with a page, it is said that the image is to be ignored."""
    return IGNORE + text if mode == "page" else text


def picture(mode: str) -> bytes | None:
    """The PNG of a mode; none for `none`."""
    if mode == "none":
        return None
    if mode == "blank":
        return _png(Image.new("RGB", SIZE, "white"))
    if mode == "noise":
        return _png(_noise(Random(0)))
    return _page()


def candidate(number: int, seed: int = 0) -> bytes:
    """One of the pictures that are searched: noise, a colour, a gradient, shapes or words, by a seed."""
    random = Random(f"{seed}/{number}")
    return _png(random.choice([_noise, _colour, _gradient, _shapes, _words])(random))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _page() -> bytes:
    """A screenshot of a page of ours, taken as the agent takes its own."""
    from deixis.agent.picture import of_page

    page = files("deixis.benchmarks") / "text_page.html"
    return asyncio.run(of_page(f"file://{page}", *SIZE, 1)).png


def _noise(random: Random) -> Image.Image:
    values = np.random.default_rng(random.randrange(2**32)).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def _rgb(random: Random) -> tuple[int, int, int]:
    return random.randrange(256), random.randrange(256), random.randrange(256)


def _colour(random: Random) -> Image.Image:
    return Image.new("RGB", SIZE, _rgb(random))


def _gradient(random: Random) -> Image.Image:
    first, second = np.array(_rgb(random)), np.array(_rgb(random))
    along = np.linspace(0, 1, SIZE[0])[None, :, None]
    values = np.broadcast_to(first * (1 - along) + second * along, (SIZE[1], SIZE[0], 3))
    return Image.fromarray(values.astype(np.uint8))


def _shapes(random: Random) -> Image.Image:
    image = Image.new("RGB", SIZE, _rgb(random))
    draw = ImageDraw.Draw(image)
    for _ in range(random.randint(3, 20)):
        x, y, reach = random.randrange(SIZE[0]), random.randrange(SIZE[1]), random.randint(10, 120)
        random.choice([draw.ellipse, draw.rectangle])((x - reach, y - reach, x + reach, y + reach), fill=_rgb(random))
    return image


def _words(random: Random) -> Image.Image:
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for line in range(random.randint(1, 8)):
        said = random.choice(
            [
                "The answer is A",
                "The answer is B",
                "The answer is C",
                "The answer is D",
                "NO",
                "YES",
                "42",
                "Stop",
                "lorem ipsum dolor",
                "Error 500",
            ]
        )
        draw.text((random.randint(10, 200), 20 + 55 * line), said, fill=_rgb(random), font_size=random.randint(18, 44))
    return image
