"""Random web pages to train on: components with the words of `words`, the icons of `icons`, the looks of `skins`.

A seed gives the same HTML again. The names of things are not written down here: `collect.js` takes them from the DOM,
like those of real templates. Knows nothing of browsers and models.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from random import Random

from deixis.vlm.icons import Icons
from deixis.vlm.listings import LISTINGS, dense_page
from deixis.vlm.parts import PARTS, WALLS
from deixis.vlm.skins import Skin, all_skins, choose_skin, font_packages, random_css, tweaks
from deixis.vlm.words import Words

LAYOUT = """.row-x{display:flex;gap:8px;flex-wrap:wrap;align-items:center}.grid-x{display:grid;gap:14px}
.frame-x{display:flex}.main-x{flex:1;min-width:0}.side-x{flex:none;padding:8px}.side-x a{display:flex;gap:8px;align-items:center;padding:5px 8px}
.field-x{margin:7px 0}.inline-x{display:flex;gap:10px;align-items:center}.inline-x>label{flex:none}
.modal-x{position:fixed;z-index:50;padding:18px;box-shadow:0 8px 40px #0008}.cover-x{position:fixed;inset:0;background:#0007;z-index:40}
.cookie-x{position:fixed;left:0;right:0;bottom:0;padding:12px 18px;z-index:30}ul.bare-x{list-style:none;padding:0;margin:0}"""


KINDS = {**WALLS, "dense": dense_page}
"""Pages of one kind altogether."""


class PageMaker:
    """Makes pages from the style sheets and icons found below `packages`."""

    def __init__(self, packages: Path) -> None:
        self.packages = packages
        self.skins = all_skins(packages)
        self.icons = Icons(packages)
        self.fonts = font_packages(packages)

    def page(self, seed: int, base: str = "/", wall: str = "") -> tuple[str, str]:
        """(html, family) of one page; style sheets are linked below `base`. A wall is full of one sort of thing."""
        rng = Random(seed)
        skin = choose_skin(self.skins, rng)
        page = _Page(rng, skin, self.icons, self.fonts)
        return page.html(base, KINDS[wall](page) if wall else ""), wall or f"gen-{skin.family}"


class _Page:
    """One page in the making; every method returns HTML."""

    def __init__(self, rng: Random, skin: Skin, icons: Icons, fonts: list[str]) -> None:
        self.rng, self.skin, self.icons, self.words, self.fonts = rng, skin, icons, Words(rng), fonts
        self.count = 0
        self.label_place = rng.choice(["above", "above", "left", "placeholder", "mixed"])
        self.icon_rate = rng.choice([0, 0.2, 0.4, 0.7])

    # pieces

    def cls(self, role: str, extra: str = "") -> str:
        names = re.sub(r"\{([^}]*)\}", lambda m: self.rng.choice(m[1].split("|")), self.skin.classes.get(role, role))
        return f'class="{names} {extra}"'

    def icon(self, size: int = 16) -> tuple[str, str]:
        drawn = self.icons.draw(self.rng, size)
        return "|".join(drawn.names), drawn.svg

    def new_id(self) -> str:
        self.count += 1
        return f"f{self.count}"

    def button(self, text: str | None = None, small: bool = False) -> str:
        rng = self.rng
        kind = self.cls("button", rng.choice(["primary", "", "", "danger"]) if self.skin.plain else "")
        if small and "small" in self.skin.classes:
            kind = kind.replace('"', f'"{self.skin.classes["small"]} ', 1)
        if text is None and rng.random() < 0.16:
            names, svg = self.icon(rng.choice([14, 16, 18, 20, 24]))
            hidden = f'aria-label="{escape(names.split("|")[0])}"' if rng.random() < 0.5 else ""
            return f'<button type="button" {kind} data-icons="{escape(names)}" {hidden}>{svg}</button>'
        text = escape(text or self.words.label())
        lead = self.icon(rng.choice([12, 14, 16]))[1] + " " if rng.random() < self.icon_rate * 0.6 else ""
        off = " disabled" if rng.random() < 0.05 else ""
        k = rng.random()
        if k < 0.7:
            return f'<button type="button" {kind}{off}>{lead}{text}</button>'
        return f'<a href="#" {kind}>{lead}{text}</a>' if k < 0.93 else f'<input type="submit" {kind} value="{text}">'

    def control(self, ident: str, placeholder: str) -> str:
        rng = self.rng
        fill = f'value="{escape(self.words.value())}"' if rng.random() < 0.22 else ""
        k, hint = rng.random(), f'placeholder="{escape(placeholder)}"' if placeholder else ""
        kind = rng.choice(["text", "text", "text", "email", "password", "search", "tel"])
        if k < 0.74:
            return f'<input id="{ident}" type="{kind}" {self.cls("input")} {fill} {hint}>'
        if k < 0.88 and not placeholder:
            options = "".join(f"<option>{escape(self.words.option())}</option>" for _ in range(rng.randint(2, 5)))
            return f'<select id="{ident}" {self.cls("select")}>{options}</select>'
        return f'<textarea id="{ident}" rows="{rng.randint(2, 4)}" {self.cls("input")} {hint}></textarea>'

    def field(self) -> str:
        rng = self.rng
        if rng.random() < 0.22:
            return self.check()
        name, ident = escape(self.words.field()), self.new_id()
        place = rng.choice(["above", "left", "placeholder"]) if self.label_place == "mixed" else self.label_place
        if place == "placeholder":
            return f"<div {self.cls('field', 'field-x')}>{self.control(ident, name)}</div>"
        mark = rng.choice(["", "", "", " *", ":", ":"])
        hint = self.words.sentence(2, 4) if rng.random() < 0.15 else ""
        label = f'<label for="{ident}" {self.cls("label")}>{name}{mark}</label>'
        if rng.random() < 0.12:  # a label that the DOM does not tie to its field
            label = f'<span {self.cls("label")} id="l{ident}">{name}{mark}</span>'
            control = self.control(ident, hint).replace("id=", f'aria-labelledby="l{ident}" id=', 1)
        else:
            control = self.control(ident, hint)
        if place == "left":
            label = label.replace("<label", f'<label style="width:{rng.choice([90, 120, 160, 200])}px"', 1)
            return f"<div {self.cls('field', 'field-x inline-x')}>{label}{control}</div>"
        help_text = f"<small>{escape(self.words.sentence(3, 12))}</small>" if rng.random() < 0.2 else ""
        return f"<div {self.cls('field', 'field-x')}>{label}{'<br>' if rng.random() < 0.3 else ''}{control}{help_text}</div>"

    def check(self) -> str:
        rng, ident, name = self.rng, self.new_id(), escape(self.words.option())
        kind = rng.choice(["checkbox", "checkbox", "radio"])
        box = f'<input type="{kind}" id="{ident}" name="{rng.randint(0, 3)}" {self.cls("check-input")} {rng.choice(["", "checked"])}>'
        if self.skin.family == "materialize":
            return f"<p><label>{box}<span>{name}</span></label></p>"
        label = f'<label for="{ident}" {self.cls("check-label")}>{name}</label>'
        parts = [box, " ", label] if rng.random() < 0.85 else [label, " ", box]
        return f"<div {self.cls('check', 'field-x')}>{''.join(parts)}</div>"

    def link(self) -> str:
        return f'<a href="#" {self.cls("link")}>{escape(self.words.label())}</a>'

    # blocks

    def nav(self) -> str:
        rng = self.rng
        links = "".join(
            f'<a href="#" {self.cls("nav-link")}>{escape(self.words.label())}</a>' for _ in range(rng.randint(2, 7))
        )
        search = f'<input type="search" style="width:auto" {self.cls("input")} placeholder="{escape(rng.choice(["Search", "Search...", self.words.title(1, 2)]))}">'
        tail = "".join(self.button(small=True) for _ in range(rng.randint(0, 3)))
        brand = f"<b>{escape(self.words.title(1, 2))}</b>" if rng.random() < 0.8 else ""
        gap = "margin-left:auto" if rng.random() < 0.6 else ""
        return (
            f'<nav {self.cls("navbar")}><div class="row-x" style="width:100%;gap:{rng.randint(8, 26)}px">{brand}{links}'
            f'<span class="row-x" style="{gap}">{search if rng.random() < 0.5 else ""}{tail}</span></div></nav>'
        )

    def sidebar(self) -> str:
        rng, rows = self.rng, []
        for _ in range(rng.randint(4, 13)):
            lead = self.icon(rng.choice([14, 16, 18]))[1] if rng.random() < self.icon_rate else ""
            badge = f"<span {self.cls('badge')}>{rng.randint(1, 99)}</span>" if rng.random() < 0.1 else ""
            rows.append(f'<a href="#" {self.cls("side-link")}>{lead} {escape(self.words.label())} {badge}</a>')
            if rng.random() < 0.12:
                rows.append(f"<small><b>{escape(self.words.title(1, 2))}</b></small>")
        return f'<aside class="sidebar side-x" style="width:{rng.randint(150, 250)}px">{"".join(rows)}</aside>'

    def card(self) -> str:
        rng = self.rng
        lead = self.icon(rng.choice([20, 28, 36]))[1] if rng.random() < self.icon_rate else ""
        level = rng.randint(2, 5)
        buttons = "".join(self.button(small=True) for _ in range(rng.choice([0, 1, 1, 2])))
        price = f"<p><b>{escape(self.words.value())}</b></p>" if rng.random() < 0.3 else ""
        return (
            f"<div {self.cls('card')}><div {self.cls('card-body')}>{lead}<h{level} {self.cls('card-title')}>{escape(self.words.title(1, 4))}</h{level}>"
            f"<p {self.cls('text')}>{escape(self.words.sentence(3, 24))}</p>{price}{buttons}</div></div>"
        )

    def table(self) -> str:
        rng, words = self.rng, self.words
        columns, icons_only = rng.randint(2, 6), rng.random() < 0.3
        actions = [words.label() for _ in range(rng.choice([0, 0, 1, 2]))]
        drawn = [self.icon(16) for _ in actions]
        tick = rng.random() < 0.25
        head = "".join(f"<th {self.cls('head')}>{escape(words.field())}</th>" for _ in range(columns)) + (
            "<th></th>" if actions else ""
        )
        rows = []
        for _ in range(rng.randint(2, 9)):
            cells = [f"<td {self.cls('cell')}>{escape(words.value())}</td>" for _ in range(columns)]
            if rng.random() < 0.4:
                cells[0] = f"<td {self.cls('cell')}>{self.link()}</td>"
            if actions and icons_only:
                cells.append(
                    "<td>"
                    + "".join(
                        f'<button type="button" {self.cls("button", "")} data-icons="{escape(n)}">{s}</button>'
                        for n, s in drawn
                    )
                    + "</td>"
                )
            elif actions:
                cells.append(
                    "<td>"
                    + " ".join(f'<a href="#" {self.cls(rng.choice(["link", "link"]))}>{escape(a)}</a>' for a in actions)
                    + "</td>"
                )
            box = '<td><input type="checkbox"></td>' if tick else ""
            rows.append(f"<tr>{box}{''.join(cells)}</tr>")
        return f"<table {self.cls('table')}><thead><tr>{'<th></th>' if tick else ''}{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"

    def form(self) -> str:
        rng = self.rng
        fields = "".join(self.field() for _ in range(rng.randint(2, 6)))
        title = f"<h2 {self.cls('title')}>{escape(self.words.title(1, 3))}</h2>" if rng.random() < 0.7 else ""
        wide = f' style="max-width:{rng.choice([320, 420, 560, 900])}px"'
        return f'<form{wide}>{title}{fields}<div class="row-x">{"".join(self.button() for _ in range(rng.randint(1, 3)))}</div></form>'

    def text(self) -> str:
        rng = self.rng
        body = " ".join(escape(self.words.sentence()) for _ in range(rng.randint(1, 5)))
        level, title = rng.randint(1, 4), escape(self.words.title(2, 6))
        heading = f"<h{level} {self.cls('title')}>{title}</h{level}>"
        return f"{heading}<p {self.cls('text')}>{body} {self.link()} {escape(self.words.sentence(3, 9))}</p>"

    def items(self) -> str:
        kinds: list[Callable[[], str]] = [
            self.link,
            lambda: escape(self.words.sentence(2, 8)),
            lambda: f"{self.link()} {escape(self.words.value())}",
        ]
        rows = [self.rng.choice(kinds)() for _ in range(self.rng.randint(3, 9))]
        return f"<ul {self.cls('list')}>" + "".join(f"<li {self.cls('item')}>{row}</li>" for row in rows) + "</ul>"

    def tabs(self) -> str:
        tabs = "".join(
            f'<a href="#" role="tab" {self.cls("tab", "active" if i == 0 else "")}>{escape(self.words.label())}</a>'
            for i in range(self.rng.randint(2, 6))
        )
        return f'<div role="tablist" {self.cls("tabs", "row-x")}>{tabs}</div>'

    def toolbar(self) -> str:
        return f'<div class="row-x">{"".join(self.button(small=self.rng.random() < 0.4) for _ in range(self.rng.randint(3, 10)))}</div>'

    def notice(self) -> str:
        close = '<button type="button" data-icons="close|dismiss|x">&times;</button>' if self.rng.random() < 0.5 else ""
        return f"<div {self.cls('alert', 'row-x')}>{escape(self.words.sentence(3, 12))} {self.link()} {close}</div>"

    def pager(self) -> str:
        pages = (
            ["«", *map(str, range(1, self.rng.randint(4, 8))), "»"]
            if self.rng.random() < 0.5
            else ["Previous", "1", "2", "3", "Next"]
        )
        return (
            f"<ul {self.cls('pages', 'row-x bare-x')}>"
            + "".join(f'<li><a href="#" {self.cls("page")}>{p}</a></li>' for p in pages)
            + "</ul>"
        )

    def crumbs(self) -> str:
        sep = self.rng.choice([" / ", " › ", " > "])
        return f"<div>{sep.join(self.link() for _ in range(self.rng.randint(2, 4)))}{sep}{escape(self.words.title(1, 3))}</div>"

    def block(self) -> str:
        blocks = [
            self.card,
            self.table,
            self.items,
            self.form,
            self.form,
            self.text,
            self.text,
            self.tabs,
            self.toolbar,
            self.notice,
            self.pager,
            self.crumbs,
        ]
        return self.rng.choice(blocks)() if self.rng.random() < 0.4 else self.rng.choice((*PARTS, *LISTINGS))(self)

    def grid(self) -> str:
        n = self.rng.randint(2, 6)
        return f'<div class="grid-x" style="grid-template-columns:repeat({self.rng.randint(2, 4)},1fr)">{"".join(self.card() for _ in range(n))}</div>'

    def columns(self) -> str:
        shape = self.rng.choice(["1fr 1fr", "2fr 1fr", "1fr 2fr", "1fr 1fr 1fr"])
        parts = "".join(
            f"<div>{''.join(self.block() for _ in range(self.rng.randint(1, 3)))}</div>" for _ in shape.split()
        )
        return f'<div class="grid-x" style="grid-template-columns:{shape}">{parts}</div>'

    def overlay(self) -> str:
        rng = self.rng
        back = "background:Canvas;color:CanvasText" if rng.random() < 0.7 else "background:#222;color:#eee"
        if rng.random() < 0.5:
            return f'<div class="cookie-x card" style="{back}"><span>{escape(self.words.sentence(6, 16))}</span> {self.button()} {self.button()}</div>'
        place = f"left:{rng.randint(15, 45)}%;top:{rng.randint(8, 35)}%;width:{rng.randint(280, 520)}px;{back}"
        inner = (
            self.form()
            if rng.random() < 0.4
            else f"<h3>{escape(self.words.title(1, 4))}</h3><p>{escape(self.words.sentence())}</p>{self.button()} {self.button()}"
        )
        return f'<div class="cover-x"></div><div role="dialog" class="modal-x card" style="{place}">{inner}</div>'

    def centred_form(self) -> str:
        """A sign-in page: one form in the middle of an empty screen."""
        return f'<div style="margin:{self.rng.randint(20, 140)}px auto;width:{self.rng.randint(300, 520)}px"><div {self.cls("card")}><div {self.cls("card-body")}>{self.form()}{self.link()}</div></div></div>'

    def body(self) -> str:
        rng = self.rng
        if rng.random() < 0.12:
            body = (self.nav() if rng.random() < 0.5 else "") + self.centred_form()
        else:
            main = "".join(
                rng.choice([self.block, self.block, self.block, self.grid, self.columns, self.columns])()
                for _ in range(rng.randint(3, 8))
            )
            side = self.sidebar() if rng.random() < 0.4 else ""
            body = (
                (self.nav() if rng.random() < 0.85 else "")
                + f'<div class="frame-x">{side}<main class="main-x" style="padding:{rng.randint(6, 28)}px">{main}</main></div>'
            )
        return body + (self.overlay() if rng.random() < 0.1 else "")

    def html(self, base: str, body: str = "") -> str:
        rng = self.rng
        body = body or self.body()
        sheets = "".join(f'<link rel="stylesheet" href="{base}{sheet}">' for sheet in self.skin.sheets)
        own = random_css(rng) if self.skin.plain else ""
        return (
            f'<!doctype html><html {self.skin.html}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{sheets}'
            f"<style>{LAYOUT}{own}{tweaks(rng, self.skin, base, self.fonts)}</style></head><body {self.cls('body')}>{body}</body></html>"
        )
