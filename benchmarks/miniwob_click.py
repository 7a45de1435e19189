"""Scripted solutions of MiniWoB++'s tasks that are done by clicking, choosing and opening things."""

import re
from collections.abc import Callable

from deixis.benchmarks.hand import Element, Hand, Unsolved
from deixis.benchmarks.tasks import Solution

SOLUTIONS: dict[str, Solution] = {}
SUBMIT = "#subbtn"


def solves(*names: str) -> Callable[[Solution], Solution]:
    """Registers a solution for tasks."""

    def keep(solution: Solution) -> Solution:
        SOLUTIONS.update(dict.fromkeys(names, solution))
        return solution

    return keep


def said(hand: Hand, pattern: str) -> str:
    """The part of the goal that a pattern's group holds; Unsolved when the goal is another."""
    match = re.search(pattern, hand.goal.text)
    if match is None:
        raise Unsolved(f"the goal {hand.goal.text!r} is not as expected")
    return match[1]


@solves("click-test", "click-button-sequence", "click-test-2")
async def click_first(hand: Hand) -> None:
    await hand.click(SUBMIT)
    if "TWO" in hand.goal.text:
        await hand.click("#subbtn2")


@solves("click-test-transfer")
async def click_named(hand: Hand) -> None:
    await hand.click("#area button", said(hand, r"button (\w+)"))


@solves("click-button", "unicode-test")
async def click_button(hand: Hand) -> None:
    await hand.click("#area button", said(hand, r'the "(.*)" button'))


@solves("click-link")
async def click_link(hand: Hand) -> None:
    await hand.click(".alink", said(hand, r'link "(.*)"'))


@solves("click-dialog")
async def click_dialog(hand: Hand) -> None:
    await hand.click(".ui-dialog-titlebar button")


@solves("click-dialog-2")
async def click_dialog_button(hand: Hand) -> None:
    label = said(hand, r'labeled "(.*)"')
    if label == "x":
        await hand.click(".ui-dialog-titlebar button")
    else:
        await hand.click(".ui-dialog-buttonpane button", label)


@solves("click-tab")
async def click_tab(hand: Hand) -> None:
    await hand.click(f'a[href="#tabs-{said(hand, r"Tab #([0-9])")}"]')


@solves("click-tab-2", "click-tab-2-easy", "click-tab-2-hard", "click-tab-2-medium")
async def click_in_tab(hand: Hand) -> None:
    text = said(hand, r'link "(.*)"')
    panels = await hand.read(
        "[...document.querySelectorAll('.ui-tabs-panel')].map((p) => [p.id, [...p.querySelectorAll('.alink')].map((a) => a.textContent)])"
    )
    home = next((name for name, links in panels if text in links), "tabs-2")
    if await hand.read(f"getComputedStyle(document.getElementById('{home}')).display === 'none'"):
        await hand.click(f'a[href="#{home}"]')
    if any(text in links for _, links in panels):
        await hand.click(f"#{home} .alink", text)


@solves("click-collapsible", "click-collapsible-nodelay")
async def open_and_submit(hand: Hand) -> None:
    await hand.click("#area h3")
    await hand.still()
    await hand.click(SUBMIT)


@solves("click-collapsible-2", "click-collapsible-2-nodelay")
async def click_in_section(hand: Hand) -> None:
    text = said(hand, r'link "(.*)"')
    sections = await hand.read(
        "[...document.querySelectorAll('#area > div')].map((d) => [...d.querySelectorAll('.alink')].map((a) => a.textContent))"
    )
    where = next(number for number, links in enumerate(sections) if text in links)
    await hand.click_this("#area h3", (await hand.all("#area h3"))[where])
    await hand.still()
    await hand.click(".alink", text)


async def choose(hand: Hand, names: list[str]) -> None:
    """Clicks the box or button in every label that has one of these names, then submits."""
    for label in await hand.all("#area label"):
        if label.text in names:
            await hand.click_at(label.box.x0 + 10, label.centre.y)
    await hand.click(SUBMIT)


@solves("click-option", "click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer")
async def click_checkboxes(hand: Hand) -> None:
    await choose(hand, said(hand, r"Select (.*) and click").split(", "))


@solves("click-checkboxes-soft")
async def click_similar(hand: Hand) -> None:
    names = said(hand, r"similar to (.*) and click").split(", ")
    groups = await hand.read("SYNONYMS")
    await choose(hand, [word for group in groups if set(group) & set(names) for word in group])


@solves("click-color")
async def click_color(hand: Hand) -> None:
    await hand.click(f'#area [data-color="{said(hand, r"the ([a-z]+) colored")}"]')


@solves("click-shades")
async def click_shades(hand: Hand) -> None:
    for shade in await hand.all(f'#area [data-color="{said(hand, r"shades of ([a-z]+)")}"]'):
        await hand.click_at(shade.centre.x, shade.centre.y)
    await hand.click("#submit")


@solves("click-menu")
async def click_menu(hand: Hand) -> None:
    *parents, leaf = said(hand, r"Select (.*)").split(">")
    for parent in parents:
        await hand.hover("#menu div", parent)
        await hand.until(
            f"[...document.querySelectorAll('#menu li')].some((l) => l.firstElementChild.textContent === {parent!r} && getComputedStyle(l.children[1]).display !== 'none')"
        )
        await hand.still()
    await hand.click("#menu div", leaf)


@solves("click-menu-2")
async def click_menu_item(hand: Hand) -> None:
    icon = re.search(r"ui-icon (ui-icon-[\w-]+)", hand.goal.html)
    item = f"#menu .{icon[1]}" if icon else "#menu li:not(:has(ul)) > div"
    await hand.click("#open-menu")
    await hand.still()
    text = None if icon else said(hand, r'labeled "(.*)"')
    if not any(text is None or e.text == text for e in await hand.all(item)):
        await hand.hover("#menu > li > div", "Playback")
        await hand.one(item, text)
        await hand.still()
    await hand.click(item, text)


@solves("click-pie", "click-pie-nodelay")
async def click_pie(hand: Hand) -> None:
    await hand.click("[class*=spreader-in], [class*=spreader-out], [id*=spreader]")
    for _ in range(3):  # on a busy machine the wheel may stand still for some frames before it opens
        await hand.still()
        await hand.click("#divWheel text", said(hand, r'labeled "(.*)"'))
        if await hand.read("WOB_DONE_GLOBAL"):
            return


@solves("click-widget")
async def click_widget(hand: Hand) -> None:
    await hand.click(f'[data-type="{said(hand, r"a .([a-z]+). widget")}"]')


@solves("click-scroll-list")
async def click_scroll_list(hand: Hand) -> None:
    held: tuple[str, ...] = ()
    for name in said(hand, r"Select (.*) from").split(", "):
        await hand.click("#options option", name, modifiers=held)
        held = ("Control",)
    await hand.click("#area button")


@solves("choose-list")
async def choose_list(hand: Hand) -> None:
    await hand.select("#options", said(hand, r"Select (.*) from"))
    await hand.click("#area button")


@solves("form-sequence-3")
async def choose_and_press(hand: Hand) -> None:
    await hand.click(".selectric")
    await hand.still()
    await hand.click(".selectric-items li", said(hand, r"Choose (.*) from"))
    await hand.still()
    await hand.click("#buttons button", said(hand, r'labeled "(.*)"'))


@solves("navigate-tree")
async def navigate_tree(hand: Hand) -> None:
    name = said(hand, r'named "(.*)"')
    path = await hand.read(
        "(name => { const spans = [...document.querySelectorAll('#tree span')], at = spans.findIndex((s) => s.textContent === name), path = [at];"
        " for (let l = spans[at].parentElement.parentElement.closest('li'); l; l = l.parentElement.closest('li')) path.unshift(spans.indexOf(l.querySelector('span')));"
        f" return path; }})({name!r})"
    )
    for nth in path:
        await hand.still()
        spans = await hand.all("#tree span", shown=False)
        box = spans[nth]
        await hand.click_this("#tree span", box)


@solves("grid-coordinate")
async def grid_coordinate(hand: Hand) -> None:
    point = said(hand, r"coordinate (\(.*\))")
    await hand.click(f'circle[id="{point}"]')


@solves("focus-text")
async def focus_text(hand: Hand) -> None:
    await hand.click("#tt")


@solves("focus-text-2")
async def focus_nth(hand: Hand) -> None:
    await hand.click(f"#tt{said(hand, r'the ([0-9])')}")


@solves("find-greatest")
async def find_greatest(hand: Hand) -> None:
    cards = await hand.all("#cardholder .card")
    await hand.click_this("#cardholder .card", max(cards, key=lambda card: int(card.text)))
    await hand.click("#submit")


@solves("buy-ticket")
async def buy_ticket(hand: Hand) -> None:
    wanted = said(hand, r"with the (.*)\.")
    price = "cost" in wanted
    values = await hand.all(".buy-ticket" if price else ".time-duration")
    best = max if wanted.startswith(("longest", "most")) else min
    chosen = best(
        range(len(values)), key=lambda n: int(values[n].attributes["data-price" if price else "data-duration"])
    )
    await hand.click_this(".buy-ticket", (await hand.all(".buy-ticket"))[chosen])


@solves("odd-or-even")
async def odd_or_even(hand: Hand) -> None:
    numbers = [int(e.text) for e in await hand.all(".display-number")]
    for nth, number in enumerate(numbers):
        side = ".odd" if number % 2 else ".even"
        await hand.click_this(side, (await hand.all(side))[nth])
    await hand.click("#submit")


@solves("generate-number")
async def generate_number(hand: Hand) -> None:
    goal = hand.goal.text
    limit = int(re.search(r"\d+", goal)[0]) if re.search(r"\d+", goal) else 0  # type: ignore[index]

    def fits(n: int) -> bool:
        return n < limit if "less" in goal else n > limit if "greater" in goal else n % 2 == (" odd " in goal)

    for _ in range(30):
        await hand.click("#generate")
        if fits(int((await hand.one("#display-number")).text)):
            break
    await hand.click("#submit")


@solves("ascending-numbers")
async def ascending_numbers(hand: Hand) -> None:
    places = {e.text: e.centre for e in await hand.all("#area_svg text")}
    for number in sorted(places):
        await hand.click_at(places[number].x, places[number].y)


@solves("number-checkboxes")
async def number_checkboxes(hand: Hand) -> None:
    pattern = (await hand.read("PATTERNS"))[int(said(hand, r'number "([0-9])"'))]
    boxes = await hand.all("#checkboxes input")
    for box, wanted in zip(boxes, [cell for row in pattern for cell in row], strict=True):
        if wanted:
            await hand.click_at(box.centre.x, box.centre.y)
    await hand.click(SUBMIT)


@solves("stock-market")
async def stock_market(hand: Hand) -> None:
    limit = said(hand, r"less than \$([0-9]+[.][0-9]+)")
    button = await hand.one("#buy")
    await hand.until(
        f"parseFloat(document.getElementById('stock-price').textContent.slice(1)) < {float(limit) - 0.5}", 12
    )
    await hand.click_at(button.centre.x, button.centre.y)


LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def best_cell(board: str) -> int:
    """The cell for x: win, or stop o, or open most lines of two, or most lines at all."""

    def completes(mark: str) -> list[int]:
        return [
            cell for line in LINES for cell in line if board[cell] == " " and [board[c] for c in line].count(mark) == 2
        ]

    urgent = completes("x") or completes("o")
    if urgent:
        return urgent[0]

    def worth(cell: int) -> tuple[int, int]:
        lines = [[board[c] for c in line] for line in LINES if cell in line and "o" not in [board[c] for c in line]]
        return sum("x" in line for line in lines), len(lines)

    return max((cell for cell in range(9) if board[cell] == " "), key=worth)


@solves("tic-tac-toe")
async def tic_tac_toe(hand: Hand) -> None:
    for _ in range(5):
        cells: list[Element] = await hand.all(".ttt-row span")
        marks = [cell.attributes.get("class", "") for cell in cells]
        board = "".join("x" if "mark-x" in mark else "o" if "mark-o" in mark else " " for mark in marks)
        if " " not in board or await hand.read("WOB_DONE_GLOBAL"):
            return
        await hand.click_at(cells[best_cell(board)].centre.x, cells[best_cell(board)].centre.y)
