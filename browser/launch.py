"""Finds a Chromium or Chrome on this machine, starts it, and says how to get one. Knows nothing of pages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Playwright
from playwright.async_api import Error as PlaywrightError

from deixis.browser.errors import SetupError

NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
REMEDY = "run `deixis setup`, or name one with DEIXIS_BROWSER=/path/to/chrome"


def find_browser(explicit: str | Path | None = None, managed: str | Path | None = None) -> Path:
    """The browser to start: an explicit path, DEIXIS_BROWSER, Playwright's own, Chrome or Chromium on PATH."""
    named = explicit or os.environ.get("DEIXIS_BROWSER")
    if named:
        return _executable(Path(named))
    if managed and os.access(managed, os.X_OK):
        return Path(managed)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise SetupError(f"no Chrome or Chromium was found: {REMEDY}")
    return Path(found)


def _executable(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SetupError(f"{str(path)!r} is no program that can be started: {REMEDY}")
    return path


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def flags(headed: bool) -> list[str]:
    """Command line flags: nothing in the background, no graphics card when headless."""
    return [*FLAGS, *([] if headed else ["--disable-gpu"])]


async def launch(
    playwright: Playwright, executable: str | Path | None = None, headed: bool = False,
    incoming: Path | None = None, more: Sequence[str] = (),
) -> Browser:  # fmt: skip
    """A started browser; SetupError when there is none or it does not start. The sandbox is off only for root.

    incoming: folder for downloads on their way; more: flags beside our own.
    """
    path = find_browser(executable, playwright.chromium.executable_path)
    try:
        return await playwright.chromium.launch(
            executable_path=path,
            headless=not headed,
            chromium_sandbox=not is_root(),
            args=[*flags(headed), *more],
            downloads_path=incoming,
        )
    except PlaywrightError as error:
        reason = error.message.strip().splitlines()[0]
        raise SetupError(f"the browser {str(path)!r} does not start ({reason}): {REMEDY}") from error


async def attached(playwright: Playwright, address: str) -> Browser:
    """A Chrome that runs already; SetupError when none answers."""
    try:
        return await playwright.chromium.connect_over_cdp(address)
    except PlaywrightError as error:
        reason = error.message.strip().splitlines()[0]
        raise SetupError(
            f"no Chrome answers at {address!r} ({reason}): start one with --remote-debugging-port=9222 and a --user-data-dir of its own"
        ) from error


async def with_profile(
    playwright: Playwright, folder: Path, executable: str | Path | None, headed: bool, options: dict[str, Any],
    more: Sequence[str] = (),
) -> BrowserContext:  # fmt: skip
    """The context of a browser that was started with a profile; SetupError when it does not start, as while another uses it."""
    path = find_browser(executable, playwright.chromium.executable_path)
    try:
        return await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=path,
            headless=not headed,
            chromium_sandbox=not is_root(),
            args=[*flags(headed), *more],
            **options,
        )
    except PlaywrightError as error:
        reason = error.message.strip().splitlines()[0]
        raise SetupError(
            f"the browser does not start with the profile {str(folder)!r} ({reason}): close the one that uses it"
        ) from error


def install_commands() -> list[list[str]]:
    """The commands that get a Chromium here: the system's package where apt is, else Playwright's own build."""
    if not shutil.which("apt-get"):
        return [[sys.executable, "-m", "playwright", "install", "chromium"]]
    admin = [] if is_root() else ["sudo"]
    return [[*admin, "apt-get", "update"], [*admin, "apt-get", "install", "-y", "chromium"]]


def install() -> Path | None:
    """A browser that is here already or has just been installed; None when `install_commands` need a person."""
    try:
        return find_browser(managed=managed_path())
    except SetupError:
        commands = install_commands()
    for command in commands:
        if not may_run(command) or subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
            return None
    return find_browser(managed=managed_path())


def has_fonts() -> bool:
    """Whether Noto Sans is here, as far as fontconfig knows."""
    fc_list = shutil.which("fc-list")
    return bool(fc_list and subprocess.run([fc_list, "Noto Sans"], check=False, capture_output=True).stdout)


def install_fonts() -> bool:
    """Whether Noto Sans is here or has just been installed: pages drawn in a fallback font look unlike what people see.

    Best effort, only where apt may be run without a password.
    """
    if has_fonts():
        return True
    admin = [] if is_root() else ["sudo"]
    commands = [[*admin, "apt-get", "update"], [*admin, "apt-get", "install", "-y", "fontconfig", "fonts-noto-core"]]
    if not shutil.which("apt-get") or not may_run(commands[0]):
        return False
    return all(subprocess.run(command, check=False, stdout=sys.stderr).returncode == 0 for command in commands)


def may_run(command: Sequence[str]) -> bool:
    """Whether the command runs without asking for a password."""
    if command[0] != "sudo":
        return True
    asks = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True) if shutil.which("sudo") else None
    return asks is not None and asks.returncode == 0


def managed_path() -> Path | None:
    """Where Playwright keeps its own Chromium, whether it is there or not."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)
