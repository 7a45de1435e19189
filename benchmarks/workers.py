"""Hands jobs out to processes of this machine and yields what comes back.

A job and the function that answers it are pickled. Knows no benchmark.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from deixis.browser.errors import SetupError

J = TypeVar("J")
A = TypeVar("A")


def here(work: Sequence[J], answer: Callable[[J], A]) -> Iterator[A]:
    """Answers jobs in this process, one after the other."""
    for job in work:
        yield answer(job)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(workers: int) -> int:
    """Threads for each of so many processes."""
    return max(1, processors() // workers)


def in_processes(work: Sequence[J], answer: Callable[[J], A], workers: int) -> Iterator[A]:
    """Answers jobs in processes, in the order in which they are done; SetupError when one dies."""
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    waiting = list(reversed(work))
    with ProcessPoolExecutor(workers, context, initializer=_deaf) as pool:
        running: set[Future[A]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < workers:  # no more than run: Ctrl-C waits for these only
                    running.add(pool.submit(answer, waiting.pop()))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise SetupError("a worker process died (out of memory?): start again with fewer --workers") from error


def _deaf() -> None:
    """Ctrl-C reaches every process of a terminal; the first one decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def spread(work: Sequence[J], answer: Callable[[J], A], workers: int = 1) -> Iterator[A]:
    """In processes when there is more than one worker, else here."""
    return in_processes(work, answer, workers) if workers > 1 and len(work) > 1 else here(work, answer)
