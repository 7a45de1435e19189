"""Published grounding sets as they are published: what lies in their folders becomes items (`deixis.benchmarks.sets`).

    screenspot     screenspot_{mobile,desktop,web}.json, [x, y, width, height] in pixels; or its table (pictures within,
                   corners as shares of the picture)
    screenspot-v2  screenspot_{mobile,desktop,web}_v2.json, as above
    screenspot-pro annotations/*.json, corners in pixels
    osworld-g      OSWorld-G.json: boxes [x, y, width, height], outlines, and targets that are not there (refusal)
    webclick       a table: picture, instruction, corners as shares of the picture, bucket
    showdown       data.csv: corners in pixels
    mind2web       *_query.jsonl of Multimodal-Mind2Web's blocks: several boxes [x, y, width, height] are right
    visualwebbench tables of element_ground, action_ground (the answer is one of eight boxes), element_ocr, heading_ocr
    websrc         DOMAIN/NN/dataset.csv beside processed_data/*.png: questions that are read

Tables are parquet files in the folder, or, where a name on the hub is given instead of a folder, come through the
`datasets` package; their pictures are written to a folder of ours. Knows no model, and no scores
(`deixis.benchmarks.published_scores`).
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from deixis.benchmarks.sets import Builder, GroundingSet, Item, image_size
from deixis.benchmarks.tables import Table, store, tables
from deixis.browser.errors import UsageError
from deixis.browser.types import Box

ASK_IN_BOX = (
    "You are given a screenshot of a webpage with a red rectangle bounding box. The [x1, y1, x2, y2] coordinates of the "
    "bounding box is {box}.\nPlease perform OCR in the bounding box and recognize the text content within the red bounding box.\n"
    "\nYou should use the following format:\nThe text content within the red bounding box is: <YOUR ANSWER>\n"
)
ASK_HEADING = (
    "You are given a screenshot of a webpage. Please generate the main text within the screenshot, which can be regarded as "
    "the heading of the webpage.\n\nYou should directly tell me the main content, and do not output any explanation or any other contents.\n"
)
"""VisualWebBench's own words."""


class Source(NamedTuple):
    """Where a set lies, and what is made of it."""

    folder: Path
    """The set's folder; for one from the hub, a folder that is not there."""
    hub: str
    """The name on the hub, or nothing."""
    pictures: Path
    """Where pictures out of tables go."""
    builder: Builder
    steps: dict[str, int]

    def add(self, where: str, make: Callable[[], Item]) -> None:
        self.builder.add(where, make)

    def picture(self, image: Any) -> dict[str, Any]:
        """A picture out of a table: its path and size."""
        return measured(store(image, self.pictures))


class Format(NamedTuple):
    """A published format."""

    name: str
    files: tuple[str, ...]
    """Patterns in the folder, one of which says that it is this one."""
    read: Callable[[Source], None]
    columns: frozenset[str] = frozenset()
    """Columns by which a table is told."""


def measured(path: Path) -> dict[str, Any]:
    """What an item says of its picture."""
    width, height = image_size(path)
    return {"image": str(path.resolve()), "width": width, "height": height}


def corners(values: Sequence[float], width: float = 1, height: float = 1) -> Box:
    """[x0, y0, x1, y1] in pixels, or with a size, as shares of it; ValueError for shares above 1."""
    x0, y0, x1, y1 = (float(value) for value in values)
    if (width, height) != (1, 1) and max(x0, y0, x1, y1) > 1.001:
        raise ValueError(f"the box {list(values)} is to be shares of the picture, and they go above 1")
    return Box(x0=x0 * width, y0=y0 * height, x1=x1 * width, y1=y1 * height)


def sized(values: Sequence[float]) -> Box:
    """[x, y, width, height] in pixels."""
    x, y, width, height = (float(value) for value in values)
    return Box(x0=x, y0=y, x1=x + width, y1=y + height)


def entries(path: Path) -> Iterator[tuple[str, Any]]:
    """The entries of a JSON list with where each stands; UsageError for a file that is none."""
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} is no JSON ({error})") from error
    if not isinstance(found, list):
        raise UsageError(f"{str(path)!r} is no list of items")
    for number, entry in enumerate(found):
        yield f"entry {number} of {path.name}", entry


def lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
        if line.strip():
            yield f"line {number} of {path.name}", line


def rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file by the names in its first line."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield f"line {reader.line_num} of {path.name}", row


def found(folder: Path, *patterns: str) -> list[Path]:
    """Files by patterns, each once, in order."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def beside(folder: Path, name: str, places: Sequence[str]) -> Path:
    """A picture in the first of some folders that has it; in the first of all when none has, for the message."""
    options = [folder / place / name for place in places]
    return next((path for path in options if path.exists()), options[0])


# the formats

JSON_PLACES = ("", "annotations/", "benchmark/")
SHOTS = ("screenspot_imgs", "screenspotv2_image", "screenspotv2_imgs", "images", "")


def screenspot(source: Source) -> None:
    files = found(
        source.folder, *(f"{place}screenspot_{d}.json" for place in JSON_PLACES for d in ("mobile", "desktop", "web"))
    )
    _screenspot_files(source, files)
    for table in () if files else tables(source.folder, source.hub):
        for where, row in table.rows():
            source.add(where, partial(_screenspot_row, source, row, where))


def screenspot_v2(source: Source) -> None:
    _screenspot_files(source, found(source.folder, *(f"{place}screenspot_*_v2.json" for place in JSON_PLACES)))


def _screenspot_files(source: Source, files: Sequence[Path]) -> None:
    for file in files:
        device = file.stem.split("_")[1]
        for number, (where, entry) in enumerate(entries(file)):
            source.add(where, partial(_screenspot_item, source, entry, f"{device}/{number}", device))


def _screenspot_item(source: Source, entry: dict[str, Any], name: str, device: str) -> Item:
    path = beside(source.folder, entry["img_filename"], SHOTS)
    return Item(
        id=name, instruction=entry["instruction"], box=sized(entry["bbox"]), kind=entry["data_type"], family=device,
        tags=(f"{device} {entry['data_type']}", entry.get("data_source", "")), **measured(path),
    )  # fmt: skip


DEVICES = {"ios": "mobile", "android": "mobile", "windows": "desktop", "macos": "desktop"}


def _screenspot_row(source: Source, row: dict[str, Any], where: str) -> Item:
    shown = source.picture(row["image"])
    device = DEVICES.get(row["data_source"], "web")
    return Item(
        id=where, instruction=row["instruction"], box=corners(row["bbox"], shown["width"], shown["height"]), kind=row["data_type"],
        family=device, page=row["file_name"], tags=(f"{device} {row['data_type']}", row["data_source"]), **shown,
    )  # fmt: skip


def screenspot_pro(source: Source) -> None:
    for file in found(source.folder, "annotations/*.json"):
        for where, entry in entries(file):
            source.add(where, partial(_screenspot_pro_item, source, entry))


def _screenspot_pro_item(source: Source, entry: dict[str, Any]) -> Item:
    path = source.folder / "images" / entry["img_filename"]
    shown = measured(path)
    # Corners are in pixels of img_size, as they are scored; a copy of the picture may be smaller.
    across, down = shown["width"] / entry["img_size"][0], shown["height"] / entry["img_size"][1]
    x0, y0, x1, y1 = entry["bbox"]
    box = Box(x0=x0 * across, y0=y0 * down, x1=x1 * across, y1=y1 * down)
    return Item(
        id=entry["id"], instruction=entry["instruction"], box=box, kind=entry["ui_type"], family=entry["group"],
        tags=(f"{entry['group']} {entry['ui_type']}", entry["application"], entry["platform"]), **shown,
    )  # fmt: skip


def osworld_g(source: Source) -> None:
    for file in found(source.folder, *(f"{place}OSWorld-G*.json" for place in JSON_PLACES))[:1]:
        for where, entry in entries(file):
            source.add(where, partial(_osworld_item, source, entry, file.parent))


def _osworld_item(source: Source, entry: dict[str, Any], folder: Path) -> Item:
    kind, values = entry["box_type"], [float(value) for value in entry["box_coordinates"]]
    box: Box | None = None
    polygon: tuple[float, ...] = ()
    if kind == "bbox":
        box = sized(values)
    elif kind == "polygon":
        if len(values) < 6 or len(values) % 2:
            raise ValueError(f"an outline has three corners or more, x and y in turns: {values}")
        xs, ys = values[::2], values[1::2]
        box, polygon = Box(x0=min(xs), y0=min(ys), x1=max(xs), y1=max(ys)), tuple(values)
    elif kind != "refusal":
        raise ValueError(f"box_type {kind!r} is none of bbox, polygon, refusal")
    path = beside(folder, entry["image_path"], ("images", ""))
    return Item(
        id=entry["id"], instruction=entry["instruction"], box=box, polygon=polygon, kind="refusal" if kind == "refusal" else "present",
        family="osworld-g", tags=tuple(entry.get("GUI_types") or ()), **measured(path),
    )  # fmt: skip


def webclick(source: Source) -> None:
    for table in tables(source.folder, source.hub):
        for where, row in table.rows():
            source.add(where, partial(_webclick_item, source, row, where))


def _webclick_item(source: Source, row: dict[str, Any], where: str) -> Item:
    shown = source.picture(row["image"])
    box = corners(row["bbox"], shown["width"], shown["height"])
    return Item(id=where, instruction=row["instruction"], box=box, kind=row["bucket"], family="webclick", **shown)


def showdown(source: Source) -> None:
    for file in found(source.folder, "data.csv", "*/data.csv")[:1]:
        for where, row in rows(file):
            source.add(where, partial(_showdown_item, row, file.parent))


def _showdown_item(row: dict[str, str], folder: Path) -> Item:
    shown = measured(folder / row["image"])
    # The boxes are in pixels of width x height, which the file states; pictures were stored at that size.
    across, down = shown["width"] / float(row["width"]), shown["height"] / float(row["height"])
    box = Box(
        x0=float(row["x1"]) * across,
        y0=float(row["y1"]) * down,
        x1=float(row["x2"]) * across,
        y1=float(row["y2"]) * down,
    )
    return Item(id=row["id"], instruction=row["instruction"], box=box, kind="click", family="showdown", **shown)


def mind2web(source: Source) -> None:
    """Questions about blocks; beside them *_blocks.jsonl says of which tasks, so that steps never asked count as missed."""
    for file in found(source.folder, "*_query.jsonl", "data/*/*_query.jsonl", "*/*_query.jsonl"):
        split = file.stem.removesuffix("_query")
        for where, line in lines(file):
            source.add(where, partial(_mind2web_item, source, line, split))
    for file in found(source.folder, "*_blocks.jsonl", "data/samples/*_blocks.jsonl", "samples/*_blocks.jsonl"):
        for _, line in lines(file):
            sample = json.loads(line)
            source.steps[sample["annotation_id"]] = int(sample["total_steps"])


def _mind2web_item(source: Source, line: str, split: str) -> Item:
    entry = json.loads(line)
    path = beside(source.folder, entry["image"], ("", "blocks", "images", f"{split}_blocks", split))
    first, *others = (sized(values) for values in entry["bbox"])
    return Item(
        id=entry["id"], instruction=entry["description"], box=first, boxes=tuple(others), kind="element", family=split,
        page=entry["id"].rsplit("_", 1)[0], **measured(path),
    )  # fmt: skip


READ_TASKS, GROUND_TASKS = ("element_ocr", "heading_ocr"), ("element_ground", "action_ground")


def visualwebbench(source: Source) -> None:
    for task in GROUND_TASKS + READ_TASKS:
        for table in tables(source.folder, source.hub, task):
            for where, row in table.rows():
                source.add(where, partial(_visualwebbench_item, source, row, task))


def _visualwebbench_item(source: Source, row: dict[str, Any], task: str) -> Item:
    ground = task in GROUND_TASKS
    # Candidates are drawn into `image`, as marks to choose from; a pointer is shown the page itself.
    shown = source.picture(row["raw_image"] if ground and row.get("raw_image") else row["image"])
    own = {"id": f"{task}/{row['id']}", "kind": task, "family": "visualwebbench", "page": row["website"], **shown}
    if not ground:
        where = row.get("bbox")
        box = corners(where, shown["width"], shown["height"]) if where is not None and task == "element_ocr" else None
        question = ASK_IN_BOX.format(box=list(where)) if box and where is not None else ASK_HEADING
        return Item(instruction=question, box=box, text=row["answer"], answers="rouge", **own)
    box = corners(row["options"][int(row["answer"])], shown["width"], shown["height"])
    return Item(instruction=row["elem_desc" if task == "element_ground" else "instruction"], box=box, **own)


def websrc(source: Source) -> None:
    for file in found(source.folder, "*/*/dataset.csv", "*/*/*/dataset.csv"):
        for where, row in rows(file):
            source.add(f"{where} in {file.parent.relative_to(source.folder)}", partial(_websrc_item, row, file))


def _websrc_item(row: dict[str, str], file: Path) -> Item:
    page = row["id"][2:9]
    return Item(
        id=row["id"], instruction=row["question"], box=None, text=row["answer"], answers="squad", family=file.parent.parent.name,
        kind="yes or no" if row["element_id"] == "-1" else "span", page=page, **measured(file.parent / "processed_data" / f"{page}.png"),
    )  # fmt: skip


def _patterns(name: str) -> tuple[str, ...]:
    return tuple(place + name for place in JSON_PLACES)


FORMATS = {
    form.name: form
    for form in (
        Format("screenspot-v2", _patterns("screenspot_*_v2.json"), screenspot_v2),
        Format("screenspot", tuple(f"{p}screenspot_{d}.json" for p in JSON_PLACES for d in ("mobile", "desktop", "web")), screenspot,
               frozenset({"file_name", "bbox", "instruction", "data_type", "data_source"})),
        Format("osworld-g", _patterns("OSWorld-G*.json"), osworld_g),
        Format("screenspot-pro", ("annotations/*.json",), screenspot_pro),
        Format("showdown", ("data.csv", "*/data.csv"), showdown),
        Format("mind2web", ("*_query.jsonl", "data/*/*_query.jsonl", "*/*_query.jsonl"), mind2web),
        Format("visualwebbench", ("element_ground/*.parquet", "action_ground/*.parquet", "element_ocr/*.parquet", "heading_ocr/*.parquet"), visualwebbench),
        Format("websrc", ("*/*/dataset.csv", "*/*/*/dataset.csv"), websrc),
        Format("webclick", (), webclick, frozenset({"image", "instruction", "bbox", "bucket"})),
    )
}  # fmt: skip


ON_HUB = ("screenspot", "webclick", "visualwebbench")
"""Formats that are published as tables."""


def recognised(folder: Path) -> Format:
    """The format that a folder is laid out in; UsageError when none is, or more than one."""
    fits = [form for form in FORMATS.values() if found(folder, *form.files)]
    if {form.name for form in fits} >= {"screenspot-pro", "screenspot"} or {form.name for form in fits} >= {
        "screenspot-pro",
        "screenspot-v2",
    }:
        fits = [form for form in fits if form.name != "screenspot-pro"]  # both keep their lists in annotations/
    if not fits and found(folder, "*.parquet", "*/*.parquet"):
        names = {name for table in tables(folder, "") for name in table.columns}
        fits = [form for form in FORMATS.values() if form.columns and form.columns <= names]
    if len(fits) != 1:
        seen = " and ".join(form.name for form in fits) or "none of the published formats"
        raise UsageError(
            f"the folder {str(folder)!r} looks like {seen}: say which with --format ({', '.join(FORMATS)})"
        )
    return fits[0]


def read_published(where: str, form: str | None, pictures: Path) -> GroundingSet:
    """A published set out of a folder, or by its name on the hub; UsageError when there is nothing of it."""
    folder = Path(where)
    if form is not None and form not in FORMATS:
        raise UsageError(f"--format {form!r} is none of {', '.join(FORMATS)}")
    if not folder.is_dir() and form is None:
        raise UsageError(f"{where!r} is neither a grounding set nor a folder; a set on the hub needs --format")
    chosen = FORMATS[form] if form else recognised(folder)
    if not folder.is_dir() and chosen.name not in ON_HUB:
        raise UsageError(
            f"{chosen.name} is published as files, not as a table: download it, and give its folder instead of {where!r}"
        )
    source = Source(folder, "" if folder.is_dir() else where, pictures, Builder(folder), {})
    chosen.read(source)
    source.builder.must_hold_items(folder)
    digest = hashlib.sha256(
        "\n".join(item.model_dump_json(exclude={"image"}) for item in source.builder.items).encode()
    ).hexdigest()
    return GroundingSet(
        folder, digest, source.builder.items, tuple(source.builder.broken), chosen.name, folder, source.steps
    )


__all__ = ["FORMATS", "Table", "read_published", "recognised"]
