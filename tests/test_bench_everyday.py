"""The everyday pages: every question has its place on them."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser

from deixis.benchmarks import everyday
from deixis.benchmarks.sets import read_set

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_question_has_its_place(browser: Browser, tmp_path: Path) -> None:
    asked = everyday.questions()
    count = await everyday.draw(browser, tmp_path)
    items = read_set(tmp_path / "everyday.jsonl").items
    assert len(items) == count == sum(map(len, asked.values())) > 190
    assert sum(item.box is None for item in items) == sum(
        one["target"] is None for row in asked.values() for one in row
    )
    assert {json.dumps([item.width, item.height]) for item in items if item.page == "shop"} == {"[390, 844]"}


async def test_a_question_about_nothing_is_named(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"news": [{"page": "news", "words": "login", "target": "#nowhere"}]}
    monkeypatch.setattr(everyday, "questions", lambda: lost)
    with pytest.raises(LookupError, match="everyday_news.html has no '#nowhere'"):
        await everyday.draw(browser, tmp_path)
