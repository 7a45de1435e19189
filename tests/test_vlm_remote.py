"""Models on servers: a real HTTP server on 127.0.0.1 that answers as told, faults included."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from deixis.browser.errors import BudgetSpent, OutputError, ServerError, UsageError
from deixis.browser.types import Point, Screenshot
from deixis.vlm.families import FAMILIES, family_of
from deixis.vlm.prompted import PromptedPointer, Turn, askable, example, question_for
from deixis.vlm.remote import Budget, Chat, pointer_at, spelled

Reply = tuple[int, dict[str, str], str]


class Server(ThreadingHTTPServer):
    """Gives its replies one after the other, the last one for ever; keeps what it was asked."""

    daemon_threads = True
    replies: list[Reply]
    asked: list[dict[str, Any]]
    heard: list[dict[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        server.heard.append(dict(self.headers))
        status, headers, body = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
        if status == 0:  # a broken connection
            self.connection.close()
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*replies: Reply) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.replies, server.asked, server.heard = list(replies), [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def said(text: str, finish: str = "stop", tokens: int = 100) -> Reply:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice], "usage": {"total_tokens": tokens}})


def failed(status: int, message: str = "busy", **headers: str) -> Reply:
    return status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps({"error": {"message": message}})


def shot(width: int = 1280, height: int = 720, scale: float = 1.0) -> Screenshot:
    buffer = io.BytesIO()
    Image.new("RGB", (round(width * scale), round(height * scale)), "white").save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=width, height=height)


def pointer(
    server: Server, model: str, budget: Budget | None = None, **more: Any
) -> tuple[PromptedPointer, list[float]]:
    """A pointer whose waits are written down instead of waited."""
    waits: list[float] = []
    return PromptedPointer(Chat(server.url, model, budget=budget, sleep=waits.append, **more), family_of(model)), waits


@pytest.mark.parametrize(
    ("model", "text", "point"),
    [
        ("Qwen/Qwen3-VL-8B-Instruct", '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 250]}}', (640, 180)),
        ("allenai/Molmo-7B-D-0924", '<point x="25.0" y="50.0" alt="Save">Save</point>', (320, 360)),
        ("allenai/Molmo2-8B", '<points coords="1 1 250 500">Save</points>', (320, 360)),
        ("ByteDance-Seed/UI-TARS-1.5-7B", "Action: click(start_box='(644,364)')", (640, 360)),
    ],
)  # fmt: skip
def test_answers_become_css_pixels(
    serve: Callable[..., Server], model: str, text: str, point: tuple[float, float]
) -> None:
    server = serve(said(text))
    asked, _ = pointer(server, model)
    for scale in (1.0, 2.0):
        found = asked.point(shot(scale=scale), "the Save button")
        if "UI-TARS" not in model or scale == 1.0:  # its frame is the resized picture's, which grows with the scale
            assert found.found and found.point is not None
            assert (found.point.x, found.point.y) == pytest.approx(point, abs=3)


def test_pictures_are_sent_as_the_family_wants_them(serve: Callable[..., Server]) -> None:
    server = serve(said("[10, 10]"))
    asked, _ = pointer(server, "microsoft/Phi-Ground-4B-7C")
    with pytest.raises(OutputError):
        asked.point(shot(), "Save")
    parts = server.asked[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]  # this family wants the words first
    sent = Image.open(io.BytesIO(base64.b64decode(parts[1]["image_url"]["url"].partition(",")[2])))
    assert sent.size == (1008, 672) and server.asked[0]["temperature"] == 0
    asked, _ = pointer(server, "Qwen/Qwen2.5-VL-7B-Instruct")
    with pytest.raises(OutputError):
        asked.point(shot(1283, 719), "Save")
    parts = server.asked[1]["messages"][0]["content"]
    sent = Image.open(io.BytesIO(base64.b64decode(parts[0]["image_url"]["url"].partition(",")[2])))
    assert sent.width % 28 == sent.height % 28 == 0


def test_busy_servers_are_asked_again_when_they_say(serve: Callable[..., Server]) -> None:
    server = serve(failed(429, Retry_After="7"), failed(500), (0, {}, ""), said("[1, 1]"))
    asked, waits = pointer(server, "ShowUI-2B")
    assert asked.talker.answer(Turn("hello")).text == "[1, 1]"
    assert waits[0] == 7.0 and len(waits) == 3 and all(0.2 < wait < 30 for wait in waits)
    assert asked.talker.requests == 4


def test_a_server_that_wants_an_hour_is_not_waited_for(serve: Callable[..., Server]) -> None:
    server = serve(failed(429, "quota", Retry_After="3600"))
    asked, waits = pointer(server, "ShowUI-2B")
    with pytest.raises(ServerError, match=r"429 quota; it asks to wait 3600 s"):
        asked.point(shot(), "Save")
    assert waits == [] and asked.talker.requests == 1


def test_what_cannot_get_better_is_not_asked_again(serve: Callable[..., Server]) -> None:
    server = serve(failed(401, "wrong key"))
    asked, waits = pointer(server, "ShowUI-2B", key="sk-secret")
    with pytest.raises(ServerError, match="401 wrong key") as error:
        asked.point(shot(), "Save")
    assert waits == [] and "sk-secret" not in str(error.value)
    assert server.heard[0]["Authorization"] == "Bearer sk-secret"


def test_a_server_that_fails_for_good_is_named(serve: Callable[..., Server]) -> None:
    server = serve(failed(503, "loading"))
    asked, waits = pointer(server, "ShowUI-2B")
    with pytest.raises(ServerError, match="503 loading"):
        asked.point(shot(), "Save")
    assert len(waits) == 4


def test_nobody_there() -> None:
    asked = PromptedPointer(Chat("http://127.0.0.1:9/v1", "ShowUI-2B", sleep=lambda _: None), family_of("ShowUI-2B"))
    with pytest.raises(ServerError, match="ConnectError"):
        asked.point(shot(), "Save")


@pytest.mark.parametrize(
    "body", ["", "<html>504</html>", '{"choices": []}', '{"choices": [{"message": null}]}', "[]", '{"object": "error"}']
)
def test_garbage_is_an_error_of_its_own(serve: Callable[..., Server], body: str) -> None:
    asked, _ = pointer(serve((200, {}, body)), "ShowUI-2B")
    with pytest.raises(OutputError, match="no chat completion"):
        asked.point(shot(), "Save")


def test_what_was_cut_off_says_so(serve: Callable[..., Server]) -> None:
    asked, _ = pointer(serve(said("I think the button is at [0.", "length")), "ShowUI-2B")
    with pytest.raises(OutputError, match="cut off"):
        asked.point(shot(), "Save")


def test_an_unreadable_answer_costs_the_others_nothing(serve: Callable[..., Server]) -> None:
    server = serve(said("somewhere on the left"), said("[0.5, 0.5]"))
    asked, _ = pointer(server, "ShowUI-2B")
    asked.talker.at_once = 1
    first, second = asked.point_many(shot(), ["a", "b"])
    assert first.point is None and not first.found and "somewhere on the left" in first.unreadable
    assert second.point == Point(x=640, y=360) and not second.unreadable


def test_a_refusal_is_not_found(serve: Callable[..., Server]) -> None:
    asked, _ = pointer(serve(said("There are none.")), "allenai/Molmo-7B-D-0924")
    found = asked.point(shot(), "the Launch button")
    assert not found.found and found.point is None and found.confidence == 0


def test_budgets_end_the_run(serve: Callable[..., Server]) -> None:
    server = serve(said("[0.5, 0.5]", tokens=600))
    for budget, allowed in ((Budget(requests=2), 2), (Budget(tokens=1000), 2), (Budget(seconds=0.0), 0)):
        asked, _ = pointer(server, "ShowUI-2B", budget)
        for _ in range(allowed):
            assert asked.point(shot(), "Save").point == Point(x=640, y=360)
        with pytest.raises(BudgetSpent, match="spent"):
            asked.point(shot(), "Save")


def test_many_targets_keep_their_order(serve: Callable[..., Server]) -> None:
    server = serve(*(said("[0.5, 0.5]") for _ in range(3)))
    asked, _ = pointer(server, "ShowUI-2B")
    assert [found.target for found in asked.point_many(shot(), ["a", "b", "c"])] == ["a", "b", "c"]
    assert sorted(
        "abc".index(body["messages"][0]["content"][1]["text"].split("find: ")[1][0]) for body in server.asked
    ) == [0, 1, 2]


def test_names_of_models_on_servers() -> None:
    assert spelled("a/b@http://x:1/v1") == ("a/b", None, "http://x:1/v1")
    assert spelled("mine=Qwen3-VL@https://h/v1") == ("mine", "Qwen3-VL", "https://h/v1")
    for wrong in ("gpt", "@http://x", "a@b", "a@ftp://b"):
        with pytest.raises(UsageError):
            spelled(wrong)
    with pytest.raises(UsageError, match="not known"):
        pointer_at("unheard-of@http://127.0.0.1:9/v1")


def test_every_family_but_those_with_a_head_can_be_asked() -> None:
    for family in FAMILIES:
        if family.form in ("pointer_head", "patch_index"):
            continue
        asked = askable(family)
        assert "the Save button" in question_for(asked, "the Save button") and example(asked)
    told = question_for(askable(family_of("Llama-3.2-11B-Vision")), "Save")
    assert "1000" in told and '{"x": 400' in told
    with pytest.raises(UsageError, match="a head of its own"):
        askable(family_of("MolmoPoint-8B"))
