"""`look` on Playwright pages of both APIs: does, checks, reads, and says in one sentence what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser

from deixis.agent import LookError, look
from deixis.agent.colours import colour_in
from deixis.browser.types import Point
from tests.fakes import FixedPointer

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGE = """<!doctype html><body style="margin:0;font:16px sans-serif"><style>*{position:absolute;width:150px;height:30px;box-sizing:border-box;margin:0}
body,html,style,script{position:static;width:auto;height:auto}</style>
<button style="left:0;top:0" onclick="m.textContent='Saved '+n.value;m.style.background='#2e9e44'">Save</button>
<button style="left:200px;top:0">Dead</button><button style="left:400px;top:0" disabled>Off</button>
<input id=n style="left:0;top:60px"><input type=checkbox id=c style="left:200px;top:60px;width:20px">
<select id=s style="left:400px;top:60px"><option>One<option>Two</select>
<p id=m style="left:0;top:120px;width:300px">nothing yet</p>
<button style="left:0;top:200px" onclick="setTimeout(()=>late.textContent='Done',400)">Later</button><p id=late style="left:200px;top:200px">-</p>
<button style="left:400px;top:200px" onclick="alert('hello')">Alert</button></body>"""
POINTER = FixedPointer({
    "Save": Point(x=40, y=15), "Dead": Point(x=240, y=15), "Off": Point(x=440, y=15), "Name": Point(x=40, y=75), "Box": Point(x=210, y=75),
    "List": Point(x=440, y=75), "message": Point(x=30, y=130), "a message": Point(x=30, y=130), "the message": Point(x=30, y=130),
    "Later": Point(x=40, y=215), "the end": Point(x=220, y=210), "Alert": Point(x=440, y=215),
})  # fmt: skip


async def test_a_page_of_the_async_api(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content(PAGE)
    eyes = look(page, POINTER, timeout=2)
    await eyes.type("Ada", into="Name")
    await eyes.check("Box")
    await eyes.select("Two", "List")
    await eyes.click("Save")
    assert await eyes.read("the message") == "Saved Ada"
    await eyes.expect("a green message says Saved")
    await eyes.click("Later")
    await eyes.expect("the end says Done")
    assert await page.is_checked("#c") and await page.input_value("#s") == "Two"
    for work, sentence in (
        (eyes.click("Nowhere"), "not on the screen"),
        (eyes.click("Dead"), "'Dead' was clicked, and nothing changed"),
        (eyes.click("Off"), "disabled"),
        (eyes.type("x", into="Save"), "nothing can be typed there"),
        (eyes.expect("a red message says Saved"), "nothing about it is red"),
        (eyes.expect("the message says Deleted"), "expected 'Deleted'"),
    ):
        with pytest.raises(LookError, match=sentence) as told:
            await work
        assert "\n" not in str(told.value)
    await page.context.close()


SYNC = """
from playwright.sync_api import sync_playwright
from deixis.agent import LookError, look
from deixis.browser.launch import find_browser, flags
from tests.test_look import PAGE, POINTER
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=find_browser(), args=flags(False))
    page = browser.new_page()
    page.set_content(PAGE)
    eyes = look(page, POINTER, timeout=2)
    eyes.type("Ada", into="Name")
    eyes.click("Save")
    eyes.click("Alert")
    print(eyes.read("the message"), page.input_value("#n"))
    eyes.expect("a green message says Saved")
    for target in ("Nowhere", "Dead"):
        try:
            eyes.click(target)
        except LookError as error:
            print(error)
    browser.close()
"""


async def test_a_page_of_the_sync_api_is_used_from_its_own_thread() -> None:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", SYNC], cwd=root, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    first, absent, dead = done.stdout.strip().splitlines()
    assert first == "Saved Ada Ada" and "not on the screen" in absent and "nothing changed" in dead


async def test_the_fixture_comes_with_the_installation(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "def test_x(look): assert callable(look) and look.__module__ == 'deixis.agent.testing'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("a green message says Saved", ("green", "a message says Saved")),
        ("the message says red alert", (None, "the message says red alert")),
        ("'red wine' is visible", (None, "'red wine' is visible")),
    ],
)
async def test_colours_in_words(words: str, found: tuple[str | None, str]) -> None:
    assert colour_in(words) == found
