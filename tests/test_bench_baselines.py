"""What there is to compare with: the middle, a random place, OCR with fuzzy matching."""

import difflib
import io

import pytest
from PIL import Image, ImageDraw

from deixis.benchmarks.baselines import CentrePointer, Line, OcrPointer, RandomPointer, best, windows, wordings
from deixis.browser.types import Box, Point, Screenshot


def like(a: str, b: str) -> float:
    return 100 * difflib.SequenceMatcher(None, a, b).ratio()


def shot(scale: int = 1, *texts: tuple[int, int, str]) -> Screenshot:
    image = Image.new("RGB", (480 * scale, 320 * scale), "white")
    for x, y, text in texts:
        ImageDraw.Draw(image).text((x * scale, y * scale), text, fill="black", font_size=18 * scale)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=480, height=320)


@pytest.mark.parametrize(
    ("instruction", "bare"),
    [
        ("click the Save button", "save"),
        ('Type into the "User name" field', "user name"),
        ("Please click on the link labelled Read more.", "read more"),
        ("the Émail text box", "email"),
        ("Open", "open"),
        ("Save", "save"),
    ],
)
def test_wordings_end_with_what_may_stand_on_the_page(instruction: str, bare: str) -> None:
    found = wordings(instruction)
    assert found[-1] == bare and len(found[0]) == max(len(w) for w in found)


def row(y: float, text: str) -> Line:
    return Line(text, Box(x0=0, y0=y, x1=10.0 * len(text), y1=y + 10))


def test_windows_of_a_line_lie_where_their_letters_are() -> None:
    found = {line.text: line.box for line in windows(row(0, "Home Sign in Help"), 2)}
    assert (found["Sign in"].x0, found["Sign in"].x1) == (50, 120)
    assert set(found) >= {"Home Sign in Help", "Home", "Help", "Home Sign"}


def test_the_words_most_alike_are_chosen() -> None:
    lines = [row(0, "Home Sign in Help"), row(20, "Signal"), row(40, "Select all"), row(60, "All")]
    assert best(lines, "click the Sign in link", like)[0].box.centre == Point(x=85, y=5)
    assert best(lines, "Select all", like)[0].box.centre.y == 45, "a verb may be part of the label"
    found = best(lines, "all", like)
    assert found[0].box.centre.y == 65 and len({match.box.centre for match in found}) == len(found)
    assert best([], "all", like) == []


def test_centre_and_random() -> None:
    assert CentrePointer().point_many(shot(), ["a", "b"])[1].point == Point(x=240, y=160)
    first, second = RandomPointer().point_many(shot(), ["a", "b"])
    assert first.point != second.point and first == RandomPointer().point_many(shot(), ["a"])[0]
    points = [p.point for p in RandomPointer().point_many(shot(), [str(i) for i in range(50)])]
    assert all(p and 0 <= p.x <= 480 and 0 <= p.y <= 320 for p in points)
    assert max(p.x for p in points if p) > 360 and min(p.x for p in points if p) < 120


def test_ocr_reads_and_points_in_css_pixels() -> None:
    pytest.importorskip("rapidocr")
    page = shot(2, (40, 40, "Username"), (40, 200, "Sign in"), (300, 200, "Register"))
    pointer = OcrPointer(threads=1)
    sign_in, zebra = pointer.point_many(page, ["click the 'Sign in' button", "Quarterly zebra statistics"])
    assert sign_in.found and sign_in.point and Box(x0=40, y0=195, x1=110, y1=230).contains(sign_in.point)
    assert not zebra.found and zebra.confidence < 0.75
    blank = pointer.point_many(shot(), ["Sign in"])[0]
    assert blank.point is None and not blank.found and blank.confidence == 0
