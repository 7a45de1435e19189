"""Models behind any OpenAI-compatible server (vLLM, SGLang, transformers serve, llama.cpp, hosted) as pointers.

`MODEL@URL` names one: `Qwen/Qwen3-VL-8B-Instruct@http://127.0.0.1:8000/v1`; where the id does not tell the family whose
frame it shares, `MODEL=FAMILY@URL` does. The screenshot is prepared as the family wants it before it is sent, so that
the server finds nothing left to resize, and what was done to it travels with the request. Requests are repeated while
that can help, and counted: a budget ends the run, never a surprise on the bill. The key comes from an environment
variable and is never written anywhere. Knows no frame (`frames`), no syntax (`points`), no model (`families`).
"""

import base64
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from deixis.browser.errors import BudgetSpent, OutputError, ServerError, UsageError
from deixis.browser.types import Box, Candidate, Frozen, Pointing, Screenshot
from deixis.vlm.families import Family, family_of, read
from deixis.vlm.frames import ModelBox, ModelPoint, prepare
from deixis.vlm.points import write, written_kinds

KEY = "OPENAI_API_KEY"
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Answers after which the same request may succeed."""
TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds; a server that wants more is not waited for."""
SAID = 0.8
"""Confidence of a place that a model names: it gives no probability of its own."""


class Budget(Frozen):
    """What a run may cost; None is no limit."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    """Of waiting for the server, all requests together."""


class Completion(NamedTuple):
    """What a server answered."""

    text: str
    whole: bool
    """False when it was cut off at the most tokens."""
    tokens: int


class Chat:
    """One model on one server."""

    def __init__(
        self, url: str, model: str, key: str | None = None, budget: Budget | None = None, timeout: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """key: by default that of the environment's OPENAI_API_KEY; local servers need none."""
        self.url, self.model, self.budget, self.sleep = url.rstrip("/"), model, budget or Budget(), sleep
        key = key or os.environ.get(KEY)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=timeout, headers=headers)
        self.requests, self.tokens, self.seconds = 0, 0, 0.0
        self._counting = threading.Lock()

    def complete(self, content: list[dict[str, Any]], most: int = 512, system: str | None = None) -> Completion:
        """One turn of a user, without sampling; ServerError when there is no answer to be had, BudgetSpent."""
        messages = [{"role": "system", "content": system}] if system else []
        body = {
            "model": self.model,
            "messages": [*messages, {"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": most,
        }
        reason = ""
        for turn in range(TRIES):
            self._count()
            start = time.monotonic()
            try:
                response = self.client.post(f"{self.url}/chat/completions", json=body)
            except httpx.TransportError as error:
                response, reason = None, f"{type(error).__name__}: {error}".rstrip(": ")
            finally:
                with self._counting:
                    self.seconds += time.monotonic() - start
            if response is not None and response.status_code < 400:
                return self._completion(response)
            if response is not None:
                reason = f"{response.status_code} {_said(response)}"
                if response.status_code not in AGAIN:
                    break
            if turn < TRIES - 1:
                pause = _pause(response, turn)
                if pause > LONGEST_WAIT:
                    reason += f"; it asks to wait {pause:.0f} s"
                    break
                self.sleep(pause)
        raise ServerError(f"{self.model!r} at {self.url} does not answer: {reason}")

    def _count(self) -> None:
        """One more request; BudgetSpent when there is none left."""
        with self._counting:
            for what, spent, limit in (
                ("requests", self.requests, self.budget.requests), ("tokens", self.tokens, self.budget.tokens),
                ("seconds", self.seconds, self.budget.seconds),
            ):  # fmt: skip
                if limit is not None and spent >= limit:
                    raise BudgetSpent(f"the budget of {limit:g} {what} for {self.model!r} is spent")
            self.requests += 1

    def _completion(self, response: httpx.Response) -> Completion:
        try:
            data = response.json()
            choice = data["choices"][0]
            text = choice["message"]["content"] or ""
            tokens = int((data.get("usage") or {}).get("total_tokens") or 0)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise OutputError(
                f"{self.url} answered with something that is no chat completion: {response.text[:120]!r}"
            ) from error
        with self._counting:
            self.tokens += tokens
        return Completion(str(text), choice.get("finish_reason") != "length", tokens)


def _said(response: httpx.Response) -> str:
    """The server's own words for what went wrong."""
    try:
        error = response.json().get("error")
        return str(error.get("message") if isinstance(error, dict) else error)[:200]
    except (ValueError, AttributeError):
        return response.text[:200].strip() or response.reason_phrase


def _pause(response: httpx.Response | None, turn: int) -> float:
    """Seconds to wait: what the server asks for, else longer each time, never the same for two clients."""
    asked = response.headers.get("retry-after") if response is not None else None
    if asked:
        try:
            return max(0.0, float(asked))
        except ValueError:
            try:
                return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
            except (ValueError, TypeError):
                pass
    return float(min(30.0, 0.5 * 2**turn) * random.uniform(0.5, 1.0))


def picture(png: bytes) -> dict[str, Any]:
    """A PNG as a part of a message."""
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(png).decode()}"}}


def spelled(model: str) -> tuple[str, str | None, str]:
    """(model id, family's name or None, URL) of `MODEL[=FAMILY]@URL`; UsageError for anything else."""
    name, at, url = model.rpartition("@")
    name, _, family = name.partition("=")
    if not at or not name or not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{model!r} names no model on a server: MODEL@URL, for example Qwen/Qwen3-VL-8B-Instruct@http://127.0.0.1:8000/v1"
        )
    return name, family or None, url


class RemotePointer:
    """Points, and answers questions, with a model on a server."""

    weights_sha256 = ""

    def __init__(self, chat: Chat, family: Family, at_once: int = 4) -> None:
        """at_once: requests under way at the same time."""
        self.chat, self.family, self.at_once = chat, family, at_once
        self.name = chat.model

    @classmethod
    def named(cls, model: str, budget: Budget | None = None) -> "RemotePointer":
        """From `MODEL[=FAMILY]@URL`; UsageError when no source says how such models name places."""
        name, family, url = spelled(model)
        return cls(Chat(url, name, budget=budget), family_of(family or name))

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        """One request a target, in order of the targets; an answer that cannot be read costs the others nothing."""

        def one(target: str) -> Pointing:
            try:
                return self.point(screenshot, target)
            except OutputError as error:
                return Pointing(target=target, point=None, model=self.name, unreadable=str(error))

        with ThreadPoolExecutor(min(self.at_once, max(1, len(targets)))) as pool:
            return list(pool.map(one, targets))

    def point(self, screenshot: Screenshot, target: str) -> Pointing:
        """One target; OutputError when the answer cannot be read."""
        start = time.perf_counter()
        sent = prepare(screenshot, self.family.fit)
        answer = self.chat.complete(self._content(sent.png, question_for(self.family, target)))
        try:
            found = read(answer.text, self.family, sent.resize)
        except OutputError as error:
            raise (
                error if answer.whole else OutputError(f"{self.name!r} was cut off before it named a place: {error}")
            ) from error
        points = found.points
        box = found.places[0] if found.places and isinstance(found.places[0], Box) else None
        return Pointing(
            target=target, point=points[0] if points else None, box=box, confidence=SAID if points else 0.0, found=bool(points),
            alternatives=tuple(Candidate(point=p, confidence=SAID / 2) for p in points[1:4]), seconds=time.perf_counter() - start, model=self.name,
        )  # fmt: skip

    def ask(self, screenshot: Screenshot, question: str) -> str:
        """What the model says about a picture, in its own words."""
        return self.chat.complete(
            self._content(prepare(screenshot, self.family.fit).png, question), most=1024
        ).text.strip()

    def _content(self, png: bytes, text: str) -> list[dict[str, Any]]:
        parts = [picture(png), {"type": "text", "text": text}]
        return parts if self.family.image_first else parts[::-1]


def question_for(family: Family, target: str) -> str:
    """The words by which a family is asked to point: its published ones, else with an example of its own syntax."""
    if family.prompt:
        return family.prompt.format(target=target)
    return (
        f"On this screenshot of a web page, find: {target}\nAnswer with its place and nothing else, in this form: {example(family)}\n"
        "If it is not on the picture, answer: not found"
    )


def example(family: Family) -> str:
    """How the family writes the middle of the picture; UsageError when no source says."""
    if family.form is None or family.frame is None:
        raise UsageError(f"how {family.name} names places is not known ({family.source}): it cannot be asked to point")
    whole = getattr(family.frame, "whole", getattr(family.frame, "count", 800))
    low, high = whole * 0.4, whole * 0.6
    if whole > 10:
        low, high = float(int(low)), float(int(high))
    kinds = written_kinds(family.form)
    mark = ModelPoint(x=low, y=high) if "point" in kinds else ModelBox(x0=low, y0=low, x1=high, y1=high)
    return write([mark], family.form, family.frame.order)
