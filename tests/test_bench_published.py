"""Published grounding sets, a few items of each written here in the exact layout, read and scored as published."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from deixis.benchmarks import baselines, runner
from deixis.benchmarks.published import FORMATS, read_published, recognised
from deixis.benchmarks.published_scores import f1, normalised, rouge
from deixis.browser.errors import SetupError, UsageError
from deixis.browser.types import Box, Point, Pointing, Reading, Screenshot
from tests.fakes import FixedPointer


def picture(path: Path | None = None, size: tuple[int, int] = (400, 200), colour: str = "white") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def put(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


class Words(FixedPointer):
    """Answers questions, and reads at places, from a list."""

    def __init__(self, answers: dict[str, Any], said: dict[str, str] | None = None, there: str = "") -> None:
        super().__init__(answers)
        self.said, self.there = said or {}, there

    def read(self, screenshot: Screenshot, question: str) -> Reading:
        return Reading(text=self.said.get(question, ""))

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        return Reading(text=self.there)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def run(folder: Path, pointer: Any) -> dict[str, Any]:
        monkeypatch.setattr(baselines, "load", lambda model, threads=None: pointer)
        return runner.bench(folder, out=tmp_path / "out")

    return run


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def at(x: float, y: float) -> Point:
    return Point(x=x, y=y)


def shot(instruction: str, bbox: list[int], kind: str, source: str) -> dict[str, Any]:
    return {
        "img_filename": f"{source}.png",
        "bbox": bbox,
        "instruction": instruction,
        "data_type": kind,
        "data_source": source,
    }


@pytest.mark.parametrize(("version", "pictures"), [("", "screenspot_imgs"), ("_v2", "screenspotv2_image")])
def test_screenspot(here: Path, bench: Any, version: str, pictures: str) -> None:
    for source in ("ios", "windows", "shop"):
        picture(here / pictures / f"{source}.png")
    put(
        here / f"screenspot_mobile{version}.json",
        [shot("one", [10, 20, 30, 40], "text", "ios"), shot("two", [10, 20, 30, 40], "text", "ios")],
    )
    put(here / f"screenspot_desktop{version}.json", [shot("three", [10, 20, 30, 40], "icon", "windows")])
    put(here / f"screenspot_web{version}.json", [shot("four", [10, 20, 30, 40], "icon", "shop")])
    assert recognised(here).name == ("screenspot-v2" if version else "screenspot")
    # x from 10 to 40, y from 20 to 60: the edges count
    summary = bench(
        here, FixedPointer({"one": at(40, 60), "two": at(40.5, 60), "three": at(10, 20), "four": at(9, 20)})
    )
    assert summary["rate"] == 0.5
    figures = summary["published"]
    assert (
        figures["mobile text"]["rate"] == 0.5
        and figures["desktop icon"]["rate"] == 1
        and figures["web icon"]["rate"] == 0
    )
    assert figures["mean of cells"] == pytest.approx(0.5) and figures["all"]["n"] == 4
    assert summary["by"]["tag"]["ios"]["n"] == 2


def test_screenspot_as_a_table(here: Path, tmp_path: Path) -> None:
    row = {
        "file_name": "a.png",
        "bbox": [0.1, 0.2, 0.5, 0.5],
        "instruction": "one",
        "data_type": "text",
        "data_source": "macos",
    }
    table(here / "data" / "test-00000-of-00001.parquet", [row | {"image": {"bytes": picture(), "path": "a.png"}}])
    found = read_published(str(here), None, tmp_path / "pictures")
    assert found.format == "screenspot" and found.items[0].family == "desktop"
    assert found.items[0].box == Box(x0=40, y0=40, x1=200, y1=100) and found.image(found.items[0]).exists()


def test_screenspot_pro(here: Path, bench: Any) -> None:
    picture(here / "images" / "vscode_macos" / "a.png")
    entry = {
        "img_filename": "vscode_macos/a.png", "bbox": [100, 50, 120, 60], "instruction_cn": "?", "application": "vscode", "platform": "macos",
        "img_size": [400, 200], "group": "Dev",
    }  # fmt: skip
    rows = [("1", "run", "icon"), ("2", "stop", "text"), ("3", "absent", "icon")]
    put(here / "annotations" / "vscode_macos.json", [entry | {"id": i, "instruction": name, "ui_type": kind} for i, name, kind in rows] + [
        entry | {"id": "4", "instruction": "other", "ui_type": "icon", "img_size": [800, 400], "bbox": [900, 50, 920, 60]},
    ])  # fmt: skip
    assert recognised(here).name == "screenspot-pro"
    summary = bench(here, FixedPointer({"run": at(110, 55), "stop": at(121, 55)}))
    assert (
        summary["published"]["icon"]["rate"] == 0.5
        and summary["published"]["text"]["rate"] == 0
        and summary["published"]["Dev"]["n"] == 3
    )
    assert (
        summary["broken"][0]["where"] == "entry 3 of vscode_macos.json" and "outside" in summary["broken"][0]["reason"]
    )


class Refusing(FixedPointer):
    """Finds only what it has an answer for."""


def test_osworld_g(here: Path, bench: Any) -> None:
    picture(here / "benchmark" / "images" / "a.png")
    same = {"image_path": "a.png", "image_size": [400, 200]}
    put(here / "benchmark" / "OSWorld-G.json", [
        same | {"id": "1", "instruction": "box", "box_type": "bbox", "box_coordinates": [10, 20, 30, 40], "GUI_types": ["Label", "Button"]},
        same | {"id": "2", "instruction": "in the outline", "box_type": "polygon", "box_coordinates": [100, 100, 200, 100, 100, 200], "GUI_types": ["Canvas"]},
        same | {"id": "3", "instruction": "in its box only", "box_type": "polygon", "box_coordinates": [100, 100, 200, 100, 100, 200], "GUI_types": ["Canvas"]},
        same | {"id": "4", "instruction": "not there", "box_type": "refusal", "box_coordinates": [-1, -1, -1, -1], "GUI_types": ["Refusal"]},
        same | {"id": "5", "instruction": "found all the same", "box_type": "refusal", "box_coordinates": [-1, -1, -1, -1], "GUI_types": ["Refusal"]},
        same | {"id": "6", "instruction": "?", "box_type": "circle", "box_coordinates": [1, 2, 3], "GUI_types": []},
    ])  # fmt: skip
    summary = bench(
        here,
        Refusing(
            {
                "box": at(40, 60),
                "in the outline": at(120, 120),
                "in its box only": at(190, 190),
                "found all the same": at(5, 5),
            }
        ),
    )
    assert (summary["n"], summary["rate"]) == (5, pytest.approx(3 / 5))
    figures = summary["published"]
    assert figures["without refusals"]["rate"] == pytest.approx(2 / 3) and figures["Refusal"]["rate"] == 0.5
    assert figures["Button"]["rate"] == 1 and figures["Canvas"]["rate"] == 0.5
    assert "circle" in summary["broken"][0]["reason"]
    report = (here.parent / "out" / "report.html").read_text()
    assert '<polygon class="right" points="100.0 100.0 200.0' in report


def test_webclick(here: Path, bench: Any) -> None:
    rows = [
        ("one", [0.1, 0.1, 0.5, 0.5], "calendars"),
        ("two", [0.1, 0.1, 0.5, 0.5], "agentbrowse"),
        ("pixels", [40, 20, 60, 30], "agentbrowse"),
    ]
    table(here / "data" / "test-00000-of-00001.parquet", [
        {"image": {"bytes": picture(), "path": None}, "instruction": name, "bbox": box, "bucket": bucket} for name, box, bucket in rows
    ])  # fmt: skip
    assert recognised(here).name == "webclick"
    summary = bench(here, FixedPointer({"one": at(200, 100), "two": at(201, 100)}))
    assert summary["published"]["calendars"]["rate"] == 1 and summary["published"]["agentbrowse"]["rate"] == 0
    assert "shares of the picture" in summary["broken"][0]["reason"], "pixels are not taken for shares"


def test_showdown(here: Path, bench: Any) -> None:
    folder = here / "showdown-clicks-dev"
    picture(folder / "frames" / "a.png")
    header = "id,image,instruction,x1,y1,x2,y2,width,height\n"
    put(
        folder / "data.csv",
        header
        + '1,frames/a.png,"open, please",10,20,40,60,400,200\n2,frames/a.png,close,10,20,40,60,400,200\n3,frames/none.png,x,1,1,2,2,400,200\n',
    )
    assert recognised(here).name == "showdown"
    summary = bench(here, FixedPointer({"open, please": at(40, 60), "close": at(41, 60)}))
    assert (
        summary["rate"] == 0.5 and summary["published"]["interval"] == [0, 1] and summary["published"]["seconds"] >= 0
    )
    assert summary["broken"][0]["where"] == "line 4 of data.csv"


def test_mind2web(here: Path, bench: Any) -> None:
    query = {"bbox": [[10, 20, 30, 40], [200, 20, 30, 40]], "scale": 1.05}
    lines = [
        query | {"id": f"{task}_{step}", "image": f"{task}_{step}/0.png", "description": f"{task}{step}"} for task, step in (("t", 1), ("t", 2), ("u", 1))
    ]  # fmt: skip
    for entry in lines:
        picture(here / "blocks" / str(entry["image"]), colour=f"#{len(entry['id'])}0{ord(str(entry['id'])[0])}0")
    put(here / "data" / "gpt-4o" / "cross_task_query.jsonl", "".join(json.dumps(entry) + "\n" for entry in lines))
    put(
        here / "data" / "samples" / "cross_task_blocks.jsonl",
        "".join(json.dumps({"annotation_id": t, "total_steps": n}) + "\n" for t, n in (("t", 4), ("u", 1))),
    )
    assert recognised(here).name == "mind2web"
    summary = bench(here, FixedPointer({"t1": at(15, 30), "t2": at(215, 30), "u1": at(100, 30)}))
    figures = summary["published"]
    assert figures["of what was asked"]["rate"] == pytest.approx(2 / 3), "the second box is as right as the first"
    assert figures["element accuracy"]["rate"] == pytest.approx(2 / 5), "two steps of t were never asked"
    assert figures["macro element accuracy"] == pytest.approx((2 / 4 + 0) / 2)


def test_visualwebbench(here: Path, bench: Any) -> None:
    image, raw = {"bytes": picture(), "path": None}, {"bytes": picture(colour="red"), "path": None}
    same = {"website": "a.com", "image": image, "image_size": [400, 200]}
    options = [[i / 10, 0.1, i / 10 + 0.05, 0.2] for i in range(8)]
    table(here / "element_ground" / "test-00000-of-00001.parquet", [
        same | {"id": "e1", "task_type": "element_ground", "raw_image": raw, "options": options, "elem_desc": "the cart", "answer": 3},
        same | {"id": "e2", "task_type": "element_ground", "raw_image": raw, "options": options, "elem_desc": "the search", "answer": 1},
    ])  # fmt: skip
    table(here / "action_ground" / "test-00000-of-00001.parquet", [
        same | {"id": "a1", "task_type": "action_ground", "raw_image": raw, "options": options, "instruction": "buy it", "answer": 0},
    ])  # fmt: skip
    table(here / "element_ocr" / "test-00000-of-00001.parquet", [
        same | {"id": "o1", "task_type": "element_ocr", "bbox": [0.1, 0.1, 0.5, 0.2], "answer": "free shipping on all orders"},
    ])  # fmt: skip
    table(
        here / "heading_ocr" / "test-00000-of-00001.parquet",
        [same | {"id": "h1", "task_type": "heading_ocr", "answer": "Welcome home"}],
    )
    assert recognised(here).name == "visualwebbench"
    pointer = Words(
        {"the cart": at(125, 30), "the search": at(125, 30), "buy it": at(10, 30)}, there="free shipping on orders"
    )
    figures = bench(here, pointer)["published"]
    assert figures["element_ground"]["rate"] == 0.5 and figures["action_ground"]["rate"] == 1
    assert figures["element_ocr"]["rouge_1"] == pytest.approx(2 * (4 / 4) * (4 / 5) / (4 / 4 + 4 / 5), abs=1e-6)
    assert figures["heading_ocr"] == {"n": 1, "rouge_1": 0, "rouge_2": 0, "rouge_l": 0}
    found = read_published(str(here), None, here.parent / "out" / "pictures")
    colours = {item.kind: Image.open(found.image(item)).convert("RGB").getpixel((0, 0)) for item in found.items}
    assert colours["element_ground"] == (255, 0, 0) and colours["element_ocr"] == (255, 255, 255), (
        "marks to choose from are not shown"
    )


def test_websrc(here: Path, bench: Any) -> None:
    picture(here / "auto" / "03" / "processed_data" / "0300542.png")
    put(here / "auto" / "03" / "dataset.csv", (
        "question,id,element_id,answer_start,answer\n"
        'What is the price?,au030054200001,102,0,"The $19,000"\nIs it new?,au030054200002,-1,1,yes\nWhat colour?,au030054200003,7,3,dark red\n'
    ))  # fmt: skip
    assert recognised(here).name == "websrc"
    summary = bench(here, Words({}, {"What is the price?": "$19,000.", "Is it new?": "no", "What colour?": "red"}))
    assert summary["published"]["exact"]["rate"] == pytest.approx(1 / 3), "articles and punctuation do not count"
    assert summary["published"]["f1"] == pytest.approx((1 + 0 + 2 / 3) / 3) and summary["published"]["pos"] is None


def test_words() -> None:
    assert normalised("The  price, a lot!") == "price lot"
    assert f1("dark red", "red") == pytest.approx(2 / 3) and f1("the", "a") == 1 and f1("red", "") == 0
    assert rouge("a b c", "x")["rouge_l"] == 0 and rouge("a b c d", "a b c d")["rouge_l"] == pytest.approx(1)
    assert rouge("a b c", "...")["rouge_1"] == 0


def test_every_format_says_when_a_folder_is_none_of_it(here: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the published formats"):
        recognised(here)
    for name in FORMATS:
        with pytest.raises(UsageError, match="holds no items"):
            read_published(str(here), name, tmp_path)
    with pytest.raises(UsageError, match="is none of"):
        read_published(str(here), "screenspott", tmp_path)
    with pytest.raises(UsageError, match="needs --format"):
        read_published(str(tmp_path / "nowhere"), None, tmp_path)
    put(here / "screenspot_web.json", "[1, 2")
    with pytest.raises(UsageError, match="is no JSON"):
        read_published(str(here), None, tmp_path)


def test_results_of_another_set_are_refused(here: Path, bench: Any) -> None:
    picture(here / "screenspot_imgs" / "ios.png")
    put(here / "screenspot_mobile.json", [shot("one", [10, 20, 30, 40], "text", "ios")])
    bench(here, FixedPointer({}))
    put(here / "screenspot_mobile.json", [shot("another", [10, 20, 30, 40], "text", "ios")])
    with pytest.raises(UsageError, match="another --out"):
        bench(here, FixedPointer({}))


def test_a_pointing_without_a_place_is_a_miss(here: Path, bench: Any) -> None:
    class Speechless(FixedPointer):
        def point_many(self, screenshot: Screenshot, targets: Any) -> list[Pointing]:
            return [Pointing(target=target, point=None, unreadable="no words") for target in targets]

    picture(here / "benchmark" / "images" / "a.png")
    put(here / "benchmark" / "OSWorld-G.json", [
        {"id": "4", "image_path": "a.png", "instruction": "not there", "box_type": "refusal", "box_coordinates": [-1, -1, -1, -1]},
    ])  # fmt: skip
    assert bench(here, Speechless({}))["rate"] == 0, "words that cannot be read are no refusal"


class Hub:
    """Stands in for the `datasets` package: one set, its pictures as bytes once they are not to be decoded."""

    class Image:
        def __init__(self, decode: bool = True) -> None:
            self.decode = decode

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows, self.asked = rows, []  # type: ignore[var-annotated]
        self.features = {name: Hub.Image() if name == "image" else "text" for name in rows[0]}
        self.cast: list[str] = []

    def load_dataset(self, name: str, config: str | None, split: str) -> "Hub":
        self.asked.append((name, config, split))
        return self

    def cast_column(self, column: str, feature: "Hub.Image") -> "Hub":
        assert not feature.decode
        self.cast.append(column)
        return self

    def __iter__(self) -> Any:
        return iter(self.rows)


def test_a_set_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(
        [
            {
                "image": {"bytes": picture(), "path": None},
                "instruction": "one",
                "bbox": [0, 0, 0.5, 0.5],
                "bucket": "calendars",
            }
        ]
    )
    monkeypatch.setitem(sys.modules, "datasets", hub)  # type: ignore[arg-type]
    found = read_published("Hcompany/WebClick", "webclick", tmp_path / "pictures")
    assert hub.asked == [("Hcompany/WebClick", None, "test")] and hub.cast == ["image"]
    assert found.items[0].box == Box(x0=0, y0=0, x1=200, y1=100) and found.image(found.items[0]).exists()
    with pytest.raises(UsageError, match="published as files"):
        read_published("likaixin/ScreenSpot-Pro", "screenspot-pro", tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SetupError, match=r"deixis\[bench\]"):
        read_published("Hcompany/WebClick", "webclick", tmp_path)
