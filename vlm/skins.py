"""The looks of training pages: which classes and style sheets turn plain components into a framework's.

A skin names the style sheets of one CSS framework (paths below the folder of unpacked npm packages) and the classes of
its components. Fonts, colours and spacing are varied on top. Knows nothing of content.
"""

from pathlib import Path
from random import Random
from typing import NamedTuple

FONTS = (
    "DejaVu Sans", "DejaVu Serif", "Liberation Sans", "Liberation Serif", "Liberation Sans Narrow", "Noto Sans",
    "Noto Serif", "Roboto", "Open Sans", "Lato", "Inter", "Nimbus Sans", "Nimbus Roman", "URW Gothic", "URW Bookman",
    "P052", "C059", "DejaVu Sans Mono", "Liberation Mono",
)  # fmt: skip
SANS = ("Roboto", "Open Sans", "Lato", "Inter", "Noto Sans", "Liberation Sans", "DejaVu Sans")


class Skin(NamedTuple):
    family: str
    sheets: tuple[str, ...]
    classes: dict[str, str]
    html: str = ""
    """Attributes of <html>, for dark themes."""
    plain: bool = False
    """No framework: the page brings a random style sheet of its own."""


BOOTSTRAP = {
    "button": "btn btn-{primary|secondary|success|danger|warning|info|light|dark|outline-primary|outline-secondary|link}",
    "small": "btn-sm", "input": "form-control", "select": "form-select", "label": "form-label", "field": "mb-3",
    "check": "form-check", "check-input": "form-check-input", "check-label": "form-check-label", "card": "card",
    "card-body": "card-body", "card-title": "card-title", "table": "table {table-striped|table-hover|table-sm|table-bordered|}",
    "navbar": "navbar navbar-expand {bg-primary|bg-dark|bg-light|bg-body-tertiary} px-3", "nav-link": "nav-link",
    "tabs": "nav {nav-tabs|nav-pills|nav-tabs}", "tab": "nav-link", "list": "list-group", "item": "list-group-item",
    "badge": "badge {bg-primary|bg-secondary|bg-success|bg-danger}", "alert": "alert alert-{info|success|warning|danger}",
    "pages": "pagination", "page": "page-link", "crumbs": "breadcrumb", "crumb": "breadcrumb-item", "side-link": "nav-link",
}  # fmt: skip
BULMA = {
    "button": "button {is-primary|is-link|is-info|is-success|is-danger|is-light|is-dark|is-outlined|is-text|}", "small": "is-small",
    "input": "input", "label": "label", "field": "field", "select": "input", "check": "field", "card": "card", "card-body": "card-content",
    "card-title": "title is-5", "table": "table is-fullwidth {is-striped|is-bordered|is-narrow|}", "navbar": "navbar {is-primary|is-dark|is-light|}",
    "nav-link": "navbar-item", "tabs": "tabs {is-boxed|is-toggle|}", "badge": "tag {is-primary|is-info|is-warning}",
    "alert": "notification {is-info|is-success|is-danger|is-light}", "side-link": "panel-block",
}  # fmt: skip
PATTERNFLY = {
    "button": "pf-v6-c-button pf-m-{primary|secondary|tertiary|danger|link|plain}", "input": "pf-v6-c-form-control", "field": "pf-v6-c-form__group",
    "label": "pf-v6-c-form__label", "card": "pf-v6-c-card", "card-body": "pf-v6-c-card__body", "card-title": "pf-v6-c-card__title-text",
    "table": "pf-v6-c-table pf-m-grid-md", "tabs": "pf-v6-c-tabs__list", "tab": "pf-v6-c-tabs__link", "badge": "pf-v6-c-label",
    "alert": "pf-v6-c-alert pf-m-{info|success|danger}", "check": "pf-v6-c-check", "check-label": "pf-v6-c-check__label",
    "check-input": "pf-v6-c-check__input", "nav-link": "pf-v6-c-nav__link", "side-link": "pf-v6-c-nav__link",
}  # fmt: skip
MATERIALIZE = {
    "button": "{btn|btn-flat|btn grey|btn red|btn-small}", "input": "browser-default", "select": "browser-default", "card": "card",
    "card-body": "card-content", "card-title": "card-title", "table": "{striped|highlight|}", "list": "collection", "item": "collection-item",
    "badge": "chip", "tabs": "", "tab": "btn-flat", "check-input": "browser-default",
}  # fmt: skip
FOUNDATION = {
    "button": "button {primary|secondary|success|alert|hollow|clear}", "small": "small", "card": "card", "card-body": "card-section",
    "table": "{hover|unstriped|}", "alert": "callout {primary|success|alert|warning}", "badge": "label {success|alert|}",
    "tabs": "menu", "pages": "pagination", "crumbs": "breadcrumbs", "navbar": "top-bar",
}  # fmt: skip
GOVUK = {
    "button": "govuk-button {govuk-button--secondary|govuk-button--warning|}", "input": "govuk-input", "label": "govuk-label",
    "field": "govuk-form-group", "select": "govuk-select", "table": "govuk-table", "cell": "govuk-table__cell", "head": "govuk-table__header",
    "link": "govuk-link", "text": "govuk-body", "title": "govuk-heading-m", "check-label": "govuk-label", "badge": "govuk-tag",
    "alert": "govuk-inset-text", "side-link": "govuk-link", "nav-link": "govuk-link", "crumbs": "govuk-breadcrumbs", "body": "govuk-template__body",
}  # fmt: skip
BEER = {
    "button": "{border|small|large|fill|transparent|}",
    "card": "padding",
    "field": "",
    "alert": "padding",
    "table": "{border|stripes|}",
    "badge": "chip",
}


METRO = {
    "button": "button {primary|secondary|success|alert|warning|info|dark|light|flat-button|link|}", "small": "small", "input": "metro-input",
    "select": "metro-input", "field": "form-group", "card": "card", "card-body": "card-content p-3", "card-title": "card-header",
    "table": "table {striped|row-hover|compact|cell-border|}", "navbar": "app-bar", "nav-link": "app-bar-item", "tabs": "tabs-list",
    "badge": "badge inline", "alert": "remark {info|success|alert|warning}", "pages": "pagination", "page": "page-item page-link",
    "crumbs": "breadcrumbs", "crumb": "page-item", "list": "items-list", "item": "item",
}  # fmt: skip


def all_skins(packages: Path) -> list[Skin]:
    """Every skin whose style sheets are really there."""
    dark = 'data-bs-theme="dark"'
    skins = [Skin("plain", (), {}, plain=True), Skin("bare", (), {})]
    skins += [
        Skin("bootswatch", (f"bootswatch/dist/{d.name}/bootstrap.min.css",), BOOTSTRAP)
        for d in sorted((packages / "bootswatch/dist").glob("*"))
        if d.is_dir()
    ]
    for family, sheet in (
        ("admin-lte", "admin-lte/dist/css/adminlte.min.css"), ("tabler", "tabler_core/dist/css/tabler.min.css"),
        ("adminkit", "adminkit_core/dist/css/app.css"), ("halfmoon", "halfmoon/css/halfmoon.min.css"),
    ):  # fmt: skip
        skins += [Skin(family, (sheet,), BOOTSTRAP), Skin(family, (sheet,), BOOTSTRAP, dark)]
    skins += [
        Skin("bulma", ("bulma/css/bulma.min.css",), BULMA, 'data-theme="light"'), Skin("bulma", ("bulma/css/bulma.min.css",), BULMA, 'data-theme="dark"'),
        Skin("pico", ("picocss_pico/css/pico.min.css",), {}, 'data-theme="light"'), Skin("pico", ("picocss_pico/css/pico.min.css",), {}, 'data-theme="dark"'),
        Skin("patternfly", ("patternfly_patternfly/patternfly.min.css",), PATTERNFLY), Skin("patternfly", ("patternfly_patternfly/patternfly.min.css",), PATTERNFLY, 'class="pf-v6-theme-dark"'),
        Skin("materialize", ("materialize-css/dist/css/materialize.min.css",), MATERIALIZE), Skin("foundation", ("foundation-sites/dist/css/foundation.min.css",), FOUNDATION),
        Skin("govuk", ("govuk-frontend/dist/govuk/govuk-frontend.min.css",), GOVUK, 'class="govuk-template"'), Skin("98css", ("98.css/dist/98.css",), {}),
        Skin("metro", ("metro4/metro.css",), METRO), Skin("beercss", ("beercss/dist/cdn/beer.min.css",), BEER),
    ]  # fmt: skip
    return [skin for skin in skins if all((packages / sheet).exists() for sheet in skin.sheets)]


def choose_skin(skins: list[Skin], rng: Random) -> Skin:
    """Families with equal weight, whatever their number of themes; our own random style sheet one time in three.

    Bootswatch has many themes, and pages with hardly any style sheet are of no framework: both count twice.
    """
    if rng.random() < 0.33:
        return skins[0]
    family = rng.choice(sorted({skin.family for skin in skins[1:]} | {"bootswatch", "bootswatch ", "bare "}))
    return rng.choice([skin for skin in skins if skin.family == family.strip()])


def hsl(rng: Random, light: tuple[int, int], saturation: int = 60, hue: int | None = None) -> str:
    return f"hsl({rng.randint(0, 359) if hue is None else hue},{rng.randint(0, saturation)}%,{rng.randint(*light)}%)"


def random_css(rng: Random) -> str:
    """A style sheet of our own: colours, borders, spacing, everything drawn."""
    dark = rng.random() < 0.25
    hue = rng.randint(0, 359)
    back = hsl(rng, (7, 20), 30, hue) if dark else rng.choice(["#fff", "#fff", hsl(rng, (91, 98), 40)])
    fore = hsl(rng, (80, 97), 15) if dark else hsl(rng, (5, 28), 25)
    accent, line = hsl(rng, (33, 52), 90), hsl(rng, (25, 40), 20) if dark else hsl(rng, (75, 90), 20)
    radius, pad = rng.choice([0, 2, 3, 4, 6, 8, 20]), rng.randint(2, 10)
    field_back = "#fff" if rng.random() < 0.6 and not dark else back
    nav_back = rng.choice([accent, back, hsl(rng, (10, 25)), hsl(rng, (86, 97))])
    nav_fore = fore if nav_back == back else "#222" if "8" in nav_back[-5:-2] or "9" in nav_back[-5:-2] else "#fff"
    side_back, side_fore = rng.choice(
        [(back, "inherit"), (hsl(rng, (10, 22)), hsl(rng, (62, 96), 25)), (hsl(rng, (90, 97)), "#444")]
    )
    button = rng.choice(["flat", "bordered", "gradient", "ghost", "system"])
    button_css = {
        "flat": f"border:0;background:{hsl(rng, (85, 93), 20)};color:#222",
        "bordered": f"border:1px solid {line};background:{field_back};color:{fore}",
        "gradient": "border:1px solid #aaa;background:linear-gradient(#fff,#ddd);color:#333",
        "ghost": f"border:1px solid {accent};background:transparent;color:{accent if not dark else fore}", "system": "",
    }[button]  # fmt: skip
    return f"""*{{box-sizing:border-box}}body{{margin:0;background:{back};color:{fore}}}
a{{color:{accent if not dark else hsl(rng, (65, 80), 90)};text-decoration:{rng.choice(["none", "underline"])}}}
.navbar{{background:{nav_back};color:{nav_fore};padding:{rng.randint(4, 16)}px 16px;border-bottom:1px solid {line}}}.navbar a,.navbar button{{color:inherit}}
button,.button{{font:inherit;border-radius:{radius}px;padding:{pad}px {pad * 2 + 2}px;{button_css}}}
.primary{{background:{accent};color:#fff;border-color:{accent}}}.danger{{background:hsl({rng.randint(-8, 12)},70%,45%);color:#fff}}
input,select,textarea{{font:inherit;padding:{pad}px 8px;border:{rng.choice([1, 1, 1, 2])}px solid {line};border-radius:{radius}px;background:{field_back};color:{"#222" if field_back == "#fff" else fore}}}
.card{{border:1px solid {line};border-radius:{radius}px;padding:{rng.randint(8, 22)}px;background:{rng.choice([back, "transparent"])};{rng.choice(["", "box-shadow:0 2px 8px #0003"])}}}
table{{border-collapse:collapse;width:100%}}td,th{{border-bottom:1px solid {line};padding:{rng.randint(2, 10)}px 8px;text-align:left}}{rng.choice(["", "th{text-transform:uppercase;font-size:.8em;opacity:.8}"])}
.sidebar{{background:{side_back};border-right:1px solid {line}}}.sidebar a{{color:{side_fore}}}.tab{{padding:6px 14px;border:1px solid transparent}}.tab.active{{border-color:{line};font-weight:bold}}
.badge{{background:{accent};color:#fff;border-radius:9px;padding:1px 7px;font-size:.8em}}.alert{{border:1px solid {line};padding:8px 12px;border-radius:{radius}px}}"""


def font_packages(packages: Path) -> list[str]:
    """Names of the @fontsource packages unpacked in the folder `fontsource`."""
    return sorted(p.name for p in (packages / "fontsource").glob("*") if (p / "files").is_dir())


def font_face(name: str, base: str) -> str:
    """The style sheet of a font package, called "drawn", in regular and bold."""
    place = f"{base}fontsource/{name}/files/{name}-latin"
    return "".join(
        f"@font-face{{font-family:'drawn';font-weight:{weight};src:url({place}-{weight}-normal.woff2)}}"
        for weight in (400, 700)
    )


def tweaks(rng: Random, skin: Skin, base: str, packages: list[str]) -> str:
    """Font, size and details laid over any skin, framework or not; `packages` are of fonts, served below `base`."""
    font, face = rng.choice(FONTS if rng.random() < 0.5 else SANS), ""
    if packages and rng.random() < 0.5:
        font, face = "drawn", font_face(rng.choice(packages), base)
    css = face + (
        f"body,button,input,select,textarea,h1,h2,h3,h4{{font-family:'{font}'}}"
        if skin.plain or rng.random() < 0.6
        else ""
    )
    if skin.plain or rng.random() < 0.4:
        css += f"body{{font-size:{rng.choice([11, 12, 13, 13, 14, 14, 15, 16, 16, 18])}px;line-height:{rng.choice([1.3, 1.4, 1.5, 1.6])}}}"
    if rng.random() < 0.1:
        css += "button,.btn,.button{text-transform:uppercase;letter-spacing:.04em}"
    if rng.random() < 0.08:
        css += f"button,a{{letter-spacing:{rng.choice(['-.02em', '.02em', '.06em'])}}}"
    if rng.random() < 0.1:
        css += f"body{{zoom:{rng.choice([0.85, 0.9, 1.1, 1.25])}}}"
    if rng.random() < 0.06:
        css += "html{filter:invert(.92) hue-rotate(180deg)}"
    if rng.random() < 0.08:
        css += "button:not(:first-child){opacity:.75}"
    return css
