"""Models from a folder of published weights, run in this process, as pointers.

`load(FOLDER)`, or `FOLDER=FAMILY` where the folder's name does not tell the family whose frame it shares. Molmo of all
generations runs in our own implementation (`molmo_chat`), everything else in transformers' classes (`adapters`). An id
of the hub, `owner/name`, means the copy that `deixis models fetch` has made; `transformers:` before it runs Molmo2 and
MolmoWeb in transformers' class too (`molmo_theirs`). Only safetensors are read, never pickles,
and no code that comes with weights is run. Knows no architecture.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm import catalogue
from deixis.vlm.families import Family, family_of
from deixis.vlm.frames import SmartResize, limited
from deixis.vlm.prompted import PromptedPointer, Talker

THEIRS = "transformers:"
"""Before a folder whose model shall run in transformers' own class."""
MOLMO = ("molmo", "molmo2")
"""Architectures that run in our own implementation."""


def store() -> Path:
    """The folder where fetched weights are kept."""
    return Path(os.environ.get("DEIXIS_MODELS") or Path.home() / ".cache" / "deixis" / "models")


def folder_of(name: str) -> Path | None:
    """The folder that a path or a fetched id of the hub stands for, or None."""
    for folder in (Path(name), store() / name.replace("/", "--")):
        if (folder / "config.json").is_file():
            return folder
    return None


def kind_of(folder: Path) -> str:
    """The architecture that config.json names; SetupError when it cannot be read."""
    try:
        data: dict[str, Any] = json.loads((folder / "config.json").read_text())
        return str(data["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{str(folder / 'config.json')!r} names no architecture ({error!r}): fetch it again"
        ) from error


def load(spec: str, dtype: str | None = None) -> PromptedPointer:
    """The pointer of `[transformers:]FOLDER[=FAMILY]` or `[transformers:]owner/name[=FAMILY]`.

    dtype: float32, float16 or bfloat16; without it, float32 where there is no GPU and it fits into memory. SetupError when weights are
    missing or broken, UsageError when no source says how such models name places.
    """
    name, _, family_name = spec.removeprefix(THEIRS).partition("=")
    folder = folder_of(name)
    if folder is None:
        raise SetupError(
            f"{name!r} is no folder with a config.json, and has not been fetched: deixis models fetch {name}"
        )
    if not any(folder.glob("*.safetensors")):
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt*"))
        why = "only pickles, which can run code and are never read" if pickles else "no weights"
        raise SetupError(f"{str(folder)!r} holds {why}: it needs .safetensors files")
    family = fitted(family_of(family_name or _published_name(folder)), folder)
    return PromptedPointer(_talker(folder, family, dtype or _chosen(folder), spec.startswith(THEIRS)), family)


def fitted(family: Family, folder: Path) -> Family:
    """The family with the limits of this very checkpoint, where its frame depends on how pictures are resized."""
    if not isinstance(family.fit, SmartResize):
        return family
    said: dict[str, Any] = {}
    for name in ("processor_config.json", "preprocessor_config.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            data = dict(json.loads((folder / name).read_text()))
            said |= data.get("image_processor") or data
    size = said["size"] if isinstance(said.get("size"), dict) else {}
    low, high = said.get("min_pixels") or size.get("shortest_edge"), said.get("max_pixels") or size.get("longest_edge")
    if not isinstance(low, int) or not isinstance(high, int):
        return family
    return family.model_copy(update={"fit": limited(family.fit, low, high)})


def _chosen(folder: Path) -> str:
    """The number format to run in: float32 is quicker on most processors and twice as large."""
    import torch

    size = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / catalogue.GIB
    return "float32" if not torch.cuda.is_available() and 2 * size < 0.8 * catalogue.memory() else "bfloat16"


def _talker(folder: Path, family: Family, dtype: str, theirs: bool) -> Talker:
    kind = kind_of(folder)
    if kind == "molmo" and theirs:
        raise UsageError(f"{str(folder)!r} is a first Molmo, which transformers has no class for: leave out {THEIRS!r}")
    if kind in MOLMO and not theirs:
        from deixis.vlm.molmo_chat import MolmoChat

        return MolmoChat(folder, family, dtype)
    try:
        from deixis.vlm.adapters import TransformersChat
        from deixis.vlm.molmo_theirs import TheirMolmo
    except ImportError as error:
        raise SetupError(
            f"models of other makers run in transformers: pip install 'deixis[models]' ({error})"
        ) from error
    return TheirMolmo(folder, family, dtype) if kind in MOLMO else TransformersChat(folder, kind, dtype)


def _published_name(folder: Path) -> str:
    """The name that the weights were published under, which a copy may keep: its folder's, else that of its config."""
    names = [folder.name.rpartition("--")[2]]
    with contextlib.suppress(OSError, ValueError):
        names.append(str(json.loads((folder / "config.json").read_text()).get("_name_or_path") or ""))
    for name in names:
        try:
            return family_of(name).name
        except UsageError:
            continue
    return names[0]
