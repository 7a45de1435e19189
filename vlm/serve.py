"""deixis-nano as an OpenAI-compatible server, so that other frameworks can use it as their grounder.

    deixis serve [--port 8765]

A request holds one picture (a data URL) and words; the words are the target, nothing else: "the Save button". The answer's
text is JSON, `{"found", "x", "y", "box", "confidence", "frame": "pixels of the picture sent"}`, x and y null when it is not
on the picture. Pictures of a scaled screen come with `scale` in the body (`extra_body={"scale": 2}`), since the model
reads pages at one pixel per CSS pixel. One request after the other is worked on: the model uses all cores. Listens on
127.0.0.1 unless told otherwise, stores nothing. Comes with `pip install 'deixis[serve]'`.
"""

import asyncio
import base64
import binascii
import io
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deixis.browser.errors import DeixisError, UsageError
from deixis.browser.types import Pointing, Screenshot
from deixis.vlm.image import open_image
from deixis.vlm.pointer import NanoPointer

FRAME = "pixels of the picture sent"
LARGEST = 32_000_000
"""Bytes of a request."""


def application(pointer: NanoPointer) -> Starlette:
    """The app; `pointer` is asked by one request at a time."""
    turn = asyncio.Lock()

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": pointer.name, "object": "model", "owned_by": "deixis"}]})

    async def chat(request: Request) -> Response:
        try:
            body = _parsed(await _received(request))
            screenshot, target = asked(body)
            async with turn:
                found = await asyncio.to_thread(lambda: pointer.point_many(screenshot, [target])[0])
        except DeixisError as error:
            return JSONResponse({"error": {"message": str(error), "type": "invalid_request_error"}}, status_code=400)
        text = answer(found, screenshot.scale)
        return _streamed(text, pointer.name) if body.get("stream") else JSONResponse(_completion(text, pointer.name))

    return Starlette(routes=[Route("/v1/models", models), Route("/v1/chat/completions", chat, methods=["POST"])])


def answer(found: Pointing, scale: float) -> str:
    """What is said about a pointing, in pixels of the picture sent."""
    there = found.found and found.point is not None
    box = [round(v * scale, 1) for v in found.box.model_dump().values()] if there and found.box else None
    return json.dumps({
        "found": there, "x": round(found.point.x * scale, 1) if there and found.point else None,
        "y": round(found.point.y * scale, 1) if there and found.point else None,
        "box": box, "confidence": round(found.confidence, 4), "frame": FRAME,
    })  # fmt: skip


def asked(body: dict[str, Any]) -> tuple[Screenshot, str]:
    """The picture and the words of a request; UsageError names what is wrong with it."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise UsageError("messages: a list whose last message holds a picture and words")
    content = messages[-1].get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    pictures = [part.get("image_url") for part in parts if part.get("type") == "image_url"]
    urls = [str(picture.get("url") if isinstance(picture, dict) else picture) for picture in pictures]
    words = " ".join(str(part.get("text") or "") for part in parts if part.get("type") == "text").strip()
    if len(urls) != 1 or not words:
        raise UsageError(
            f"the last message needs one picture and words that say what to find, not {len(urls)} pictures and {len(words)} letters"
        )
    head, _, data = urls[0].partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise UsageError("the picture has to be a data URL (data:image/png;base64,...): nothing is fetched")
    try:
        image = open_image(base64.b64decode(data, validate=True), "the picture")
    except binascii.Error as error:
        raise UsageError(f"the picture is no base64 ({error})") from error
    scale = body.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0.5 <= scale <= 4:
        raise UsageError(f"scale {scale!r} is not between 0.5 and 4")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    width, height = (max(1, round(side / scale)) for side in image.size)
    return Screenshot(png=buffer.getvalue(), width=width, height=height), words


async def _received(request: Request) -> bytes:
    """The body, read no further than may be stored."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise UsageError(f"the request is larger than {LARGEST // 1_000_000} MB")
    return bytes(data)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise UsageError(f"the request is no JSON ({error})") from error
    if not isinstance(body, dict):
        raise UsageError("the request is no JSON object")
    return body


def _completion(text: str, model: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return _head(model, "chat.completion") | {"choices": [choice], "usage": usage}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "object": kind, "created": int(time.time()), "model": model}


def _streamed(text: str, model: str) -> StreamingResponse:
    """The whole answer in one piece: there is nothing to wait for in between."""

    async def events() -> AsyncIterator[str]:
        head = _head(model, "chat.completion.chunk")
        for delta, finish in (({"role": "assistant", "content": text}, None), ({}, "stop")):
            yield f"data: {json.dumps(head | {'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
