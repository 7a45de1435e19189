"""Secrets: names everywhere, values only at the keyboard.

A plan, a prompt, a journal holds `<secret:NAME>`; the value is put in when the key is pressed, in a frame of its domain.
Whatever comes back from a page is searched for the values, also as they are written in URLs and in HTML, and shows the
name again. A value that is an `otpauth://totp/` address stands for the code of the moment. Knows no browser.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from html.entities import html5 as NAMED
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field, SecretStr

from deixis.browser.domains import domain
from deixis.browser.errors import ActionError, UsageError
from deixis.browser.types import Frozen, Hit, Reading, Screenshot

Said = TypeVar("Said", Screenshot, Reading, Hit, Hit | None)
PLACEHOLDER = re.compile(r"<secret:(\w+)>")
SHORTEST = 4
"""Characters: a shorter value would be found, and hidden, everywhere."""
TOTP = "otpauth://totp/"


class Secret(Frozen):
    """One secret and whose it is."""

    name: str = Field(pattern=r"^\w+$")
    value: SecretStr
    domain: str | None = None
    """Domain whose frames may have it; None: the host where the run begins."""

    @classmethod
    def read(cls, text: str, environment: Mapping[str, str]) -> Self:
        """`NAME=ENV[@DOMAIN]`, the value from the environment; UsageError for anything else."""
        name, sign, rest = text.partition("=")
        variable, at, bound = rest.partition("@")
        if not sign or not re.fullmatch(r"\w+", name) or not variable or (at and not bound):
            raise UsageError(
                "--secret takes NAME=ENV or NAME=ENV@DOMAIN, ENV being the name of an environment variable"
            )
        if variable not in environment:
            raise UsageError(f"--secret {name}: there is no environment variable {variable!r}")
        secret = cls(name=name, value=SecretStr(environment[variable]), domain=domain(bound) if at else None)
        if len(secret.value.get_secret_value()) < SHORTEST:
            raise UsageError(
                f"--secret {name}: the value is shorter than {SHORTEST} characters and could not be hidden"
            )
        secret.text()  # a TOTP address that cannot be read is told now
        return secret

    @property
    def is_code(self) -> bool:
        """Whether it stands for a code that changes all the time."""
        return self.value.get_secret_value().startswith(TOTP)

    def text(self, clock: Callable[[], float] = time.time) -> str:
        """What is typed."""
        value = self.value.get_secret_value()
        return totp(value, clock()) if self.is_code else value


class Secrets:
    """The secrets of one run; remembers what was typed, so that it can be found again."""

    def __init__(self, secrets: Sequence[Secret] = (), clock: Callable[[], float] = time.time) -> None:
        self._all = {secret.name: secret for secret in secrets}
        self._clock = clock
        self._values: dict[str, str] = {}
        """Value -> name, of all that must not be seen."""
        for secret in secrets:
            self._keep(secret.value.get_secret_value(), secret.name)
            if secret.is_code:
                self._keep(parse_qs(urlsplit(secret.value.get_secret_value()).query)["secret"][0], secret.name)
        self._names: dict[str, str] = {}
        self._pattern = self._compiled()
        self.typed = False
        """Whether any has been typed: from then on a page may show it."""

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def placeholders(self) -> dict[str, str]:
        """What stands for each name in a plan."""
        return {name: f"<secret:{name}>" for name in self._all}

    def parts(self, text: str) -> list[str | Secret]:
        """A text in pieces: what is typed as it stands, and secrets; ActionError for a name that is none."""
        pieces: list[str | Secret] = list(PLACEHOLDER.split(text))
        names = [str(name) for name in pieces[1::2]]
        unknown = next((name for name in names if name not in self._all), None)
        if unknown is not None:
            raise ActionError(f"there is no secret {unknown!r}: the secrets are {', '.join(self._all) or 'none'}")
        pieces[1::2] = [self._all[name] for name in names]
        return [piece for piece in pieces if piece != ""]

    def named(self, text: str) -> list[Secret]:
        """The secrets that a text stands for."""
        return [self._all[name] for name in PLACEHOLDER.findall(text) if name in self._all]

    def discreet(self, seen: Said) -> Said:
        """What a page says, with the names of secrets where their values stood."""
        if not self or seen is None:
            return seen
        dump = seen.model_dump()
        masked = {name: value for name, value in self.masked(dump).items() if value != dump[name]}
        kept = {name: type(getattr(seen, name)) for name in masked}
        return seen.model_copy(update={name: _as(kept[name], value) for name, value in masked.items()})

    def reveal(self, secret: Secret) -> str:
        """The value, on its way to the keyboard."""
        text = secret.text(self._clock)
        if text not in self._values:
            self._keep(text, secret.name)
            self._pattern = self._compiled()
        self.typed = True
        return text

    def mask(self, text: str) -> str:
        """The text with the names of secrets where their values were."""
        return self._pattern.sub(self._name, text) if self._pattern and text else text

    def masked(self, value: Any) -> Any:
        """A value of JSON with every string in it masked."""
        if not self._pattern:
            return value
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, list | tuple):
            return [self.masked(part) for part in value]
        if isinstance(value, dict):
            return {self.masked(key): self.masked(part) for key, part in value.items()}
        return value

    @property
    def marks(self) -> list[list[int]]:
        """[length, hash] of every value, by which page.js finds it without being told it; only once one was typed."""
        return [mark(value) for value in self._values] if self.typed else []

    def _keep(self, value: str, name: str) -> None:
        if len(value) >= SHORTEST:
            self._values[value] = name

    def _compiled(self) -> re.Pattern[str] | None:
        values = sorted(self._values, key=len, reverse=True)
        forms = [f"(?P<v{n}>{spelled(value)})" for n, value in enumerate(values)]
        self._names = {f"v{n}": self._values[value] for n, value in enumerate(values)}
        return re.compile("|".join(forms), re.I) if forms else None

    def _name(self, match: re.Match[str]) -> str:
        return f"<secret:{self._names[match.lastgroup or '']}>"


def spelled(value: str) -> str:
    """A pattern for a value as it is written in texts, URLs, HTML, JSON, in hexadecimal, and as base64."""
    raw = value.encode("utf-8", "surrogatepass")
    whole = [base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("="), raw.hex()]
    return "|".join([r"".join(map(_letter, value)), *map(re.escape, whole)])


def _letter(sign: str) -> str:
    """One character, as it stands or escaped in any of the usual ways."""
    percent = "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
    named = [re.escape(f"&{name}") for name, found in NAMED.items() if found == sign and name.endswith(";")]
    numbers = [rf"&#0*{ord(sign)};?", rf"&#x0*{ord(sign):x};?"]
    json_forms = [re.escape(json.dumps(sign)[1:-1]), re.escape("\\" + sign)]
    space = [r"\+"] if sign == " " else []
    return f"(?:{'|'.join([*numbers, *named, percent, *json_forms, *space, re.escape(sign)])})"


def mark(value: str) -> list[int]:
    """Length in UTF-16 units and hash of a value in lower case, as page.js counts them."""
    units = value.lower().encode("utf-16-le", "surrogatepass")
    total = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        total = (total * 31 + low + 256 * high) & 0xFFFFFFFF
    return [len(units) // 2, total]


def totp(address: str, now: float) -> str:
    """The code of an `otpauth://totp/` address at a time (RFC 6238); UsageError when it cannot be read."""
    said = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    try:
        key = said["secret"].replace(" ", "").upper()
        digits, period = int(said.get("digits", 6)), int(said.get("period", 30))
        algorithm = said.get("algorithm", "SHA1").lower()
        raw = base64.b32decode(key + "=" * (-len(key) % 8))
        counter = int(now // period).to_bytes(8, "big")
        digest = hmac.new(raw, counter, getattr(hashlib, algorithm)).digest()
    except (KeyError, ValueError, AttributeError, ZeroDivisionError):
        raise UsageError("a secret that begins with otpauth://totp/ lacks or garbles its parameters") from None
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def _as(kind: type, value: Any) -> Any:
    """A part of a dump as the type it was before."""
    if issubclass(kind, BaseModel):
        return kind.model_validate(value)
    return tuple(value) if kind is tuple else value
