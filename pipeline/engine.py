"""Engines: map a function over tasks such as days; the results come in the order of the tasks.

Method: a task is small (dates and file names), and its function reads the store and returns bytes
or frames. Only the caller writes, one result after the other, so the stored files are the same on
every engine: a worker that dies costs the time of its tasks, and nothing else. At most twice as
many tasks are in flight as there are workers, which bounds memory.

- *Serial*: in this process.
- *Local*: one process per core. The first task runs in this process; its time decides whether
  starting processes is worth it, and its memory how many there may be.
- *Dask*: the workers of a Dask scheduler; without one, a cluster on this machine.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeline.errors import EngineError, SettingsError, install_extra
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Show = Callable[[str], None]
"""Shows a line to the user while the tasks run."""

WORTH_SECONDS = 5.0
"""Less remaining work than this is done here: starting a process takes one to two seconds."""
CONNECT_SECONDS = 15
"""How long a scheduler may take to answer, and to have a worker."""
_MADE_WITH = ("numpy", "pandas", "pyarrow")
"""The packages that a stored file's bytes depend on."""


class Engine(Protocol):
    """Runs a function for each of some tasks."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], show: Show
    ) -> Generator[R, None, None]:
        """The results of ``function`` for each task, in the order of ``tasks``.

        Function, tasks and results are pickled. Close the generator if it is not exhausted.

        Raises:
            EngineError: workers are missing, or were lost.
            SettingsError: the engine is not installed.
        """


class Serial:
    """One task after the other, in this process."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], show: Show
    ) -> Generator[R, None, None]:
        """See :class:`Engine`."""
        del show
        for task in tasks:
            yield function(task)


@dataclass(frozen=True)
class Local:
    """Processes of this machine."""

    workers: int | None = None
    """At most this many; None: one per core."""
    worth_seconds: float = WORTH_SECONDS

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], show: Show
    ) -> Generator[R, None, None]:
        """See :class:`Engine`."""
        del show
        if not tasks:
            return
        began = monotonic()
        result = function(tasks[0])
        seconds = monotonic() - began
        yield result
        rest = tasks[1:]
        workers = min(self.workers or cores(), len(rest), _fitting())
        if workers < 2 or seconds * len(rest) < self.worth_seconds:  # noqa: PLR2004 - one is none
            yield from map(function, rest)
        else:
            yield from _in_processes(function, rest, workers)


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask scheduler."""

    scheduler: str | None = None
    """Its address, such as ``tcp://host:8786``; None: a cluster on this machine for this run."""
    workers: int | None = None
    """Of a cluster on this machine; None: one per core."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], show: Show
    ) -> Generator[R, None, None]:
        """See :class:`Engine`."""
        if not tasks:
            return
        with self._client(len(tasks)) as client:
            show(f"Dask dashboard: {client.dashboard_link}")
            work = partial(_on_worker, _versions(), function)
            with _worker_errors():
                yield from _in_order(
                    lambda task: client.submit(work, task, pure=False),
                    tasks,
                    lambda: 2 * sum(client.nthreads().values()),
                )

    @contextmanager
    def _client(self, tasks: int) -> Iterator[Client]:
        try:
            from distributed import Client, LocalCluster  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SettingsError(f"--engine dask needs Dask; {install_extra('dask')}") from error
        for name in ("distributed", "distributed.client"):  # what matters is raised here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if self.scheduler is None:
            # Whoever reaches a scheduler can run code as its user: other users of this machine
            # lack the certificate that this cluster is started with.
            workers = min(self.workers or cores(), tasks)
            with _unseen_interrupts():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    security=True,
                    silence_logs=logging.CRITICAL,
                )
            with cluster, Client(cluster, set_as_default=False) as client:
                yield client
            return
        try:
            client = Client(self.scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(
                f"--scheduler {self.scheduler}: no Dask scheduler answers ({_reason(error)}); "
                "start one with `dask scheduler`, or leave --scheduler out to use this machine"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=CONNECT_SECONDS)
            except TimeoutError as error:
                raise EngineError(
                    f"--scheduler {self.scheduler}: it has no workers; start some with "
                    f"`dask worker {self.scheduler} --nthreads 1`"
                ) from error
            yield client


class _Future(Protocol[R_co]):
    def result(self) -> R_co: ...


def _in_order(
    submit: Callable[[T], _Future[R]], tasks: Sequence[T], limit: Callable[[], int]
) -> Iterator[R]:
    """The results in the order of ``tasks``, with at most ``limit()`` tasks in flight."""
    rest, waiting = iter(tasks), deque[_Future[R]]()
    while True:
        waiting.extend(map(submit, islice(rest, max(0, max(1, limit()) - len(waiting)))))
        if not waiting:
            return
        result = waiting.popleft().result()
        # The workers go on while the caller writes this result.
        waiting.extend(map(submit, islice(rest, 1)))
        yield result


def _in_processes(function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    import multiprocessing  # noqa: PLC0415 - only a long run needs it
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor  # noqa: PLC0415

    others = set(multiprocessing.active_children())
    # Not forked: Arrow's threads do not survive a fork.
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )

    def submit(task: T) -> _Future[R]:
        with _unseen_interrupts():
            return pool.submit(function, task)

    try:
        yield from _in_order(submit, tasks, lambda: 2 * workers)
    except BrokenProcessPool as error:
        raise EngineError(
            "a worker process was ended, for want of memory most likely; what was built is stored: "
            f"run again, with --workers {max(1, workers // 2)}"
        ) from error
    finally:
        # Nothing is lost with a task that still runs: only this process writes.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
            child.join()


@contextmanager
def _unseen_interrupts() -> Iterator[None]:
    """Processes that start meanwhile never see Ctrl-C, which is for their parent: it ends them."""
    from multiprocessing.resource_tracker import ensure_running  # noqa: PLC0415

    ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """In a worker process: end when the parent ends, however it does."""
    import multiprocessing  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    def watch() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _on_worker(expected: dict[str, str], function: Callable[[T], R], task: T) -> R:
    """Run a task on a Dask worker, whose software must be the same as here."""
    present = _versions()
    different = [
        f"{name} {present[name]} instead of {wanted}"
        for name, wanted in expected.items()
        if present[name] != wanted
    ]
    if different:
        raise EngineError(
            f"a Dask worker has {', '.join(different)}, so its files could differ; install the "
            "same versions on every worker"
        )
    return function(task)


def _versions() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415 - commands start without it

    return {"fleetledger": __version__, **{name: version(name) for name in _MADE_WITH}}


@contextmanager
def _worker_errors() -> Iterator[None]:
    """Turn the loss of workers or of the scheduler into an error of one line."""
    from distributed import CancelledError  # noqa: PLC0415
    from distributed.comm.core import CommClosedError  # noqa: PLC0415
    from distributed.scheduler import KilledWorker, NoValidWorkerError  # noqa: PLC0415

    stored = "what was built is stored: run again"
    try:
        yield
    except ModuleNotFoundError as error:
        raise EngineError(
            f"a Dask worker cannot import {error.name}; install fleetledger {__version__} on every "
            "worker"
        ) from error
    except KilledWorker as error:
        raise EngineError(
            "one task ended several Dask workers, for want of memory most likely; give each worker "
            f"more memory; {stored}"
        ) from error
    except (CancelledError, CommClosedError, NoValidWorkerError) as error:
        raise EngineError(
            f"the connection to the Dask scheduler or its last worker was lost; {stored}"
        ) from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def cores() -> int:
    """The cores that this process may use."""
    with suppress(AttributeError):  # macOS has no affinity
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fitting() -> int:
    """How many more processes of this one's size fit into memory, from its peak so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    return max(1, available_bytes() // peak)


def available_bytes() -> int:
    """The memory that new processes can use: the machine's, or the container's limit."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    with suppress(OSError, StopIteration):  # Linux knows what its caches can give back
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        free = int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):  # no container, or one without a limit
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return free
