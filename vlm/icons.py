"""Icons for training pages: drawings from four open icon sets, each with the words people call it by.

Reads the unpacked npm packages below a folder; bootstrap-icons is never among them, it is kept for validation.
Sources and licences: lucide-static (ISC), @tabler/icons (MIT), @fortawesome/fontawesome-free (CC-BY-4.0), @mdi/svg
(Apache-2.0).
"""

import json
import re
from pathlib import Path
from random import Random
from typing import NamedTuple

COMMON = [
    "search",
    "menu",
    "x",
    "check",
    "plus",
    "minus",
    "trash",
    "edit",
    "pencil",
    "settings",
    "cog",
    "gear",
    "user",
    "users",
    "home",
    "house",
    "bell",
    "mail",
    "envelope",
    "heart",
    "star",
    "calendar",
    "clock",
    "lock",
    "unlock",
    "eye",
    "eye-off",
    "download",
    "upload",
    "share",
    "link",
    "copy",
    "save",
    "printer",
    "refresh",
    "filter",
    "sort",
    "cart",
    "shopping-cart",
    "bag",
    "phone",
    "camera",
    "image",
    "video",
    "play",
    "pause",
    "stop",
    "volume",
    "microphone",
    "map",
    "map-pin",
    "location",
    "globe",
    "flag",
    "bookmark",
    "tag",
    "folder",
    "file",
    "paperclip",
    "send",
    "chat",
    "message",
    "info",
    "help",
    "question",
    "warning",
    "alert",
    "arrow-left",
    "arrow-right",
    "arrow-up",
    "arrow-down",
    "chevron-left",
    "chevron-right",
    "chevron-down",
    "chevron-up",
    "dots",
    "ellipsis",
    "grid",
    "list",
    "sun",
    "moon",
    "login",
    "logout",
    "sign-in",
    "sign-out",
    "key",
    "shield",
    "zoom-in",
    "zoom-out",
    "maximize",
    "minimize",
    "external-link",
    "thumbs-up",
    "thumbs-down",
    "chart",
    "credit-card",
    "gift",
    "truck",
    "database",
    "server",
    "cloud",
    "code",
    "terminal",
    "bug",
    "wifi",
    "battery",
    "power",
    "undo",
    "redo",
    "cut",
    "clipboard",
    "bold",
    "italic",
    "underline",
]


class Icon(NamedTuple):
    names: tuple[str, ...]
    """The drawing's own name first, then what else people call it."""
    svg: str


class Icons:
    """All icons of the sets found; half of the draws are functions that web pages really use."""

    def __init__(self, root: Path) -> None:
        self.files: list[tuple[tuple[str, ...], Path]] = [
            *_lucide(root / "lucide-static"),
            *_tabler(root / "tabler_icons"),
            *_fontawesome(root / "fortawesome_fontawesome-free"),
            *_mdi(root / "mdi_svg"),
        ]
        wanted = {name.replace("-", " ") for name in COMMON}
        self.common = [entry for entry in self.files if entry[0][0] in wanted]

    def draw(self, rng: Random, size: int) -> Icon:
        names, path = rng.choice(self.common if self.common and rng.random() < 0.6 else self.files)
        return Icon(names, self.svg(path, size))

    def svg(self, path: Path, size: int) -> str:
        """The drawing of a file, of so many pixels' side, in the colour of the text around it."""
        svg = re.sub(r"<!--.*?-->|<\?xml.*?\?>", "", path.read_text(), flags=re.S).strip()
        svg = re.sub(r'\s(width|height|class)="[^"]*"', "", svg.split(">", 1)[0]) + ">" + svg.split(">", 1)[1]
        fill = "" if 'stroke="currentColor"' in svg else 'fill="currentColor" '
        return svg.replace("<svg", f'<svg {fill}style="width:{size}px;height:{size}px;flex:none"', 1)


def _clean(names: list[str]) -> tuple[str, ...]:
    seen = dict.fromkeys(re.sub(r"[-_/]+", " ", name).strip().lower() for name in names)
    return tuple(name for name in seen if 1 < len(name) < 30)[:8]


def _existing(entries: list[tuple[list[str], Path]]) -> list[tuple[tuple[str, ...], Path]]:
    return [(_clean(names), path) for names, path in entries if path.exists() and _clean(names)]


def _lucide(root: Path) -> list[tuple[tuple[str, ...], Path]]:
    if not (root / "tags.json").exists():
        return []
    tags: dict[str, list[str]] = json.loads((root / "tags.json").read_text())
    return _existing([([name, *more], root / "icons" / f"{name}.svg") for name, more in tags.items()])


def _tabler(root: Path) -> list[tuple[tuple[str, ...], Path]]:
    if not (root / "icons.json").exists():
        return []
    data = json.loads((root / "icons.json").read_text())
    return _existing(
        [
            ([name, *map(str, entry.get("tags", []))], root / "icons" / style / f"{name}.svg")
            for name, entry in data.items()
            if not name.startswith("brand-")
            for style in entry["styles"]
        ]
    )


def _fontawesome(root: Path) -> list[tuple[tuple[str, ...], Path]]:
    if not (root / "metadata").exists():
        return []
    data = json.loads((root / "metadata" / "icon-families.json").read_text())
    return _existing(
        [
            ([name, entry["label"], *entry["search"]["terms"]], root / "svgs" / style / f"{name}.svg")
            for name, entry in data.items()
            for style in ("solid", "regular")
        ]
    )


def _mdi(root: Path) -> list[tuple[tuple[str, ...], Path]]:
    if not (root / "meta.json").exists():
        return []
    data = json.loads((root / "meta.json").read_text())
    return _existing([([entry["name"], *entry["aliases"]], root / "svg" / f"{entry['name']}.svg") for entry in data])
