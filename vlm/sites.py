"""Documentation sites built from random words by four generators, as pages for `collect`.

    pip install mkdocs-material sphinx furo sphinx-rtd-theme pelican faker wordfreq   (BIN is that environment's bin/)
    python -m deixis.vlm.sites --bin BIN --out PACKAGES

They come to lie in PACKAGES/sites, beside the npm packages. What is built is skipped. Knows nothing of browsers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from deixis.browser.errors import SetupError
from deixis.vlm.words import Words

SITES = 3
"""Of each generator, with other words, colours and navigation."""
PAGES = 14
COLOURS = ("red", "pink", "purple", "indigo", "blue", "teal", "green", "amber", "orange", "brown", "black", "white")


def parts(words: Words, head: str, kinds: Callable[[], list[str]]) -> str:
    """A page: its head, then parts drawn from what may stand on it."""
    return "\n\n".join([head, *(words.rng.choice(kinds()) for _ in range(words.rng.randint(3, 9)))]) + "\n"


def markdown(words: Words) -> str:
    """A page of headings, links, lists, a table and code."""
    rng = words.rng
    return parts(words, f"# {words.title()}", lambda: [
        f"## {words.title()}\n\n{words.sentence()} {words.sentence()}",
        f"### {words.title()}\n\n{words.sentence()} [{words.title()}](#x) {words.sentence()}",
        "\n".join(f"- [{words.title()}](#y)" for _ in range(rng.randint(2, 6))),
        "\n".join(f"{k}. {words.sentence(3, 9)}" for k in range(1, rng.randint(3, 7))),
        f"    {words.some(1)} --{words.some(1)} {words.value()}",
        "| A | B |\n|---|---|\n" + "\n".join(f"| {words.title()} | {words.value()} |" for _ in range(rng.randint(2, 6))),
        " ".join(words.sentence() for _ in range(rng.randint(2, 5))),
    ])  # fmt: skip


def mkdocs(source: Path, target: Path, words: Words) -> list[str]:
    rng = words.rng
    (source / "docs").mkdir()
    for k in range(PAGES):
        (source / "docs" / ("index.md" if not k else f"{words.some(1)}-{k}.md")).write_text(markdown(words))
    features = [
        "navigation.tabs",
        "navigation.sections",
        "navigation.indexes",
        "navigation.top",
        "toc.integrate",
        "navigation.footer",
    ]
    theme = {
        "name": "material", "font": False, "features": rng.sample(features, 4),
        "palette": {"scheme": rng.choice(["default", "slate"]), "primary": rng.choice(COLOURS), "accent": rng.choice(COLOURS[:9])},
    }  # fmt: skip
    (source / "mkdocs.yml").write_text(
        json.dumps({"site_name": words.title(), "theme": theme, "copyright": words.sentence()})
    )
    return ["mkdocs", "build", "--quiet", "--site-dir", str(target)]


def sphinx(theme: str) -> Callable[[Path, Path, Words], list[str]]:
    def write(source: Path, target: Path, words: Words) -> list[str]:
        rng, names = words.rng, [f"{words.some(1)}-{k}" for k in range(PAGES)]
        for name in names:
            (source / f"{name}.rst").write_text(restructured(words))
        trees = "\n\n".join(
            f".. toctree::\n   :caption: {words.title()}\n\n" + "\n".join(f"   {name}" for name in names[k::2])
            for k in range(2)
        )
        (source / "index.rst").write_text(f"{headed(words.title(), '=')}\n\n{words.sentence()}\n\n{trees}\n")
        (source / "conf.py").write_text(
            f"project = {words.title()!r}\nhtml_theme = {theme!r}\nextensions = []\nversion = {rng.choice(['1.2', '4.0'])!r}\n"
        )
        return ["sphinx-build", "-q", "-b", "html", str(source), str(target)]

    return write


def restructured(words: Words) -> str:
    """The same in reStructuredText."""
    rng = words.rng
    return parts(words, headed(words.title(), "="), lambda: [
        f"{headed(words.title(), '-')}\n\n{words.sentence()} {words.sentence()}",
        "\n".join(f"- `{words.title()} <#y>`__" for _ in range(rng.randint(2, 6))),
        f".. {rng.choice(['note', 'warning', 'tip'])}:: {words.sentence()}",
        f".. code-block:: text\n\n   {words.some(1)} --{words.some(1)} {words.value()}",
        " ".join(words.sentence() for _ in range(rng.randint(2, 5))),
    ])  # fmt: skip


def headed(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"


def pelican(source: Path, target: Path, words: Words) -> list[str]:
    rng = words.rng
    (source / "content").mkdir()
    for k in range(PAGES):
        head = f"Title: {words.title()} {k}\nDate: 20{rng.randint(10, 25)}-0{rng.randint(1, 9)}-11\nCategory: {words.some(1)}\nTags: {words.some(1)}, {words.some(1)}\n\n"
        (source / "content" / f"{k}.md").write_text(head + markdown(words).split("\n", 1)[1])
    links = [(words.title(1, 2), "#") for _ in range(3)]
    (source / "conf.py").write_text(
        f"SITENAME = {words.title()!r}\nTHEME = {rng.choice(['notmyidea', 'simple'])!r}\nRELATIVE_URLS = True\nTIMEZONE = 'UTC'\nLINKS = {links!r}\nSOCIAL = {links[:2]!r}\nDEFAULT_PAGINATION = 5\n"
    )
    return ["pelican", str(source / "content"), "-q", "-o", str(target), "-s", str(source / "conf.py")]


GENERATORS: dict[str, Callable[[Path, Path, Words], list[str]]] = {
    "mkdocs-material": mkdocs, "furo": sphinx("furo"), "sphinx-rtd": sphinx("sphinx_rtd_theme"), "pelican": pelican,
}  # fmt: skip
"""Name of the folder, and what writes the sources and names the command."""


def build(name: str, number: int, target: Path, bin_: Path) -> None:
    """One site; SetupError where its generator is missing or fails."""
    with tempfile.TemporaryDirectory() as place:
        command = GENERATORS[name](Path(place), target.absolute(), Words(Random(number)))
        program = shutil.which(command[0], path=str(bin_))
        if program is None:
            raise SetupError(
                f"no {command[0]!r} in {str(bin_)!r}: pip install mkdocs-material sphinx furo sphinx-rtd-theme pelican there"
            )
        done = subprocess.run([program, *command[1:]], cwd=place, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise SetupError(f"{name} failed: {done.stderr.strip()[-300:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path(sys.executable).parent, help="where the generators are")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for name in GENERATORS:
        for number in range(SITES):
            target = args.out / "sites" / name / str(number)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                build(name, number, target, args.bin.absolute())
                print(f"built {name} {number}", flush=True)


if __name__ == "__main__":
    main()
