"""Scripted solutions of MiniWoB++'s tasks about shapes: finding, counting, dragging, sorting, drawing and geometry."""

import math
import re

import numpy as np

from deixis.benchmarks.hand import Element, Hand, Unsolved
from deixis.benchmarks.miniwob_click import SUBMIT, said, solves
from deixis.browser.actions import Hover
from deixis.browser.types import Point

KINDS = {"rect": "rectangle", "circle": "circle", "polygon": "triangle"}
LARGE = 15
"""Units of the drawing from which a shape is large."""
SHAPES = "#area_svg rect:not(#shape-container), #area_svg circle, #area_svg polygon"


def described(shape: Element) -> set[str]:
    """Every word that a description may use of a shape."""
    attributes = shape.attributes
    if shape.tag == "text":
        size = float(attributes["font-size"].removesuffix("px"))
        names = {shape.text, "digit" if shape.text.isdigit() else "letter"}
    else:
        size = shape.box.x1 - shape.box.x0
        names = {KINDS[shape.tag], "shape"}
    return names | {"item", attributes["fill"], "large" if size > LARGE else "small"}


async def matching(hand: Hand, description: str) -> list[Element]:
    shapes = await hand.all("#area_svg text, #area_svg rect, #area_svg circle, #area_svg polygon")
    return [shape for shape in shapes if set(description.split()) <= described(shape)]


@solves("click-shape")
async def click_shape(hand: Hand) -> None:
    found = await matching(hand, said(hand, r"Click on a (.*)"))
    await hand.click_at(found[0].centre.x, found[0].centre.y)


@solves("count-shape")
async def count_shape(hand: Hand) -> None:
    found = await matching(hand, said(hand, r"How many (.*)s are there"))
    await hand.click("#count-buttons button", str(len(found)))


@solves("identify-shape")
async def identify_shape(hand: Hand) -> None:
    shape = (await hand.all("#area_svg *"))[0]
    kind = KINDS.get(shape.tag) or ("digit" if shape.text.isdigit() else "letter")
    await hand.click(f'[data-type="{kind}"]')


@solves("count-sides")
async def count_sides(hand: Hand) -> None:
    """The sides of a regular polygon, which is in the page as pixels only: the beats of its outline around its middle."""
    alpha = await hand.read(
        "[...document.getElementById('c').getContext('2d').getImageData(0, 0, 150, 100).data].filter((_, i) => i % 4 === 3)"
    )
    ink = np.array(alpha, dtype=np.float64).reshape(100, 150)
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    reach = np.arange(20, 40, 0.25)
    across = np.clip(np.rint(75 + np.outer(np.cos(angles), reach)), 0, 149).astype(int)
    down = np.clip(np.rint(50 + np.outer(np.sin(angles), reach)), 0, 99).astype(int)
    outline = (ink[down, across] > 128) * reach  # (angle, distance)
    beats = np.abs(np.fft.rfft(outline.max(1) - outline.max(1).mean()))
    await hand.click(f'[data-sides="{3 + int(np.argmax(beats[3:8]))}"]')


# geometry


async def circles(hand: Hand) -> list[Point]:
    """Middles of the drawing's circles, where a click of the page draws a point at its own place."""
    found = await hand.all("#svg-grid circle")
    return [Point(x=float(e.attributes["cx"]), y=float(e.attributes["cy"]) + 50) for e in found]


async def place(hand: Hand, x: float, y: float) -> None:
    await hand.click_at(x, y)
    await hand.click(SUBMIT)


@solves("circle-center", "find-midpoint")
async def click_middle(hand: Hand) -> None:
    points = await circles(hand)
    await place(hand, sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points))


@solves("right-angle")
async def right_angle(hand: Hand) -> None:
    arm, corner = await circles(hand)
    await _towards(hand, corner, (corner.y - arm.y, arm.x - corner.x))


@solves("bisect-angle")
async def bisect_angle(hand: Hand) -> None:
    corner, one, other = await circles(hand)
    ways = [
        (
            (p.x - corner.x) / math.dist((p.x, p.y), (corner.x, corner.y)),
            (p.y - corner.y) / math.dist((p.x, p.y), (corner.x, corner.y)),
        )
        for p in (one, other)
    ]
    await _towards(hand, corner, (ways[0][0] + ways[1][0], ways[0][1] + ways[1][1]), both=False)


async def _towards(hand: Hand, corner: Point, way: tuple[float, float], both: bool = True) -> None:
    """A point as far as there is room, up to 60 pixels, from the corner in a direction, or also in the opposite one."""
    length = math.hypot(*way)
    for far in range(60, 4, -2):
        for sign in (1, -1) if both else (1,):
            x, y = corner.x + sign * far * way[0] / length, corner.y + sign * far * way[1] / length
            if 4 < x < 146 and 56 < y < 176:
                await place(hand, x, y)
                return
    raise Unsolved("the drawing has no room for the point")


# dragging


def moved(point: Point, dx: float, dy: float) -> Point:
    return Point(x=point.x + dx, y=point.y + dy)


WAYS = {"left": (-25, 0), "right": (25, 0), "up": (0, -25), "down": (0, 25)}


@solves("drag-circle", "drag-single-shape")
async def drag_way(hand: Hand) -> None:
    shape = await hand.one("#area svg > *")
    await hand.drag(shape.centre, moved(shape.centre, *WAYS[said(hand, r"Drag the \w+ (\w+)")]))
    await hand.click(SUBMIT)


@solves("drag-box")
async def drag_box(hand: Hand) -> None:
    small, large = await hand.one("#draggableSmall"), await hand.one("#draggableLarge")
    await hand.drag(
        small.centre, moved(small.centre, large.box.x0 + 15 - small.box.x0, large.box.y0 + 15 - small.box.y0)
    )
    await hand.click(SUBMIT)


@solves("drag-shapes")
async def drag_shapes(hand: Hand) -> None:
    kind = said(hand, r"all (\w+)s into")
    target = (await hand.one("#shape-container")).centre
    for shape in await hand.all(SHAPES):
        if kind in described(shape):
            await hand.drag(shape.centre, target)
    await hand.click(SUBMIT)


@solves("drag-shapes-2")
async def sort_shapes(hand: Hand) -> None:
    word = said(hand, r"all (\w+?)s? (?:shapes )?into")
    left, right = (box.centre for box in await hand.all("#shape-container"))
    for shape in await hand.all(SHAPES):
        await hand.drag(shape.centre, left if word in described(shape) else right)
    await hand.click(SUBMIT)


PLACES = {
    "top left": 1, "top center": 2, "top right": 3, "center left": 4, "center": 5, "center right": 6, "bottom left": 7, "bottom center": 8,
    "bottom right": 9,
}  # fmt: skip


def wanted(where: str, now: int, count: int, grid: bool) -> int:
    """The place, from 1, that the words of the goal mean for what is at place `now`."""
    if number := re.match(r"to the (\d)", where):
        return int(number[1])
    if grid:
        row = {"up by one": -3, "down by one": 3, "left by one": -1, "right by one": 1}
        return now + row[where] if where in row else PLACES[where.removeprefix("to the ")]
    return {"to the top": 1, "to the bottom": count, "down by one position": now + 1, "up by one position": now - 1}[
        where
    ]


@solves("drag-items", "drag-items-grid")
async def drag_items(hand: Hand) -> None:
    goal = re.match(r"Drag (\S+) (.*)\.", hand.goal.text)
    items = await hand.all("#sortable li")
    if goal is None:
        raise Unsolved(f"the goal {hand.goal.text!r} is not as expected")
    now = 1 + next(n for n, item in enumerate(items) if item.text == goal[1])
    target = wanted(goal[2], now, len(items), grid=len(items) == 9)
    await insert(hand, items, now - 1, target - 1, across=len(items) == 9)


async def insert(hand: Hand, items: list[Element], now: int, then: int, across: bool = False) -> None:
    """Drags an item of jQuery's sortable list past the middle of the place it is to take.

    In a grid it goes along its row first: straight, it would push others aside on its way, and they would not come back.
    """
    start, sign = items[now].centre, 1 if then > now else -1
    end = moved(items[then].centre, 6 * sign if across else 0, 0 if across else 6 * sign)
    await hand.drag(start, end, (Point(x=end.x, y=start.y),) if across else ())


@solves("drag-sort-numbers")
async def sort_numbers(hand: Hand) -> None:
    for place_ in range(4):
        items = await hand.all("#sortable li")
        values = [int(item.text) for item in items]
        least = values.index(min(values[place_:]), place_)
        if least != place_:
            await insert(hand, items, least, place_)
            await hand.still()
    await hand.click(SUBMIT)


@solves("drag-cube")
async def drag_cube(hand: Hand) -> None:
    """Short pulls, each let run out, until the side is in front: first around one axis, then around the other."""
    side = said(hand, r'"([0-9])"')
    middle = (await hand.one("#area .viewport")).centre
    for pull in range(40):
        if (await hand.one(".cube-image.active")).text == side:
            break
        far = 28 if side in "16" or pull % 6 == 0 and await _upright(hand) else 0
        await hand.drag(middle, moved(middle, 0 if far else 40, far))
        await hand.still()
    await hand.click(SUBMIT)


async def _upright(hand: Hand) -> bool:
    """Whether the top or bottom of the cube is in front: no side comes round from there."""
    return (await hand.one(".cube-image.active")).text in "16"


@solves("resize-textarea")
async def resize_textarea(hand: Hand) -> None:
    handle = (await hand.one(".ui-resizable-se")).centre
    far = 12 if "larger" in hand.goal.text else -12
    await hand.drag(handle, moved(handle, far, 0) if "width is" in hand.goal.text else moved(handle, 0, far))
    await hand.click("#submit")


CORNERS = 24
"""Of the polygon that is drawn for a circle."""


@solves("draw-circle")
async def draw_circle(hand: Hand) -> None:
    middle = (await hand.one("#circ")).centre
    board = (await hand.one("#area svg")).box
    reach = 0.9 * min(middle.x - board.x0, board.x1 - middle.x, middle.y - board.y0, board.y1 - middle.y)
    turns = [2 * math.pi * corner / CORNERS for corner in range(CORNERS + 1)]
    ring = [Point(x=middle.x + reach * math.cos(turn), y=middle.y + reach * math.sin(turn)) for turn in turns]
    await hand.drag(ring[0], ring[-1], tuple(ring[1:-1]))
    await hand.click("#controls button")


@solves("draw-line")
async def draw_line(hand: Hand) -> None:
    dot = (await hand.one("#circ")).centre
    way = (28, 0) if "horizontal" in hand.goal.text else (0, 28)
    await hand.drag(moved(dot, -way[0], -way[1]), moved(dot, *way))
    await hand.click("#controls button")


@solves("hot-cold")
async def hot_cold(hand: Hand) -> None:
    """Asks at the place that tells most about where the hot spot may still be, until it may be nowhere else."""
    area = (await hand.one("#touch-area")).box
    spots = np.array([(x, y) for x in range(5, 155) for y in range(5, 120)], dtype=np.float64)  # (N, 2)
    grid = np.array([(x, y) for x in range(6, 150, 8) for y in range(6, 120, 8)], dtype=np.float64)
    bounds = np.array([5, 10, 40])
    asks = np.searchsorted(
        bounds, np.linalg.norm(grid[:, None] - spots[None], axis=2), side="right"
    )  # (G, N) 0 hot .. 3 ice
    possible = np.ones(len(spots), dtype=bool)
    names = ["HOT", "WARM", "COLD", "ICE COLD"]
    for _ in range(25):
        if possible.sum() <= 30:
            break
        shares = np.stack([(asks[:, possible] == answer).mean(1) for answer in range(4)])  # (4, G)
        best = int((shares**2).sum(0).argmin())
        x, y = grid[best]
        await hand.do(Hover(target=Point(x=float(x), y=float(y) + 50)))
        if not area.contains(Point(x=float(x), y=float(y) + 50)):
            raise Unsolved("the place asked about is outside the area")
        answer = names.index((await hand.one("#signal")).text)
        possible &= asks[best] == answer
    middle = spots[possible].mean(0)
    await hand.click_at(float(middle[0]), float(middle[1]) + 50)
