"""Models behind any OpenAI-compatible server: vLLM, SGLang, transformers serve, llama.cpp, hosted.

`MODEL@URL` names one: `Qwen/Qwen3-VL-8B-Instruct@http://127.0.0.1:8000/v1`; where the id does not tell the family whose
frame it shares, `MODEL=FAMILY@URL` does; where the frame depends on how the checkpoint resizes and its limits are its own,
they are given as `?min_pixels=N&max_pixels=N`. The screenshot is prepared as the family wants it before it is sent, so that
the server finds nothing left to resize, and what was done to it travels with the request. Requests are repeated while
that can help, and counted: a budget ends the run, never a surprise on the bill. Long answers are streamed: they are heard
as they are written, a timeout is the longest silence and not the whole answer's time, and a budget of seconds ends them
midway. The key comes from an environment variable and is never written anywhere. Knows no prompts and no places:
`prompted` does.
"""

import base64
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx

from deixis.browser.errors import BudgetSpent, OutputError, ServerError, UsageError
from deixis.browser.types import Frozen
from deixis.vlm.families import family_of
from deixis.vlm.frames import SmartResize, limited
from deixis.vlm.prompted import SHORT, Completion, Heard, PromptedPointer, Turn

KEY = "OPENAI_API_KEY"
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Answers after which the same request may succeed."""
TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds; a server that wants more is not waited for."""


class Budget(Frozen):
    """What a run may cost; None is no limit."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    """Of waiting for the server, all requests together."""
    cost: float | None = None
    """In the currency of the prices."""
    prices: tuple[float, float] = (0.0, 0.0)
    """Of a million tokens read, and of a million written."""

    def price(self, read: int, written: int) -> float:
        """What so many tokens cost."""
        return (read * self.prices[0] + written * self.prices[1]) / 1e6


class Chat:
    """One model on one server."""

    weights_sha256 = ""

    def __init__(
        self, url: str, model: str, key: str | None = None, budget: Budget | None = None, timeout: float = 120.0,
        sleep: Callable[[float], None] = time.sleep, at_once: int = 4,
    ) -> None:  # fmt: skip
        """key: by default that of the environment's OPENAI_API_KEY; local servers need none."""
        self.at_once = at_once
        self.url, self.model, self.budget, self.sleep = url.rstrip("/"), model, budget or Budget(), sleep
        key = key or os.environ.get(KEY)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(timeout=timeout, headers=headers)
        self.requests, self.tokens, self.seconds, self.cost = 0, 0, 0.0, 0.0
        self._counting = threading.Lock()

    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        """Without sampling; ServerError when there is no answer to be had, BudgetSpent."""
        body, told = self._body(turn, most), _Told(heard)
        reason = ""
        for tried in range(TRIES):
            self._count()
            again: httpx.Response | None = None
            try:
                with self._timed(), self.client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                    if response.status_code < 400:
                        return self._completion(response, told)
                    response.read()
                again, reason = response, f"{response.status_code} {_said(response)}"
                if response.status_code not in AGAIN:
                    break
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}".rstrip(": ")
                if told.letters:  # what was heard cannot be taken back
                    reason += f", after {told.letters} letters of its answer"
                    break
            if tried < TRIES - 1:
                pause = _pause(again, tried)
                if pause > LONGEST_WAIT:
                    reason += f"; it asks to wait {pause:.0f} s"
                    break
                self.sleep(pause)
        raise ServerError(f"{self.model!r} at {self.url} does not answer: {reason}")

    def _body(self, turn: Turn, most: int) -> dict[str, Any]:
        """The request; an answer that may be long is asked for in pieces."""
        words: list[dict[str, Any]] = [{"type": "text", "text": turn.text}]
        image = [picture(png) for png in (*turn.past, turn.png) if png]
        content = image + words if turn.image_first else words + image
        messages: list[dict[str, Any]] = [{"role": "system", "content": turn.system}] if turn.system else []
        messages.append({"role": "user", "content": content})
        body = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": most, **(turn.request or {})}
        return body | ({"stream": True, "stream_options": {"include_usage": True}} if most > SHORT else {})

    def _count(self) -> None:
        """One more request; BudgetSpent when there is none left."""
        with self._counting:
            for what, spent, limit in (
                ("requests", self.requests, self.budget.requests), ("tokens", self.tokens, self.budget.tokens),
                ("seconds", self.seconds, self.budget.seconds), ("units of money", self.cost, self.budget.cost),
            ):  # fmt: skip
                if limit is not None and spent >= limit:
                    raise BudgetSpent(f"the budget of {limit:g} {what} for {self.model!r} is spent")
            self.requests += 1

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            with self._counting:
                self.seconds += time.monotonic() - start

    def _completion(self, response: httpx.Response, told: "_Told") -> Completion:
        """What was answered, at once or in pieces, however it was asked for."""
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        completion = self._streamed(response, told) if streamed else self._whole(response, told)
        with self._counting:
            self.tokens += completion.tokens
            written = min(completion.tokens, completion.written or len(completion.text) // 3)
            self.cost += self.budget.price(completion.tokens - written, written)
        return completion

    def _whole(self, response: httpx.Response, told: "_Told") -> Completion:
        response.read()
        try:
            data = response.json()
            choice = data["choices"][0]
            text = str(choice["message"]["content"] or "")
            usage = data.get("usage") or {}
            tokens, written = int(usage.get("total_tokens") or 0), int(usage.get("completion_tokens") or 0)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise OutputError(
                f"{self.url} answered with something that is no chat completion: {response.text[:120]!r}"
            ) from error
        told.hear(text)
        return Completion(text, choice.get("finish_reason") != "length", tokens, written=written)

    def _streamed(self, response: httpx.Response, told: "_Told") -> Completion:
        """An answer in pieces; one that ends without a reason was cut off. Without usage, each piece counts as a token."""
        pieces, finish, tokens, written, start = [], None, 0, 0, time.monotonic()
        for event in _events(response):
            try:
                usage = event.get("usage") or {}
                tokens = int(usage.get("total_tokens") or tokens)
                written = int(usage.get("completion_tokens") or written)
                choice = (event.get("choices") or [{}])[0]
                piece, finish = (
                    str((choice.get("delta") or {}).get("content") or ""),
                    choice.get("finish_reason") or finish,
                )
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise OutputError(
                    f"{self.url} streamed something that is no chat completion: {str(event)[:120]!r}"
                ) from error
            if "error" in event:
                raise ServerError(f"{self.model!r} at {self.url} broke off its answer: {str(event['error'])[:200]}")
            if piece:
                pieces.append(piece)
                told.hear(piece)
            self._in_time(time.monotonic() - start)
        return Completion("".join(pieces), finish not in (None, "length"), tokens or len(pieces), written=written)

    def _in_time(self, seconds: float) -> None:
        """BudgetSpent when the answer that is being written goes over the seconds there are."""
        limit = self.budget.seconds
        if limit is not None and self.seconds + seconds > limit:
            raise BudgetSpent(
                f"the budget of {limit:g} seconds for {self.model!r} is spent, in the middle of an answer"
            )


class _Told:
    """Passes pieces of an answer on, and remembers that it did."""

    def __init__(self, heard: Heard | None) -> None:
        self.heard, self.letters = heard, 0

    def hear(self, piece: str) -> None:
        if self.heard and piece:
            self.letters += len(piece)
            self.heard(piece)


def _events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events; OutputError for a line that is none."""
    for line in response.iter_lines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not data:
            continue
        if data == "[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError as error:
            raise OutputError(f"the server streamed a line that is no JSON: {data[:120]!r}") from error
        if not isinstance(event, dict):
            raise OutputError(f"the server streamed something that is no JSON object: {data[:120]!r}")
        yield event


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


class Spelled(NamedTuple):
    """A model on a server, as it is given on the command line."""

    model: str
    family: str | None
    url: str
    limits: tuple[int, int] | None = None
    """Fewest and most pixels that the server resizes pictures to."""


def spelled(model: str) -> Spelled:
    """`MODEL[=FAMILY]@URL[?min_pixels=N&max_pixels=N]` in its parts; UsageError for anything else."""
    name, at, url = model.rpartition("@")
    name, _, family = name.partition("=")
    if not at or not name or not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{model!r} names no model on a server: MODEL@URL, for example Qwen/Qwen3-VL-8B-Instruct@http://127.0.0.1:8000/v1"
        )
    url, asked, query = url.partition("?")
    return Spelled(name, family or None, url, _limits(query) if asked else None)


def _limits(query: str) -> tuple[int, int]:
    said = parse_qs(query)
    try:
        if set(said) != {"min_pixels", "max_pixels"}:
            raise ValueError("two names are known: min_pixels and max_pixels")
        return int(said["min_pixels"][0]), int(said["max_pixels"][0])
    except ValueError as error:
        raise UsageError(
            f"{query!r} after the address gives no limits ({error}): ?min_pixels=3136&max_pixels=12845056"
        ) from error


def pointer_at(model: str, budget: Budget | None = None) -> PromptedPointer:
    """The pointer of `MODEL[=FAMILY]@URL`; UsageError when no source says how such models name places."""
    name, family_name, url, limits = spelled(model)
    family = family_of(family_name or name)
    if limits:
        if not isinstance(family.fit, SmartResize):
            raise UsageError(f"what {family.name} answers does not depend on limits of pixels: leave them out")
        family = family.model_copy(update={"fit": limited(family.fit, *limits)})
    return PromptedPointer(Chat(url, name, budget=budget), family)
