"""What can be done: the actions of the browser, and the four that only the loop knows.

A target is words before grounding and a point after it. `kind` tags every action so that it survives JSON.
Knows nothing of how an action is carried out: that is the executor's.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from deixis.browser.types import Frozen, Point

Target = str | Point
Modifier = Literal["Alt", "Control", "Meta", "Shift", "ControlOrMeta"]


class Click(Frozen):
    kind: Literal["click"] = "click"
    target: Target
    button: Literal["left", "right", "middle"] = "left"
    count: int = Field(default=1, ge=1, le=3)
    modifiers: tuple[Modifier, ...] = ()


class Hover(Frozen):
    kind: Literal["hover"] = "hover"
    target: Target


class Drag(Frozen):
    """Presses at the start, moves to the end, releases; a straight line unless it goes by way of other places."""

    kind: Literal["drag"] = "drag"
    start: Target
    end: Target
    via: tuple[Point, ...] = ()


class Type(Frozen):
    """Types text, into the target if there is one (it is clicked first), else where the focus is."""

    kind: Literal["type"] = "type"
    text: str
    target: Target | None = None
    clear: bool = True
    """Replace what is there; False appends."""
    submit: bool = False
    """Press Enter afterwards."""


class Press(Frozen):
    """A key or a chord as Playwright names them: "Enter", "Control+A", "ArrowDown"."""

    kind: Literal["press"] = "press"
    keys: str


class Scroll(Frozen):
    """Turns the wheel over a point (None: the middle of the viewport) by dx, dy CSS pixels; positive dy goes down."""

    kind: Literal["scroll"] = "scroll"
    target: Target | None = None
    dx: float = 0
    dy: float = 0


class Select(Frozen):
    """Chooses an option, by its label, of the native or custom list box at the target."""

    kind: Literal["select"] = "select"
    target: Target
    option: str


class Check(Frozen):
    """Makes the checkbox, radio or switch at the target checked or unchecked; does nothing if it already is."""

    kind: Literal["check"] = "check"
    target: Target
    checked: bool = True


class Upload(Frozen):
    kind: Literal["upload"] = "upload"
    target: Target
    files: tuple[str, ...]


class Goto(Frozen):
    kind: Literal["goto"] = "goto"
    url: str


class Back(Frozen):
    kind: Literal["back"] = "back"


class Forward(Frozen):
    kind: Literal["forward"] = "forward"


class Reload(Frozen):
    kind: Literal["reload"] = "reload"


class NewTab(Frozen):
    kind: Literal["new_tab"] = "new_tab"
    url: str = "about:blank"


class SwitchTab(Frozen):
    kind: Literal["switch_tab"] = "switch_tab"
    index: int = Field(ge=0)


class CloseTab(Frozen):
    kind: Literal["close_tab"] = "close_tab"


class Wait(Frozen):
    """Waits until the target is on the screen, or without one until the page is still; at most `seconds`."""

    kind: Literal["wait"] = "wait"
    target: str | None = None
    seconds: float = Field(default=10.0, gt=0, le=600)


class AnswerDialog(Frozen):
    kind: Literal["answer_dialog"] = "answer_dialog"
    accept: bool
    text: str | None = None


class Read(Frozen):
    """Reads the text at what the question names; the answer goes to the notes and, if last, is the task's answer."""

    kind: Literal["read"] = "read"
    question: str
    into: str | None = None
    """Name under which it stands in the task's answer."""
    table: bool = False
    """All rows of the table there, asked of the page."""


class Expect(Frozen):
    """Fails the task unless `what` is on the screen, or, with `text`, unless the text stands at the place named."""

    kind: Literal["expect"] = "expect"
    what: str
    text: str | None = None
    absent: bool = False
    seconds: float | None = None
    """How long it may take to come true; None: the loop's own patience."""


class Own(Frozen):
    """An action of somebody else's, by the name of its entry point in `deixis.actions`, and what it is given."""

    kind: Literal["own"] = "own"
    name: str
    data: dict[str, str] = {}


class Finish(Frozen):
    kind: Literal["finish"] = "finish"
    answer: str | None = None


class GiveUp(Frozen):
    kind: Literal["give_up"] = "give_up"
    reason: str


BrowserAction = (
    Click | Hover | Drag | Type | Press | Scroll | Select | Check | Upload | Goto | Back | Forward | Reload
    | NewTab | SwitchTab | CloseTab | Wait | AnswerDialog | Own
)  # fmt: skip
Action = Annotated[BrowserAction | Read | Expect | Finish | GiveUp, Field(discriminator="kind")]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)


_JOIN = {"type": "into", "select": "from", "upload": "to", "scroll": "over"}
"""How the target of these actions is named after what is done with it."""


def describe(action: Action) -> str:
    """One short line for people: `click 'Save'`, `type 'Ada' into 'Name'`."""
    data = action.model_dump(exclude={"kind"}, exclude_defaults=True)
    join = _JOIN.get(action.kind)
    target = data.pop("target", None)
    words = [action.kind.replace("_", " ")]
    if target is not None and join is None:
        words.append(_shown(target))
    for name, value in data.items():
        plain = name in {"text", "keys", "url", "what", "question", "option", "files", "reason", "answer", "name"}
        words.append(_shown(value) if plain else f"{name}={_shown(value)}")
        if join and target is not None:
            words += [join, _shown(target)]
            target = None
    return " ".join([*words, join or "", _shown(target)] if join and target is not None else words)


def _shown(value: object) -> str:
    return f"({value['x']:.0f}, {value['y']:.0f})" if isinstance(value, dict) and "x" in value else repr(value)
