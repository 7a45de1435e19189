"""Scripted solutions of MiniWoB++'s tasks that are done by typing, setting values, dates and times, and doing sums."""

import re

from PIL import ImageColor

from deixis.benchmarks.hand import Hand, Unsolved
from deixis.benchmarks.miniwob_click import SUBMIT, said, solves
from deixis.browser.types import Point

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905


@solves("enter-text", "enter-text-dynamic")
async def enter_text(hand: Hand) -> None:
    await hand.type("#tt", said(hand, r'Enter "(.*)" into'))
    await hand.click(SUBMIT)


@solves("enter-text-2")
async def enter_text_cased(hand: Hand) -> None:
    text = said(hand, r'Type "(.*)" in')
    await hand.type("#tt", text.upper() if "upper" in hand.goal.text else text.lower())
    await hand.click(SUBMIT)


@solves("enter-password")
async def enter_password(hand: Hand) -> None:
    for field in ("#password", "#verify"):
        await hand.type(field, said(hand, r'password "(.*)" into'))
    await hand.click(SUBMIT)


@solves("login-user", "login-user-popup")
async def login(hand: Hand) -> None:
    for field, text in (("#username", said(hand, r'username "(.*?)"')), ("#password", said(hand, r'password "(.*?)"'))):
        await hand.click(field)
        if await hand.all("#popup-cancel"):
            await hand.click("#popup-cancel")
        await hand.type(field, text)
    await hand.click(SUBMIT)


@solves("enter-date", "enter-time")
async def enter_parts(hand: Hand) -> None:
    """Native fields for dates and times take keys part by part, from the first part on."""
    if "date" in hand.goal.text:
        keys = "".join(re.findall(r"\d", said(hand, r"Enter (\S+) as")))
    else:
        hours, minutes, half = re.search(r"(\d+):(\d+)\s*([AP])M", hand.goal.text).groups()  # type: ignore[union-attr]
        keys = f"{int(hours):02}{minutes}{half}"
    field = await hand.one("#tt")
    await hand.click_at(field.box.x0 + 8, field.centre.y)
    for key in keys:
        await hand.press(key)
    await hand.click(SUBMIT)


async def pick_date(hand: Hand, field: str, date: str) -> None:
    """A day, written month/day/year, in jQuery's date picker."""
    month, day, year = (int(part) for part in date.split("/"))
    await hand.click(field)
    await hand.one(".ui-datepicker-calendar")
    await hand.still()
    for _ in range(12):
        shown_month = (await hand.one(".ui-datepicker-month")).text
        shown = int((await hand.one(".ui-datepicker-year")).text) * 12 + MONTHS.index(shown_month)
        away = year * 12 + month - 1 - shown
        if away == 0:
            break
        await hand.click(".ui-datepicker-next" if away > 0 else ".ui-datepicker-prev")
    await hand.click(".ui-datepicker-calendar td a", str(day))
    await hand.until("![...document.querySelectorAll('#ui-datepicker-div')].some((e) => e.offsetHeight > 0)")


@solves("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay")
async def choose_date(hand: Hand) -> None:
    await pick_date(hand, "#datepicker", said(hand, r"Select (\S+) as"))
    await hand.click(SUBMIT)


@solves("use-autocomplete", "use-autocomplete-nodelay")
async def use_autocomplete(hand: Hand) -> None:
    start = said(hand, r'starts with "(.*?)"')
    end = re.search(r'ends with "(.*?)"', hand.goal.text)
    await hand.type("#tags", start)
    await hand.one(".ui-menu-item")
    await hand.still()
    items = await hand.all(".ui-menu-item")
    chosen = next(item for item in items if item.text.startswith(start) and (end is None or item.text.endswith(end[1])))
    await hand.click_this(".ui-menu-item", chosen)
    await hand.click(SUBMIT)


async def slide(hand: Hand, slider: str, value: int, low: int, high: int, shown: str) -> None:
    """Clicks the track where the value lies, then goes on with arrow keys."""
    track = await hand.one(slider)
    upright = "ui-slider-vertical" in track.attributes["class"]
    share = (value - low) / (high - low)
    place = (
        Point(x=track.centre.x, y=track.box.y1 - share * (track.box.y1 - track.box.y0))
        if upright
        else Point(x=track.box.x0 + share * (track.box.x1 - track.box.x0), y=track.centre.y)
    )
    inside = Point(
        x=min(max(place.x, track.box.x0 + 1), track.box.x1 - 1), y=min(max(place.y, track.box.y0 + 1), track.box.y1 - 1)
    )
    await hand.click_at(inside.x, inside.y)
    for _ in range(60):
        now = int((await hand.one(shown)).text)
        if now == value:
            return
        await hand.press("ArrowRight" if now < value else "ArrowLeft")
    raise Unsolved(f"the slider stays at {now}")


@solves("use-slider", "form-sequence")
async def use_slider(hand: Hand) -> None:
    low, high = await hand.read("[$('#slider').slider('option', 'min'), $('#slider').slider('option', 'max')]")
    await slide(hand, "#slider", int(said(hand, r"Select (-?\d+)")), low, high, "#val")
    if "checkbox" in hand.goal.text:
        await hand.click(f"#checkbox-{said(hand, r'the ([0-9])')}")
    await hand.click(SUBMIT)


@solves("use-slider-2")
async def use_sliders(hand: Hand) -> None:
    for number, value in enumerate(re.findall(r"\d+", said(hand, r"\[(.*)\]")), 1):
        await slide(hand, f"#slider-{number}", int(value), 0, 20, f"#val-{number}")
    await hand.click(SUBMIT)


@solves("use-spinner")
async def use_spinner(hand: Hand) -> None:
    wanted = int(said(hand, r"Select (-?\d+)"))
    for _ in range(12):
        away = wanted - int((await hand.one("#spinner")).value)
        if away == 0:
            break
        await hand.click(".ui-spinner-up" if away > 0 else ".ui-spinner-down", count=min(3, abs(away)))
    await hand.click(SUBMIT)


@solves("use-colorwheel", "use-colorwheel-2")
async def use_colorwheel(hand: Hand) -> None:
    """The widget takes a colour as six digits in its field as well as from its palette."""
    styled = re.search(r"background-color: ?([^;\"]+)", hand.goal.html)
    red, green, blue = ImageColor.getrgb(styled[1] if styled else said(hand, r"Select (\w+) with"))[:3]
    await hand.type("#col", f"{red:02X}{green:02X}{blue:02X}")
    await hand.click_at(150, 195)  # beside the palette, which closes it
    await hand.still()
    await hand.click(SUBMIT)


@solves("form-sequence-2")
async def form_sequence(hand: Hand) -> None:
    await hand.click(f'input[type=radio][value="{said(hand, r"the ([0-9])")}"]')
    await hand.type(f"#input-{said(hand, r'into the ([0-9])')}", said(hand, r'number "(-?\d+)"'))
    await hand.click(SUBMIT)


@solves("guess-number")
async def guess_number(hand: Hand) -> None:
    low, high = 0, 9
    for _ in range(5):
        guess = (low + high) // 2
        await hand.type("#tt", str(guess), submit=True)
        if await hand.read("WOB_DONE_GLOBAL"):
            return
        if await hand.all("#higher"):
            low = guess + 1
        else:
            high = guess - 1


@solves("simple-arithmetic", "simple-algebra")
async def solve_sum(hand: Hand) -> None:
    problem = (await hand.one("#math-problem")).text
    await hand.type("#math-answer", str(solved(problem)))
    await hand.click(SUBMIT)


def solved(problem: str) -> int:
    """`3 x 4 =` is 12; in `9 - x = 2` x is 7."""
    first, sign, second, result = re.fullmatch(r"(\S+) (\S) (\S+) =\s*(\S*)", problem.strip()).groups()  # type: ignore[union-attr]
    if not result:
        a, b = int(first), int(second)
        return {"+": a + b, "-": a - b, "x": a * b}[sign]
    total = int(result)
    if first == "x":
        return total - int(second) if sign == "+" else total + int(second)
    return total - int(first) if sign == "+" else int(first) - total


@solves("visual-addition")
async def add_blocks(hand: Hand) -> None:
    await hand.type("#math-answer", str(len(await hand.all(".addition-block"))))
    await hand.click(SUBMIT)


@solves("text-transform")
async def read_letters(hand: Hand) -> None:
    await hand.type("#tt", "".join(e.text for e in await hand.all("#captcha span")))
    await hand.click(SUBMIT)


@solves("find-word")
async def find_word(hand: Hand) -> None:
    words = (await hand.one("#area p")).text.split()
    await hand.type("#answer-input", re.sub(r"\W", "", words[int(said(hand, r"the (\d+)")) - 1]))
    await hand.click(SUBMIT)


@solves("scroll-text")
async def last_word(hand: Hand) -> None:
    await hand.scroll("#text-area", 4000)
    await hand.type("#answer-input", re.sub(r"\W", "", (await hand.one("#text-area")).value.split()[-1]))
    await hand.click(SUBMIT)


@solves("scroll-text-2")
async def scroll_text(hand: Hand) -> None:
    await hand.scroll("#text-area", 4000 if "bottom" in hand.goal.text else -4000)
    await hand.click(SUBMIT)


@solves("sign-agreement")
async def sign_agreement(hand: Hand) -> None:
    if "Scroll" in hand.goal.text:
        await hand.scroll("#text-area", 8000)
        await hand.until("!document.getElementById('name').disabled")
        await hand.type("#name", said(hand, r'name "(.*)" then'))
    await hand.click("#agree" if "Agree" in hand.goal.text else "#cancel")


async def table(hand: Hand) -> dict[str, str]:
    cells = [e.text for e in await hand.all("#tab td")]
    return dict(zip(cells[::2], cells[1::2], strict=True))


@solves("read-table")
async def read_table(hand: Hand) -> None:
    await hand.type("#tt", (await table(hand))[said(hand, r"value of (.*) into")])
    await hand.click(SUBMIT)


@solves("read-table-2")
async def read_table_twice(hand: Hand) -> None:
    values = await table(hand)
    for number in (1, 2):
        await hand.type(f"#tt{number}", values[(await hand.one(f"#ll{number}")).text.rstrip(":")])
    await hand.click(SUBMIT)


@solves("multi-layouts", "multi-orderings")
async def fill_layout(hand: Hand) -> None:
    goal = re.search(r"for (.*) movies directed by (.*) from year (\d+)", hand.goal.text)
    if goal is None:
        raise Unsolved(f"the goal {hand.goal.text!r} is not as expected")
    labels = await hand.read(
        "[...document.querySelectorAll('#area input')].map((i) => i.closest('p, .row, tr, .field, .ui-entry').textContent.toLowerCase())"
    )
    for number, label in enumerate(labels):
        text = goal[1] if "genre" in label else goal[2] if "director" in label else goal[3]
        await hand.type_into((await hand.all("#area input"))[number], text)
    await hand.click("#area button, #area .final, #area .ui-submit")


@solves("copy-paste", "copy-paste-2")
async def copy_paste(hand: Hand) -> None:
    number = re.search(r"the ([0-9])", hand.goal.text)
    source = f"#text-{number[1]}" if number else "#to-copy"
    async with hand.clipboard():
        await hand.click(source)
        await hand.press("ControlOrMeta+A")
        await hand.press("ControlOrMeta+C")
        await hand.click("#answer-input")
        await hand.press("ControlOrMeta+V")
    await hand.click(SUBMIT)


@solves("highlight-text", "highlight-text-2")
async def highlight_text(hand: Hand) -> None:
    number = re.search(r"the ([0-9])", hand.goal.text)
    if number:
        await hand.mark("#randomText p", int(number[1]) - 1)
    else:
        await hand.mark("#randomText")
    await hand.click(SUBMIT)


@solves("terminal")
async def terminal(hand: Hand) -> None:
    ending = re.search(r"extension \.?([\w.]+?)\.?$", hand.goal.text.strip())
    await hand.click("#terminal")
    await hand.enter("ls", submit=True)
    names = (await hand.all("#terminal .output"))[-1].text.split()
    wanted = None if "no file extension" in hand.goal.text else ending
    chosen = next(name for name in names if ("." not in name if wanted is None else name.endswith("." + wanted[1])))
    await hand.enter(f"rm {chosen}", submit=True)
