"""What the DOM says of a screen: what is seen of an element, and what is written on it."""

from typing import Any

import pytest

from deixis.browser.session import Session
from deixis.vlm.collect import WHAT_IS_THERE

pytestmark = pytest.mark.asyncio(loop_scope="session")
STYLE = "<!doctype html><style>i{font-family:'Material Symbols'} b{position:absolute;left:40px;top:100px;width:36px;height:20px;background:#888}</style>"


async def things(session: Session, html: str) -> list[dict[str, Any]]:
    await session.page.set_content(STYLE + html)
    found: list[dict[str, Any]] = (await session.page.evaluate(WHAT_IS_THERE))["els"]
    return found


@pytest.mark.parametrize(
    ("inside", "names"),
    [
        ("<i>arrow_right</i>", [["icon", "arrow right"]]),
        ("<i>menu</i> Options", [["text", "Options"]]),
        ("Copy <span><i>content_copy</i></span>", [["text", "Copy"]]),
        ("menu", [["text", "menu"]]),  # in letters, for people to read
    ],
)
async def test_a_word_that_an_icon_font_draws_is_a_drawing(
    browser_session: Session, inside: str, names: list[list[str]]
) -> None:
    (button,) = await things(browser_session, f"<button>{inside}</button>")
    assert button["names"] == names


async def test_a_hint_is_a_name_as_long_as_it_is_seen(browser_session: Session) -> None:
    empty, filled = await things(browser_session, "<input placeholder=City><input placeholder=Town value=Oslo>")
    assert empty["names"] == [["placeholder", "City"]] and filled["names"] == [["value", "Oslo"]]


async def test_of_a_box_that_is_drawn_over_what_is_drawn_counts(browser_session: Session) -> None:
    hidden = "position:absolute;left:52px;top:104px;width:13px;height:13px;margin:0"
    plain, switch = await things(
        browser_session,
        f"<input type=checkbox style='margin:0'><label><input type=checkbox style='{hidden}'><b></b>Alarm</label>",
    )
    assert switch["box"] == [40, 100, 76, 120] and plain["box"][2] - plain["box"][0] == 13
