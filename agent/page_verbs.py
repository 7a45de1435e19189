"""Verbs that name what the page's own buttons do: `save`, `add the kettle to the basket`, `delete the user Bob`.

They are clicks on what does so; which thing that is, the pointer says. What would need something typed as well ("reply with
...") is not understood: it has to be said step by step. Tried after all other verbs. Knows no screen.
"""

import re

from deixis.agent.manners import ITEMS
from deixis.agent.quoted import END, HOLE, Held
from deixis.agent.shapes import Shapes
from deixis.browser.actions import Action, Click

PAGE_VERBS = """add, apply, approve, archive, agree to, block, book, bookmark, browse, buy, cancel, check out, compare, confirm, connect, continue, create, decline,
delete, disconnect, display, download, duplicate, edit, export, filter, finish, flag, follow, hide, import, install, invite, join, launch, leave, like, load more,
lock, log me in, log me out, mark, mute, order, pause, pay, pin, play, post, preview, print, proceed, publish, redo, register, reject, remove, rename, rent, reply,
resend, reserve, reset, restart, restore, retry, save, send, share, show, sign me in, sign me out, sign me up, sign up, skip, sort, star, start, stop, subscribe,
undo, unfollow, unlike, unlock, unmute, unpin, unsubscribe, update, upgrade, view, vote, zoom in, zoom out""".replace("\n", " ").split(", ")  # fmt: skip
PAGE = "|".join(sorted((re.escape(verb).replace(r"\ ", "[ -]?") for verb in PAGE_VERBS), key=len, reverse=True))
LAST = r"(?:save|send|search|confirm|finish|apply|continue|proceed|cancel|check ?out|publish|post|log ?in|sign ?in)(?: it| them| (?:the )?changes)?"
"""What a sentence about fields may end with, said without an object."""
_TYPED = re.compile(
    rf"(?:reply|send|post|leave|create|add|rename|invite|share|update)\b.* (?:with|to|named|called|titled|saying|as|that says|with the \w+) (?:{HOLE}\d+{END}|(?:username|user name|name|title|password|e-?mail|text|message)\b)"
    r"|(?:create|add|start|book)\b.* (?:named|called|titled) |rename\b.* to ",
    re.I | re.S,
)
"""Something would have to be typed as well."""
_OF_ONE = re.compile(
    rf"(?P<verb>{PAGE}) (?:the |an? )?(?:{ITEMS})(?: (?:of|by|from|for|named|called|titled))? (?P<name>(?-i:[A-Z@#\d{HOLE}]).*)$",
    re.I | re.S,
)
VERBS = Shapes()


@VERBS.add(r"show me (?P<what>.+)")
def _shown(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target=held.back(m["what"]))]


@VERBS.add(rf"(?:{PAGE})(?: .+)?")
def _does(m: re.Match[str], held: Held) -> list[Action]:
    """The words themselves; of one of several rows, the verb in it."""
    if _TYPED.match(m[0]):
        raise ValueError("it needs something typed: say what to click and what to type, step by step")
    one = _OF_ONE.match(m[0])
    bare = re.sub(r"(?<=\w) (?:it|them|me)(?= |$)", "", m[0])
    return [Click(target=held.back(f"{one['verb']} in the row of {one['name']}" if one else bare))]
