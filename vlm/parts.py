"""Larger pieces of training pages: what web sites and applications are put together from, beyond plain forms and tables.

Each takes the page in the making and returns HTML; class names are the skin's where it has some, the rest is styled in
place with drawn numbers. Knows nothing of what is asked about them.
"""

from collections.abc import Callable
from html import escape
from random import Random
from typing import TYPE_CHECKING

from deixis.vlm.skins import hsl

if TYPE_CHECKING:
    from deixis.vlm.pages import _Page

LINE = "border:1px solid #8885"
REACTIONS = ("Like", "Comment", "Share", "Reply", "Save", "Report", "Follow", "More", "Edit", "Delete", "Hide", "Pin")
PRODUCT = (
    "Add to cart",
    "Buy now",
    "Add to basket",
    "View",
    "Details",
    "Select",
    "Compare",
    "Wishlist",
    "Quick view",
    "Choose",
)
ROW = (
    "Edit",
    "Delete",
    "View",
    "Open",
    "Remove",
    "Download",
    "Rename",
    "Details",
    "Approve",
    "Reject",
    "Invite",
    "Message",
)
SOCIAL = ("Google", "Facebook", "GitHub", "Apple", "Microsoft", "LinkedIn", "X", "Twitter")


def icon_button(page: "_Page", size: int | None = None, style: str = "") -> str:
    """A button with nothing but a drawing, bare or with a border."""
    rng = page.rng
    names, svg = page.icon(size or rng.choice([14, 16, 18, 20, 24, 28]))
    look = rng.choice(["border:0;background:none", "border:0;background:none", LINE + ";background:none", ""])
    pad = rng.choice([0, 2, 4, 6, 8])
    tag = rng.choice(["button", "button", "a"])
    kind = 'href="#"' if tag == "a" else 'type="button"'
    label = f'aria-label="{escape(names.split("|")[0])}"' if rng.random() < 0.3 else ""
    return f'<{tag} {kind} data-icons="{escape(names)}" {label} style="{look};padding:{pad}px;color:inherit;{style}">{svg}</{tag}>'


def picture(rng: Random, width: str, height: int, extra: str = "") -> str:
    """What stands for a photograph: gradients and shapes."""
    a, b, c = (hsl(rng, (20, 85), 80) for _ in range(3))
    kind = rng.choice(["linear-gradient({0}deg,{1},{2},{3})", "radial-gradient(circle at 30% 30%,{1},{2} 40%,{3})",
                       "repeating-linear-gradient({0}deg,{1} 0 12px,{2} 12px 24px)", "conic-gradient({1},{2},{3},{1})"])  # fmt: skip
    return f'<div style="width:{width};height:{height}px;background:{kind.format(rng.randint(0, 180), a, b, c)};{extra}"></div>'


def price(rng: Random) -> str:
    amount = rng.choice(
        [
            f"{rng.randint(1, 99)}.{rng.randint(0, 99):02d}",
            str(rng.randint(5, 3000)),
            f"{rng.randint(1, 9)},{rng.randint(0, 999):03d}.00",
        ]
    )
    return rng.choice([f"${amount}", f"€{amount}", f"{amount} €", f"£{amount}", f"{amount} USD", f"from ${amount}"])


def products(page: "_Page") -> str:
    rng, words = page.rng, page.words
    actions = rng.sample(PRODUCT, rng.choice([1, 1, 2]))
    heart = rng.random() < 0.3
    drawn = page.icon(18)
    cards = []
    for _ in range(rng.randint(3, 8)):
        buttons = "".join(page.button(text, small=True) for text in actions)
        buttons += f'<button type="button" data-icons="{escape(drawn[0])}">{drawn[1]}</button>' if heart else ""
        stars = (
            f"<span>{'★' * rng.randint(2, 5)}</span> <small>({rng.randint(1, 900)})</small>"
            if rng.random() < 0.4
            else ""
        )
        name = escape(words.title(1, 4))
        title = (
            f"<h{rng.randint(3, 6)}>{name}</h5>"
            if rng.random() < 0.6
            else f'<strong><a href="#">{name}</a></strong><br>'
        )
        cards.append(
            f"<div {page.cls('card')}>{picture(rng, '100%', rng.randint(40, 150))}<div {page.cls('card-body')}>{title}{stars}"
            f"<div><b>{price(rng)}</b></div>{buttons}</div></div>"
        )
    return f'<div class="grid-x" style="grid-template-columns:repeat({rng.randint(2, 5)},1fr)">{"".join(cards)}</div>'


def plans(page: "_Page") -> str:
    rng, words = page.rng, page.words
    action = rng.choice(
        ["Get started", "Choose plan", "Select", "Sign up", "Buy now", "Start free trial", words.label()]
    )
    cards = "".join(
        f'<div {page.cls("card")} style="padding:14px;text-align:{rng.choice(["left", "center"])}"><h3>{escape(words.title(1, 2))}</h3><p><big>{price(rng)}</big> / {rng.choice(["month", "mo", "year", "user"])}</p>'
        f"<ul>{''.join(f'<li>{escape(words.sentence(2, 5))}</li>' for _ in range(rng.randint(2, 5)))}</ul>{page.button(action)}</div>"
        for _ in range(rng.randint(2, 4))
    )
    return f'<div class="row-x" style="align-items:stretch">{cards}</div>'


def rows(page: "_Page") -> str:
    """A list of people or things, each with the same actions."""
    rng, words = page.rng, page.words
    actions = rng.sample(ROW, rng.randint(1, 3))
    drawn = [page.icon(rng.choice([14, 16, 20])) for _ in actions]
    as_icons = rng.random() < 0.4
    out = []
    for _ in range(rng.randint(3, 8)):
        size = rng.randint(24, 48)
        face = picture(rng, f"{size}px", size, "border-radius:50%;flex:none") if rng.random() < 0.5 else ""
        if as_icons:
            tools = "".join(f'<button type="button" data-icons="{escape(n)}">{svg}</button>' for n, svg in drawn)
        else:
            tools = " ".join(
                f'<a href="#" {page.cls("link")}>{a}</a>'
                if rng.random() < 0.01 or size % 2
                else page.button(a, small=True)
                for a in actions
            )
        out.append(
            f'<li style="display:flex;gap:10px;align-items:center;padding:{rng.randint(3, 10)}px;border-bottom:1px solid #8884">{face}'
            f'<div style="flex:1"><strong>{escape(words.value())}</strong><br><small>{escape(words.sentence(2, 6))}</small></div>{tools}</li>'
        )
    return f'<ul class="bare-x">{"".join(out)}</ul>'


def floating(page: "_Page") -> str:
    """Fields whose label floats inside or on their border."""
    rng, words = page.rng, page.words
    boot = page.skin.classes.get("input") == "form-control" and rng.random() < 0.5
    out, look = [], rng.choice(["inside", "border", "filled"])
    for _ in range(rng.randint(2, 6)):
        name, ident = escape(words.field()), page.new_id()
        value = f'value="{escape(words.value())}"' if rng.random() < 0.3 else ""
        if boot:
            hint = rng.choice([name, "name@example.com", "x"])
            out.append(
                f'<div class="form-floating mb-3"><input class="form-control" id="{ident}" placeholder="{hint}" {value}><label for="{ident}">{name}</label></div>'
            )
            continue
        top, small = (
            ("50%;transform:translateY(-50%)", "")
            if look == "inside" and not value
            else ("-9px", "font-size:.75em;background:inherit;padding:0 4px")
            if look == "border"
            else ("3px", "font-size:.72em;opacity:.8")
        )
        out.append(
            f'<div style="position:relative;margin:{rng.randint(10, 20)}px 0;background:inherit;max-width:{rng.choice([260, 400, 640])}px"><input id="{ident}" {value} style="width:100%;height:{rng.randint(42, 58)}px;padding:14px 10px 2px;{LINE};background:{"#8881" if look == "filled" else "transparent"};color:inherit">'
            f'<label for="{ident}" style="position:absolute;left:11px;top:{top};{small};pointer-events:none">{name}</label></div>'
        )
    return f'<form style="background:inherit">{"".join(out)}{page.button()}</form>'


def loose_fields(page: "_Page") -> str:
    """Fields whose names only stand nearby: no label element, no placeholder."""
    rng, words = page.rng, page.words
    out, place = [], rng.choice(["left", "above", "table", "right", "group"])
    for _ in range(rng.randint(2, 6)):
        name, control = escape(words.field()), page.control(page.new_id(), "")
        if place == "table":
            out.append(f"<tr><td>{name}{rng.choice(['', ':'])}</td><td>{control}</td></tr>")
        elif place == "left":
            out.append(
                f'<div class="row-x field-x"><span style="width:{rng.choice([80, 120, 170])}px">{name}</span>{control}</div>'
            )
        elif place == "right":
            out.append(f'<div class="row-x field-x">{control}<span>{name}</span></div>')
        elif place == "group":
            out.append(
                f'<div class="input-group field-x" style="display:flex"><span class="input-group-text" style="{LINE};padding:4px 9px">{name}</span>{control}</div>'
            )
        else:
            out.append(f'<div class="field-x" style="flex:1"><div><b>{name}</b></div>{control}</div>')
    inner = "".join(out)
    return (
        f"<table>{inner}</table>" if place == "table" else f'<div class="{rng.choice(["row-x", "", ""])}">{inner}</div>'
    )


def choices(page: "_Page") -> str:
    """A question with its radio buttons, check boxes or switches."""
    rng, words = page.rng, page.words
    kind, group = rng.choice(["radio", "radio", "checkbox", "switch"]), page.new_id()
    across = rng.random() < 0.4
    out = []
    for i in range(rng.randint(2, 6)):
        name, ident = escape(words.option()), page.new_id()
        checked = "checked" if (kind == "radio" and i == 0) or (kind != "radio" and rng.random() < 0.3) else ""
        if kind == "switch":
            colour = hsl(rng, (35, 55), 90) if checked else "#bbb"
            knob = f'<span style="position:absolute;top:2px;{"right" if checked else "left"}:2px;width:14px;height:14px;border-radius:50%;background:#fff"></span>'
            box = f'<button type="button" role="switch" aria-labelledby="{ident}" style="position:relative;width:34px;height:18px;min-width:34px;border-radius:9px;border:0;padding:0;background:{colour}">{knob}</button>'
            name_html = f'<span id="{ident}" style="flex:1">{name}</span>'
            parts = [name_html, box] if rng.random() < 0.6 else [box, name_html]
            out.append(f'<div class="row-x" style="padding:5px 0;max-width:420px">{"".join(parts)}</div>')
        else:
            size = rng.choice(["", "", "width:18px;height:18px"])
            box = f'<input type="{kind}" name="{group}" id="{ident}" {checked} style="{size}">'
            label = (
                f'<label for="{ident}">{name}</label>' if rng.random() < 0.8 else f'<span id="l{ident}">{name}</span>'
            )
            box = box if "label" in label else box.replace("<input", f'<input aria-labelledby="l{ident}"', 1)
            out.append(
                f'<{"span" if across else "div"} style="margin:4px 14px 4px 0">{box} {label}</{"span" if across else "div"}>'
            )
    return (
        f"<fieldset><legend>{escape(words.title(1, 4))}{rng.choice(['', '?', ':'])}</legend>{''.join(out)}</fieldset>"
    )


def menu(page: "_Page") -> str:
    """An open menu or list of options, over the page."""
    rng, words = page.rng, page.words
    role = rng.choice(["menuitem", "option"])
    lead = rng.random() < 0.4
    back = "background:#fff;color:#222" if rng.random() < 0.75 else "background:#2a2a2e;color:#eee"
    items = "".join(
        f'<div role="{role}" tabindex="0" style="padding:{rng.randint(4, 8)}px 12px;display:flex;gap:8px">{page.icon(15)[1] if lead else ""}<span style="flex:1">{escape(words.label())}</span>{"<small>Ctrl+" + rng.choice("ACVXSZPF") + "</small>" if rng.random() < 0.2 else ""}</div>'
        for _ in range(rng.randint(3, 9))
    )
    return f'<div style="position:relative;display:inline-block;margin-bottom:{rng.randint(0, 120)}px">{page.button()}<div role="menu" style="position:absolute;z-index:20;min-width:{rng.randint(130, 240)}px;{LINE};border-radius:{rng.choice([0, 4, 8])}px;box-shadow:0 6px 20px #0004;{back}">{items}</div></div>'


def calendar(page: "_Page") -> str:
    rng, words = page.rng, page.words
    cell = rng.randint(26, 44)
    head = "".join(
        f"<th>{day}</th>"
        for day in rng.choice(["Mo Tu We Th Fr Sa Su", "S M T W T F S", "Sun Mon Tue Wed Thu Fri Sat"]).split()
    )
    days = [" "] * rng.randint(0, 6) + [str(d) for d in range(1, rng.randint(29, 32))]
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="width:{cell}px;height:{cell}px;text-align:center">'
            + (f'<a href="#">{d}</a>' if d.strip() else "")
            + "</td>"
            for d in days[i : i + 7]
        )
        + "</tr>"
        for i in range(0, len(days), 7)
    )
    month = f"{words.faker.month_name()} {rng.randint(2019, 2031)}"
    arrows = [
        f'<button type="button" data-icons="{names}">{mark}</button>'
        for names, mark in (
            ("previous|previous month|left", rng.choice("‹<«◀")),
            ("next|next month|right", rng.choice("›>»▶")),
        )
    ]
    return f'<div style="display:inline-block;padding:8px"><div class="row-x">{arrows[0]}<b style="flex:1;text-align:center">{month}</b>{arrows[1]}</div><table><tr>{head}</tr>{body}</table></div>'


def facts(page: "_Page") -> str:
    """Names with their values: a definition list, tiles of figures, or a two-column table."""
    rng, words = page.rng, page.words
    pairs = [(escape(words.field()), escape(words.value())) for _ in range(rng.randint(3, 8))]
    k = rng.random()
    if k < 0.35:
        return (
            '<div class="row-x" style="align-items:stretch">'
            + "".join(
                f'<div {page.cls("card")} style="padding:12px;min-width:{rng.randint(90, 200)}px"><small>{a}</small><div style="font-size:{rng.randint(16, 30)}px">{rng.choice([b, price(rng), str(rng.randint(1, 9999))])}</div></div>'
                for a, b in pairs[:5]
            )
            + "</div>"
        )
    if k < 0.7:
        return (
            "<dl style='display:grid;grid-template-columns:max-content 1fr;gap:4px 18px'>"
            + "".join(f"<dt><b>{a}</b></dt><dd style='margin:0'>{b}</dd>" for a, b in pairs)
            + "</dl>"
        )
    return f"<table {page.cls('table')}>" + "".join(f"<tr><th>{a}</th><td>{b}</td></tr>" for a, b in pairs) + "</table>"


def accordion(page: "_Page") -> str:
    rng, words = page.rng, page.words
    return "".join(
        f"<details {'open' if rng.random() < 0.25 else ''} style='{LINE};padding:{rng.randint(4, 10)}px;margin:4px 0'><summary>{escape(words.title(2, 6))}{rng.choice(['', '?'])}</summary><p>{escape(words.sentence())}</p></details>"
        for _ in range(rng.randint(2, 6))
    )


def tree(page: "_Page") -> str:
    rng, words = page.rng, page.words
    out = []
    for _ in range(rng.randint(5, 14)):
        depth, folder = rng.randint(0, 3), rng.random() < 0.5
        name = words.some(1) + ("" if folder else rng.choice([".py", ".md", ".txt", ".js", ".json", ".pdf", ".csv"]))
        mark = rng.choice("▸▾►▼") if folder else " "
        out.append(
            f'<div style="padding:1px 0 1px {depth * 16}px"><a href="#">{mark} {page.icon(13)[1] if page.icon_rate > 0.3 else ""}{escape(name)}</a></div>'
        )
    return f'<div style="max-width:{rng.randint(180, 320)}px">{"".join(out)}</div>'


def footer(page: "_Page") -> str:
    rng, words = page.rng, page.words
    columns = "".join(
        f'<div style="flex:1"><b>{escape(words.title(1, 2))}</b>{"".join(f"<div>{page.link()}</div>" for _ in range(rng.randint(2, 6)))}</div>'
        for _ in range(rng.randint(2, 5))
    )
    icons = "".join(icon_button(page, 20) for _ in range(rng.randint(0, 5)))
    back = rng.choice(["background:#222;color:#ddd", "background:#8881", ""])
    return f'<footer style="{back};padding:16px"><div style="display:flex;gap:18px">{columns}</div><div class="row-x">{icons}<small>© {rng.randint(1999, 2027)} {escape(words.faker.company())}</small> {page.link()} {page.link()}</div></footer>'


def hero(page: "_Page") -> str:
    """A banner: text and buttons over something like a photograph."""
    rng, words = page.rng, page.words
    dark = rng.random() < 0.6
    a, b = (hsl(rng, (8, 40) if dark else (70, 95), 80) for _ in range(2))
    size = rng.randint(22, 52)
    extra = (
        f'<div class="row-x"><input {page.cls("input")} style="width:auto" placeholder="{escape(words.field())}">{page.button()}</div>'
        if rng.random() < 0.35
        else f"{page.button()} {page.button()}"
    )
    return (
        f'<section style="background:linear-gradient({rng.randint(0, 180)}deg,{a},{b});color:{"#fff" if dark else "#222"};padding:{rng.randint(16, 70)}px;text-align:{rng.choice(["left", "center"])}">'
        f'<h1 style="font-size:{size}px;color:inherit;margin:0">{escape(words.title(2, 6))}</h1><p>{escape(words.sentence())}</p>{extra}</section>'
    )


def toolbar(page: "_Page") -> str:
    """Icons in a row, as editors, players and headers have them."""
    rng = page.rng
    size, gap = rng.choice([14, 16, 18, 20, 22, 24, 28]), rng.randint(0, 14)
    back = rng.choice(
        ["", "", "background:#333;color:#eee", "background:#8882", f"background:{hsl(rng, (30, 45), 80)};color:#fff"]
    )
    look = rng.choice(["", f"{LINE};border-radius:4px", "border-radius:50%;background:#8882"])
    items = "".join(icon_button(page, size, look) for _ in range(rng.randint(4, 12)))
    return f'<div style="display:flex;gap:{gap}px;padding:6px;{back};justify-content:{rng.choice(["flex-start", "flex-start", "center", "flex-end"])};flex-wrap:wrap">{items}</div>'


def feed(page: "_Page") -> str:
    """Posts or comments: who, when, what, and the same reactions under each."""
    rng, words = page.rng, page.words
    actions = rng.sample(REACTIONS, rng.randint(1, 4))
    drawn = {a: page.icon(16)[1] for a in actions} if rng.random() < 0.4 else {}
    posts = []
    for _ in range(rng.randint(2, 5)):
        bar = " ".join(f'<a href="#">{drawn.get(a, "")} {a}</a>' for a in actions)
        posts.append(
            f'<article style="padding:10px;border-bottom:1px solid #8884"><div class="row-x">{picture(rng, "34px", 34, "border-radius:50%")}<strong>{escape(words.faker.name())}</strong><small>{escape(words.value())}</small></div><p>{escape(words.sentence())}</p><div class="row-x" style="gap:16px">{bar}</div></article>'
        )
    box = (
        f'<textarea {page.cls("input")} placeholder="{escape(rng.choice(["Write a comment…", "What is on your mind?", "Reply", words.title(2, 4)]))}"></textarea>{page.button()}'
        if rng.random() < 0.5
        else ""
    )
    return "".join(posts) + box


def sign_in(page: "_Page") -> str:
    rng, words = page.rng, page.words
    others = "".join(
        page.button(f"{rng.choice(['Continue with', 'Sign in with', 'Log in with'])} {name}")
        for name in rng.sample(SOCIAL, rng.randint(1, 4))
    )
    fields = "".join(page.field() for _ in range(2))
    tail = f'<p>{escape(words.sentence(2, 4))} <a href="#">{rng.choice(["Sign up", "Register", "Create an account", "Log in"])}</a></p>'
    return f'<div style="max-width:{rng.randint(280, 440)}px;margin:auto"><h2>{rng.choice(["Sign in", "Log in", "Welcome back", "Create your account", words.title()])}</h2>{fields}{page.check()}<a href="#">{rng.choice(["Forgot password?", "Forgot your password?", "Need help?"])}</a><br>{page.button()}<hr>{others}{tail}</div>'


def filters(page: "_Page") -> str:
    """The column beside search results: check boxes, ranges, chips to remove."""
    rng, words = page.rng, page.words
    chips = "".join(
        f'<span style="{LINE};border-radius:12px;padding:2px 8px;margin:2px;display:inline-block">{escape(words.title(1, 2))} <button type="button" data-icons="remove|close|x" style="border:0;background:none;color:inherit">×</button></span>'
        for _ in range(rng.randint(0, 4))
    )
    groups = "".join(choices(page) for _ in range(rng.randint(1, 2)))
    return f'<div style="max-width:{rng.randint(180, 300)}px">{chips}{groups}<label>{escape(words.field())}<br><input type="range"></label><br>{page.button()}</div>'


def board(page: "_Page") -> str:
    """Columns of cards, as task boards have them."""
    rng, words = page.rng, page.words
    columns = []
    for _ in range(rng.randint(2, 5)):
        cards = "".join(
            f'<div style="{LINE};border-radius:4px;padding:8px;margin:6px 0;background:#8881"><a href="#">{escape(words.title(2, 6))}</a><br><small>{escape(words.value())}</small></div>'
            for _ in range(rng.randint(1, 4))
        )
        columns.append(
            f'<section style="flex:1;padding:6px"><h4>{escape(words.title(1, 2))}</h4>{cards}<button type="button">{rng.choice(["+ Add", "Add card", "New task", "+"])}</button></section>'
        )
    return f'<div style="display:flex;gap:8px">{"".join(columns)}</div>'


def settings(page: "_Page") -> str:
    """Rows of settings: a name, an explanation, and a control at the end."""
    rng, words = page.rng, page.words
    out = []
    action = rng.choice(["Change", "Edit", "Manage", "Configure", "Update", "Set up"])
    for _ in range(rng.randint(3, 7)):
        ident, name = page.new_id(), escape(words.title(1, 4))
        k = rng.random()
        control = (
            f'<a href="#">{action}</a>'
            if k < 0.35
            else page.button(action, small=True)
            if k < 0.55
            else f'<input type="checkbox" aria-labelledby="{ident}">'
            if k < 0.75
            else f'<select aria-labelledby="{ident}"><option>{escape(words.option())}</option></select>'
        )
        out.append(
            f'<li style="display:flex;align-items:center;padding:8px 0;border-bottom:1px solid #8884"><div style="flex:1"><strong id="{ident}">{name}</strong><br><small>{escape(words.sentence(3, 9))}</small></div>{control}</li>'
        )
    return f'<ul class="bare-x" style="max-width:{rng.choice([420, 640, 1000])}px">{"".join(out)}</ul>'


def article(page: "_Page") -> str:
    """Running text with links in it, and a list of contents."""
    rng, words = page.rng, page.words
    contents = (
        f'<div style="float:right;padding:8px;{LINE}"><b>{rng.choice(["Contents", "On this page", escape(words.title())])}</b><ol>{"".join(f"<li>{page.link()}</li>" for _ in range(rng.randint(3, 7)))}</ol></div>'
        if rng.random() < 0.5
        else ""
    )
    text = "".join(
        f"<p>{' '.join(escape(words.sentence()) if rng.random() < 0.7 else page.link() for _ in range(rng.randint(2, 6)))}</p>"
        for _ in range(rng.randint(2, 4))
    )
    return f"<article>{contents}<h{rng.randint(1, 3)}>{escape(words.title(2, 6))}</h2>{text}</article>"


def code(page: "_Page") -> str:
    rng, words = page.rng, page.words
    lines = "\n".join(
        "  " * rng.randint(0, 3)
        + rng.choice(
            ["def {0}({1}):", "{0} = {1}", "return {0}.{1}", "$ {0} --{1}", "import {0}", "{0}: {1}", "# {0} {1}"]
        ).format(words.some(1), words.some(1))
        for _ in range(rng.randint(3, 10))
    )
    return f'<div><div class="row-x"><small>{escape(words.some(1))}.py</small>{page.button(rng.choice(["Copy", "Run", "Raw", "Download"]), small=True)}</div><pre style="background:{rng.choice(["#1e1e1e;color:#ddd", "#f4f4f4;color:#222"])};padding:8px">{escape(lines)}</pre></div>'


def waiting(page: "_Page") -> str:
    """Something loading, something switched off."""
    rng, words = page.rng, page.words
    bar = f'<progress value="{rng.randint(0, 100)}" max="100"></progress> {rng.randint(0, 100)}%'
    grey = "".join(
        f'<div style="height:12px;width:{rng.randint(30, 95)}%;background:#8883;margin:6px 0"></div>'
        for _ in range(rng.randint(1, 4))
    )
    return f"<div>{rng.choice([bar, grey])}<button type='button' disabled>{escape(words.label())}</button> {page.button()}</div>"


def wall(page: "_Page") -> str:
    """Nothing but drawings, in bands of one size and colour each: as many as text pages have in a hundred screens."""
    rng, bands = page.rng, []
    for _ in range(rng.randint(2, 6)):
        size, gap = rng.choice([12, 14, 16, 16, 18, 20, 20, 24, 24, 28, 32]), rng.randint(0, 22)
        dark = rng.random() < 0.35
        back, ink = (hsl(rng, (4, 18)), hsl(rng, (75, 95))) if dark else (hsl(rng, (88, 100)), hsl(rng, (5, 45), 90))
        if rng.random() < 0.5:
            back, ink = ("#1b1e22", "#ddd") if dark else ("#fff", rng.choice(["#000", "#333", "#666", "#0d6efd"]))
        look = rng.choice(
            [
                "border:0;background:none",
                f"border:1px solid {ink}55;border-radius:{rng.randint(0, 9)}px;background:none",
                "border:0;background:#8883;border-radius:50%",
            ]
        )
        pad, drawn = rng.randint(0, 9), []
        for _ in range(min(rng.randint(20, 90), 9000 // (size + 2 * pad + gap))):
            names, svg = page.icon(size)
            drawn.append(
                f'<button type="button" data-icons="{escape(names)}" style="{look};padding:{pad}px;margin:0;color:inherit;line-height:0">{svg}</button>'
            )
        head = f"<h4>{escape(page.words.title(1, 4))}</h4>" if rng.random() < 0.7 else ""
        bands.append(f'<section style="background:{back};color:{ink};padding:8px">{head}<div style="display:flex;flex-wrap:wrap;gap:{gap}px">{"".join(drawn)}</div></section>')  # fmt: skip
    return "".join(bands)


def controls(page: "_Page") -> str:
    """A screen full of fields, boxes and switches in several columns: other pages have too few of them to learn from."""
    rng, columns = page.rng, []
    for _ in range(rng.choice([1, 2, 2, 3, 3, 4])):
        pieces = []
        for _ in range(rng.randint(3, 6)):
            made = rng.choice([floating, loose_fields, loose_fields, choices, choices, settings, filters, None, None])
            pieces.append(made(page) if made else "".join(page.field() for _ in range(rng.randint(2, 5))))
        columns.append(
            f'<div style="min-width:0">{"<hr>".join(pieces) if rng.random() < 0.3 else "".join(pieces)}</div>'
        )
    head = page.nav() if rng.random() < 0.5 else ""
    gap = rng.randint(12, 40)
    return f'{head}<main class="grid-x" style="grid-template-columns:repeat({len(columns)},1fr);gap:{gap}px;padding:{rng.randint(4, 30)}px">{"".join(columns)}</main>'


WALLS: dict[str, Callable[["_Page"], str]] = {"icons": wall, "controls": controls}
"""Pages full of one sort of thing that others have too few of."""
PARTS: tuple[Callable[["_Page"], str], ...] = (
    products, products, plans, rows, rows, floating, floating, loose_fields, loose_fields, choices, choices, menu, calendar, facts, facts,
    accordion, tree, footer, hero, toolbar, toolbar, toolbar, feed, sign_in, filters, board, settings, settings, article, article, code, waiting,
)  # fmt: skip
