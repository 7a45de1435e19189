"""Fetching weights from a stand-in for the hub: a real HTTP server on 127.0.0.1 with its routes."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deixis.browser.errors import SetupError
from deixis.vlm import hub, local

COMMIT = "a" * 40
NAME = "owner/Molmo2-4B"


class Hub(ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, bytes]
    wrong: set[str]
    """Files that arrive otherwise than published."""
    gets: list[tuple[str, str | None]]
    status: int = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.server.status != 200:
            missing = {"X-Error-Code": "RepoNotFound"} if self.server.status == 404 else {}
            self._reply(b"{}", self.server.status, missing)
        elif self.path.startswith("/api/models/"):
            self._reply(json.dumps(self._info()).encode())
        else:
            self._file(self.path.partition(f"/resolve/{COMMIT}/")[2])

    do_HEAD = do_GET

    def _info(self) -> dict[str, object]:
        rows = [
            {"rfilename": name, "size": len(data), "lfs": {"sha256": digest(data), "size": len(data), "pointerSize": 1}}
            for name, data in self.server.files.items()
        ]
        return {"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": rows, "tags": [], "private": False}

    def _file(self, name: str) -> None:
        data = self.server.files[name]
        sent = data[:-1] + b"?" if name in self.server.wrong else data
        begin, status, asked = 0, 200, self.headers.get("Range")
        if asked and self.command == "GET":
            begin, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
        if self.command == "GET":
            self.server.gets.append((name, asked))
        headers = {"ETag": f'"{digest(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self._reply(sent[begin:], status, headers)

    def _reply(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    server = Hub(("127.0.0.1", 0), Handler)
    server.files = {
        "config.json": b'{"model_type": "molmo2"}', "model-1.safetensors": bytes(range(256)) * 64, "pytorch_model.bin": b"pickle",
        "modeling.py": b"print('code')", "tokenizer.json": b"{}",
    }  # fmt: skip
    server.wrong, server.gets = set(), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("DEIXIS_MODELS", str(tmp_path / "models"))
    yield server
    server.shutdown()
    server.server_close()


def test_weights_are_fetched_once_and_code_never(server: Hub) -> None:
    told: list[str] = []
    folder = hub.fetch(NAME, lambda name, size: told.append(name))
    assert sorted(told) == ["config.json", "model-1.safetensors", "tokenizer.json"]
    assert (folder / "model-1.safetensors").read_bytes() == server.files["model-1.safetensors"]
    assert not (folder / "pytorch_model.bin").exists() and not (folder / "modeling.py").exists()
    assert local.folder_of(NAME) == folder
    before = len(server.gets)
    hub.fetch(NAME)
    assert len(server.gets) == before


def test_no_file_leads_out_of_the_folder() -> None:
    names = [
        "config.json",
        "sub/config.json",
        "../config.json",
        "/etc/config.json",
        "a/../../b.json",
        "..\\\\b.json",
        "x.py",
    ]
    assert [name for name in names if hub.wanted(name)] == ["config.json", "sub/config.json"]


def test_what_arrives_otherwise_than_published_is_not_kept(server: Hub) -> None:
    server.wrong = {"model-1.safetensors"}
    with pytest.raises(SetupError, match="did not arrive as published"):
        hub.fetch(NAME)
    server.wrong = set()
    assert (hub.fetch(NAME) / "model-1.safetensors").read_bytes() == server.files["model-1.safetensors"]


def test_what_cannot_be_fetched_is_told_in_a_sentence(server: Hub) -> None:
    server.files = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with pytest.raises(SetupError, match="no safetensors"):
        hub.fetch(NAME)
    server.status = 404
    with pytest.raises(SetupError, match="there is no model"):
        hub.fetch("owner/none")
    server.status = 503
    with pytest.raises(SetupError, match="cannot be fetched"):
        hub.fetch(NAME)
