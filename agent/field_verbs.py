"""The verbs that fill in: type, enter, fill, set, clear, search, check, select, upload.

Targets keep the user's own words, values stay as they were written. Knows neither how a task is cut up nor any screen.
"""

import re

from deixis.agent.quoted import END, HOLE, Held
from deixis.agent.shapes import Shapes, clicks, many, needed
from deixis.browser.actions import Action, Check, Click, Press, Select, Type, Upload
from deixis.vlm.where import is_part

FIELDS = Shapes()
SEARCH_FIELD = "the search field"
BOTH = ("first", "second")

VALUE = f"{HOLE}\\d+{END}"
WHO = r"(?:user ?name|user|login|log-?in name|e-?mail(?: address)?|pass(?: ?word|code|phrase)|pin|name|(?:first|last|full) name|phone(?: number)?|date|time)"
_NAMED = rf"(?:(?:(?:the|my|your|an?|his|her|their) )(?P<a>[^{HOLE},]+?)|(?P<b>{WHO})) (?P<value>{VALUE})"
_PLAIN = rf"(?:(?:the|my|your|his|her|their) )?(?P<b>{WHO}) (?P<value>{VALUE}|(?!(?:and|or|into|in|to|as|field|box|address|name|number|tag)\b)[^\s,]+)"
_CREDENTIAL = re.compile(r"user ?name|e-?mail(?: address)?|password", re.I)
"""What is a field's name even where nothing is in quotes and it comes alone; "date night" may be a text."""
_ALL_FIELDS = re.compile(
    r"(?:the |both |all |these |those |their )*(?:text |input |form |respective |corresponding )*(?:fields?|box(?:es)?|inputs?|textbox(?:es)?|form)",
    re.I,
)
_NO_FIELD = re.compile(
    r"(?:following )?(?:text|words?|value|string|phrase|number|digits?|letters?|characters?|term|sentence|line|amount of|keywords?|query)",
    re.I,
)
"""What a quoted value is called that says nothing of the field it goes to."""


def _by_name(rest: str, held: Held) -> list[Action]:
    """`the username 'bob' and the password 'x' into the fields`; empty for what is said otherwise."""
    return _quoted_by_name(rest, held) or _bare_by_name(rest, held)


def _pairs(one: str, rest: str) -> tuple[list[tuple[str, str]], str | None]:
    """Names with their values, and the field they go to; no pairs where it is not all of that shape."""
    bare = re.sub(r"\?P<\w+>", "?:", one)
    whole = rf"(?P<pairs>{bare}(?:(?:,(?: and)?| and) {bare})*)(?: (?:into|in|to|on|at) (?P<where>.+))?$"
    said = re.match(whole, rest, re.I | re.S)
    if said is None:
        return [], None
    found = re.finditer(one, said["pairs"], re.I)
    return [(m.groupdict().get("a") or m["b"], m["value"]) for m in found], said["where"]


def _quoted_by_name(rest: str, held: Held) -> list[Action]:
    pairs, where = _pairs(_NAMED, rest)
    if len(pairs) == 1 and where and not re.fullmatch(rf"(?!(?:both|all)\b){_ALL_FIELDS.pattern}", where, re.I):
        # A field is named, so the noun is a mere word for what is typed: the number '22' into the third box.
        return _into_each(held.back(pairs[0][1]), held.back(where))
    if where and not _ALL_FIELDS.fullmatch(where):
        return []
    if len(pairs) == 1 and _NO_FIELD.fullmatch(pairs[0][0]):
        return [Type(text=held.back(pairs[0][1]), target=where and held.back(where))]
    if any(_NO_FIELD.fullmatch(name) for name, _ in pairs):
        return []
    return [Type(text=held.back(value), target=held.back(name)) for name, value in pairs]


def _bare_by_name(rest: str, held: Held) -> list[Action]:
    """The same without quotes: only where it can hardly be a text, "username bob and password x"."""
    pairs, where = _pairs(_PLAIN, rest)
    if (where and not _ALL_FIELDS.fullmatch(where)) or (len(pairs) == 1 and not _CREDENTIAL.fullmatch(pairs[0][0])):
        return []
    return [Type(text=held.back(value), target=held.back(name)) for name, value in pairs]


def _into_each(text: str, field: str) -> list[Action]:
    """Into a field, or into the first and the second of `both fields`."""
    both = re.match(r"both (?:of )?(?:the )?(?P<what>.+)$", field, re.I)
    if both is None:
        return [Type(text=text, target=field)]
    one = re.sub(r"(?<=box|tch)es$|(?<!s)s$", "", both["what"])
    return [Type(text=text, target=f"the {number} {one}") for number in BOTH]


@FIELDS.add(
    r"(?:focus(?: (?:on|in|into))?|(?:put|place|set) the (?:cursor|caret|focus) (?:in|into|on|inside)) (?P<what>.+)"
)
def _focus(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target=needed(m["what"], held, "what to focus"))]


_BASKET = r"(?:shopping )?(?:basket|cart|bag|trolley)"


@FIELDS.add(
    r"(?:(?P<verb>put|place|throw) (?:it|them|this|that|these|those)(?: one| all| both)? (?P<where>(?:in|into|on|onto|to) (?!.* (?:field|box|input|textbox|area)$).+)"
    rf"|(?:put|place|throw) (?:the|an?|one|this|that) .+ (?:in|into|to) (?:the |my |your )?{_BASKET})"
)
def _put_it(m: re.Match[str], held: Held) -> list[Action]:
    """Into the basket: nothing is typed, a button of the page's own does it."""
    return [Click(target=held.back(f"{m['verb']} {m['where']}" if m["where"] else m[0]))]


@FIELDS.add(r"(?:type|enter|write|input|put)(?: in\b)?\s*(?P<rest>.*)")
def _type(m: re.Match[str], held: Held) -> list[Action]:
    """`V into F and V2 into F2`, or only `V`, which goes where the focus is."""
    rest = m["rest"].strip()
    if not rest and m[0].lower() == "enter":
        return [Press(keys="Enter")]
    if not rest:
        raise ValueError("the text to type is missing")
    rest, submit = re.subn(r"(?:,| and)? (?:and )?submit(?: it)?$", "", rest)
    actions = _by_name(rest, held) or [
        action for part in _several(rest, r"(?:into|in|to|on|at|as (?:the|my|your))") for action in _typed(part, held)
    ]
    return [*actions[:-1], actions[-1].model_copy(update={"submit": bool(submit)})]


def _several(text: str, join: str) -> list[str]:
    """`A into B and C into D` in two; an "and" belongs to the value where what is before it has no field yet."""
    parts: list[str] = []
    for piece in re.split(rf"(\s*(?:,(?: and)?|\band\b)\s+(?=[^,]*? {join} ))", text):
        if len(parts) > 1 and not re.search(rf" {join} ", "".join(parts)):
            parts = ["".join([*parts, piece])]
        else:
            parts.append(piece)
    return parts[::2]


def _typed(part: str, held: Held) -> list[Action]:
    """`V into F`; where "into" or "as the" is said, an "in", "to", "on" or "at" before it belongs to the value."""
    ways = (r" into ", r" as (?=(?:the|my|your) )", r" (?:in|to|on|at) ", r" for (?=(?:the|my|your) )")
    split = next((m for way in ways if (m := re.match(rf"(?P<value>.+?){way}(?P<field>.+)$", part, re.S))), None)
    if split is None:
        if re.match(r"(?:into|in) ", part):
            raise ValueError("the text to type is missing")
        if re.search(r"\b(?:into|in)\s*$", part):
            raise ValueError("the field to type into is missing")
        return [Type(text=held.back(part), target=None)]
    return _into_each(held.back(split["value"]), needed(split["field"], held, "the field to type into"))


@FIELDS.add(r"(?:fill(?: (?:in|out)\b)?|set|change)\s*(?P<rest>.*)")
def _fill(m: re.Match[str], held: Held) -> list[Action]:
    rest = m["rest"].strip()
    form = re.match(
        r"(?:(?:in|out) )?(?:the |this )?(?:[\w-]+ )?form(?: with|:| using| as follows:?)? (?P<pairs>.+)$",
        rest,
        re.I | re.S,
    )
    if form and (values := _form_values(form["pairs"], held)):
        return values
    if m[0].lower().startswith("fill") and (values := _values_first(rest, held)):
        return values
    rest = re.sub(r"^(.+?) from [^,]+? (?=to )", r"\1 ", rest)
    pairs = re.split(r"\s*(?:,(?: and)?|\band\b)\s+(?=[^,]*?(?: (?:with|to|as) |: ?))", rest)
    actions: list[Action] = []
    for pair in pairs:
        split = re.match(r"(?P<field>.+?)(?: (?:with|to|as) |: ?|=)(?P<value>.+)$", pair, re.S)
        if split is None:
            raise ValueError(
                f"the value for {held.back(pair)!r} is missing (write: fill FIELD with VALUE)"
                if pair
                else "the field is missing"
            )
        field = re.sub(r"^(?:its|their|his|her) ", "the ", split["field"], flags=re.I)
        actions.append(Type(text=held.back(split["value"]), target=needed(field, held, "the field")))
    return actions


_VALUE_FIRST = re.compile(
    rf"(?:(?:in|out) )?(?P<value>{VALUE}|(?!(?:the|my|your|his|her|their|its|an?|this|all)\b)[^:=]+?) (?:for|as) (?P<field>(?P<the>the|my|your)? ?.+)",
    re.I | re.S,
)


def _values_first(rest: str, held: Held) -> list[Action]:
    """`Ada for the first name and 3 for quantity`; empty for what is said otherwise: the field comes first as a rule."""
    if re.search(r" (?:with|to) ", rest):
        return []
    parts = _several(rest, "(?:for|as)")
    pairs = [one for part in parts if (one := _VALUE_FIRST.fullmatch(part))]
    if len(pairs) < len(parts) or not pairs[0]["the"]:
        return []
    return [Type(text=held.back(one["value"]), target=held.back(one["field"].strip())) for one in pairs]


def _form_values(pairs: str, held: Held) -> list[Action]:
    """`name Ada, email a@b.c and message 'Hi'`; empty when a piece is no name with a value."""
    found: list[Action] = []
    for piece in many(pairs):
        one = re.fullmatch(rf"(?:the |an? |my )?(?P<name>{WHO}) (?P<value>.+)", piece, re.I | re.S)
        one = one or re.fullmatch(
            rf"(?:the |an? |my )?(?P<name>[^{HOLE}]+?)(?:\s*[:=]\s*| (?:is|to|as|with) | )(?P<value>{VALUE}|\S+)",
            piece,
            re.I | re.S,
        )
        if one is None or re.match(r"(?:for|of|by|on|in|about)\b", one["name"], re.I):
            return []
        found.append(Type(text=held.back(one["value"]), target=held.back(one["name"])))
    return found


@FIELDS.add(r"(?:clear|empty)\s*(?P<what>.*)")
def _clear(m: re.Match[str], held: Held) -> list[Action]:
    return [Type(text="", target=needed(m["what"], held, "what to clear"))]


@FIELDS.add(
    r"search(?: (?:for )?(?P<what>.+?)(?: (?:in|on|using|with) (?P<where>(?!an? )(?:the )?(?:[^ ]+ ){0,3}(?:search[- ]?)?(?:field|box|bar|input)(?: (?:at|in|on) (?P<part>the .+))?))?)?"
)
def _search(m: re.Match[str], held: Held) -> list[Action]:
    if m["what"] is None:
        return [Click(target="search")]
    what, where = m["what"], m["where"]
    if m["part"] and not is_part(m["part"]):
        what, where = re.sub(r"^search (?:for )?", "", m[0], flags=re.I), None
    text = needed(what, held, "what to search for")
    return [Type(text=text, target=held.back(where) if where else SEARCH_FIELD, submit=True)]


@FIELDS.add(r"check[ -]?out(?: now)?")
def _check_out(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target="check out")]


@FIELDS.add(r"(?:check|tick|enable|turn on|switch on)\s*(?P<what>.*)")
def _check(m: re.Match[str], held: Held) -> list[Action]:
    needed(m["what"], held, "what to check")
    one = re.fullmatch(r"the [^,]+ and [^,]+ (?:box|checkbox|option|switch|toggle)", m["what"], re.I)
    return [Check(target=held.back(part)) for part in ([m["what"]] if one else many(m["what"]))]


@FIELDS.add(r"(?:uncheck|untick|disable|turn off|switch off)\s*(?P<what>.*)")
def _uncheck(m: re.Match[str], held: Held) -> list[Action]:
    needed(m["what"], held, "what to uncheck")
    return [Check(target=held.back(part), checked=False) for part in many(m["what"])]


_CHOICE = r"(?:in|from|for|as|under|with|using)"
_MOVED = re.compile(
    r".*\b(?:slider|spinner|stepper|spin ?box|range|date ?picker|calendar|time ?picker|colou?r ?(?:picker|field))", re.I
)
"""Fields whose value is set rather than chosen from a list."""
_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?|\d{1,2}:\d{2}(?: ?[ap]m)?", re.I)


@FIELDS.add(rf"(?:select|choose|pick)\s*(?P<option>.*?)(?: {_CHOICE} (?P<field>.+))?")
def _select(m: re.Match[str], held: Held) -> list[Action]:
    if not m["field"]:
        parts = many(m["option"]) if "," in m["option"] else [m["option"]]
        return [click for part in parts for click in clicks(needed(part, held, "what to choose") and part, held)]
    return [_chosen(part, held) for part in _several(m[0].split(" ", 1)[-1], _CHOICE)]


def _chosen(part: str, held: Held) -> Action:
    split = re.match(rf"(?P<option>.*?) (?P<in>{_CHOICE}) (?P<field>.+)$", part, re.S)
    if split is None:
        return Click(target=needed(part, held, "what to choose"))
    option, field = needed(split["option"], held, "what to choose"), needed(split["field"], held, "the list")
    if split["in"].lower() in {"in", "from", "under"} and is_part(split["field"]):
        return Click(target=f"{option} in {field}")
    if _MOVED.match(field) or _DATED.fullmatch(option):
        return Type(text=option, target=field)
    return Select(target=field, option=option)


@FIELDS.add(r"(?:upload|attach)\s*(?P<files>.+?)(?: (?:to|into|in|at|under|as) (?P<where>.+))?")
def _upload(m: re.Match[str], held: Held) -> list[Action]:
    return [
        Upload(
            target=held.back(m["where"]) if m["where"] else "the file field",
            files=tuple(held.back(f) for f in many(m["files"])),
        )
    ]
