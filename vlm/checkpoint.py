"""Weights on disk: safetensors in half precision, with the config and a format version in the metadata. No pickles."""

import hashlib
import math
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from deixis.browser.errors import SetupError
from deixis.vlm import meaning
from deixis.vlm.config import NanoConfig
from deixis.vlm.model import Nano

EMBEDDED = "nano.safetensors"


def save(model: Nano, config: NanoConfig, path: Path) -> None:
    """Writes float16 weights; the file appears only when it is complete."""
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"format": "deixis-nano", "config": config.model_dump_json()})
    part.replace(path)


def load(path: Path) -> Nano:
    """The model of a weights file, float32, in evaluation mode; SetupError with a remedy when it cannot be used."""
    if not path.exists():
        raise SetupError(
            f"no weights at {str(path)!r}: give --model a .safetensors file, or reinstall deixis for the embedded ones"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise SetupError(f"{str(path)!r} is no complete safetensors file ({error}): fetch or train it again") from error
    if metadata.get("format") != "deixis-nano":
        raise SetupError(f"{str(path)!r} holds no deixis-nano weights (its metadata do not say so)")
    try:
        model = Nano(NanoConfig.model_validate_json(metadata["config"]))
        model.load_state_dict(tensors)
    except (KeyError, ValidationError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise SetupError(
            f"{str(path)!r} was written for another version of deixis-nano ({reason}): update both"
        ) from error
    return model.eval().requires_grad_(False)


def embedded() -> Path:
    """The weights that come with the package."""
    with as_file(files("deixis.vlm") / EMBEDDED) as path:
        return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class About(NamedTuple):
    """One line of `deixis models`."""

    id: str
    parameters: int
    bytes: int
    licence: str


def about(path: Path) -> About:
    """What the model holds, with the frozen text side it shares with any other weights, without loading it."""
    parts = (path, meaning.WEIGHTS)
    parameters = 0
    for part in parts:
        if not part.exists():
            raise SetupError(f"no weights at {str(part)!r}: reinstall deixis")
        with safe_open(part, "pt") as file:
            parameters += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return About("deixis-nano", parameters, sum(part.stat().st_size for part in parts), "Apache-2.0")
