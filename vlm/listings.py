"""Dense pieces of training pages: what is mostly text and small links, and forms whose fields stand close together.

News rankings, search results, files, mail, rows of links with strokes between them, booking forms whose names stand inside
the border. On such pages things are told apart by little: a gap, a stroke, a colour. Class names are the skin's where it
has some. Knows nothing of what is asked about them.
"""

from collections.abc import Callable
from html import escape
from random import Random
from typing import TYPE_CHECKING

from deixis.vlm.parts import LINE, icon_button, picture, price
from deixis.vlm.skins import hsl

if TYPE_CHECKING:
    from deixis.vlm.pages import _Page

BETWEEN = (" | ", " | ", " · ", " • ", " / ", " - ", "&nbsp; ", " ", ", ", " › ")
UNDER = ("hide", "{n} comments", "share", "save", "reply", "report", "discuss", "cite", "flag", "{n} views", "similar", "cached", "permalink", "by {u}", "{n} replies")  # fmt: skip
BARS = ("Home", "Search", "Profile", "Account", "Shop", "Deals", "Menu", "Inbox", "Orders", "Saved", "Explore", "Cart", "Feed", "Wallet", "More", "Library", "Alerts", "Map")  # fmt: skip


def _ink(rng: Random) -> str:
    """Links as sites colour them: blue, like the text, grey, or something of their own."""
    return rng.choice(["", "", "color:inherit;text-decoration:none", "color:inherit", "color:#828282;text-decoration:none", f"color:{hsl(rng, (25, 45), 80)};text-decoration:none"])  # fmt: skip


def _small(page: "_Page", text: str, style: str) -> str:
    return f'<a href="#" style="{style}">{escape(text)}</a>'


def _said(page: "_Page", pattern: str) -> str:
    return pattern.format(n=page.rng.randint(0, 999), u=page.words.faker.user_name())


def strokes(page: "_Page") -> str:
    """Links in one line with nothing but a stroke, a dot or a gap between them."""
    rng, words = page.rng, page.words
    style, between = _ink(rng), rng.choice(BETWEEN)
    texts = [words.title(1, 2) if rng.random() < 0.6 else words.label() for _ in range(rng.randint(3, 12))]
    if rng.random() < 0.35:
        texts = [text.lower() for text in texts]
    if rng.random() < 0.15:
        texts = [str(n) for n in range(1, len(texts) + 1)]
    back = rng.choice(["", "", "", f"background:{hsl(rng, (40, 70), 90)};", "background:#222;color:#eee;"])
    head = f"<b>{escape(words.title(1, 2))}</b> " if rng.random() < 0.4 else ""
    tail = f'<span style="float:right">{_small(page, words.label(), style)}</span>' if rng.random() < 0.3 else ""
    return (
        f'<div style="font-size:{rng.randint(10, 16)}px;padding:{rng.randint(0, 8)}px;{back}text-align:{rng.choice(["left", "left", "center"])}">'
        f"{head}{between.join(_small(page, text, style) for text in texts)}{tail}</div>"
    )


def ranking(page: "_Page") -> str:
    """Numbered headlines with a line of small links under each."""
    rng, words = page.rng, page.words
    title, small, size = _ink(rng), _ink(rng), rng.randint(11, 18)
    under = rng.sample(UNDER, rng.randint(1, 4))
    mark = rng.choice(["", "▲ ", "▲ ", "▸ ", "• ", "<input type='checkbox'> "])
    rows, number = [], rng.choice(["{}. ", "{}. ", "", "{} "])
    for n in range(1, rng.randint(4, 14)):
        about = f"{rng.randint(1, 900)} points by {escape(words.faker.user_name())} {rng.randint(2, 23)} hours ago"
        line = rng.choice(BETWEEN[:6]).join([about, *(_small(page, _said(page, one), small) for one in under)])
        site = f" <small>({escape(words.faker.domain_name())})</small>" if rng.random() < 0.6 else ""
        rows.append(
            f'<div style="margin:{rng.randint(0, 3)}px 0">{number.format(n)}{mark}<a href="#" style="{title};font-size:{size}px">{escape(words.title(3, 10))}</a>{site}</div>'
            f'<div style="font-size:{max(9, size - rng.randint(2, 4))}px;color:#828282;margin:0 0 {rng.randint(2, 9)}px {rng.choice([0, 24, 30])}px">{line}</div>'
        )
    return "".join(rows) + (
        f"<p>{_small(page, rng.choice(['More', 'Next', 'Load more', 'Older', 'Next page']), title)}</p>"
    )


def results(page: "_Page") -> str:
    """What a search engine, a library or a shop answers."""
    rng, words = page.rng, page.words
    size, style = rng.randint(14, 22), rng.choice(["color:#1a0dab;text-decoration:none", "", _ink(rng)])
    word = words.some(1)
    out = []
    for _ in range(rng.randint(3, 7)):
        address = f'<div style="color:#006621;font-size:13px">{escape(words.faker.domain_name())} › {escape(words.some(1))}</div>'
        text = escape(words.sentence(10, 28)).replace(word, f"<b>{word}</b>")
        links = " ".join(_small(page, words.title(1, 2), style) for _ in range(rng.choice([0, 0, 0, 3])))
        face = picture(rng, "90px", 70, "flex:none") if size % 3 == 0 else ""
        head = f'<a href="#" style="font-size:{size}px;{style}">{escape(words.title(2, 8))}</a>'
        out.append(
            f'<div style="display:flex;gap:12px;margin:{rng.randint(8, 22)}px 0">{face}<div style="max-width:{rng.randint(420, 700)}px">{address if size % 2 else ""}{head}{"" if size % 2 else address}<div style="font-size:13px">{text}</div>{links}</div></div>'
        )
    field = f'<div class="row-x"><input {page.cls("input")} type="search" aria-label="Search" value="{escape(words.title(1, 3)) if rng.random() < 0.5 else ""}" style="width:{rng.randint(240, 520)}px">{page.button("Search") if rng.random() < 0.6 else icon_button(page)}</div>'
    return field + "".join(out)


def files(page: "_Page") -> str:
    """A table of names, each a link, with what is known of them."""
    rng, words = page.rng, page.words
    endings = (".md", ".txt", ".py", "", "", ".pdf", ".json", ".html", ".csv", ".png", "/", ".rs", ".docx")
    pad, style, drawn = rng.randint(2, 10), _ink(rng), page.icon(16)[1] if rng.random() < 0.6 else ""
    rows = []
    for _ in range(rng.randint(4, 14)):
        stem = words.some(1).replace(" ", rng.choice(["_", "-"]))
        name = (stem.upper() if rng.random() < 0.15 else stem) + rng.choice(endings)
        tick = '<td><input type="checkbox"></td>' if pad % 3 == 0 else ""
        menu = f"<td>{icon_button(page, 16)}</td>" if pad % 4 == 0 else ""
        rows.append(
            f'<tr style="border-top:1px solid #8884">{tick}<td style="padding:{pad}px 12px">{drawn} {_small(page, name, style)}</td>'
            f'<td style="padding:{pad}px 12px;color:#777">{escape(words.title(2, 5))}</td><td style="padding:{pad}px 12px;color:#777">{escape(words.value())}</td>{menu}</tr>'
        )
    bar = "".join(page.button(small=True) for _ in range(rng.randint(0, 4)))
    return f'<div class="row-x">{bar}</div><table style="width:{rng.choice(["100%", "100%", "auto"])};border-collapse:collapse;{rng.choice(["", LINE])}">{"".join(rows)}</table>'


def mail(page: "_Page") -> str:
    """Letters in rows: a box to tick, a star, who, about what, when."""
    rng, words = page.rng, page.words
    pad, star = rng.randint(3, 11), page.icon(16)
    rows = []
    for n in range(rng.randint(5, 14)):
        bold = "font-weight:bold" if rng.random() < 0.3 else ""
        rows.append(
            f'<div style="display:flex;gap:12px;align-items:center;padding:{pad}px 8px;border-bottom:1px solid #8883;{bold}">'
            f'<input type="checkbox" aria-label="Select {n}"><button type="button" data-icons="{escape(star[0])}" style="border:0;background:none;padding:0;color:inherit">{star[1]}</button>'
            f'<span style="width:150px;overflow:hidden;white-space:nowrap">{escape(words.faker.name())}</span>'
            f'<a href="#" style="flex:1;color:inherit;text-decoration:none;overflow:hidden;white-space:nowrap">{escape(words.title(2, 6))}</a><small>{rng.randint(1, 28)} {rng.choice(["Jan", "Mar", "Jun", "Sep", "Nov"])}</small></div>'
        )
    tools = "".join(icon_button(page, 18) for _ in range(rng.randint(2, 7)))
    return f'<div class="row-x">{tools}<span style="flex:1"></span><small>1-{len(rows)} / {rng.randint(20, 4000)}</small></div>{"".join(rows)}'


def booking(page: "_Page") -> str:
    """Fields in one bordered row or grid, their names small inside the border, and the button that goes with them."""
    rng, words = page.rng, page.words
    radius, height = rng.choice([0, 4, 8, 12, 30]), rng.randint(44, 66)
    cells = []
    for _ in range(rng.randint(2, 6)):
        name, ident = escape(words.field()), page.new_id()
        shown = (
            f'value="{escape(words.value())}"'
            if rng.random() < 0.3
            else f'placeholder="{escape(words.sentence(1, 3))}"'
        )
        control = f'<input id="{ident}" {shown} style="border:0;outline:0;background:none;color:inherit;font:inherit;font-size:15px;width:100%;padding:0;height:24px;margin:0">'
        if rng.random() < 0.25:
            options = "".join(f"<option>{escape(words.option())}</option>" for _ in range(3))
            control = f'<select id="{ident}" style="border:0;background:none;color:inherit;font:inherit;font-size:15px;width:100%;height:24px;padding:0;margin:0">{options}</select>'
        cells.append(
            f'<div style="{LINE};border-radius:{radius}px;padding:4px 12px;height:{height}px;overflow:hidden"><label for="{ident}" style="display:block;font-size:{rng.choice([11, 12, 12, 13])}px;opacity:.75;margin:0">{name}</label>{control}</div>'
        )
    go = page.button() if rng.random() < 0.8 else icon_button(page, 24)
    columns = rng.choice([len(cells) + 1, len(cells) + 1, 2, 3])
    above = (
        " ".join(f'<label><input type="radio" name="{page.new_id()}"> {escape(words.option())}</label>' for _ in range(rng.randint(2, 4)))
        if rng.random() < 0.4
        else ""
    )  # fmt: skip
    return f'<div style="padding:{rng.randint(6, 24)}px;{rng.choice(["", LINE, "box-shadow:0 4px 20px #0003;border-radius:12px"])}"><div class="row-x" style="gap:18px">{above}</div><div class="grid-x" style="grid-template-columns:repeat({columns},1fr);gap:{rng.randint(0, 14)}px">{"".join(cells)}{go}</div></div>'


def grid_form(page: "_Page") -> str:
    """Equal empty fields in columns, each under its name: nothing but the name tells them apart."""
    rng, words = page.rng, page.words
    columns, border, radius = (
        rng.randint(1, 4),
        rng.choice(["#bbb", "#ccd", "#888", "#ddd"]),
        rng.choice([0, 2, 3, 6, 10]),
    )
    width = rng.choice(["100%", "100%", "760px", "560px"])
    cells = []
    for _ in range(rng.randint(3, 12)):
        name, ident = escape(words.field()), page.new_id()
        style = f"width:100%;padding:{rng.choice([5, 7, 9])}px;border:1px solid {border};border-radius:{radius}px;font:inherit;box-sizing:border-box;margin:0"
        hint = f'placeholder="{escape(words.sentence(1, 3))}"' if rng.random() < 0.15 else ""
        fill = f'value="{escape(words.value())}"' if rng.random() < 0.12 else ""
        control = f'<input id="{ident}" style="{style}" {hint} {fill}>'
        if rng.random() < 0.18:
            options = "".join(f"<option>{escape(words.option())}</option>" for _ in range(3))
            control = f'<select id="{ident}" style="{style}">{options}</select>'
        tied = f'for="{ident}"' if rng.random() < 0.7 else ""
        control = control if tied else control.replace("id=", f'aria-labelledby="l{ident}" id=', 1)
        cells.append(f'<div><label id="l{ident}" {tied} style="display:block;font-size:13px;margin:0 0 {rng.randint(1, 6)}px">{name}{rng.choice(["", "", " *", ":"])}</label>{control}</div>')  # fmt: skip
    ticks = " &nbsp; ".join(
        f'<label><input type="checkbox"> {escape(words.sentence(2, 5).strip(".,!?"))}</label>'
        for _ in range(rng.randint(0, 2))
    )
    return f'<h2>{escape(words.title(1, 3))}</h2><div class="grid-x" style="grid-template-columns:repeat({columns},1fr);max-width:{width};gap:{rng.randint(8, 24)}px">{"".join(cells)}</div><p>{ticks}</p><p>{page.button()} {page.button()}</p>'


def preferences(page: "_Page") -> str:
    """Rows with a name at the left edge and a switch, a list, a field or a button at the right one."""
    rng, words = page.rng, page.words
    pad, line = (
        rng.randint(6, 18),
        rng.choice(["", "", "border-bottom:1px solid #8884", f"{LINE};border-radius:8px;margin-bottom:8px"]),
    )
    box = f"width:{rng.choice([180, 220, 260])}px;padding:7px 10px;border:1px solid #8888;border-radius:{rng.choice([0, 4, 8])}px;background:none;color:inherit;font:inherit"
    on, round_ = hsl(rng, (35, 50), 80), rng.choice([12, 12, 4])
    switch = (
        f"appearance:none;width:{rng.choice([36, 42, 48])}px;height:24px;border-radius:{round_}px;margin:0;background:{{back}};box-shadow:inset {{side}}20px 0 0 -2px #fff;border:1px solid #8886"
    )  # fmt: skip
    rows = []
    for _ in range(rng.randint(3, 9)):
        name, ident, k = escape(words.field() if rng.random() < 0.5 else words.option()), page.new_id(), rng.random()
        small = f"<br><small style='opacity:.7'>{escape(words.sentence(3, 9))}</small>" if rng.random() < 0.5 else ""
        tied = f'aria-labelledby="l{ident}"' if rng.random() < 0.7 else f'aria-label="{name}"'
        if k < 0.35:
            turned = rng.random() < 0.5
            style = switch.format(back=on if turned else "#999", side="-" if turned else "")
            control = f'<input type="checkbox" role="switch" id="{ident}" {tied} style="{style}" {"checked" if turned else ""}>'
        elif k < 0.6:
            options = "".join(f"<option>{escape(words.option())}</option>" for _ in range(3))
            control = f'<select id="{ident}" {tied} style="{box}">{options}</select>'
        elif k < 0.85:
            hint = rng.choice(["", f'placeholder="{escape(words.sentence(1, 2))}"', f'value="{escape(words.value())}"'])
            control = f'<input id="{ident}" {tied} style="{box}" {hint}>'
        else:
            control = page.button()
        rows.append(
            f'<div style="display:flex;justify-content:space-between;align-items:center;padding:{pad}px 4px;{line}"><div id="l{ident}">{name}{small}</div>{control}</div>'
        )
    return f'<div style="max-width:{rng.choice([480, 640, 760, 900, 1200])}px"><h3>{escape(words.title(1, 2))}</h3>{"".join(rows)}<p>{page.button()} {page.button() if rng.random() < 0.5 else ""}</p></div>'


def chips(page: "_Page") -> str:
    """Small rounded buttons in a row."""
    rng, words = page.rng, page.words
    style = f"border:1px solid #8888;border-radius:18px;background:none;color:inherit;padding:{rng.randint(2, 8)}px {rng.randint(8, 16)}px;font-size:{rng.randint(11, 15)}px"
    made = (f'<button type="button" style="{style}">{escape(words.title(1, 3))}{rng.choice(["", "", " ▾", " ×"])}</button>' for _ in range(rng.randint(2, 9)))  # fmt: skip
    return f'<div class="row-x">{"".join(made)}</div>'


def bottom_bar(page: "_Page") -> str:
    """An app's bar at the lower edge: drawings over small names, or names alone."""
    rng = page.rng
    names = rng.sample(BARS, rng.randint(3, 5))
    drawn = [page.icon(22)[1] + "<br>" if rng.random() < 0.8 else "" for _ in names] if rng.random() < 0.7 else [""] * 5
    items = "".join(f'<a href="#" style="color:inherit;text-decoration:none;flex:1;text-align:center">{d}{n}</a>' for d, n in zip(drawn, names, strict=False))  # fmt: skip
    return f'<nav style="position:fixed;bottom:0;left:0;right:0;background:Canvas;color:CanvasText;border-top:1px solid #8885;display:flex;padding:{rng.randint(4, 10)}px;font-size:{rng.randint(10, 13)}px;z-index:20">{items}</nav>'


def offers(page: "_Page") -> str:
    """Cards with a picture, a name, a price and the same words to press on each."""
    rng, words = page.rng, page.words
    press, mark = (
        rng.choice(["View deal", "Add to bag", "Book", "Details", "Read more", "See more", "Reserve"]),
        rng.random(),
    )
    link = "<a href='#'>{}</a>" if mark < 0.5 else "<button type='button'>{}</button>"
    cards = []
    for _ in range(rng.randint(3, 8)):
        heart = icon_button(page, 18, "float:right") if mark > 0.7 else ""
        cards.append(
            f'<div style="{LINE};border-radius:{rng.choice([0, 8, 12])}px;overflow:hidden">{picture(rng, "100%", rng.randint(50, 120))}<div style="padding:8px 12px">{heart}<b>{escape(words.title(1, 3))}</b><br>{price(rng)}<br>{link.format(press)}</div></div>'
        )
    return f'<div class="grid-x" style="grid-template-columns:repeat({rng.randint(2, 5)},1fr)">{"".join(cards)}</div>'


LISTINGS: tuple[Callable[["_Page"], str], ...] = (
    strokes, strokes, ranking, results, files, mail, booking, grid_form, grid_form, preferences, preferences, chips, bottom_bar, offers,
)  # fmt: skip


def dense_page(page: "_Page") -> str:
    """A screen made of nothing else, as plain sites are."""
    rng = page.rng
    head = strokes(page) if rng.random() < 0.6 else page.nav()
    side = page.sidebar() if rng.random() < 0.3 else ""
    main = "".join(rng.choice(LISTINGS)(page) for _ in range(rng.randint(2, 4)))
    foot = strokes(page) if rng.random() < 0.5 else ""
    return f'{head}<div class="frame-x">{side}<main class="main-x" style="padding:{rng.randint(2, 30)}px;max-width:{rng.choice(["none", "none", "1000px", "820px"])}">{main}{foot}</main></div>'
