"""What a session is started with: its browser, its bounds, its patience. Knows no browser."""

from pathlib import Path

from pydantic import Field

from deixis.browser.secrets import Secret
from deixis.browser.settle import Patience
from deixis.browser.types import Frozen


class SessionConfig(Frozen):
    """How a session's browser is started and how patient it is."""

    width: int = 1280
    """CSS pixels of the viewport."""
    height: int = 720
    scale: float = Field(default=1.0, gt=0, le=8)
    """Image pixels per CSS pixel (the device scale factor)."""
    locale: str | None = None
    headed: bool = False
    cdp: str | None = None
    """Debugging address of a Chrome that runs already, where a tab of ours is opened; its other tabs are left alone."""
    profile: Path | None = None
    """Folder of a browser profile to work with: its cookies and logins."""
    executable: Path | None = None
    """The browser's program; None finds one."""
    storage_state: Path | None = None
    """Cookies and local storage to begin with, as Playwright saves them."""
    http_credentials: tuple[str, str] | None = None
    """User and password for HTTP authentication."""
    permissions: tuple[str, ...] = ()
    """What pages may do without asking, as Playwright names it: "geolocation", "clipboard-read", "notifications"."""
    geolocation: tuple[float, float] | None = None
    """Latitude and longitude that pages are told, if they may ask."""
    downloads: Path | None = None
    """Folder that downloads are saved to; None keeps none."""
    download_limit: int = Field(default=200_000_000, gt=0)
    """Bytes of a file from which a download is cancelled."""
    home: str = "about:blank"
    """Where the work begins: the exact host is always allowed, and secrets without a domain are its own; `start` sets it."""
    allow: tuple[str, ...] | None = None
    """Domains, with subdomains, that may be opened beside `home`; `*` for all; None sets no bounds at all."""
    strict_network: bool = False
    """Hold every request to the bounds, not only documents."""
    secrets: tuple[Secret, ...] = Field(default=(), exclude=True, repr=False)
    navigation_timeout: float = Field(default=30.0, gt=0)
    """Seconds for a URL to answer with a document."""
    answer_timeout: float = Field(default=30.0, gt=0)
    """Seconds after which a page that answers nothing counts as dead."""
    dialog_timeout: float = Field(default=60.0, gt=0)
    """Seconds after which a JavaScript dialog nobody answers is dismissed."""
    patience: Patience = Patience()
