"""Hands jobs out to processes of this machine, or of a Ray cluster, and yields what comes back.

A job and the function that answers it are pickled; results carry their own ids, so an answer that comes twice because a
machine died in between does no harm. Knows no benchmark.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

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


def on_ray(work: Sequence[J], answer: Callable[[J], A], address: str) -> Iterator[A]:
    """Answers jobs on a Ray cluster; a job whose machine dies is done again on another. SetupError without Ray or cluster."""
    ray: Any
    try:
        import ray
    except ImportError as error:
        raise SetupError("--ray needs Ray: pip install 'deixis[ray]'") from error
    begun = not ray.is_initialized()
    if begun:
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise SetupError(f"no Ray cluster answers at {address!r} ({error})") from error
    try:
        yield from _answered(ray, work, answer)
    finally:
        if begun:
            ray.shutdown()


def _answered(ray: Any, work: Sequence[J], answer: Callable[[J], A]) -> Iterator[A]:
    """No more than twice as many jobs are out as the cluster has processors, so that stopping loses little."""
    remote = ray.remote(max_retries=-1, num_cpus=1)(answer)
    waiting, running = list(reversed(work)), []
    while waiting or running:
        room = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while waiting and len(running) < room:
            running.append(remote.remote(waiting.pop()))
        done, running = ray.wait(running, num_returns=1)
        yield ray.get(done[0])


def spread(work: Sequence[J], answer: Callable[[J], A], workers: int = 1, address: str | None = None) -> Iterator[A]:
    """On the cluster when there is an address, in processes when there is more than one worker, else here."""
    if address:
        return on_ray(work, answer, address)
    return in_processes(work, answer, workers) if workers > 1 and len(work) > 1 else here(work, answer)
