"""The main job on a real application: a stock Django admin, worked from screenshots alone.

    python -m deixis.benchmarks.django_admin [--times N] [--out DIR] [--headed]

Starts Django (pip, sqlite, 127.0.0.1) in a temporary folder; deixis logs in, makes a group and a user, searches for the
user and logs out. Whether it worked is asked of Django's own database, not of the page. Never trained on.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from socket import socket
from statistics import median
from typing import NamedTuple

from rich.console import Console

from deixis.agent.api import Agent, Run
from deixis.agent.cli import progress
from deixis.agent.consent import on_this_machine
from deixis.agent.report import pointing_figures
from deixis.agent.state import Episode, Outcome
from deixis.browser.errors import SetupError

NAME, PASSWORD = "ada", "analytical-engine"
TASK = """log in as {name} with password {password}, open Groups, click 'Add group', type Editors into Name, press Save,
then open Users, click 'Add user', type grace into Username, type 'cobol-and-flowmatic' into Password, press Tab,
type 'cobol-and-flowmatic', press Save, type Grace into 'First name', check 'Staff status',
scroll to the bottom, press Save, search for grace, and log out"""


class Site(NamedTuple):
    """A running Django admin."""

    url: str
    database: Path


def _django(folder: Path, *words: str) -> None:
    environment = os.environ | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"Django could not be set up ({' '.join(words)}): {done.stderr.strip()[-300:]}")


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, server: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """Returns once the server answers; SetupError when it ends or stays silent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)  # nothing to wait on: the port opens when it opens
    raise SetupError(f"Django's server did not come up at {url}")


@contextmanager
def site() -> Iterator[Site]:
    """A fresh stock admin with one superuser, gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _django(folder, "-m", "django", "startproject", "shop", ".")
        _django(folder, "manage.py", "migrate", "--verbosity", "0")
        _django(folder, "manage.py", "createsuperuser", "--noinput", "--username", NAME, "--email", "ada@example.com")
        port = _free_port()
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}/admin/"
            _answers(url, server)
            yield Site(url, folder / "db.sqlite3")
        finally:
            server.terminate()
            server.wait(10)


def check(place: Site) -> list[str]:
    """What is wrong in Django's database after the task; empty when all is as it was asked for."""
    with sqlite3.connect(place.database) as database:
        groups = [row[0] for row in database.execute("select name from auth_group")]
        users = {
            row[0]: row[1:]
            for row in database.execute("select username, first_name, is_staff, is_superuser from auth_user")
        }
        sessions = database.execute("select count(*) from django_session").fetchone()[0]
    wrong = []
    if groups != ["Editors"]:
        wrong.append(f"groups are {groups}, not ['Editors']")
    if users.get("grace") != ("Grace", 1, 0):
        wrong.append(f"user grace is {users.get('grace')}, not ('Grace', staff, no superuser)")
    if set(users) != {NAME, "grace"}:
        wrong.append(f"users are {sorted(users)}")
    if sessions:
        wrong.append(f"{sessions} session(s) still logged in")
    return wrong


def attempt(out: Path, headed: bool = False) -> tuple[Episode, list[str]]:
    """One run on a fresh site: the episode, and what is wrong afterwards."""
    from deixis.browser.session import SessionConfig

    with site() as place:
        run = Run(out=out, variables={"name": NAME, "password": PASSWORD}, consent=on_this_machine)
        agent = Agent(session=SessionConfig(headed=headed), run=run)
        episode = agent.run_sync(TASK, place.url, on_step=progress())
        wrong = check(place)
    if episode.outcome is not Outcome.FINISHED:
        wrong.insert(0, f"{episode.outcome.value}: {episode.reason}")
    return episode, wrong


def figures(episodes: list[Episode]) -> list[str]:
    """What a step's parts took, and how often the first point was right, over the steps that pointed."""
    steps = [step for episode in episodes for step in episode.steps]
    pointed = [step for step in steps if step.attempts]
    parts = (
        "screenshot",
        "pointing",
        "gating",
        "preparing",
        "acting",
        "settling",
        "waiting",
        "verifying",
        "picturing",
        "total",
    )
    times = ", ".join(f"{part} {spread([getattr(step.timings, part) for step in pointed])}" for part in parts)
    overhead = spread([step.timings.overhead for step in pointed])
    counts = [pointing_figures(episode) for episode in episodes]
    total = {key: sum(count[key] for count in counts) for key in ("pointed", "first", "done")}
    actions = sum(step.performed is not None and step.planned.kind not in {"finish", "give_up"} for step in steps)
    return [
        f"milliseconds of a step that points, median (p95), n={len(pointed)}: {times}",
        f"gate, preparing, settling and verifying without waiting (the page's own work) and one picture: {overhead} ms",
        f"of {total['pointed']} targets the first point was right for {total['first']}, one in the end for {total['done']}; {actions} actions",
    ]


def spread(seconds: list[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    return f"{1000 * median(ordered):.0f} ({1000 * ordered[ceil(0.95 * len(ordered)) - 1]:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    parser.add_argument("--headed", action="store_true")
    args = parser.parse_args()
    console, episodes, good = Console(stderr=True), [], 0
    for k in range(args.times):
        stamp = time.strftime("%Y%m%d-%H%M%S")
        episode, wrong = attempt(args.out / f"{stamp}-{k}", args.headed)
        episodes.append(episode)
        good += not wrong
        verdict = "as Django's database confirms" if not wrong else "; ".join(wrong)
        console.print(f"{'[red]failed[/]' if wrong else '[green]done[/]'}: {verdict}", highlight=False, soft_wrap=True)
        console.print(f"report: {args.out / f'{stamp}-{k}' / 'report.html'}", highlight=False, soft_wrap=True)
    print(f"{good} of {args.times} succeeded")
    print("\n".join(figures(episodes)))
    sys.exit(0 if good == args.times else 1)


if __name__ == "__main__":
    main()
