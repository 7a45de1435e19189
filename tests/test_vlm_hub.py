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
from deixis.vlm.prompted import Turn
from tests.test_cli import deixis
from tests.tiny_models import molmo_folder

COMMIT = "a" * 40
NAME = "owner/Molmo2-4B"
WEIGHTS = "model-1.safetensors"


class Hub(ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, bytes]
    wrong: set[str]
    """Files that arrive otherwise than published."""
    breaks: list[str]
    """Files of which the next answer breaks off halfway."""
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
            if name.endswith("safetensors")
            else {
                "rfilename": name,
                "size": len(data),
                "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
            }
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
        body = sent[begin:]
        if name in self.server.breaks and self.command == "GET":
            self.server.breaks.remove(name)
            self._reply(body[: len(body) // 2], status, headers, len(body))
            self.close_connection = True
            return
        self._reply(body, status, headers)

    def _reply(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
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
    server.wrong, server.gets, server.breaks = set(), [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("DEIXIS_MODELS", str(tmp_path / "models"))
    yield server
    server.shutdown()
    server.server_close()


def test_weights_are_fetched_once_and_code_never(server: Hub) -> None:
    told: dict[str, tuple[int, int]] = {}
    folder = hub.fetch(NAME, lambda name, here, size: told.update({name: (here, size)}))
    assert told == {name: (len(data), len(data)) for name, data in server.files.items() if hub.wanted(name)}
    assert sorted(told) == ["config.json", "model-1.safetensors", "tokenizer.json"]
    assert (folder / "model-1.safetensors").read_bytes() == server.files["model-1.safetensors"]
    assert not (folder / "pytorch_model.bin").exists() and not (folder / "modeling.py").exists()
    assert local.folder_of(NAME) == folder and not list(folder.glob("*.part"))
    before = len(server.gets)
    hub.fetch(NAME)
    assert len(server.gets) == before


def test_what_breaks_off_goes_on_where_it_stopped(server: Hub) -> None:
    waits: list[float] = []
    server.breaks = [WEIGHTS, WEIGHTS]
    folder = hub.fetch(NAME, sleep=waits.append)
    assert (folder / WEIGHTS).read_bytes() == server.files[WEIGHTS]
    assert [asked for name, asked in server.gets if name == WEIGHTS] == [None, "bytes=8192-", "bytes=12288-"]
    assert len(waits) == 2


def test_a_second_start_goes_on_where_the_first_was_interrupted(server: Hub) -> None:
    def interrupt(name: str, here: int, size: int) -> None:
        if name == WEIGHTS:
            raise KeyboardInterrupt

    server.breaks = [WEIGHTS]
    with pytest.raises(KeyboardInterrupt):
        hub.fetch(NAME, interrupt)
    (part,) = (local.store() / "owner--Molmo2-4B").glob("*.part")
    here = part.stat().st_size
    assert 0 < here <= 8192
    hub.fetch(NAME)
    assert [asked for name, asked in server.gets if name == WEIGHTS] == [None, f"bytes={here}-"]
    assert not part.exists()


def test_a_file_that_was_spoiled_or_published_anew_is_fetched_again(server: Hub) -> None:
    folder = hub.fetch(NAME)
    path = folder / WEIGHTS
    path.write_bytes(server.files[WEIGHTS][:-5])
    hub.fetch(NAME)
    assert path.read_bytes() == server.files[WEIGHTS]
    server.files[WEIGHTS] = server.files[WEIGHTS][::-1]  # as long as before
    hub.fetch(NAME)
    assert path.read_bytes() == server.files[WEIGHTS]
    server.files["config.json"] = b'{"model_type": "molmo"}\n'
    hub.fetch(NAME)
    assert (folder / "config.json").read_bytes() == server.files["config.json"]
    (folder / hub.KEPT).write_text("{")
    before = len(server.gets)
    hub.fetch(NAME)
    assert len(server.gets) == before  # the files themselves were read


def test_what_was_fetched_is_loaded_by_its_id(server: Hub, tmp_path: Path) -> None:
    made = molmo_folder(tmp_path / "made")
    server.files = {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()}
    with pytest.raises(SetupError, match=f"deixis models fetch {NAME}"):
        local.load(NAME)
    hub.fetch(NAME)
    pointer = local.load(NAME)
    assert pointer.family.name == "Molmo2" and pointer.talker.answer(Turn("hello"), 3).tokens > 3


def test_the_command_fetches_into_the_store(server: Hub, tmp_path: Path) -> None:
    here = {"HF_ENDPOINT": server.url, "DEIXIS_MODELS": str(tmp_path / "models")}
    done = deixis("models", "fetch", NAME, env=here)
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path / "models" / "owner--Molmo2-4B"), done.stderr
    assert WEIGHTS in done.stderr
    for name, status, told in (("../x", 2, "is no id of a model"), ("owner/none of it", 2, "is no id")):
        done = deixis("models", "fetch", name, env=here)
        assert done.returncode == status and told in done.stderr


def test_no_file_leads_out_of_the_folder() -> None:
    names = [
        "config.json",
        "sub/config.json",
        "../config.json",
        "/etc/config.json",
        "a/../../b.json",
        "..\\\\b.json",
        "x.py",
        ".fetched.json",
        "sub/.git/config.json",
    ]
    assert [name for name in names if hub.wanted(name)] == ["config.json", "sub/config.json"]


def test_what_arrives_otherwise_than_published_is_not_kept(server: Hub) -> None:
    server.wrong = {"model-1.safetensors"}
    with pytest.raises(SetupError, match="did not arrive as published"):
        hub.fetch(NAME)
    server.wrong = set()
    assert (hub.fetch(NAME) / "model-1.safetensors").read_bytes() == server.files["model-1.safetensors"]


def test_a_server_that_keeps_breaking_off(server: Hub) -> None:
    server.files[WEIGHTS] = b"x"
    server.breaks = [WEIGHTS] * 10
    with pytest.raises(SetupError, match="broke off after 0 of 1 bytes.*start again to go on"):
        hub.fetch(NAME, sleep=lambda _: None)


def test_what_cannot_be_fetched_is_told_in_a_sentence(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with pytest.raises(SetupError, match="no safetensors"):
        hub.fetch(NAME)
    server.status = 404
    with pytest.raises(SetupError, match="there is no model"):
        hub.fetch("owner/none")
    server.status = 503
    with pytest.raises(SetupError, match="cannot be fetched"):
        hub.fetch(NAME)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SetupError, match="cannot be reached"):
        hub.fetch(NAME)
