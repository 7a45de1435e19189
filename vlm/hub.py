"""Fetches published weights: safetensors, configs and tokenizers of a model on the hub, into the store of `local`.

What is there already is kept; what was cut off, by the network or by Ctrl-C, goes on at the byte where it stopped (the
hub's own client begins a file again after a restart); every file is compared with its published checksum before it gets
its name. Pickles and code are never fetched. HF_ENDPOINT names another hub, HF_TOKEN is used for gated models.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm.local import store

WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*.json",
    "*.jinja",
    "tokenizer*",
    "*.model",
    "merges.txt",
    "LICENSE*",
    "README.md",
)
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
HUB = "https://huggingface.co"
TRIES = 5
"""Of one file in a row without a byte more."""
BLOCK = 1 << 20
KEPT = ".fetched.json"
"""In the folder: the checksums that its files were found to have, so that a second start need not read them again."""
Progress = Callable[[str, int, int], object]
"""Is told a file's name, the bytes of it that are here, and how many there will be."""


class Published(NamedTuple):
    """A file of a model as the hub lists it."""

    name: str
    size: int
    sha256: str | None
    """Of large files."""
    blob: str | None
    """Git's checksum, of small ones."""


class Listing(NamedTuple):
    """A model on the hub, at one commit."""

    commit: str
    files: list[Published]


def fetch(name: str, on_bytes: Progress | None = None, sleep: Callable[[float], object] = time.sleep) -> Path:
    """The folder of `owner/name` after fetching what is missing; SetupError says why it cannot be had."""
    headers, url_of = _client(name)
    endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    folder = store() / name.replace("/", "--")
    with httpx.Client(headers=headers, timeout=60, follow_redirects=True) as client:
        listing = _listed(client, endpoint, name)
        folder.mkdir(parents=True, exist_ok=True)
        kept = _kept(folder)
        for file in listing.files:
            path = folder / file.name
            if not _here(path, file, kept):
                url = url_of(name, file.name, revision=listing.commit, endpoint=endpoint)
                _Download(client, url, file, path, sleep).run(on_bytes)
                kept[file.name] = [_checksum_of(file), file.size]
                (folder / KEPT).write_text(json.dumps(kept))
            elif on_bytes:
                on_bytes(file.name, file.size, file.size)
    return folder


def _client(name: str) -> tuple[dict[str, str], Callable[..., str]]:
    """The headers that the hub wants, and what makes its URLs; UsageError for what is no id of a model."""
    if not ID.fullmatch(name):
        raise UsageError(f"{name!r} is no id of a model: owner/name, as `deixis models` lists them")
    try:
        from huggingface_hub import get_token, hf_hub_url
    except ImportError as error:
        raise SetupError(f"fetching needs huggingface_hub ({error}): pip install 'deixis[models]'") from error
    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}, hf_hub_url


def _listed(client: httpx.Client, endpoint: str, name: str) -> Listing:
    """Which files there are; SetupError when the model is not to be had, or has no safetensors."""
    try:
        response = client.get(f"{endpoint}/api/models/{name}", params={"blobs": "true"})
        _raise(response, name, endpoint)
        data = response.json()
        files = [_published(row) for row in data["siblings"] if wanted(row["rfilename"])]
        commit = str(data["sha"])
    except httpx.TransportError as error:
        raise SetupError(f"{endpoint} cannot be reached ({type(error).__name__}: {error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{endpoint} answered with something that is no list of files ({error!r})") from error
    if not any(file.name.endswith(".safetensors") for file in files):
        raise SetupError(f"{name!r} publishes no safetensors, and pickles are never fetched")
    return Listing(commit, files)


def _published(row: Mapping[str, Any]) -> Published:
    large = row.get("lfs") or {}
    size = int(large.get("size") or row.get("size") or 0)
    return Published(str(row["rfilename"]), size, large.get("sha256"), None if large else row.get("blobId"))


def _raise(response: httpx.Response, name: str, endpoint: str) -> None:
    """SetupError for an answer that is none."""
    code, status = response.headers.get("x-error-code", ""), response.status_code
    if code == "GatedRepo":
        raise SetupError(f"{name!r} wants its licence accepted at {endpoint}/{name}, then HF_TOKEN in the environment")
    if status in (401, 403, 404):
        raise SetupError(f"there is no model {name!r} at {endpoint}, or it is private: set HF_TOKEN")
    if status >= 400:
        raise SetupError(f"{name!r} cannot be fetched from {endpoint} (HTTP {status}); start again to go on")


def wanted(name: str) -> bool:
    """Whether a published file is fetched; never a hidden one, nor one whose name leads out of the folder."""
    inside = not any(part[:1] in ("", ".") for part in name.split("/")) and "\\" not in name
    return inside and any(fnmatch(name, pattern) for pattern in WANTED)


def _kept(folder: Path) -> dict[str, list[Any]]:
    """What earlier starts found to be right."""
    path = folder / KEPT
    try:
        return dict(json.loads(path.read_text())) if path.is_file() else {}
    except (ValueError, TypeError):
        return {}


def _here(path: Path, file: Published, kept: Mapping[str, list[Any]]) -> bool:
    """Whether a file is there, as it is published."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return kept.get(file.name) == [_checksum_of(file), file.size] or right(path, file)


def _checksum_of(file: Published) -> str | None:
    return file.sha256 or file.blob


def right(path: Path, file: Published) -> bool:
    """Whether a file has its published checksum; one without any is only as long as it should be."""
    if file.sha256:
        return checksum(path) == file.sha256
    if file.blob:
        return (
            checksum(path, hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)) == file.blob
        )
    return path.stat().st_size == file.size


def checksum(path: Path, digest: "hashlib._Hash | None" = None) -> str:
    """SHA-256 of a file, or another digest that has been begun, in hexadecimal."""
    digest = digest or hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _Download:
    """One file on its way: into a part beside it first, which is kept when the way breaks off."""

    def __init__(
        self, client: httpx.Client, url: str, file: Published, path: Path, sleep: Callable[[float], object]
    ) -> None:
        self.client, self.url, self.file, self.path, self.sleep = client, url, file, path, sleep
        # Named by its checksum: what is left of another version is never continued.
        self.part = path.with_name(f"{path.name}.{(_checksum_of(file) or 'x')[:16]}.part")

    def run(self, on_bytes: Progress | None) -> None:
        """SetupError when it cannot be had, or did not arrive as published."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        failures = 0
        while (before := self._size()) < self.file.size or not self.part.exists():
            try:
                self._more(on_bytes)
            except httpx.TransportError as error:
                failures = 0 if self._size() > before else failures + 1
                if failures >= TRIES:
                    raise SetupError(
                        f"{self.file.name!r} broke off after {self._size()} of {self.file.size} bytes "
                        f"({type(error).__name__}); start again to go on"
                    ) from error
                self.sleep(min(30.0, 0.5 * 2**failures))
            else:
                if self._size() == before and self.file.size:
                    break
        if self._size() != self.file.size or not right(self.part, self.file):
            self.part.unlink()
            raise SetupError(f"{self.file.name!r} did not arrive as published: fetch it again")
        self.part.replace(self.path)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _more(self, on_bytes: Progress | None) -> None:
        """What is missing, appended; from the beginning when the server does not do parts."""
        here = self._size()
        headers = {"Range": f"bytes={here}-"} if here else {}
        # What is sent packed has another length than what is published.
        with self.client.stream("GET", self.url, headers={"Accept-Encoding": "identity", **headers}) as response:
            _raise(response, self.file.name, self.url)
            here = here if response.status_code == 206 else 0
            with self.part.open("r+b" if here else "wb") as part:
                part.seek(here)
                for block in response.iter_raw():  # as it comes: nothing of it is lost
                    part.write(block)
                    here += len(block)
                    if on_bytes:
                        on_bytes(self.file.name, here, self.file.size)
