"""Data and training: pages are as described, targets are where the DOM says, a step learns, a run resumes."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from deixis.browser.errors import UsageError
from deixis.browser.types import Box, Point
from deixis.vlm import ask, checkpoint, counting, questions, scenes
from deixis.vlm.average import average, main
from deixis.vlm.calibrate import Asked, apply, calibration_error, fit, threshold
from deixis.vlm.calibrate import asked as judged_answers
from deixis.vlm.config import ROLES
from deixis.vlm.data import Parts
from deixis.vlm.judge import SIGNS, Judge, fitted
from deixis.vlm.model import Nano
from deixis.vlm.optim import orthogonal
from deixis.vlm.pages import PageMaker
from deixis.vlm.places import Place, in_order, places_of
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.sheet import Sheet, Wording, wordings
from deixis.vlm.things import gathered
from deixis.vlm.train import Stage, Trainer, take_over
from deixis.vlm.train_decoder import (
    Example,
    Examples,
    Relating,
    Source,
    example,
    findable,
    keep,
    kept,
)
from deixis.vlm.train_sight import Sight
from tests.small_nano import SMALL, sighted


def element(name: str, box: list[float], role: str = "button", **more: object) -> dict[str, object]:
    return {"role": role, "names": [["text", name]], "box": box, "disabled": False, **more}


@pytest.fixture
def screens(tmp_path: Path) -> Path:
    """One screen of coloured boxes with names."""
    names = ["Save", "Cancel", "Delete", "Open file", "Settings", "Profile", "Help me", "Log out"]
    image = Image.new("RGB", (672, 384), "white")
    words, els = [], []
    for i, name in enumerate(names):
        x, y = 40 + 150 * (i % 4), 60 + 160 * (i // 4)
        image.paste((30 * i, 255 - 30 * i, 90), (x, y, x + 120, y + 40))
        els.append(element(name, [x, y, x + 120, y + 40]))
        edges = [x + 10 + 8 * k for k in range(len(name.split()[0]) + 1)]
        words.append([name.split()[0], x + 10, y + 10, edges[-1], y + 28, edges])
    image.save(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(
        json.dumps({"width": 672, "height": 384, "els": els, "words": words, "skip": [], "family": "test", "page": "a"})
    )
    return tmp_path


def line(text: str, x: float, y: float) -> list[list[object]]:
    """Words of 8 px a letter on one line, as collect.js gives them."""
    words: list[list[object]] = []
    for word in text.split():
        edges = [x + 8 * i for i in range(len(word) + 1)]
        words.append([word, x, y, edges[-1], y + 15, edges])
        x = edges[-1] + 6
    return words


def people() -> scenes.Scene:
    """Three rows, each a name and its Edit."""
    rows = [element("Edit", [200, 40 * i, 230, 40 * i + 15]) for i in range(3)]
    words = [word for i, name in enumerate(("Alice", "Bob Ray", "Carol")) for word in line(name, 20, 40 * i)]
    return scenes.scene(rows, words)


def test_what_fits_several_is_asked_with_what_tells_it_apart() -> None:
    seen = people()
    asked = [q for k in range(80) if (q := ask.about(seen.elements[1], seen, Random(k)))]
    beside = [q for q in asked if q.kind == "relation"]
    counted = [q for q in asked if q.kind == "ordinal"]
    assert beside and counted and len(asked) == len(beside) + len(counted)
    assert all(q.anchor == ((20, 40, 74, 55),) for q in beside)
    assert np.mean(["bob" in q.text.lower() for q in beside]) > 0.8  # the others have a slip of the finger
    assert all(q.ordinal == 2 and len(q.boxes) == 3 for q in counted)


def test_words_on_a_line_belong_together() -> None:
    words = line("Total users", 10, 10) + line("far away", 400, 10) + line("next line", 10, 40)
    assert [run.text for run in scenes.runs_of(words)] == ["Total users", "far away", "next line"]


def test_values_are_asked_by_what_stands_beside_them() -> None:
    seen = scenes.scene(
        [], line("Blue shoes", 10, 10) + line("$19.99", 10, 30) + line("Red hat", 300, 10) + line("$5.00", 300, 30)
    )
    prices = [q for k in range(60) if (q := ask.value(seen, Random(k))) and q.boxes[0][0] == 10 and q.boxes[0][1] == 30]
    assert any("blue shoes" in q.text.lower() for q in prices)
    assert all(q.anchor != ((300, 10, 350, 25),) for q in prices)


def test_synonyms_are_used_only_where_nothing_else_says_them() -> None:
    seen = scenes.scene([element("Trash", [0, 0, 50, 20]), element("Rubbish", [100, 0, 150, 20])], line("Trash", 0, 0))
    table = {"trash": ["rubbish", "garbage"]}
    asked = [q for k in range(60) if (q := ask.about(seen.elements[0], seen, Random(k), table)) and q.kind == "synonym"]
    assert asked and all("garbage" in q.text.lower() or "g" in q.text.lower() for q in asked)
    assert not any("rubbish" in q.text.lower() for q in asked)


def test_absent_names_are_not_on_the_screen() -> None:
    seen = scenes.scene(
        [element("Save", [0, 0, 50, 20]), element("Delete user", [60, 0, 150, 20])],
        line("Save", 0, 0) + line("Delete user", 60, 0),
    )
    for k in range(200):
        question = ask.absent(seen, ["Save", "Elsewhere"], Random(k))
        assert question is None or (not question.boxes and question.text.lower() not in {"save", "delete user", "user"})


def test_a_control_is_asked_for_by_the_label_beside_it() -> None:
    field = {"role": "field", "names": [["label", "City *"]], "box": [120, 40, 300, 70], "disabled": False}
    near, far = line("City *", 20, 44), line("City", 20, 900)
    seen = scenes.scene([field], near + far)
    asked = [q for k in range(40) if (q := ask.about(field, seen, Random(k))) and q.kind == "field"]
    assert asked and all(q.anchor == ((20, 44, 66, 59),) for q in asked)
    assert scenes.label_of(element("City", [120, 40, 300, 70]), "City", seen) == ()  # a button carries its own name


def test_a_wall_of_icons_is_nothing_else(tmp_path: Path) -> None:
    icons = tmp_path / "lucide-static" / "icons"
    icons.mkdir(parents=True)
    (icons.parent / "tags.json").write_text(json.dumps({"search": ["find", "magnifier"], "bell": ["alarm"]}))
    for name in ("search", "bell"):
        (icons / f"{name}.svg").write_text('<svg stroke="currentColor" viewBox="0 0 24 24"><path d="M1 1h9"/></svg>')
    html, family = PageMaker(tmp_path).page(3, wall="icons")
    buttons = html.count("<button")
    assert family == "icons" and buttons >= 40
    assert html.count('data-icons="search|find|magnifier"') + html.count('data-icons="bell|alarm"') == buttons


def test_namesakes_are_counted_in_reading_order() -> None:
    def place(x: float, y: float, mass: float) -> Place:
        return Place(Point(x=x, y=y), Box(x0=x, y0=y, x1=x + 8, y1=y + 8), mass, 0)

    found = [place(300, 10, 0.3), place(20, 12, 0.28), place(20, 200, 0.26), place(400, 400, 0.01)]
    assert [in_order(found, k)[0].point.y for k in (1, 2, 3, counting.LAST)] == [12, 10, 200, 200]
    assert in_order(found, 1)[0].mass == pytest.approx(0.84)
    assert in_order(found, 5)[0].mass < 0.4  # there is no fifth


def test_an_element_and_what_is_written_on_it_are_one_place() -> None:
    things = gathered(
        sighted(
            [("Save", (20.0, 20.0, 60.0, 36.0)), ("Help me", (200.0, 20.0, 260.0, 36.0))], [(10.0, 10.0, 70.0, 46.0)]
        )
    )
    places = places_of(things, np.array([0.0, 0.0, 0.4]), np.array([0.3, 0.15, 0.15]))
    assert places[0].mass == pytest.approx(0.7) and places[0].box.x0 == 10
    assert places[1].mass == pytest.approx(0.3) and places[1].box.x1 == 260  # both of its words


def test_a_judge_learns_what_speaks_against_an_answer() -> None:
    """Not fitted it says what decoder and place say; fitted it trusts the sign that tells."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, len(SIGNS)))
    there = rows[:, SIGNS.index("rarest")] > -0.5
    hit = there & (rng.random(600) < 0.9)
    new = Judge().requires_grad_(False)
    known = 1 / (1 + np.exp(rows[:, 0])) / (1 + np.exp(-rows[:, 1]))
    told = torch.sigmoid(new.confidence(torch.from_numpy(rows).float())).numpy()
    assert told == pytest.approx(known, abs=1e-4)
    judge = fitted(rows, there.astype(float), hit.astype(float))
    after = torch.sigmoid(judge.confidence(torch.from_numpy(rows).float())).numpy()
    assert after[there].mean() > 0.8 and after[~there].mean() < 0.2
    again = fitted(rows, there.astype(float), hit.astype(float))
    assert torch.equal(judge.outer.weight, again.outer.weight)


def test_updates_of_matrices_are_orthogonal() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(32, 80)))
    assert values.min() > 0.5 and values.max() < 1.3


def drawn(screens: Path, tmp_path: Path) -> Path:
    """What the model is taken to have found on the screen."""
    screen = json.loads((screens / "a.json").read_text())
    lines = [(w[0], (float(w[1]), float(w[2]), float(w[3]), float(w[4]))) for w in screen["words"]]
    boxes = [tuple(map(float, e["box"])) for e in screen["els"]]
    (tmp_path / "things").mkdir()
    keep(sighted(lines, boxes), tmp_path / "things" / "a.pt")  # type: ignore[arg-type]
    return tmp_path / "things"


class Small(Relating):
    """The stage on one screen."""

    def __init__(self, screens: Path, things: Path) -> None:
        self.size, self.config, self.source = 1, SMALL.decoder, Source(screens, things, {})


@pytest.mark.parametrize("name", ["see", "relate"])
def test_a_few_steps_learn_one_screen(screens: Path, tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    stage: Stage = Sight(screens, None, 1) if name == "see" else Small(screens, drawn(screens, tmp_path))
    trainer = Trainer(tmp_path / "out", Nano(SMALL), stage, 3e-3)
    batch = next(iter(Parts(screens, None, SMALL, 1, tiles=1) if name == "see" else stage.examples(1)))
    losses = [trainer.learn(batch, 3e-3)["loss"] for _ in range(14)]
    assert losses[-1] < losses[0] * 0.8


def test_only_the_part_that_is_trained_changes(screens: Path, tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "out", Nano(SMALL), Small(screens, drawn(screens, tmp_path)), 1e-3)
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    trainer.learn(next(iter(trainer.stage.examples(0))), 1e-3)
    changed = {
        name.split(".")[0]
        for name, tensor in trainer.model.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed == {"decoder"}


def test_training_resumes_where_it_was(screens: Path, tmp_path: Path) -> None:
    stage = Small(screens, drawn(screens, tmp_path))
    trainer = Trainer(tmp_path / "out", Nano(SMALL), stage, 1e-3)
    trainer.run(minutes=0.03)
    assert trainer.steps > 0
    again = Trainer(tmp_path / "out", Nano(SMALL), stage, 1e-3)
    again.resume()
    assert again.steps == trainer.steps
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
    other = Nano(SMALL)
    assert take_over(other, tmp_path / "out" / "nano.safetensors") == []


def test_the_mean_of_weights(screens: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in "abc"]
    models = [Nano(SMALL), Nano(SMALL)]
    for model, file in zip(models, files, strict=False):
        checkpoint.save(model, SMALL, file)
    for arguments, share in ([], 0.5), (["--shares", "1", "3"], 0.25):
        main([*map(str, files[:2]), "--out", str(files[2]), *arguments])
        one, other = (model.state_dict() for model in models)
        for name, tensor in checkpoint.load(files[2]).state_dict().items():
            assert torch.allclose(tensor, share * one[name] + (1 - share) * other[name], atol=2e-3)
    deeper = SMALL.model_copy(update={"decoder": SMALL.decoder.model_copy(update={"layers": SMALL.decoder.layers + 1})})
    checkpoint.save(Nano(deeper), deeper, files[2])
    with pytest.raises(UsageError, match="shape"):
        average([files[0], files[2]], files[2])
    with pytest.raises(UsageError, match="shares"):
        average(files[:2], files[2], [1.0])
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none.safetensors"), "--out", str(files[2])])


def test_weights_are_kept_on_the_way(screens: Path, tmp_path: Path) -> None:
    Trainer(tmp_path / "out", Nano(SMALL), Small(screens, drawn(screens, tmp_path)), 1e-3).run(minutes=0.2)
    parts = sorted(file.name for file in (tmp_path / "out").glob("part-*.safetensors"))
    assert parts and set(parts) <= {"part-1.safetensors", "part-2.safetensors"}


def test_what_was_not_found_is_not_asked_for(screens: Path) -> None:
    screen = json.loads((screens / "a.json").read_text())
    boxes = [(float(e["box"][0]), float(e["box"][1]), float(e["box"][2]), float(e["box"][3])) for e in screen["els"]]
    sheet, rng = Sheet(sighted([("Save", (50.0, 70.0, 90.0, 88.0))], boxes), screen), Random(4)
    for _ in range(6):
        sheet.lose(rng)
    assert 0 < len(sheet.elements) < len(boxes) and len(sheet.drawn) == len(sheet.elements)
    things = sheet.things()
    assert len(things.texts) == 1 + len(sheet.elements) and all(
        sum(e.roles) == pytest.approx(1) for e in sheet.elements
    )
    lost = [
        box
        for box in boxes[1:]
        if not any(abs(e.box[0] - box[0]) < 20 and abs(e.box[1] - box[1]) < 20 for e in sheet.elements)
    ]
    asks = [
        ask.Ask("save", (boxes[0],), "button"),
        ask.Ask("that one", (lost[0],), "button"),
        ask.Ask("no", (), "absent", True),
    ]
    assert [one.text for one in findable(things, asks)] == ["save", "no"]


def test_judges_are_fitted_to_rougher_sights_too(screens: Path) -> None:
    pointer, files = NanoPointer(dtype="float32"), [screens / "a.json"]
    plain, rough = judged_answers(pointer, files), judged_answers(pointer, files, rough=True)
    assert len(plain) < len(rough) and rough[: len(plain)] == plain
    assert {one.signs for one in rough[len(plain) :]} - {one.signs for one in plain}


def test_near_misses_are_not_there(screens: Path, tmp_path: Path) -> None:
    examples = Examples(Source(screens, drawn(screens, tmp_path), {}), SMALL.decoder, seed=3, size=2)
    scene = Sheet(
        sighted([("Save", (50.0, 70.0, 90.0, 88.0))], []), json.loads((screens / "a.json").read_text())
    ).scene()
    asks = [one for seed in range(20) for one in examples.nearly(scene, Random(seed))]
    assert len(asks) > 20 and all(one.absent and not one.boxes for one in asks)
    names = {name for name in scene.groups}
    assert not names & {one.text.lower() for one in asks}


def test_what_was_found_comes_back(tmp_path: Path) -> None:
    seen = sighted([("Save me", (20.0, 20.0, 60.0, 36.0))], [(10.0, 10.0, 70.0, 46.0)])
    keep(seen, tmp_path / "a.pt")
    again = kept(tmp_path / "a.pt")
    assert again.lines == seen.lines and again.elements == seen.elements
    assert torch.allclose(again.looks, seen.looks, atol=1e-2)


def test_another_label_is_asked_for_in_other_words(screens: Path) -> None:
    screen = json.loads((screens / "a.json").read_text())
    lines = [(w[0], (float(w[1]), float(w[2]), float(w[3]), float(w[4]))) for w in screen["words"]]
    sheet = Sheet(sighted(lines, []), screen)
    sheet.relabel(sheet.scene(), [Wording("Pay now", "button", ["take my money"])], 1, Random(0))
    assert len(sheet.asks) == 1 and "take my money" in sheet.asks[0].text.lower()
    assert [line.text for line in sheet.lines].count("Pay now") == 1
    assert "Pay now" in sheet.things().texts
    renamed = [e for e in sheet.els if ["text", "Pay now"] in e["names"]]
    assert len(renamed) == 1 and tuple(renamed[0]["box"]) == sheet.asks[0].boxes[0]
    assert "pay now" in sheet.scene().groups


def test_people_do_not_say_to_training_what_they_say_to_the_benchmark() -> None:
    held_out = Path(__file__).parents[1] / "benchmarks" / "people_words.jsonl"
    measured = {json.loads(text)["words"].lower() for text in held_out.read_text().splitlines()}
    trained = {words.lower() for held in (False, True) for wording in wordings(held) for words in wording.words}
    assert len(trained) > 5000 and not measured & trained
    kept, held = ({w.label for w in wordings(some)} for some in (False, True))
    assert not kept & held and 0.05 < len(held) / len(kept) < 0.25


def test_targets_are_the_words_and_elements_whose_middle_is_inside() -> None:
    things = gathered(
        sighted([("Open file", (20.0, 20.0, 100.0, 36.0))], [(10.0, 10.0, 140.0, 46.0), (300.0, 10.0, 340.0, 40.0)])
    )
    inside, gone = ask.Ask("open it", ((10.0, 10.0, 60.0, 46.0),), "button"), ask.Ask("no", (), "absent", True)
    made: Example = example(things, [inside, gone], SMALL.decoder)
    assert made.words.tolist() == [[True, False], [False, False]]  # "file" lies to the right of the box
    assert made.things.tolist() == [[False, False, False], [False, False, False]] and made.absent.tolist() == [
        False,
        True,
    ]
    assert example(things, [inside._replace(boxes=((0.0, 0.0, 150.0, 50.0),))], SMALL.decoder).things[0].tolist() == [
        False,
        True,
        False,
    ]


def test_examples_ask_of_what_is_there(screens: Path, tmp_path: Path) -> None:
    things = drawn(screens, tmp_path)
    batch = next(iter(Examples(Source(screens, things, {}), SMALL.decoder, seed=3, size=2)))
    assert len(batch) == 1  # the others of a batch have been learned from before
    for one in batch:
        found = one.things.any(1) | one.words.any(1)
        assert not (found & one.absent).any() and found[~one.absent].float().mean() > 0.7
        assert len(one.kinds) == len(one.absent) and one.asked.ratios.shape == one.things.shape


def test_roles_are_those_of_the_collector() -> None:
    script = (Path(__file__).parents[1] / "vlm" / "collect.js").read_text()
    assert (
        all(f'"{role}"' in script for role in ROLES)
        and questions.bucket("Save", 64) == questions.bucket("save", 64) > 0
    )


def test_calibration_brings_confidence_to_the_rate_of_hits() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(4000)
    items = [Asked(float(p**3), bool(rng.random() < p)) for p in truth]  # far too modest
    after = apply(items, fit(items))
    assert calibration_error(after) < 0.05 < calibration_error(items)
    assert np.mean([i.mass >= threshold(after) for i in after if i.hit]) == pytest.approx(0.965, abs=0.01)


@pytest.mark.parametrize(
    ("question", "number", "rest", "label"),
    [
        ("the second Edit", 2, "the Edit", "secondedit"),
        ("last Delete", counting.LAST, "Delete", "lastdelete"),
        ("Edit number 3", 3, "Edit", ""),
        ("the 4th View button", 4, "the View button", "4thview"),
        ("the First name field", 1, "the name field", "firstname"),  # unless the page says so
    ],
)
def test_a_number_among_namesakes_is_taken_out_of_the_question(
    question: str, number: int, rest: str, label: str
) -> None:
    found = counting.counted(question)
    assert found is not None and found._replace(on="", thing="") == counting.Counted(number, rest, label)


@pytest.mark.parametrize("question", ["Save", "click 'First name'", "first", "item number 12"])
def test_questions_without_a_number(question: str) -> None:
    assert counting.counted(question) is None
