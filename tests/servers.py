"""A real OpenAI-compatible HTTP server on 127.0.0.1 that answers as told, faults included."""

import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], str]
Told = Reply | Callable[[dict[str, Any]], Reply]
"""A reply, or what makes one of the request's body."""
BROKEN, SHORT = 0, -1
"""Instead of a status: the connection breaks at once, or in the middle of the body."""


class Server(ThreadingHTTPServer):
    """Gives its replies one after the other, the last one for ever; keeps what it was asked."""

    daemon_threads = True
    replies: list[Told]
    asked: list[dict[str, Any]]
    heard: list[dict[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(request)
        server.heard.append(dict(self.headers))
        reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
        status, headers, body = reply(request) if callable(reply) else reply
        if status == BROKEN:
            self.connection.close()
            return
        self.send_response(200 if status == SHORT else status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode()) + 100 * (status == SHORT)))
        with suppress(ConnectionError):  # who asked may have gone
            self.end_headers()
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def said(text: str, finish: str = "stop", tokens: int = 100) -> Reply:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice], "usage": {"total_tokens": tokens}})


def failed(status: int, message: str = "busy", **headers: str) -> Reply:
    return status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps({"error": {"message": message}})


def streamed(*pieces: str, finish: str | None = "stop", tokens: int | None = None, status: int = 200) -> Reply:
    """An answer in pieces, as server-sent events."""
    events: list[dict[str, Any]] = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    if finish:
        events.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    if tokens is not None:
        events.append({"choices": [], "usage": {"total_tokens": tokens}})
    body = (
        "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        + ": a comment\n\n"
        + "data: [DONE]\n\n" * (status == 200)
    )
    return status, {"Content-Type": "text/event-stream"}, body
