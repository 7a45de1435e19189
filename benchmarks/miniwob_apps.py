"""Scripted solutions of MiniWoB++'s tasks that are small applications: mail, flights, posts, search, a calendar."""

import re

from deixis.benchmarks.hand import Element, Hand, Unsolved
from deixis.benchmarks.miniwob_click import SOLUTIONS, SUBMIT, said, solves
from deixis.benchmarks.miniwob_forms import pick_date
from deixis.browser.actions import Hover
from deixis.browser.types import Point

INBOXES = [
    "email-inbox" + kind
    for kind in (
        "",
        "-delete",
        "-forward",
        "-forward-nl",
        "-forward-nl-turk",
        "-important",
        "-nl-turk",
        "-noscroll",
        "-reply",
        "-star-reply",
    )
]


@solves(*INBOXES)
async def inbox(hand: Hand) -> None:
    fields = hand.goal.fields or _mail(hand)
    mails = [mail for mail in await hand.all("#main .email-thread") if mail.text.startswith(fields["by"])]
    if not mails:
        raise Unsolved(f"no mail is from {fields['by']!r}")
    nth = mails[0].nth
    task = fields.get("task", "forward")
    if task in {"delete", "star"}:
        icon = "#main .trash" if task == "delete" else "#main .star"
        await hand.click_this(icon, (await hand.all(icon))[nth])
        return
    sender = "#main .email-thread .email-sender"
    await hand.click_this(sender, (await hand.all(sender))[nth])
    if task == "reply":
        await hand.click("#email .email-reply")
        await hand.type("#reply-text", fields["message"])
        await hand.click("#send-reply")
    else:
        await hand.click("#email .email-forward")
        await hand.type(".forward-sender", fields["to"])
        await hand.click("#send-forward")


def _mail(hand: Hand) -> dict[str, str]:
    """Fields of a goal that comes as text only."""
    goal = hand.goal.text
    fields = {"by": said(hand, r"email by (\S+?) and")}
    if reply := re.search(r'with the text "(.*)"', goal):
        return fields | {"task": "reply", "message": reply[1]}
    if forward := re.search(r"forward that email to (\S+)\.", goal):
        return fields | {"task": "forward", "to": forward[1]}
    return fields | {"task": "delete" if "trash" in goal else "star"}


@solves("book-flight", "book-flight-nodelay")
async def book_flight(hand: Hand) -> None:
    goal = re.search(r"the (\w+) one-way flight from: (.*) to: (.*) on (\S+?)\.?$", hand.goal.text.strip())
    if goal is None:
        raise Unsolved(f"the goal {hand.goal.text!r} is not as expected")
    airports = await hand.read("DOMESTIC_FLIGHTS")
    for field, city in (("#flight-from", goal[2]), ("#flight-to", goal[3])):
        full = next(name for name in airports if name.startswith(city + " (") or f"({city})" in name)
        await hand.type(field, full)
        await hand.one(".ui-menu-item")
        await hand.still()
        await hand.click(".ui-menu-item", full)
    await pick_date(hand, "#datepicker", goal[4])
    await hand.click("#search")
    cheap = goal[1] == "cheapest"
    values = await hand.all(".flight-price" if cheap else ".time-duration")
    name = "data-price" if cheap else "data-duration"
    chosen = min(range(len(values)), key=lambda n: int(values[n].attributes[name]))
    await hand.click_this(".flight-price", (await hand.all(".flight-price"))[chosen])


@solves("search-engine")
async def search_engine(hand: Hand) -> None:
    number = int(said(hand, r"the (\d+)(?:st|nd|rd|th) search")) - 1
    await hand.type("#search-text", said(hand, r'enter "(.*)" and'))
    await hand.click("#search")
    if number >= 3:
        await hand.click("#pagination a", str(number // 3 + 1))
    await hand.click(f'[data-result="{number}"]')


@solves("phone-book")
async def phone_book(hand: Hand) -> None:
    name, kind = said(hand, r"Find (\S+) in"), said(hand, r"on their (\w+)")
    for _ in range(5):
        if (await hand.one("#contact .name")).text == name:
            break
        await hand.click("#pagination .next a")
    await hand.click(f"#contact .{kind}")


@solves("social-media")
async def social_media(hand: Hand) -> None:
    user, label = said(hand, r"the user (\S+), click"), said(hand, r'the "(.*)" button')
    post = next(e for e in await hand.all(".media") if e.text and user == _user(e))
    names = {"Reply": ".reply", "Retweet": ".retweet", "Like": ".like"}
    if label in names:
        await _press_icon(hand, f".media {names[label]}", post.nth)
        return
    await _press_icon(hand, ".media .more", post.nth)
    await hand.still()
    item = next(e for e in await hand.all(".media ul:not(.hide) li") if e.text.startswith(label))
    await hand.click_this(".media ul:not(.hide) li", item)


async def _press_icon(hand: Hand, selector: str, nth: int) -> None:
    """Icons that change under the mouse take no click until the new drawing is there."""
    place = await hand.reach(selector, (await hand.all(selector))[nth])
    await hand.do(Hover(target=place))
    await hand.page.wait_for_load_state("networkidle")
    await hand.still()
    await hand.click_at(place.x, place.y)


def _user(post: Element) -> str:
    found = re.search(r"@\S+", post.text)
    return found[0] if found else ""


@solves("social-media-all", "social-media-some")
async def social_media_all(hand: Hand) -> None:
    user, label = said(hand, r"by (\S+) and"), said(hand, r'the "(\w+)"')
    amount = re.search(r"on (\d+) post", hand.goal.text)
    posts = [post.nth for post in await hand.all(".media") if _user(post) == user]
    selector = f".media .{label.lower()}"
    for nth in posts[: int(amount[1]) if amount else None]:
        await hand.click_this(selector, (await hand.all(selector))[nth])
    await hand.click("#submitRow button")


@solves("order-food")
async def order_food(hand: Hand) -> None:
    kinds = re.search(r"Order (\d+) items that are (\S+)", hand.goal.text)
    items = await hand.all(".food-item", shown=False)
    if kinds:
        types = await hand.read(
            "[...document.querySelectorAll('.food-item')].map((f) => [...f.querySelectorAll('img')].map((i) => i.alt))"
        )
        fitting = next(n for n, names in enumerate(types) if kinds[2] in names)
        chosen = [fitting] * int(kinds[1])
    else:
        names = [name.strip() for name in said(hand, r"each item: (.*)").split(", ")]
        chosen = [n for n, item in enumerate(items) if item.attributes["data-item"].strip() in names]
    for nth in chosen:
        await hand.click_this(".food-item .add", (await hand.all(".food-item .add"))[nth])
    await hand.click("#submit-order button")


@solves("daily-calendar")
async def daily_calendar(hand: Hand) -> None:
    """Draws an event over half hours that no other event covers, from the first of the window on."""
    length = said(hand, r"Create a ([\d.]+)")
    halves = round(float(length) * 2 if "hour" in hand.goal.text.split('"')[0] else float(length) / 30)
    start = 2 * {"8AM": 8, "12PM": 12, "4PM": 16}[said(hand, r"between (\S+) and")]
    for first in range(start, start + 9 - halves):
        cells = [f"#hh-{n}" for n in range(first, first + halves)]
        if not await _covered(hand, cells):
            await _draw_event(hand, cells)
            await hand.type("#event-name", said(hand, r'named "(.*)"'))
            await hand.click("#controls .create")
            return
    raise Unsolved("the day has no room for the event")


async def _covered(hand: Hand, cells: list[str]) -> bool:
    events = await hand.all(".event")
    boxes = [(await hand.one(cell)).box for cell in cells]
    return any(e.box.y0 < box.y1 - 2 and e.box.y1 > box.y0 + 2 for e in events for box in boxes)


async def _draw_event(hand: Hand, cells: list[str]) -> None:
    for cell in (cells[-1], cells[0]):
        await hand.reach(cell, await hand.one(cell))
    first, last = await hand.one(cells[0]), await hand.one(cells[-1])
    x = first.centre.x
    await hand.drag(Point(x=x, y=first.centre.y - 4), Point(x=x, y=last.centre.y + 4))


STYLES = {"bold": "bold", "italics": "italic", "underlined": "underline"}


@solves("text-editor")
async def text_editor(hand: Hand) -> None:
    goal = hand.goal.text
    word = re.search(r"give the text (\S+) the", goal)
    await hand.click(".ql-editor")
    if word and word[1].isalpha():
        await hand.double_click(".ql-editor", word[1])
    elif word:
        await hand.mark(".ql-editor", 0, word[1])
    else:
        await hand.press("ControlOrMeta+A")
    await hand.until("getSelection().toString().trim() !== ''")
    await hand.still()  # the editor takes the selection up in its own time
    style = re.search(r"the style (\w+)", goal)
    if style:
        await hand.click(f".ql-{STYLES[style[1]]}")
    else:
        colour = said(hand, r"the color (\w+)")
        value = (await hand.read("COLOR_MAP"))[colour][0]
        await hand.click(".ql-color .ql-picker-label")
        await hand.still()
        await hand.click(f'.ql-color .ql-picker-item[data-value="{value}"]')
    await hand.click(SUBMIT)


__all__ = ["SOLUTIONS"]
