"""deixis-nano served: driven by the openai client against a real server process."""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

openai = pytest.importorskip("openai")

PICTURE = Path(__file__).parent.parent / "docs" / "points.png"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of our own on a free port."""
    command = [sys.executable, "-m", "deixis.agent.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if "running on http://" in line:
                break
        else:
            pytest.fail("".join(said))
        yield said[-1].partition("running on ")[2].split()[0] + "/v1"
    finally:
        process.terminate()
        process.wait(timeout=20)


def content(words: str, data: bytes | None = None) -> list[dict[str, object]]:
    encoded = base64.b64encode(data or PICTURE.read_bytes()).decode()
    return [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}},
        {"type": "text", "text": words},
    ]


def test_other_frameworks_can_point_with_it(url: str) -> None:
    client = openai.OpenAI(base_url=url, api_key="none")
    model = client.models.list().data[0].id
    messages = [{"role": "user", "content": content("the Save button")}]
    whole = client.chat.completions.create(model=model, messages=messages)  # type: ignore[call-overload]
    answer = json.loads(whole.choices[0].message.content)
    assert (
        set(answer) == {"found", "x", "y", "box", "confidence", "frame"}
        and answer["frame"] == "pixels of the picture sent"
    )
    pieces = client.chat.completions.create(model=model, messages=messages, stream=True)  # type: ignore[call-overload]
    assert json.loads("".join(piece.choices[0].delta.content or "" for piece in pieces)) == answer
    half = client.chat.completions.create(model=model, messages=messages, extra_body={"scale": 2})  # type: ignore[call-overload]
    assert json.loads(half.choices[0].message.content)["frame"] == answer["frame"]


@pytest.mark.parametrize(
    ("messages", "scale", "said"),
    [
        ([], 1, "a list whose last message"),
        ([{"role": "user", "content": "the Save button"}], 1, "one picture and words"),
        ([{"role": "user", "content": content("")}], 1, "one picture and words"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x.png"}, {"type": "text", "text": "x"}]}], 1, "data URL"),
        ([{"role": "user", "content": content("x", b"no picture")}], 1, "not an image"),
        ([{"role": "user", "content": content("x")}], 40, "scale 40"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}, {"type": "text", "text": "x"}]}], 1, "data URL"),
    ],
)  # fmt: skip
def test_wrong_requests_are_told_what_is_wrong(url: str, messages: list[object], scale: float, said: str) -> None:
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    with pytest.raises(openai.BadRequestError, match=said):
        client.chat.completions.create(model="deixis-nano", messages=messages, extra_body={"scale": scale})  # type: ignore[call-overload]


def test_what_is_no_json_is_refused(url: str) -> None:
    request = urllib.request.Request(f"{url}/chat/completions", b"{", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 400 and "no JSON" in error.value.read().decode()
