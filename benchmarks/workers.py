"""Hands jobs out to processes of this machine, or of a Ray cluster, and yields what comes back.

A job and the function that answers it are pickled. On a cluster a job whose worker or machine dies is given to another
one: jobs must be such that doing one twice does no harm, and whoever keeps results keeps each once. Knows no benchmark.
"""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
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


WAIT = 5.0
"""Seconds for a cluster to answer."""
AGAIN = 5
"""How often a job whose worker died is given to another one."""


def on_cluster(work: Sequence[J], answer: Callable[[J], A], address: str) -> Iterator[A]:
    """Answers jobs on a Ray cluster (`local` starts one here), in the order in which they are done.

    What fails by itself is raised; SetupError when workers keep dying or there is no cluster.
    """
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise SetupError("--ray needs the package 'ray': pip install 'deixis[ray]'") from error
    started = not ray.is_initialized()
    if started:
        _join(ray, address)
    try:

        def one(job: J) -> A:  # Ray takes functions only, and `answer` may be a partial
            return answer(job)

        remote = ray.remote(num_cpus=1, max_retries=AGAIN)(one)
        most = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        waiting, running = list(reversed(work)), list[Any]()
        while waiting or running:
            while waiting and len(running) < most:
                running.append(remote.remote(waiting.pop()))
            done, running = ray.wait(running)
            for reference in done:
                yield _fetched(ray, reference)
    finally:
        if started:
            ray.shutdown()


def _join(ray: Any, address: str) -> None:
    _must_answer(address)
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        ray.init(address=None if address == "local" else address, include_dashboard=None, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"no Ray cluster answers at {address!r} ({error}): start one with 'ray start --head'"
        ) from error


def _must_answer(address: str) -> None:
    """SetupError at once for HOST:PORT where nobody listens: Ray itself tries for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), WAIT).close()
    except OSError as error:
        raise SetupError(
            f"no Ray cluster answers at {address!r} ({error}): start one with 'ray start --head'"
        ) from error


def _fetched(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from error
    except ray.exceptions.RayError as error:
        raise SetupError(f"workers of the cluster keep dying ({type(error).__name__}): out of memory?") from error


def spread(work: Sequence[J], answer: Callable[[J], A], workers: int = 1, cluster: str | None = None) -> Iterator[A]:
    """On a cluster where there is one, in processes when there is more than one worker, else here."""
    if cluster and work:
        return on_cluster(work, answer, cluster)
    return in_processes(work, answer, workers) if workers > 1 and len(work) > 1 else here(work, answer)
