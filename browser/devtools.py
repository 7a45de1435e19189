"""What only the DevTools protocol tells of a point: what lies in a closed shadow root, and who listens there.

Scripts of a page cannot see either. Answers are those of page.js about an element that the protocol has found. Knows
nothing of actions; the point always comes from pixels.
"""

from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import CDPSession, Frame, Page
from playwright.async_api import Error as PlaywrightError

LISTENED = frozenset({"click", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart", "touchend"})
_SESSIONS: WeakKeyDictionary[Page | Frame, CDPSession] = WeakKeyDictionary()


async def session(frame: Frame) -> CDPSession | None:
    """The session of a frame's process; None for a frame within its parent's, where ids of its objects are not known."""
    page = frame.page
    of: Page | Frame = page if frame == page.main_frame else frame
    if of not in _SESSIONS:
        try:
            _SESSIONS[of] = await page.context.new_cdp_session(of)
        except PlaywrightError:
            return None
    return _SESSIONS[of]


async def inside(frame: Frame, x: float, y: float) -> Any:
    """What page.js says of the innermost element at CSS pixels of the frame, closed shadow roots included; None if it cannot be asked.

    page.js keeps the element: `held` gives it as a handle.
    """
    protocol = await session(frame)
    if protocol is None:
        return None
    try:
        node = await protocol.send("DOM.getNodeForLocation", {"x": round(x), "y": round(y)})
        found = await protocol.send("DOM.resolveNode", {"backendNodeId": node["backendNodeId"]})
        told = await protocol.send(
            "Runtime.callFunctionOn",
            {
                "objectId": found["object"]["objectId"],
                "functionDeclaration": "function () { return window.__deixis.about(this) }",
                "returnByValue": True,
            },
        )
    except PlaywrightError:  # the page moved on, or nothing is there
        return None
    return told["result"].get("value")


async def listens(frame: Frame, x: float, y: float) -> bool:
    """Whether something small at a point has a listener for clicks; what covers most of the page tells nothing."""
    protocol = await session(frame)
    if protocol is None:
        return False
    try:
        line = await protocol.send("Runtime.evaluate", {"expression": f"window.__deixis.line({{x: {x}, y: {y}}})"})
        if "objectId" not in line["result"]:
            return False
        listed = await protocol.send(
            "Runtime.getProperties", {"objectId": line["result"]["objectId"], "ownProperties": True}
        )
        for item in listed["result"]:
            if not item["name"].isdigit():
                continue
            heard = await protocol.send("DOMDebugger.getEventListeners", {"objectId": item["value"]["objectId"]})
            if any(listener["type"] in LISTENED for listener in heard["listeners"]):
                return True
    except PlaywrightError:
        return False
    return False
