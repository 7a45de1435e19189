"""The report in a real browser: everything is in it, points are where they were, nothing is fetched or executed."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, Page

from deixis.agent.journal import Journal
from deixis.agent.report import annotate, hidden, pointing_figures, timings, write_report
from deixis.agent.state import Attempt, Episode, Outcome, PlanItem, Step, TaskState, Timings
from deixis.browser.actions import Click, Drag, GiveUp, Read, Type
from deixis.browser.types import Box, Candidate, Change, Hit, Point, Pointing, Reading

pytestmark = pytest.mark.asyncio(loop_scope="session")
EVIL = "<script>window.hacked = true</script>"


def picture(width: int = 640, height: int = 360) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def made(folder: Path, end: bool = True) -> Episode:
    state = TaskState(
        goal=f"click {EVIL} with password secret-word",
        plan=[PlanItem(text=f"click {EVIL}", status="failed", note="it did not work")],
    )
    hit = Hit(tag="input", role="textbox", name="Password", box=Box(x0=0, y0=0, x1=9, y1=9), input_type="password")
    found = Pointing(
        target="Save",
        point=Point(x=160, y=90),
        box=Box(x0=140, y0=80, x1=180, y1=100),
        confidence=0.8,
        found=True,
        alternatives=(Candidate(point=Point(x=500, y=300), confidence=0.1),),
    )
    wrong = found.model_copy(update={"point": Point(x=20, y=20)})
    tries = (
        Attempt(source="first", pointing=wrong, refused="'Off' is disabled"),
        Attempt(source="alternative", pointing=found),
    )
    times = Timings(screenshot=0.1, pointing=0.5, acting=0.1, total=0.8)
    size = {"width": 640, "height": 360, "url": f"http://127.0.0.1/{EVIL}", "title": "A page"}
    steps = [
        Step(index=0, planned=Click(target="Save"), performed=Click(target=found.point or ""), pointing=found, attempts=tries, changed=True, change=Change(url=True), timings=times, **size),
        Step(index=1, planned=Type(text="secret-word", target="Password"), performed=Type(text="secret-word", target=Point(x=5, y=5)), pointing=wrong, hit=hit, attempts=(Attempt(source="first", pointing=wrong),), changed=True, timings=times, **size),
        Step(index=2, planned=GiveUp(reason="no way"), error="no way", timings=times, **size),
    ]  # fmt: skip
    with Journal.open(folder) as journal:
        journal.header(state)
        state.steps += [journal.step(step, picture()) for step in steps]
        episode = Episode(
            task_id="t", model="fixed", outcome=Outcome.GAVE_UP, reason="no way", state=state, seconds=2.4
        )
        if end:
            journal.end(episode)
    return episode


async def opened(browser: Browser, path: Path) -> tuple[Page, list[str]]:
    page = await browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(path.as_uri())
    return page, [url for url in asked if not url.startswith(("file:", "data:"))]


async def test_everything_is_in_one_file(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run")
    page, asked = await opened(browser, write_report(tmp_path / "run"))
    assert not asked and not await page.evaluate("window.hacked")
    assert await page.locator(".step").count() == 3 and await page.locator(".film image").count() == 3
    text = await page.inner_text("body")
    for words in (
        EVIL,
        "gave up",
        "no way",
        "80 % sure",
        "'Off' is disabled",
        "url",
        "1 of 2",
        "2 of 2",
        "100 %",
        "it did not work",
    ):
        assert words in text, words
    assert "secret-word" not in await page.content() and "with password ••••••" in text
    await page.close()


async def test_the_point_is_drawn_where_it_was(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run")
    page, _ = await opened(browser, write_report(tmp_path / "run"))
    image = await page.locator("#step-0 .picture img").bounding_box()
    dot = await page.locator("#step-0 .point circle").last.bounding_box()
    assert image and dot
    x, y = dot["x"] + dot["width"] / 2 - image["x"], dot["y"] + dot["height"] / 2 - image["y"]
    assert x / image["width"] == pytest.approx(160 / 640, abs=0.003) and y / image["height"] == pytest.approx(
        90 / 360, abs=0.003
    )
    assert await page.locator("#step-0 .tried").count() == 1, "the attempt that worked is no rejected one"
    assert await page.locator("#step-0 .other circle").get_attribute("cx") == "500.0"
    assert await page.locator("#step-0 .box").first.get_attribute("width") == "40.0"
    await page.close()


async def test_every_picture_is_in_the_file_once(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run")
    path = write_report(tmp_path / "run")
    assert path.read_text().count("data:image/png") == 3
    page, _ = await opened(browser, path)
    drawn = "[...document.images].every(i => i.naturalWidth === 640) && [...document.querySelectorAll('image')].every(i => i.getAttribute('href').startsWith('data:image/png'))"
    assert await page.evaluate(drawn)
    await page.close()


async def test_it_is_dark_where_people_like_it_dark(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run")
    page, _ = await opened(browser, write_report(tmp_path / "run"))
    colours = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        colours.append(
            await page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
        )
    assert colours[0] > 200 > 60 > colours[1]
    await page.close()


async def test_arrow_keys_move_between_steps(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run")
    page, _ = await opened(browser, write_report(tmp_path / "run"))
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    assert await page.locator(".film a.here").get_attribute("href") == "#step-2"
    await page.keyboard.press("ArrowLeft")
    assert await page.locator(".film a.here").get_attribute("href") == "#step-1"
    top = await page.evaluate("document.querySelector('#step-1').getBoundingClientRect().top")
    assert 0 < top < 200, "the step is in view, below the film strip"
    for _ in range(5):
        await page.keyboard.press("ArrowLeft")
    assert await page.locator(".film a.here").get_attribute("href") == "#step-0"
    await page.close()


async def test_a_run_that_was_cut_off_has_a_report_too(browser: Browser, tmp_path: Path) -> None:
    made(tmp_path / "run", end=False)
    (tmp_path / "run" / "step-001.png").unlink()
    page, _ = await opened(browser, write_report(tmp_path / "run"))
    assert "interrupted" in await page.inner_text("header") and await page.locator(".step").count() == 3
    await page.close()


async def test_a_run_without_a_step_has_a_report_too(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run") as journal:
        journal.header(TaskState(goal="half \ud83d"))
    assert "No step was taken" in write_report(tmp_path / "run").read_text()


async def test_drags_readings_and_targets_that_are_nowhere(tmp_path: Path) -> None:
    nowhere = Pointing(target="Moon", point=None)
    steps = [
        Step(index=0, planned=Drag(start="A", end="B"), performed=Drag(start=Point(x=1, y=2), end=Point(x=3, y=4)), width=640, height=360),
        Step(index=1, planned=Read(question="Total"), reading=Reading(text="42 & more", source="dom"), width=640, height=360),
        Step(index=2, planned=Click(target="Moon"), pointing=nowhere, error="not found: 'Moon'", width=640, height=360),
        Step(index=3, planned=Click(target="Sun")),
    ]  # fmt: skip
    with Journal.open(tmp_path / "run") as journal:
        journal.header(TaskState(goal="all kinds"))
        for step in steps:
            journal.step(step, picture())
    page = write_report(tmp_path / "run").read_text()
    for words in (
        'x1="1.0" y1="2.0" x2="3.0" y2="4.0"',
        "42 &amp; more",
        "from dom",
        "not found: &#39;Moon&#39;",
        "Sun",
    ):
        assert words in page, words


async def test_figures(tmp_path: Path) -> None:
    episode = made(tmp_path / "run")
    assert pointing_figures(episode) == {"pointed": 2, "first": 1, "done": 2}
    rows = {row.part: row for row in timings(episode)}
    assert rows["pointing"].p50 == 0.5 and rows["total"].p95 == pytest.approx(0.8) and rows["acting"].p50 == 0.1


async def test_a_password_is_hidden_before_its_field_was_found_and_whole_words_only() -> None:
    missed = Step(index=0, planned=Type(text="add", target="Password"), error="not found: 'Password'")
    state = TaskState(goal="type add into Password, open address", steps=[missed])
    episode = hidden(Episode(task_id="t", model="m", outcome=Outcome.GAVE_UP, state=state))
    assert episode.state.goal == "type •••••• into Password, open address"
    plain = Episode(task_id="t", model="m", outcome=Outcome.FINISHED, state=TaskState(goal="add"))
    assert hidden(plain) is plain


@pytest.mark.parametrize("scale", [1, 2])
async def test_annotate_draws_at_the_point(scale: int) -> None:
    found = Pointing(
        target="the Save button", point=Point(x=100, y=50), box=Box(x0=80, y0=40, x1=120, y1=60), found=True
    )
    drawn = Image.open(io.BytesIO(annotate(picture(640 * scale, 360 * scale), [found], 640)))
    assert drawn.size == (640 * scale, 360 * scale)
    assert drawn.getpixel((94 * scale, 50 * scale)) == (230, 0, 126)
    assert drawn.getpixel((80 * scale, 50 * scale)) == (230, 0, 126), "the box's left side"
    assert drawn.getpixel((600 * scale, 300 * scale)) == (255, 255, 255)


async def test_annotate_keeps_labels_in_the_picture() -> None:
    corner = Pointing(target="a long label " * 5, point=Point(x=636, y=357), found=True)
    absent = Pointing(target="nowhere", point=None)
    drawn = Image.open(io.BytesIO(annotate(picture(), [absent, corner], 640))).convert("RGB")
    dark = [x for x in range(640) if drawn.getpixel((x, 357)) == (43, 0, 24)]
    assert dark and min(dark) > 0 and max(dark) < 630


async def test_a_journal_cannot_name_pictures_outside_its_folder(tmp_path: Path) -> None:
    made(tmp_path / "run")
    (tmp_path / "private").write_bytes(b"not for the report")
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text(journal.read_text().replace("step-000.png", "../private"))
    assert base64.b64encode(b"not for the report").decode() not in write_report(tmp_path / "run").read_text()
