"""Reading from pixels: lines end where they end, and say what they say."""

import numpy as np
import pytest
import torch

from deixis.browser.session import Session
from deixis.browser.types import Point
from deixis.vlm import judge, lines
from deixis.vlm.model import ABSENT_FITS, EXPERTS, SIGNS, Signs
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.reader import ReaderConfig, Strips, decode
from tests.test_vlm_training import SMALL, Nano

PAGE = """<!doctype html><body style="margin:0;font:16px sans-serif"><style>*{position:absolute;margin:0;white-space:nowrap}
body,html,style{position:static}</style>
<p style="left:40px;top:40px">Order number 4711</p><p style="left:260px;top:40px">Total: 39.90</p>
<p style="left:40px;top:62px">Delivered on 12 March 2024</p>
<button style="left:40px;top:120px;background:#06c;color:#fff;border:0;padding:8px 12px">Save changes</button>
<p style="left:40px;top:200px;background:#222;color:#eee;padding:6px">Dark message</p>"""


@pytest.mark.asyncio(loop_scope="session")
async def test_lines_of_a_page_are_read_where_they_stand(browser_session: Session) -> None:
    await browser_session.page.set_content(PAGE)
    shot = await browser_session.look()
    pointer = NanoPointer(threads=1)
    texts = {
        (100, 49): "Order number 4711",
        (300, 49): "Total: 39.90",
        (100, 71): "Delivered on 12 March 2024",
        (90, 136): "Save changes",
        (90, 215): "Dark message",
    }
    read = {place: pointer.read_at(shot, Point(x=place[0], y=place[1])) for place in texts}
    right = sum(read[place].text.replace(" ", "") == text.replace(" ", "") for place, text in texts.items())
    assert right >= 4, {place: one.text for place, one in read.items()}  # one slip is let pass: fonts differ
    assert all(one.source == "pixels" and one.box for one in read.values())
    assert pointer.read_at(shot, Point(x=900, y=500)).text == ""


def test_a_line_ends_at_a_gap_and_at_the_end_of_a_button() -> None:
    pixels = np.full((80, 400), 255, np.uint8)
    mask = np.zeros((10, 100), bool)
    for x in (*range(40, 120, 10), *range(160, 200, 10)):  # two columns of letters, 44 pixels apart
        pixels[24:36, x : x + 3] = 0
        mask[3:5, x // 4 : (x + 8) // 4] = True
    found = lines.line_at(mask, pixels, Point(x=80, y=30))
    assert found and (found.x0, found.x1) == (37, 116) and found.y0 < 24 and found.y1 > 36
    pixels[:, 210:] = 0  # a dark area beside it
    other = lines.line_at(mask, pixels, Point(x=180, y=30))
    assert other and other.x0 == 157 and other.x1 < 210
    assert lines.line_at(mask, pixels, Point(x=20, y=70), reach=1) is None


def test_decoding_takes_runs_for_one_letter_and_blanks_between_for_two() -> None:
    symbols = "ab "
    logits = torch.full((8, 4), -9.0)
    for step, k in enumerate([2, 0, 0, 3, 0, 1, 3, 2]):  # " a a b " with the first a twice in a row
        logits[step, k] = 9.0
    line = decode(logits, symbols)
    assert line.text == "aab" and line.confidence > 0.99
    assert line.places == (1.5 / 8, 4.5 / 8, 5.5 / 8) and decode(logits[:0], symbols).text == ""


def test_strips_of_any_width() -> None:
    model = Strips(ReaderConfig(channels=(4, 4, 8), width=16, blocks=1))
    assert model(torch.zeros(2, 1, 32, 64)).shape == (2, 16, len(model.config.symbols) + 1)


def test_the_judge_learns_whom_to_trust() -> None:
    torch.manual_seed(0)
    model, n = Nano(SMALL), 400
    right = torch.randint(0, 2, (n,)) * (EXPERTS - 1)  # the first expert or the last, as the signs say
    best = torch.zeros(n, SIGNS)
    best[:, 0] = torch.where(right == 0, 1.0, -1.0)
    inside = torch.full((n, EXPERTS), -8.0).scatter(1, right[:, None], -0.1)
    seen, context = torch.zeros(n, EXPERTS + 2), torch.zeros(n, 2, SMALL.connector.context_key)
    signs = Signs(torch.zeros(n, SMALL.decoder.dim), best, seen, context)
    absent = (best[:, 0] < 0).float() * (torch.rand(n) < 0.5)
    cases = (signs, torch.zeros(n, ABSENT_FITS), inside, absent)
    before = judge.losses(model, cases, torch.arange(n))[0]
    judge.fit(model, cases, steps=60, rate=1e-2)
    assert judge.losses(model, cases, torch.arange(n))[0] < before / 2
