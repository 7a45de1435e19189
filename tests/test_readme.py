"""What the README says is true: its code runs, its files exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOLD = {
    "read the message": "Message: saved Grace",
    "extract the table": '{"customer": "Barbara", "item": "Cluster", "price": 64.25}',
}
"""What the README's commands print, by some of their words."""
ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)


@pytest.mark.parametrize("code", [code for kind, code in BLOCKS if kind == "python"])
def test_python_blocks_run(code: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    if "episode" in code:
        assert done.stdout.startswith("finished - Message: saved Grace - runs/")


def test_commands_run(tmp_path: Path) -> None:
    commands = [
        line for kind, code in BLOCKS if kind == "sh" for line in code.splitlines() if line.startswith("deixis ")
    ]
    assert commands
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    for command in commands:
        words = command.replace("deixis", f"{sys.executable} -m deixis.agent.cli", 1)
        done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        told = next(text for words, text in TOLD.items() if words in command)
        assert done.returncode == 0 and told in done.stdout, done.stderr


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make (\w+)", "\n".join(code for _, code in BLOCKS), re.M)) <= targets


def test_files_named_exist() -> None:
    for name in re.findall(r"`((?:browser|agent|vlm|benchmarks|tests|docs)/[\w./-]+)`", README) + re.findall(
        r"\]\(([\w./-]+)\)", README
    ):
        assert (ROOT / name).exists(), name
