"""Who may import whom, what importing costs, and that the wheel's lists are complete."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("browser", "vlm", "agent", "benchmarks")
MAY = {
    "browser": {"browser"},
    "vlm": {"vlm", "browser.types", "browser.actions", "browser.errors"},
    "agent": {"agent", "browser", "vlm"},
    "benchmarks": {"benchmarks", "agent", "browser", "vlm"},
}
EXCEPTIONS = {
    ("agent/bench.py", "benchmarks"),
    ("agent/cli.py", "vlm.train"),
    ("vlm/applications.py", "browser.launch"),
    ("vlm/collect.py", "browser.launch"),
    ("vlm/collect.py", "browser.session"),
    ("vlm/train_symbols.py", "browser.launch"),
}
"""The command line loads what a command needs inside it; training takes its pictures with the acting browser."""


def imported(file: Path) -> set[str]:
    """Modules of ours that a file imports, without the leading `deixis.`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("deixis."):
            base = node.module.removeprefix("deixis.")
            found |= {f"{base}.{alias.name}" if "." not in base else base for alias in node.names}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    for file in (ROOT / package).glob("*.py"):
        for module in imported(file):
            allowed = any(module == good or module.startswith(good + ".") for good in MAY[package])
            excused = any((f"{package}/{file.name}", other) in EXCEPTIONS for other in (module, module.split(".")[0]))
            assert allowed or excused, f"{file.name} imports {module}"


def test_importing_the_agent_loads_nothing_heavy() -> None:
    code = "import sys, deixis.agent.api, deixis.agent.cli, deixis.agent.planner, deixis.agent.report; print([m for m in ('torch', 'transformers', 'playwright') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_every_folder_and_data_ending_is_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert settings["packages"] == [f"deixis.{name}" for name in ("agent", "browser", "vlm", "benchmarks")]
    endings = {pattern.removeprefix("*") for pattern in settings["package-data"]["*"]}
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in tracked:
        path = Path(name)
        assert len(path.parts) == 2, f"{name}: folders are flat, a subpackage would be missing from the wheel"
        assert path.suffix == ".py" or path.suffix in endings or path.name == "py.typed", name
