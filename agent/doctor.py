"""`deixis doctor`: is everything here that acting needs, and do clicks land where they are aimed?

The calibration page records where it was really clicked; the largest distance from where we aimed is the error of
this very set-up, whatever its scale and zoom.
"""

from collections.abc import Callable

from deixis.browser.errors import DeixisError
from deixis.browser.types import Frozen, Point

TARGETS = 25
PAGE = """<!doctype html><title>deixis calibration</title><style>body{margin:0;background:#fff}#dot{position:fixed;width:8px;height:8px;
border-radius:4px;background:#c2185b;pointer-events:none}</style><div id=dot></div><script>
window.clicks=[];addEventListener('click',e=>{clicks.push([e.clientX,e.clientY]);dot.style.left=e.clientX+'px';dot.style.top=e.clientY+'px'})</script>"""


class Check(Frozen):
    """One line of the examination."""

    name: str
    ok: bool
    detail: str


def examine(model: str | None, scale: float) -> list[Check]:
    """All checks, each on its own feet: one that fails does not hide the next."""
    from deixis.agent.api import in_own_loop

    checks = [_tried("browser", _browser), _tried("weights", lambda: _weights(model))]
    if checks[0].ok:
        checks.append(_tried("calibration", lambda: in_own_loop(_calibration(scale))))
    return checks


def _tried(name: str, check: Callable[[], Check | str]) -> Check:
    try:
        found = check()
    except DeixisError as error:
        return Check(name=name, ok=False, detail=str(error))
    return found if isinstance(found, Check) else Check(name=name, ok=True, detail=found)


def _browser() -> str:
    from deixis.browser.launch import find_browser, managed_path

    return str(find_browser(managed=managed_path()))


def _weights(model: str | None) -> str:
    from time import perf_counter

    from deixis.agent.api import load_pointer
    from deixis.agent.picture import blank

    pointer = load_pointer(model)
    start = perf_counter()
    pointer.point_many(blank(1280, 720), ["the Save button"])
    return f"{pointer.name} ({pointer.weights_sha256[:12]}), {perf_counter() - start:.2f} s for one target at 1280x720"


async def _calibration(scale: float) -> Check:
    """Clicks a grid of points and asks the page where they landed."""
    from deixis.browser.actions import Click
    from deixis.browser.session import Session, SessionConfig

    async with Session(SessionConfig(scale=scale)) as session:
        await session.start("data:text/html," + PAGE.replace("#", "%23").replace("\n", " "))
        shot = await session.look()
        side = round(TARGETS**0.5)
        aimed = [
            Point(x=round(shot.width * (i + 0.5) / side), y=round(shot.height * (j + 0.5) / side))
            for j in range(side)
            for i in range(side)
        ]
        for point in aimed:
            await session.act(Click(target=point))
        landed = await session.page.evaluate("window.clicks")
    errors = [max(abs(p.x - x), abs(p.y - y)) for p, (x, y) in zip(aimed, landed, strict=False)]
    ok = len(landed) == len(aimed) and max(errors) <= 0.5
    detail = f"{len(landed)} of {len(aimed)} clicks arrived, largest error {max(errors, default=0):.2f} CSS pixels, picture scale {shot.scale:g}"
    return Check(name="calibration", ok=ok, detail=detail)
