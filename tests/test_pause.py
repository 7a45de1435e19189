"""Handing over to a person, and going on."""

import io

from PIL import Image

from deixis.agent.pause import Pause
from deixis.browser.types import Screenshot
from tests.fakes import FixedPointer, Point


def shot(colour: str) -> Screenshot:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=20, height=10)


class Screens:
    """A browser whose screen changes each time it is looked at; on the green one nothing is asked of anybody."""

    def __init__(self, pointer: FixedPointer, *colours: str) -> None:
        self.pointer, self.colours = pointer, list(colours)

    async def look(self) -> Screenshot:
        colour = self.colours.pop(0)
        if colour == "green":
            self.pointer.answers.clear()
        return shot(colour)


async def test_a_person_is_called_until_nobody_is_needed() -> None:
    pointer, called = FixedPointer({"I am not a robot": Point(x=3, y=4)}), []

    async def hand_over(words: str, screenshot: Screenshot) -> None:
        called.append(words)

    pause = Pause(["the code from your phone", "I am not a robot"], hand_over)
    browser = Screens(pointer, "blue", "green")
    after = await pause.over(pointer, browser, shot("red"))  # type: ignore[arg-type]
    assert after.png == shot("green").png
    assert called == ["I am not a robot"] * 2 and pause.times == 2


async def test_a_person_who_leaves_it_is_not_called_for_ever() -> None:
    pointer, called = FixedPointer({"captcha": Point(x=3, y=4)}), []
    pause = Pause(["captcha"], lambda words, screenshot: called.append(words))
    after = await pause.over(pointer, Screens(pointer, "red"), shot("red"))  # type: ignore[arg-type]
    assert after.png == shot("red").png and called == ["captcha"]


async def test_nobody_is_called_for_nothing() -> None:
    pause = Pause(["captcha"], lambda words, screenshot: 1 / 0)  # type: ignore[arg-type, func-returns-value, return-value]
    seen = shot("red")
    assert await pause.over(FixedPointer({}), Screens(FixedPointer({})), seen) is seen  # type: ignore[arg-type]
