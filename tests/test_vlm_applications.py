"""Screens of running applications: started, walked by the mouse, pictured; what cannot be started is said and left out."""

import json
import sys
from pathlib import Path
from random import Random

import pytest

from deixis.browser.errors import SetupError
from deixis.vlm import applications, collect, sites
from deixis.vlm.applications import Application, Walker
from deixis.vlm.words import Words

BIN = Path(sys.executable).parent
SERVED = ("python", "-m", "http.server", "{port}", "--bind", "127.0.0.1")
PAGE = """<!doctype html><title>Shop</title><h1>Shop</h1><input placeholder="Name" id="name"><select><option>one<option>two</select>
<button onclick="list.innerHTML += '<li>' + name.value">Add</button><button>Filter</button><a href="http://elsewhere.test/">Elsewhere</a>
<button onclick="document.body.innerHTML = 'gone'">Delete everything</button><ul id="list"></ul>"""


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "SHOTS", 4)


def shop(folder: Path, packages: Path, rng: Random) -> list[str]:
    (folder / "index.html").write_text(PAGE)
    return ["index.html"]


async def test_an_application_is_started_and_walked(tmp_path: Path) -> None:
    """Every screen differs from the first in what was done, nothing that ends it is clicked, and links that lead out are left."""
    await Walker(tmp_path, BIN, tmp_path).start(Application("shop", "MIT", shop, SERVED), [0, 1])
    screens = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("shop-*.json"))]
    assert len(screens) == 2 * applications.SHOTS
    assert {screen["family"] for screen in screens} == {"shop"}
    for screen in screens:
        names = {name for element in screen["els"] for _, name in element["names"]}
        assert {"Add", "Filter", "Elsewhere", "Delete everything"} <= names
    assert "| shop | 8 | MIT |" in collect.card(tmp_path)
    first, rest = screens[0]["els"], [screen["els"] for screen in screens[1 : applications.SHOTS]]
    assert any(els != first for els in rest)


async def test_an_application_that_ends_says_why(tmp_path: Path) -> None:
    ended = Application("ended", "MIT", shop, ("python", "-c", "raise SystemExit('the port is taken')"))
    with pytest.raises(SetupError, match="ended ended: .*the port is taken"):
        await Walker(tmp_path, BIN, tmp_path).start(ended, [0])


def test_what_cannot_be_started_is_left_out_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = (Application("absent", "MIT", shop, ("absent-program",)), Application("shop", "MIT", shop))
    monkeypatch.setattr(applications, "APPLICATIONS", both)
    monkeypatch.setattr(applications, "SHARED", 1)
    arguments = [
        "applications",
        "--bin",
        str(BIN),
        "--packages",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--count",
        "2",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    applications.main()
    assert "left out: no 'absent-program' in" in capsys.readouterr().out
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("shop-000001-*.json")}
    assert len(made) == applications.SHOTS
    applications.main()
    assert {path: path.stat().st_mtime_ns for path in made} == made, "a page that is done was walked again"


@pytest.mark.parametrize(
    "application", [a for a in applications.APPLICATIONS if a.name not in {"swagger-ui", "todomvc"}]
)
def test_each_is_filled_with_content_of_its_own(application: Application, tmp_path: Path) -> None:
    """The same seed fills a folder alike; another one otherwise."""
    written = []
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / place).mkdir()
        assert application.fill(tmp_path / place, tmp_path, Random(seed))
        written.append({
            str(path.relative_to(tmp_path / place)): path.read_bytes() for path in (tmp_path / place).rglob("*") if path.is_file()
        })  # fmt: skip
    assert written[0] == written[1] != written[2]
    for name, content in written[0].items():
        if name.endswith(".py"):
            compile(content, name, "exec")


def test_a_site_is_built_once_and_a_failure_is_said(tmp_path: Path) -> None:
    """Stand-ins for the generators: what is tested is how they are called, and that half a site does not stay."""
    made = tmp_path / "site"
    with pytest.raises(SetupError, match="no 'mkdocs' in .*pip install mkdocs-material"):
        sites.build("mkdocs-material", 0, made, tmp_path)
    program = tmp_path / "mkdocs"
    program.write_text('#!/bin/sh\nmkdir -p "$4" && cp -r docs mkdocs.yml "$4"\n')
    program.chmod(0o755)
    sites.build("mkdocs-material", 0, made, tmp_path)
    assert (
        len(list(made.glob("docs/*.md"))) == sites.PAGES and json.loads((made / "mkdocs.yml").read_text())["site_name"]
    )
    program.write_text('#!/bin/sh\nmkdir -p "$4"\necho no theme >&2\nexit 1\n')
    with pytest.raises(SetupError, match="mkdocs-material failed: no theme"):
        sites.build("mkdocs-material", 0, tmp_path / "other", tmp_path)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", sites.GENERATORS)
def test_every_generator_gets_sources_of_its_own(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, seed in ((first, 0), (second, 1)):
        folder.mkdir()
        sites.GENERATORS[name](folder, tmp_path / "target", Words(Random(seed)))
    texts = [sorted(path.read_text() for path in folder.rglob("*") if path.is_file()) for folder in (first, second)]
    assert len(texts[0]) >= sites.PAGES and texts[0] != texts[1]
