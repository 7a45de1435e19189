"""The InstructionPlanner: walks a plan written in plain English or YAML, one action at a time, without a language model.

It looks at the last step to see whether its action worked, scrolls on when a target is not on the screen, tries once
more when the page refuses, and gives up with a sentence that names target and clause. Knows no pixels.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from deixis.agent.form import Form
from deixis.agent.grammar import clauses
from deixis.agent.program import Clause, compiled
from deixis.agent.script import read_script
from deixis.agent.state import PlanItem, Step, TaskState, is_not_found
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Check,
    Click,
    Expect,
    Finish,
    GiveUp,
    Hover,
    Press,
    Read,
    Scroll,
    Select,
    Type,
    Wait,
    describe,
)
from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot

PAGE_SHARE = 0.75
"""Of the viewport's height, one scroll when looking for something."""
MAX_SCROLLS = 24
TOP = 100_000.0
_DIALOG_BUTTON = re.compile(
    r"(?:the )?(?:(?P<yes>ok|okay|yes|accept|confirm|leave)|(?P<no>cancel|no|dismiss|stay))(?: button)?"
    r"(?: (?:in|of|on) the (?:dialog|alert|confirmation|prompt|message))?",
    re.I,
)
"""Words for the buttons of a JavaScript dialog, which is in no picture: clicking them answers it."""


class InstructionPlanner:
    """Follows clauses in order. Make it with `from_text` or `from_script`; both raise UsageError before anything runs."""

    users_words = True
    """What it does is what the user wrote: no page has a say in it."""

    def __init__(self, plan: list[Clause], goal: str, url: str | None = None) -> None:
        self.plan, self.goal, self.url = plan, goal, url
        self.form: Form | None = None
        """What the answer has to fit."""
        self.program = compiled(plan)
        self.todo = self.program.ops
        self.passed: Counter[int] = Counter()
        """How often each count was passed."""
        self.named: dict[str, Any] = {}
        """What was read under a name."""
        self.at = 0
        self.retried = False
        self.search: _Search | None = None
        self.answer: str | None = None

    @classmethod
    def from_text(cls, text: str, variables: Mapping[str, str] | None = None) -> Self:
        """A task in plain English."""
        return cls(clauses(text, variables or {}), " ".join(text.split()))

    @classmethod
    def from_script(cls, path: Path, variables: Mapping[str, str] | None = None) -> Self:
        """A YAML file of steps (see `deixis.agent.script`)."""
        script = read_script(path, variables or {})
        return cls(script.clauses, script.goal, script.url)

    def begin(self, state: TaskState) -> None:
        """Writes the plan into the state."""
        state.plan = [PlanItem(text=line) for line in self.program.lines]

    def memo(self) -> dict[str, Any]:
        """Where it stands: all that it needs, beside the state, to go on in another process."""
        passed = {str(at): count for at, count in self.passed.items()}
        tries = [left for _, _, left in self.program.retries]
        return {
            "at": self.at,
            "retried": self.retried,
            "passed": passed,
            "named": self.named,
            "answer": self.answer,
            "tries": tries,
        }

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Goes on from there; UsageError when it comes from another plan."""
        if not memo:
            return
        if memo["at"] > len(self.todo) or len(memo["tries"]) != len(self.program.retries):
            raise UsageError("this is not the plan that was begun: resume with the same task")
        self.at, self.retried, self.answer = memo["at"], memo["retried"], memo["answer"]
        self.passed = Counter({int(at): count for at, count in memo["passed"].items()})
        self.named = dict(memo["named"])
        for block, left in zip(self.program.retries, memo["tries"], strict=True):
            block[2] = left

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        """The next action, after a look at what became of the last one."""
        if state.steps and (verdict := self._judge(state, state.steps[-1], screenshot)):
            return verdict
        if over := self._flow(state):
            return over
        if self.at >= len(self.todo):
            return self._finish(state)
        item, action = self._now()
        if state.plan[item].status != "active":
            state.mark(item, "active")
        if screenshot.dialog is None or isinstance(action, AnswerDialog):
            return action
        if isinstance(action, Click) and (button := _DIALOG_BUTTON.fullmatch(str(action.target))):
            answer = AnswerDialog(accept=button["no"] is None)
            self.todo[self.at] = replace(self.todo[self.at], action=answer)
            return answer
        return AnswerDialog(accept=screenshot.dialog.type in {"alert", "beforeunload"})

    def _now(self) -> tuple[int, Action]:
        """The line of the plan and the action where it stands."""
        op = self.todo[self.at]
        assert op.action is not None
        return op.item, op.action

    def _flow(self, state: TaskState) -> GiveUp | None:
        """Follows jumps and counts to the next action."""
        while self.at < len(self.todo) and self.todo[self.at].action is None:
            op = self.todo[self.at]
            if op.kind == "jump":
                if op.times:
                    self.passed[op.times - 1] = 0
                self.at = op.to
                continue
            self.passed[self.at] += 1
            if self.passed[self.at] <= op.times:
                self.at += 1
                continue
            if op.to < 0:
                return self._over(state, op.item, f"it did not come true in {op.times} turns")
            self.passed[self.at], self.at = 0, op.to
        return None

    def _finish(self, state: TaskState) -> Finish:
        for n, item in enumerate(state.plan):
            if item.status in {"pending", "active"}:
                state.mark(n, "done" if item.status == "active" else "skipped")
        answer = json.dumps(self.named, ensure_ascii=False) if self.named else self.answer
        return Finish(answer=self.form.filled(answer) if self.form else answer)

    def _judge(self, state: TaskState, last: Step, screenshot: Screenshot) -> Action | None:
        """Moves on, or says what to do instead of the next action."""
        if self.at >= len(self.todo):
            return None if last.error is None else self._misfit(last)
        item, action = self._now()
        if last.planned != action:  # a scroll of our own, or a dialog answered in between
            return self._look_on(state, screenshot) if self.search else None
        if last.error is None and (
            last.changed is not False or isinstance(action, Check | Select | Hover | Scroll | Press | Type | Wait)
        ):
            self._done(state, last)
            return None
        if isinstance(action, Expect) and self.todo[self.at].kind == "test":
            self.at, self.search, self.retried = self.todo[self.at].to, None, False
            return None
        if isinstance(action, Expect):
            return self._give_up(state, last.error or "it did not hold")
        if last.error is not None and is_not_found(last.error) and not isinstance(action, Wait):
            return self._look_on(state, screenshot)
        if not self.retried:
            self.retried = True
            return None
        return self._give_up(state, last.error or f"{describe(action)} changed nothing")

    def _done(self, state: TaskState, last: Step) -> None:
        item, action = self._now()
        if isinstance(action, Read) and last.reading:
            self.answer = last.reading.text
            if action.into or action.table:
                self._keep(action, last.reading.text)
            state.notes.append(f"{action.question}: {last.reading.text}")
        self.at, self.retried, self.search = self.at + 1, False, None
        if self.at >= len(self.todo) or self.todo[self.at].item != item:
            state.mark(item, "done")

    def _keep(self, action: Read, text: str) -> None:
        """A reading under its name; the rows of a table join those of the same name, as from the next page."""
        name = action.into or "rows"
        if not action.table:
            self.named[name] = text
            return
        rows = self.named.setdefault(name, [])
        rows += [row for row in json.loads(text) if row not in rows]

    def _misfit(self, last: Step) -> GiveUp | None:
        """What is read is what is read: an answer that does not fit its schema is the end."""
        return GiveUp(reason=last.error or "") if isinstance(last.planned, Finish) else None

    def _give_up(self, state: TaskState, reason: str) -> Action | None:
        """The end, or the start of what may be tried again."""
        item, _ = self._now()
        for block in reversed(self.program.retries):
            start, end, left = block
            if start <= self.at < end and left > 1:
                block[2] = left - 1
                self.at, self.retried, self.search = start, False, None
                state.notes.append(f"tried again: {reason}")
                return None
        return self._over(state, item, reason)

    def _over(self, state: TaskState, item: int, reason: str) -> GiveUp:
        state.mark(item, "failed", reason)
        return GiveUp(reason=f"in {state.plan[item].text!r}: {reason}")

    def _look_on(self, state: TaskState, screenshot: Screenshot) -> Action | None:
        """The next scroll of the search, None to try again where it has come to, or the end of it."""
        self.search = self.search or _Search()
        if not self.search.over(screenshot):
            return self.search.scroll
        return self._give_up(state, f"{describe(self._now()[1])}: the target was not found anywhere on the page")


class _Search:
    """Looks for a target over the whole page: down to the end, then once from the top."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.scroll: Scroll | None = None
        self.scrolls = 0
        self.scrolled = False
        self.wrapped = False

    def over(self, screenshot: Screenshot) -> bool:
        """Whether all of the page has been seen; if not, `scroll` is the next scroll, or None to try again here."""
        self.scroll = None
        if self.scrolled and (self.last is None or screenshot.scroll_y != self.last):
            self.scrolled, self.last = False, screenshot.scroll_y
            return False
        stuck = self.scrolled
        if self.last is None:
            self.last = screenshot.scroll_y
            self.began = screenshot.scroll_y
        self.scrolls += 1
        self.scrolled = True
        if self.scrolls > MAX_SCROLLS or (stuck and (self.wrapped or self.began == 0)):
            return True
        self.wrapped = self.wrapped or stuck
        self.scroll = Scroll(dy=-TOP if stuck else round(screenshot.height * PAGE_SHARE))
        return False
