"""Models on servers: a real HTTP server on 127.0.0.1 that answers as told, faults included."""

import base64
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from deixis.browser.errors import BudgetSpent, OutputError, ServerError, UsageError
from deixis.browser.types import Point, Screenshot
from deixis.vlm.families import FAMILIES, family_of
from deixis.vlm.prompted import Completion, PromptedPointer, Turn, askable, example, question_for
from deixis.vlm.remote import Budget, Chat, pointer_at, spelled
from tests.servers import BROKEN, SHORT, Reply, Server, failed, said, streamed


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
    server = serve(failed(429, Retry_After="7"), failed(500), (BROKEN, {}, ""), said("[1, 1]"))
    asked, waits = pointer(server, "ShowUI-2B")
    assert asked.talker.answer(Turn("hello")).text == "[1, 1]"
    assert waits[0] == 7.0 and len(waits) == 3 and all(0.2 < wait < 30 for wait in waits)
    assert asked.talker.requests == 4


def test_slow_and_truncated_answers_are_asked_for_again(serve: Callable[..., Server]) -> None:
    late = threading.Event()

    def slow(_: dict[str, Any]) -> Reply:
        late.wait(20)
        return said("[1, 1]")

    server = serve(slow, (SHORT, {}, said("[1, 1]")[2][:30]), said("[0.5, 0.5]"))
    asked, waits = pointer(server, "ShowUI-2B", timeout=0.3)
    assert asked.point(shot(), "Save").point == Point(x=640, y=360)
    assert len(waits) == 2 and asked.talker.seconds >= 0.3
    late.set()


def test_long_answers_are_streamed_and_heard(serve: Callable[..., Server]) -> None:
    server = serve(streamed("There are ", "three ", "rows.", tokens=321))
    asked, _ = pointer(server, "Qwen/Qwen3-VL-8B-Instruct")
    heard: list[str] = []
    assert asked.ask(shot(), "How many rows?", heard=heard.append) == "There are three rows."
    assert heard == ["There are ", "three ", "rows."] and asked.talker.tokens == 321
    assert server.asked[0]["stream"] and server.asked[0]["stream_options"] == {"include_usage": True}
    server.replies = [said("All at once.")]  # a server that cannot stream
    assert asked.ask(shot(), "How many rows?", heard=heard.append) == "All at once." == heard[-1]
    server.replies = [said("[0.5, 0.5]")]
    asked, _ = pointer(server, "ShowUI-2B")
    asked.point(shot(), "Save")
    assert "stream" not in server.asked[-1]  # nothing to wait for in between


def test_a_stream_that_breaks_off(serve: Callable[..., Server]) -> None:
    broken = streamed("There are ", finish=None, status=SHORT)
    asked, _ = pointer(serve(broken, streamed("There are three.")), "Qwen/Qwen3-VL-8B-Instruct")
    assert asked.ask(shot(), "How many?") == "There are three."  # nobody had heard the first half
    asked, _ = pointer(serve(broken, streamed("There are three.")), "Qwen/Qwen3-VL-8B-Instruct")
    with pytest.raises(ServerError, match="after 10 letters of its answer"):
        asked.ask(shot(), "How many?", heard=lambda _: None)
    turn = Turn("How many?")
    asked, _ = pointer(serve(streamed("There are", finish=None)), "Qwen/Qwen3-VL-8B-Instruct")
    assert asked.talker.answer(turn, 1000) == Completion("There are", False, 1)  # no usage: a piece is a token
    for body, error, words in (
        ('data: {"error": {"message": "out of memory"}}\n\n', ServerError, "broke off.*out of memory"),
        ("data: {half\n\n", OutputError, "no JSON"), ("data: [1]\n\n", OutputError, "no JSON object"),
        ('data: {"choices": 3}\n\n', OutputError, "no chat completion"),
    ):  # fmt: skip
        asked, _ = pointer(serve((200, {"Content-Type": "text/event-stream"}, body)), "Qwen/Qwen3-VL-8B-Instruct")
        with pytest.raises(error, match=words):
            asked.talker.answer(turn, 1000)


def test_a_budget_of_seconds_ends_an_answer_midway(serve: Callable[..., Server]) -> None:
    asked, _ = pointer(serve(streamed("a", "b", "c")), "ShowUI-2B", Budget(seconds=1e-9))
    with pytest.raises(BudgetSpent, match="in the middle of an answer"):
        asked.ask(shot(), "How many?")


def test_more_fields_of_a_request_are_those_of_the_family(serve: Callable[..., Server]) -> None:
    server = serve(said('{"x": 500, "y": 250}'))
    asked, _ = pointer(server, "Hcompany/Holo2-8B")
    assert asked.point(shot(), "Save").point == Point(x=640, y=180)
    assert server.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_large_pictures_are_made_smaller_before_a_server_does(serve: Callable[..., Server]) -> None:
    server = serve(said('{"coordinate": [784, 441]}'))
    asked, _ = pointer(server, "claude-opus-4-8")
    found = asked.point(shot(1920, 1080), "Save")
    url = server.asked[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert max(sent.size) <= 1568 and sent.width * sent.height <= 1_150_000
    assert found.point and found.point.x == pytest.approx(784 * 1920 / sent.width, abs=0.01)


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
    assert spelled("a/b@http://x:1/v1") == ("a/b", None, "http://x:1/v1", None)
    assert spelled("mine=Qwen3-VL@https://h/v1") == ("mine", "Qwen3-VL", "https://h/v1", None)
    assert spelled("a@http://x/v1?max_pixels=9&min_pixels=4") == ("a", None, "http://x/v1", (4, 9))
    for wrong in (
        "gpt",
        "@http://x",
        "a@b",
        "a@ftp://b",
        "a@http://x?",
        "a@http://x?min_pixels=4",
        "a@http://x?min_pixels=4&max_pixels=x",
    ):
        with pytest.raises(UsageError):
            spelled(wrong)
    with pytest.raises(UsageError, match="not known"):
        pointer_at("unheard-of@http://127.0.0.1:9/v1")


def test_limits_of_a_checkpoint_are_given_after_its_address(serve: Callable[..., Server]) -> None:
    server = serve(said("pyautogui.click(x=322, y=182)"))
    with pytest.raises(UsageError, match=r"MODEL@URL\?min_pixels=N&max_pixels=N"):
        pointer_at(f"OpenCUA-7B@{server.url}").point(shot(), "Save")
    found = pointer_at(f"OpenCUA-7B@{server.url}?min_pixels=3136&max_pixels=250000").point(shot(), "Save")
    url = server.asked[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert sent.width * sent.height <= 250_000 and sent.width % 28 == 0
    assert found.point and found.point.x == pytest.approx(322 * 1280 / sent.width)
    with pytest.raises(UsageError, match="does not depend on limits"):
        pointer_at(f"Qwen3-VL-8B@{server.url}?min_pixels=3136&max_pixels=250000")
    with pytest.raises(UsageError, match="no limits of a picture"):
        pointer_at(f"OpenCUA-7B@{server.url}?min_pixels=5000&max_pixels=3136")


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
