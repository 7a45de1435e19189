"""Stand-ins that are real objects: a pointer that knows its answers, a planner that reads from a list."""

from collections.abc import Sequence

from deixis.agent.state import TaskState
from deixis.browser.actions import Action, Finish
from deixis.browser.types import Candidate, Point, Pointing, Reading, Screenshot

Answer = Point | list[Point] | None


class FixedPointer:
    """Points where it was told; a list gives the alternatives too, None means not on the screen."""

    name = "fixed"
    weights_sha256 = "0" * 64

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        self.asked += targets
        return [self._answer(target) for target in targets]

    def _answer(self, target: str) -> Pointing:
        answer = self.answers.get(target)
        if answer is None:
            return Pointing(target=target, point=Point(x=1, y=1), confidence=0.1, found=False)
        first, *others = answer if isinstance(answer, list) else [answer]
        rest = tuple(Candidate(point=p, confidence=0.3) for p in others)
        return Pointing(target=target, point=first, confidence=0.9, found=True, alternatives=rest, model=self.name)


class LookingPointer(FixedPointer):
    """A FixedPointer with a second look."""

    def __init__(self, answers: dict[str, Answer], second: Point) -> None:
        super().__init__(answers)
        self.second = second

    def second_look(self, screenshot: Screenshot, target: str, around: Point) -> Pointing:
        return Pointing(target=target, point=self.second, confidence=0.8, found=True, model=self.name)


class ReadingPointer(FixedPointer):
    """A FixedPointer that reads the same wherever it looks."""

    def __init__(self, answers: dict[str, Answer], reading: Reading) -> None:
        super().__init__(answers)
        self.reading = reading

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        return self.reading


class ScriptedPlanner:
    """Gives its actions one after the other, whatever happens, then finishes."""

    goal = "a scripted task"

    def __init__(self, *actions: Action) -> None:
        self.actions = list(actions)

    def begin(self, state: TaskState) -> None:
        pass

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        return self.actions.pop(0) if self.actions else Finish()
