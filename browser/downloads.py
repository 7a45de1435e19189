"""What a run downloads: into its own folder, readable by its owner only, up to a limit of bytes.

A file that grows beyond the limit is cancelled while it comes. Knows no page.
"""

import asyncio
import re
from pathlib import Path

from playwright.async_api import Download
from playwright.async_api import Error as PlaywrightError

LOOK_EVERY = 0.2
"""Seconds between looks at how much has come."""


class Downloads:
    """Saves what comes; `saved` are the files so far, `refused` what was too big."""

    def __init__(self, folder: Path | None, limit: int, incoming: Path | None = None) -> None:
        """incoming: where the browser keeps what is on its way, if that is ours alone to look into."""
        self.folder, self.limit, self.incoming = folder, limit, incoming
        self.saved: list[Path] = []
        self.refused: list[str] = []
        self.seen = 0
        self._saving: set[asyncio.Task[None]] = set()

    def on_download(self, download: Download) -> None:
        """Playwright's `download` event."""
        self.seen += 1
        if self.folder is None:
            return
        task = asyncio.create_task(self._save(download, self.folder))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def settled(self, seconds: float) -> None:
        """Returns when everything has been saved, or after the bound."""
        if self._saving:
            await asyncio.wait(self._saving, timeout=seconds)

    def close(self) -> None:
        """Gives up what is on its way."""
        for task in self._saving:
            task.cancel()

    async def _save(self, download: Download, folder: Path) -> None:
        watch = asyncio.create_task(self._watch(download))
        try:
            came = await download.path()
            if came.stat().st_size > self.limit:
                raise _TooBig
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = unused(folder / safe_name(download.suggested_filename))
            await download.save_as(path)
            path.chmod(0o600)
            self.saved.append(path)
        except _TooBig:
            self.refused.append(download.suggested_filename)
            await download.delete()
        except PlaywrightError:
            return  # cancelled, or the browser is going away: there is no file
        finally:
            watch.cancel()

    async def _watch(self, download: Download) -> None:
        """Cancels a download once more than the limit has come."""
        if self.incoming is None:
            return
        while _size(self.incoming) <= self.limit:
            await asyncio.sleep(LOOK_EVERY)  # a file that another program writes: nothing tells of its size
        self.refused.append(download.suggested_filename)
        await download.cancel()


class _TooBig(Exception):
    """More bytes than the limit."""


def _size(folder: Path) -> int:
    """Bytes of the largest file in a folder."""
    sizes = [0]
    for path in folder.glob("*"):
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            continue  # finished and moved meanwhile
    return max(sizes)


def safe_name(name: str) -> str:
    """A file name without folders, odd characters or a leading dot."""
    plain = re.sub(r"[^\w.\- ]", "_", Path(name.replace("\\", "/")).name).lstrip(". ")
    return plain[-120:] or "download"


def unused(path: Path) -> Path:
    """The path, numbered if something is there already."""
    stems = (path.with_stem(f"{path.stem}-{number}") for number in range(1, 10_000))
    return next(one for one in [path, *stems] if not one.exists()) if path.exists() else path
