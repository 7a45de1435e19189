"""Fetches published weights: safetensors, configs and tokenizers of a model on the hub, into the store of `local`.

What is there already is kept, what was cut off goes on where it stopped, and every file whose checksum is published is
checked. Pickles and code are never fetched. HF_ENDPOINT names another hub, HF_TOKEN is used for gated models.
"""

import hashlib
import os
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from deixis.browser.errors import SetupError
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
HUB = "https://huggingface.co"


def fetch(name: str, on_file: Callable[[str, int], Any] | None = None) -> Path:
    """The folder of `owner/name` after fetching what is missing; SetupError says why it cannot be had.

    on_file is told each file's name and bytes before it is fetched.
    """
    try:
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
    except ImportError as error:
        raise SetupError(f"fetching needs huggingface_hub ({error}): pip install 'deixis[models]'") from error
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    folder = store() / name.replace("/", "--")
    try:
        info = HfApi(endpoint=endpoint).model_info(name, files_metadata=True)
        files = [file for file in info.siblings or [] if wanted(file.rfilename)]
        if not any(file.rfilename.endswith(".safetensors") for file in files):
            raise SetupError(f"{name!r} publishes no safetensors, and pickles are never fetched")
        for file in files:
            if on_file:
                on_file(file.rfilename, file.size or 0)
            path = Path(hf_hub_download(name, file.rfilename, revision=info.sha, local_dir=folder, endpoint=endpoint))
            published = file.lfs.sha256 if file.lfs else None
            if published and checksum(path) != published:
                path.unlink()
                raise SetupError(f"{file.rfilename!r} of {name!r} did not arrive as published: fetch it again")
    except GatedRepoError as error:
        raise SetupError(
            f"{name!r} wants its licence accepted at {HUB}/{name}, then HF_TOKEN in the environment"
        ) from error
    except RepositoryNotFoundError as error:
        raise SetupError(f"there is no model {name!r} at {endpoint}, or it is private: set HF_TOKEN") from error
    except (HfHubHTTPError, OSError) as error:
        lines = str(error).strip().splitlines()
        raise SetupError(
            f"{name!r} cannot be fetched from {endpoint} ({lines[0] if lines else error!r}); start again to go on"
        ) from error
    return folder


def wanted(name: str) -> bool:
    """Whether a published file is fetched; never one whose name leads out of the folder."""
    inside = ".." not in name.split("/") and not name.startswith("/") and "\\" not in name
    return inside and any(fnmatch(name, pattern) for pattern in WANTED)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
