"""Two real web servers on this machine: one that a run may use, and one that must never hear of it.

Every name below `localhost` is this machine for a browser, so that hosts can be told apart without any network.
"""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD, EVIL = "good.localhost", "evil.localhost"
Answer = tuple[int, dict[str, str], str]


class Site(ThreadingHTTPServer):
    """Answers from `pages`; keeps every request as METHOD HOST PATH BODY."""

    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Handler)
        self.pages: dict[str, Answer | Callable[[], Answer]] = {}
        self.seen: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def at(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Site6(Site):
    """The same on ::1."""

    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site = self.server
        assert isinstance(site, Site)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        site.seen.append(f"{self.command} {self.headers.get('Host')} {self.path} {body}")
        told = site.pages.get(self.path.partition("?")[0], (200, {}, "<!doctype html><title>here</title>you are here"))
        status, headers, text = told() if callable(told) else told
        data = text.encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""
