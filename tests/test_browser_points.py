"""A point given is the point clicked: at any device scale, CSS zoom and scroll offset."""

import random
from typing import TYPE_CHECKING

import pytest

from deixis.browser.actions import Click
from deixis.browser.session import SessionConfig
from deixis.browser.types import Point

if TYPE_CHECKING:
    from tests.conftest import SessionFactory

pytestmark = pytest.mark.asyncio(loop_scope="session")

ZOOMS = (0.5, 0.8, 1.0, 1.1, 1.5, 2.0)
TRIALS = 6
ARRANGE = """([zoom, x, y]) => {
    document.documentElement.style.zoom = zoom;
    scrollTo({left: x, top: y, behavior: 'instant'});
    recorded.length = 0;
}"""


@pytest.mark.parametrize("scale", [1, 1.25, 1.5, 2, 3])
async def test_a_point_given_is_the_point_clicked(open_session: "SessionFactory", pages_url: str, scale: float) -> None:
    session = await open_session(SessionConfig(scale=scale, width=600, height=400))
    await session.start(f"{pages_url}/recorder.html")
    dice = random.Random(f"points at {scale}")
    for _ in range(TRIALS):
        zoom, left, top = dice.choice(ZOOMS), dice.uniform(0, 2500), dice.uniform(0, 2500)
        await session.page.evaluate(ARRANGE, [zoom, left, top])
        point = Point(x=dice.uniform(0, 599.9), y=dice.uniform(0, 399.9))
        await session.act(Click(target=point))
        recorded = await session.page.evaluate("recorded")
        assert recorded == [pytest.approx([point.x, point.y], abs=0.5)], (zoom, left, top)


@pytest.mark.parametrize("scale", [1, 1.25, 1.5, 2, 3])
async def test_the_picture_is_the_viewport_at_the_scale(
    open_session: "SessionFactory", pages_url: str, scale: float
) -> None:
    session = await open_session(SessionConfig(scale=scale, width=640, height=480))
    await session.start(f"{pages_url}/recorder.html")
    await session.page.evaluate(ARRANGE, [1.5, 300, 400])
    seen = await session.look()
    assert (seen.width, seen.height) == (640, 480)
    assert seen.image_size == (640 * scale, 480 * scale)
    assert (seen.scroll_x, seen.scroll_y) == pytest.approx((300, 400), abs=1)
    assert seen.title == "Where was that?"
    assert seen.url.endswith("/recorder.html")


async def test_the_pixel_under_the_point_belongs_to_what_is_hit(open_session: "SessionFactory") -> None:
    """The picture's frame and the hit-test's are the same one."""
    session = await open_session(SessionConfig(scale=1.5))
    html = "<body style='margin:0; zoom:1.3'><button style='position:absolute; left:400px; top:200px'>Here</button>"
    await session.page.set_content(html)
    seen = await session.look()
    centre = Point(x=430 * 1.3, y=210 * 1.3)
    there = await session.hit(centre)
    assert there is not None and there.name == "Here"
    assert there.box.x0 == pytest.approx(400 * 1.3, abs=0.1)
    assert seen.scale == 1.5
