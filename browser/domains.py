"""Which addresses a run may go to, and which frame may have a secret: rules on hosts, nothing else.

Hosts are compared as browsers write them: lower case, punycode, no trailing dot, addresses in their short form. Ports do
not count. Knows no browser.
"""

import ipaddress
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

EVERYTHING = "*"
WEB = {"http", "https", "ws", "wss"}
EMPTY = {"about:blank", "about:srcdoc", ""}


class Bounds(Frozen):
    """The host where a run begins, and what else is allowed."""

    home: str = "about:blank"
    """The URL where it begins: its exact host is allowed, or for a file its folder."""
    allow: tuple[str, ...] = ()
    """Domains, each with its subdomains; `*` for everything."""

    @classmethod
    def of(cls, allow: tuple[str, ...], home: str = "about:blank") -> Self:
        """Bounds with the domains checked; UsageError for one that is none."""
        return cls(home=home, allow=tuple(domain(text) for text in allow))

    def permits(self, url: str, top: bool = True) -> bool:
        """Whether a document of this URL may be opened; top: in a tab and not in a frame."""
        if url in EMPTY or url.startswith("chrome-error:"):
            return True
        if url.startswith("blob:"):
            return self.permits(url.removeprefix("blob:"), top)
        scheme = url.partition(":")[0].lower()
        if scheme == "data":
            return not top or self.home.lower().startswith("data:")
        if scheme == "file":
            return _below(url, self.home)
        return scheme in WEB and self.permits_host(host(url))

    def permits_host(self, name: str) -> bool:
        """Whether a host may be spoken to."""
        return bool(name) and (name == host(self.home) or any(within(name, one) for one in self.allow))

    @property
    def local(self) -> bool:
        """Whether nothing but this machine is allowed."""
        names = [host(self.home)] if self.home.partition(":")[0].lower() in WEB else []
        return all(is_loopback(name) for name in [*names, *self.allow])

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        first = host(self.home) or "this page"
        return ", ".join([first, *self.allow])


def host(url: str) -> str:
    """The host of a URL, normalised; empty where it has none."""
    parts = _split(url)
    return _plain(parts.hostname or "") if parts else ""


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # a bracket too many
        return None


def _plain(name: str) -> str:
    name = name.strip().lower().rstrip(".")
    try:
        return ipaddress.ip_address(name.strip("[]")).compressed
    except ValueError:
        pass
    try:
        return name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError:
        return ""  # no host that a browser could reach


def domain(text: str) -> str:
    """A domain as people write it (`example.com`, `*.example.com`, `https://example.com:8080/x`), normalised."""
    bare = text.strip()
    if bare == EVERYTHING:
        return EVERYTHING
    bare = bare.removeprefix("*.")
    try:
        return ipaddress.ip_address(bare.strip("[]")).compressed
    except ValueError:
        found = host(bare if "://" in bare else f"//{bare}")
    if not found or any(sign in found for sign in " */@"):
        raise UsageError(f"{text!r} is no domain: write one like example.com, or '*' for everything")
    return found


def within(name: str, allowed: str) -> bool:
    """Whether a host is the allowed domain or below it."""
    return allowed == EVERYTHING or name == allowed or (not _is_address(allowed) and name.endswith(f".{allowed}"))


def is_loopback(name: str) -> bool:
    """Whether a host is this machine."""
    return ipaddress.ip_address(name).is_loopback if _is_address(name) else name.split(".")[-1] == "localhost"


def is_local(url: str) -> bool:
    """Whether a URL is on this machine, or a page that came with no host: a file, data, a blank page."""
    name = host(url.removeprefix("blob:"))
    return is_loopback(name) if name else url.partition(":")[0].lower() in {"file", "data", "about"}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _below(url: str, home: str) -> bool:
    """Whether a file lies in the folder of the file where the run began, or below it."""
    here, start = _split(url), _split(home)
    if not here or not start or start.scheme.lower() != "file" or here.netloc not in {"", "localhost"}:
        return False
    path, folder = PurePosixPath(unquote(here.path)), PurePosixPath(unquote(start.path)).parent
    return ".." not in path.parts and path.is_relative_to(folder)


def same_place(frame_url: str, bound: str | None, home: str) -> bool:
    """Whether a frame may have a secret that is bound to a domain, or without one to the host of `home`.

    What is sent without encryption may be read on the way: then only to this machine, or where the run began so.
    """
    url, start = frame_url.removeprefix("blob:"), _split(home)
    scheme, name = url.partition(":")[0].lower(), host(url)
    if scheme == "file":
        return bound is None and _below(url, home)
    fits = within(name, bound) if bound else name == host(home)
    plain_start = start is not None and start.scheme == "http" and host(home) == name
    return bool(name) and fits and (scheme == "https" or (scheme == "http" and (is_loopback(name) or plain_start)))
