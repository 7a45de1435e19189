"""Markup put into validation pages, with the pages' own classes: rows, prices, fields and boxes named by text nearby, icons.

What is asked of an element stands in its `data-q` as [[kind, instruction, text or null], ...]. Wordings are written down
here and are not those of training (`vlm.phrases`).
"""

import json
from html import escape
from pathlib import Path
from random import Random

from deixis.benchmarks.validation_sources import PEOPLE, THINGS
from deixis.vlm import counting

ICONS = {
    "search": "search|find|magnifier", "trash": "delete|trash can|remove|bin", "pencil": "edit|pencil|modify", "gear": "settings|gear|preferences", "house": "home|house", "bell": "notifications|bell|alerts",
    "envelope": "mail|envelope|message", "person": "user|profile|account", "cart": "shopping cart|cart|basket", "heart": "heart|like|favourite", "star": "star|favorite|rate", "download": "download|save to disk",
    "upload": "upload", "printer": "print|printer", "calendar": "calendar|date picker", "camera": "camera|take a photo", "lock": "lock|padlock|secure", "unlock": "unlock|open padlock", "eye": "show|eye|view", "eye-slash": "hide|crossed-out eye",
    "share": "share", "link-45deg": "link|copy link", "plus-lg": "add|plus|new", "dash-lg": "minus|subtract", "x-lg": "close|cross|dismiss", "check-lg": "tick|check mark|confirm", "arrow-left": "back|left arrow|previous", "arrow-right": "forward|right arrow|next",
    "arrow-clockwise": "reload|refresh", "funnel": "filter|funnel", "list": "menu|hamburger menu", "three-dots": "more options|three dots", "info-circle": "info|information", "question-circle": "help|question mark", "exclamation-triangle": "warning|alert triangle",
    "chat": "chat|speech bubble|comment", "telephone": "call|phone", "geo-alt": "location|map pin", "globe": "globe|language|world", "bookmark": "bookmark", "flag": "flag|report", "folder": "folder|directory", "file-earmark": "file|document",
    "paperclip": "attach|paper clip", "send": "send|paper plane", "play": "play|start", "pause": "pause", "stop": "stop", "volume-up": "sound|volume|speaker", "mic": "microphone|record voice", "image": "picture|image|photo", "moon": "dark mode|moon", "sun": "light mode|sun",
    "box-arrow-right": "log out|sign out|exit", "box-arrow-in-right": "log in|sign in", "clipboard": "clipboard|paste", "scissors": "cut|scissors", "clock": "time|clock|history", "credit-card": "credit card|payment", "gift": "gift|present", "truck": "delivery|truck|shipping",
    "hand-thumbs-up": "thumbs up|like", "hand-thumbs-down": "thumbs down|dislike", "zoom-in": "zoom in|enlarge", "zoom-out": "zoom out|shrink", "type-bold": "bold", "type-italic": "italic", "bar-chart": "chart|statistics", "wifi": "wifi|wireless network", "shield": "shield|security",
}  # fmt: skip

NEARBY = (
    "Nickname",
    "Floor",
    "Vehicle",
    "Invoice note",
    "Budget",
    "Hobby",
    "Delivery hint",
    "Contact person",
    "Room",
    "Serial number",
)

TICKS = (
    "Send me a receipt",
    "Gift packaging",
    "Share my location",
    "Weekly digest",
    "Allow comments",
    "Show my birthday",
    "Use dark colours",
    "Express delivery",
    "Keep a copy",
    "Hide prices",
)


def _q(*asked: tuple[str, str] | tuple[str, str, str]) -> str:
    return f'data-q="{escape(json.dumps([[*one, None][:3] for one in asked]))}"'


def table(rng: Random) -> str:
    """People with the same two actions."""
    names, actions = (
        rng.sample(PEOPLE, rng.randint(3, 5)),
        rng.choice([("Edit", "Delete"), ("View", "Remove"), ("Open", "Archive")]),
    )
    rows = []
    for i, name in enumerate(names):
        ways = ("the {a} in the row of {n}", "{a} next to {n}", "{a} {n}'s entry", "in {n}'s row, the {a} button")
        cells = "".join(
            f'<td><a href="#" class="btn btn-sm btn-primary" {_q(("row", rng.choice(ways).format(a=a, n=name.split()[0])), ("ordinal", f"the {counting.ORDINALS[i]} {a}"))}>{a}</a></td>'
            for a in actions
        )
        city, points = rng.choice(["Lyon", "Oslo", "Porto", "Graz", "Bergen"]), rng.randint(10, 99)
        rows.append(
            f"<tr><td>{name}</td><td>{city}</td><td><span {_q(('reading', f'the number in the row of {name}', str(points)))}>{points}</span></td>{cells}</tr>"
        )
    return f'<table class="table"><thead><tr><th>Name</th><th>City</th><th>Points</th><th></th><th></th></tr></thead><tbody>{"".join(rows)}</tbody></table>'


def prices(rng: Random) -> str:
    cards = []
    for thing in rng.sample(THINGS, 4):
        price = rng.choice([f"${rng.randint(5, 400)}.{rng.randint(0, 99):02d}", f"{rng.randint(5, 400)} €"])
        asked = _q(
            (
                "price",
                rng.choice([f"the price under {thing}", f"the price of the {thing}", f"how much is the {thing}"]),
            ),
            ("reading", f"the price under {thing}", price),
        )
        buy = _q(
            (
                "row",
                rng.choice(
                    [
                        f"Add to cart for {thing}",
                        f"the Add to cart button under {thing}",
                        f"buy the {thing}: Add to cart",
                    ]
                ),
            )
        )
        cards.append(
            f'<div class="col-3"><div class="card p-3"><h5>{thing}</h5><div><b {asked}>{price}</b></div><a href="#" class="btn btn-primary" {buy}>Add to cart</a></div></div>'
        )
    return f'<div class="row">{"".join(cards)}</div>'


def fields(rng: Random) -> str:
    """Fields named only by text nearby, in three layouts."""
    out, place = [], rng.choice(["left", "above", "table"])
    for name in rng.sample(NEARBY, 4):
        asked = _q(
            (
                "near-text field",
                rng.choice(["{}", "the {} field", "type the {}", "where do I put the {}", "the box for the {}"]).format(
                    name
                ),
            )
        )
        control = f'<input type="text" class="form-control" style="width:240px" {asked}>'
        if place == "table":
            out.append(f"<tr><td style='padding-right:20px'>{name}</td><td>{control}</td></tr>")
        elif place == "left":
            out.append(f'<div class="d-flex mb-2"><span style="width:140px">{name}</span>{control}</div>')
        else:
            out.append(f'<div class="mb-2"><div>{name}</div>{control}</div>')
    body = "".join(out)
    return f"<table>{body}</table>" if place == "table" else f"<div>{body}</div>"


def ticks(rng: Random) -> str:
    kind, out = rng.choice(["checkbox", "radio"]), []
    for i, name in enumerate(rng.sample(TICKS, 5)):
        asked = _q(
            (
                kind,
                rng.choice(["{}", "tick {}", "the {} box", "select {}", "the one next to {}", "choose {}"]).format(
                    name
                ),
            )
        )
        out.append(
            f'<div class="form-check"><input class="form-check-input" type="{kind}" name="v" id="v{i}" {asked}><label class="form-check-label" for="v{i}">{name}</label></div>'
        )
    return f"<div>{''.join(out)}</div>"


def icons(rng: Random, folder: Path) -> str:
    """A row of bare icons of one size."""
    size, look = (
        rng.choice([16, 18, 20, 24]),
        rng.choice(
            [
                "border:0;background:none",
                "border:1px solid #999;border-radius:4px;background:none",
                "border:0;background:#eee;border-radius:50%",
            ]
        ),
    )
    out = []
    for name in rng.sample(sorted(ICONS), 7):
        svg = (folder / f"{name}.svg").read_text().replace('width="16" height="16"', f'width="{size}" height="{size}"')
        words = rng.choice(ICONS[name].split("|"))
        asked = _q(("icon", rng.choice(["{}", "the {} icon", "click {}", "{} button", "the {} button"]).format(words)))
        out.append(
            f'<button type="button" style="{look};padding:5px;margin:0 {rng.randint(1, 9)}px;color:#333" {asked}>{svg}</button>'
        )
    return f'<div style="padding:6px;background:#fff">{"".join(out)}</div>'


def people_words(rows: list[dict[str, str]]) -> str:
    """Links, buttons, fields and check boxes with the labels of the list."""
    out = []
    for i, row in enumerate(rows):
        asked, label = _q(("people", row["words"])), escape(row["label"])
        if row["role"] == "field":
            out.append(
                f'<div class="mb-2"><label for="p{i}" class="form-label">{label}</label><input id="p{i}" class="form-control" style="max-width:360px" {asked}></div>'
            )
        elif row["role"] == "checkbox":
            out.append(
                f'<div class="form-check mb-2"><input class="form-check-input" type="checkbox" id="p{i}" {asked}><label class="form-check-label" for="p{i}">{label}</label></div>'
            )
        elif row["role"] == "button":
            out.append(
                f'<button type="button" class="btn btn-{["primary", "secondary", "light"][i % 3]} me-2 mb-2" {asked}>{label}</button>'
            )
        else:
            out.append(f'<a href="#" class="me-3" {asked}>{label}</a>')
    return f"<div>{''.join(out)}</div>"
