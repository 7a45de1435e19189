"""A request in the words the model was taught: "go ahead and hit the big blue Save thing" is "the Save button" to it.

People frame a name in more ways than templates do, and every word that is not known as framing weighs as if it were part
of the name. So what only asks is taken away, and kinds of things get the words they were learnt by. Nothing is taken away
that is written on the screen together with the name. English only. Knows nothing of tensors and models.
"""

import re
from collections.abc import Callable

Written = Callable[[str], bool]
"""Whether just these words stand on the screen, one after the other."""

_ACTS = "click|press|tap|hit|push|select|choose|pick|open|check|tick|type|enter|go|find|locate|show|take|navigate|use|scroll|toggle|switch|turn|close|expand|add|bring|pull|hover|read"
_LEADS = re.compile(
    rf"^(?:(?:please|kindly|go ahead and|go on and|try to|make sure to|be sure to|feel free to|you (?:should|need to|have to|can|must|may)|"
    rf"(?:can|could|would|will) you(?: please| kindly| just| maybe)?|(?:i|we)(?:'d| would) like(?: you)? to|(?:i|we) (?:want|need|have|wish)(?: you)? to|i wanna|i'm (?:trying|looking) to|"
    rf"let's|let us|let me|where(?: is|'s)|help me(?: to)?|time to|proceed to|attempt to)\b[ ,:]*|"
    rf"(?:now|then|next|okay|ok|so|just|and|also|first|finally|lastly)(?:,? (?=(?:{_ACTS})\b)|, ))",
    re.I,
)
_TAILS = re.compile(
    r"(?<![ ,])[ ,]*(?:\b(?:please|for me|thanks|thank you|right away|right now|immediately|if you can|if possible|on it|instead|once|when ready)|\band (?:click|press|tap|open|select|hit) (?:on )?(?:it|that)|\bto (?:continue|proceed|go on))[ .!?]*$",
    re.I,
)
_FOUND_BY = re.compile(r"^(?:find|locate|look for|spot|identify|search out)\b ", re.I)
_RESTS = re.compile(r"(?:in|out|up|on|at|it|to|by|\W*$)\b", re.I)
"""What is left where the words were no framing: "let me in", "find in page"."""
_VERBS = (
    (re.compile(r"^(?:go|head|navigate|jump|move|switch|proceed|return)(?: over| back| on)? (?:to|into)\b ", re.I), "go to "),
    (re.compile(r"^(?:take|bring|get|send|lead) me(?: over| back)? to\b ", re.I), "go to "),
    (re.compile(r"^(?:bring|pull|call|open|fire) up\b ", re.I), "open "),
    (re.compile(r"^(?:hit|smash|punch|poke) (?:on )?", re.I), "press "),
)  # fmt: skip
_LOOKS = (
    "big|small|little|large|tiny|huge|wide|long|tall|round|rounded|square|circular|rectangular|bold|bright|pale|"
    "clickable|highlighted|underlined|colou?red|red|green|blue|yellow|orange|purple|violet|pink|gr[ae]y|black|white|brown|"
    "cyan|teal|turquoise|navy|prominent|outlined|filled|lone|visible"
)
_LOOK = re.compile(
    rf"^(?P<lead>(?:\w+ (?:on )?)?(?:the|that|this|an?|their|its) )(?P<look>(?:{_LOOKS})(?:ly)?)[ ,]+(?:and )?(?P<rest>.+)$",
    re.I,
)
_KINDS = r"buttons?|btn|links?|hyperlink|icons?|tabs?|fields?|box|boxes|input|checkbox|switch|toggle|dropdown|menu|option|item|text|label|heading|image|picture|thing|one|entry|element|symbol"
"""What a thing may be called after words of its looks."""
_ACT = r"(?P<act>(?:(?:click|press|tap|hit|select|choose|open|pick|check)(?: on)? )?)"
_SAID = re.compile(
    rf"^{_ACT}(?:(?:the|an?|that|this|any) )?(?:words?|things?|one|elements?|items?|control|text|label|phrase|something|anything|whatever|part|bit|ui element) "
    r"(?:(?:that|which)(?: is|'s)? )?(?:says?|reads?|called|named|labell?ed|titled|captioned|saying|reading|marked|showing|with the (?:text|label|words?|name|caption|title)) (?:as )?(?P<name>.+)$",
    re.I,
)
_WORD = re.compile(
    rf"^{_ACT}(?:the (?:words?|phrase)|(?:the )?controls? for) (?P<name>(?!(?:of|in|on|at|with|next|under|below|above)\b).+)$",
    re.I,
)
_SHOWN = re.compile(
    r"^(?P<act>(?:\w+ (?:on )?)?)(?:the|an?|that) (?:icon|symbol|button|glyph|sign|picture|image|pictogram|logo|thing|one)s? "
    r"(?:(?:that|which) )?(?:looks? like|looking like|shaped like|in the shape of|resembl(?:es|ing)|show(?:s|ing)|depict(?:s|ing)|represent(?:s|ing)|with the (?:icon|symbol|image|picture) of) (?:an? |the )?(?P<name>.+)$",
    re.I,
)
_SHAPED = re.compile(r"^(?P<name>.+?)[ -]shaped (?:icon|button|symbol|thing|one)$", re.I)
_ENDS = (
    (re.compile(r" \((?:the |an? )?(?P<kind>button|link|icon|field|tab|checkbox|menu|dropdown)\)$", re.I), r" \g<kind>"),
    (re.compile(r" (?:nav(?:igation)?|menu|side ?bar|header|footer)(?: bar)? (?:item|link|entry|option|element)$", re.I), " link"),
    (re.compile(r" icon button$| (?:glyph|symbol|pictogram|sign|logo|thingy icon)$", re.I), " icon"),
    (re.compile(r" (?:thing|thingy|thingie|thingamajig|one|element|control|widget|component|clickable|ui element)$", re.I), ""),
    (re.compile(r" (?:page|screen|section|panel)$", re.I), " link"),
    (re.compile(r" (?:text|label|words?)$", re.I), " text"),
)  # fmt: skip
_DOES = re.compile(
    r"(?:change|remove|add|delete|edit|upload|print|share|reload|refresh|save|enter|type|fill|write|set|expand|collapse|close|rename|update|translate|make|create|hide|insert|move|copy|bookmark|"
    r"follow|report|mute|pin|download|send|read|full|split|per|\d+ per)\b",
    re.I,
)
"""What the page does to a page, a logo or a title: these are no kinds then ("share this page")."""
_FEW = rf"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\d+(?:st|nd|rd|th)|last|next|previous|other|same|this|that|{_KINDS})"
"""What is no name by itself."""
_LITTLE_PICTURE = re.compile(r"^(?P<lead>.*)\blittle (?P<name>.+?) (?:picture|image|drawing)$", re.I)
_NAME = re.compile(rf"^(?:(?:{_ACTS}|hit|see|view|visit)(?: on| to| me)? )?(?:(?:the|an?|that|this) )?", re.I)
_KIND_LAST = re.compile(rf" (?:{_KINDS})$", re.I)


def is_name(text: str, written: Written) -> bool:
    """Whether a request is a name that is written, with no more than a verb, an article or a kind of thing around it."""
    forms = [text, re.sub(r"^(?:the|an?) ", "", text, flags=re.I), _NAME.sub("", text)]
    return any(written(form) or written(_KIND_LAST.sub("", form)) for form in forms if form)


def simpler(request: str, written: Written) -> str:
    """The request without framing, as long as that leaves a name; unchanged where all of it is written on the screen."""
    text, before = request.strip(), ""
    while text != before:
        before = text
        for step in (unframed, _named, _unlooked, _ended):
            text = step(text, written) or text
    return text


def _starts(text: str, written: Written) -> bool:
    """Whether the first words belong to a name that is written ("Find my device link")."""
    bare = re.sub(r"^(?:the|an?) ", "", text, flags=re.I)
    return any(written(form) or written(_KIND_LAST.sub("", form)) for form in (text, bare))


def unframed(text: str, written: Written) -> str:
    """Without what leads up to the request or follows it; verbs as they were learnt."""
    for form in (_LEADS, _TAILS):
        shorter = form.sub("", text, count=1)
        if shorter.strip() and shorter != text and not _RESTS.match(shorter) and not is_name(text, written):
            text = shorter
    if _starts(text, written):
        return text
    text = re.sub(r"^(?:that|this) (?=\w+ \w)", "the ", text, flags=re.I)
    found = _FOUND_BY.match(text)
    if found and not _RESTS.match(text[found.end() :]):
        text = text[found.end() :]
    for form, verb in _VERBS:
        if form.match(text):
            return form.sub(verb, text, count=1)
    shown = re.match(r"^show me (?P<name>.+)$", text, re.I)
    return f"open {shown['name']}" if shown and is_name(shown["name"], written) else text


def _unlooked(text: str, written: Written) -> str:
    """Without words of looks in front of a name: the big blue one."""
    found = _LOOK.match(text)
    if found is None:
        return text
    look, rest = found["look"], found["rest"]
    # A choice of looks ("Small", "Large") is a name, and where nothing but kinds is left, looks say which.
    name = _KIND_LAST.sub("", rest)
    if any(map(written, (look, f"{look} {rest.split()[0]}", f"{look}-{rest.split()[0]}", f"{look} {name}"))):
        return text
    if re.fullmatch(rf"(?:(?:{_KINDS}|size|colou?r|swatch|theme|print|mode) ?)+", rest, re.I):
        return text
    return f"{found['lead']}{rest}"


def _named(text: str, written: Written) -> str:
    """Of "the thing that says X" only X, and of "the icon that looks like X" the X icon."""
    if is_name(text, written):
        return text
    if found := _SHOWN.match(text):
        return f"{found['act']}the {found['name']} icon"
    if found := _SHAPED.match(text):
        return f"{found['name']} icon"
    if found := _LITTLE_PICTURE.match(text):
        return f"{found['lead']}{found['name']} icon"
    if found := _SAID.match(text):
        return f"{found['act']}{found['name']}"
    found = _WORD.match(text)
    return f"{found['act']}{found['name']}" if found and not _KIND_LAST.search(text) else text


def _ended(text: str, written: Written) -> str:
    """Kinds as they were learnt: a nav item is a link, a glyph an icon."""
    name = _NAME.sub("", text)
    if _DOES.match(text) or written(name):
        return text
    for form, kind in _ENDS:
        left = form.sub("", name)
        if left and left != name and not re.search(rf"\b(?:{_FEW}|the|an?|my|per|of|in|la|le)$", left, re.I):
            return form.sub(kind, text)
    return text
