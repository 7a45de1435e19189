"""A real OpenAI-compatible server process, `transformers serve`, with a tiny random model of a published architecture."""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from deixis.browser.errors import BudgetSpent
from deixis.browser.types import Screenshot
from deixis.vlm.adapters import TransformersChat
from deixis.vlm.prompted import Turn
from deixis.vlm.remote import Budget, pointer_at
from tests.tiny_models import gemma3

NAME = "gemma-3-4b-it"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """(folder of the model, URL of the server)."""
    folder = gemma3(tmp_path_factory.mktemp("served") / NAME)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = folder.parent / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--device", "cpu", "--dtype", "float32"], stdout=out, stderr=out, env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield folder, f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError(f"the server did not begin: {log.read_text()[-2000:]}")


def test_a_served_model_answers_as_the_same_model_in_this_process(served: tuple[Path, str]) -> None:
    folder, url = served
    buffer = io.BytesIO()
    Image.effect_noise((320, 200), 80).convert("RGB").save(buffer, "PNG")
    pointer = pointer_at(f"{folder}@{url}", Budget(requests=4))
    turn = Turn("what is this?", buffer.getvalue())
    there, here = pointer.talker.answer(turn, 8), TransformersChat(folder, "gemma3").answer(turn, 8)
    assert there.text == here.text and there.tokens == here.tokens and not there.whole
    shot = Screenshot(png=buffer.getvalue(), width=320, height=200)
    assert isinstance(pointer.ask(shot, "what is this?"), str)
    found = pointer.point_many(shot, ["Save", "Cancel"])  # random weights say nothing that could be read
    assert all(one.unreadable and not one.found for one in found)
    with pytest.raises(BudgetSpent):
        pointer.ask(shot, "one more?")
