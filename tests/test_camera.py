"""Pictures of a page that is being replaced."""

from typing import Any, cast

import pytest
from playwright.async_api import Error, Page

from deixis.browser.camera import UNABLE, Camera
from deixis.browser.config import SessionConfig
from deixis.browser.secrets import Secrets
from deixis.browser.tabs import Tabs


class Replaced:
    """A page that cannot be pictured for the first few times."""

    def __init__(self, times: int, why: str) -> None:
        self.times, self.why, self.asked = times, why, 0

    async def screenshot(self, **_: Any) -> bytes:
        self.asked += 1
        if self.asked <= self.times:
            raise Error(f"Page.screenshot: Protocol error (Page.captureScreenshot): {self.why}")
        return b"picture"


def camera(seconds: float) -> Camera:
    return Camera(cast(Tabs, None), cast(Secrets, None), SessionConfig(answer_timeout=seconds))


async def test_a_page_that_is_replaced_meanwhile_is_pictured_again() -> None:
    page = Replaced(3, UNABLE)
    assert await camera(20)._png(cast(Page, page), quick=False) == b"picture" and page.asked == 4


async def test_a_page_that_can_never_be_pictured_is_given_up() -> None:
    page = Replaced(10**9, UNABLE)
    with pytest.raises(Error, match=UNABLE):
        await camera(0.3)._png(cast(Page, page), quick=False)
    assert page.asked > 1


async def test_other_failures_are_told_at_once() -> None:
    page = Replaced(1, "Target closed")
    with pytest.raises(Error, match="Target closed"):
        await camera(20)._png(cast(Page, page), quick=False)
    assert page.asked == 1
