"""Screenshots that do not come from our own browser loop: image files, a page opened for one look, an empty page."""

import io
from pathlib import Path

from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot


def from_file(path: Path, scale: float) -> Screenshot:
    """An image file; its pixels divided by the scale are CSS pixels. UsageError when it is none or has no size."""
    from deixis.vlm.image import open_image

    if not path.is_file():
        raise UsageError(f"{str(path)!r} is neither an image file nor a URL")
    if scale <= 0:
        raise UsageError(f"--scale {scale:g} must be above 0")
    image = open_image(path.read_bytes(), str(path))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    width, height = max(1, round(image.width / scale)), max(1, round(image.height / scale))
    return Screenshot(png=buffer.getvalue(), width=width, height=height)


async def of_page(url: str, width: int, height: int, scale: float) -> Screenshot:
    """A page, opened in a browser of its own for one look."""
    from deixis.browser.session import Session, SessionConfig

    async with Session(SessionConfig(width=width, height=height, scale=scale)) as session:
        await session.start(url)
        return await session.look()


def blank(width: int, height: int) -> Screenshot:
    """A white page, for timing."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=width, height=height)
