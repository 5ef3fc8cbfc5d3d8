"""Worker processes in which Keras works: not forked, recycled, with a share of the cores each."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from typing import Any, TypeVar

from tlkit._numbers import is_whole
from tlkit._threads import limit_cores, usable_cores
from tlkit.errors import FeatureError

# Keras keeps a little of each model that it has run; a new process has nothing of it.
TASKS_PER_CHILD = 32
Result = TypeVar("Result")


class ProcessExecutor(Executor):
    """Worker processes for `extract` and ``StagedTrainer.fit(executor=...)``.

    They are started afresh, since Keras hangs in forked copies of a process, are replaced after
    some tasks, since Keras keeps a little of each model, and share the cores between them. One that
    is killed fails its task alone and is replaced. As with every process pool, a script that uses
    it needs ``if __name__ == "__main__":``.

    Args:
        workers: How many processes.
        max_tasks_per_child: After how many tasks a process is replaced; None for never.
        share_cores: Whether each uses its share of the cores only. Where the last bits of a
            training must be those that this process would give, say False.

    Raises:
        FeatureError: Not a whole number of processes or tasks, at least 1.

    Example:
        >>> import tlkit
        >>> with tlkit.ProcessExecutor(2) as executor:
        ...     executor.submit(abs, -3).result()
        3
    """

    # A thread for each process starts it, hands it tasks and replaces it. ProcessPoolExecutor has
    # max_tasks_per_child too, but may hang when it comes to replace a process
    # (python/cpython#115634), and ends as a whole when one is killed.
    def __init__(
        self,
        workers: int = 2,
        *,
        max_tasks_per_child: int | None = TASKS_PER_CHILD,
        share_cores: bool = True,
    ) -> None:
        for name, value in (("workers", workers), ("max_tasks_per_child", max_tasks_per_child)):
            if value is not None and not is_whole(value, 1):
                raise FeatureError(f"{name}={value!r}, expected a whole number, at least 1.")
        self._cores = max(1, usable_cores() // workers) if share_cores else 0
        self._tasks_per_child = max_tasks_per_child
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()
        self._started: set[ProcessPoolExecutor] = set()

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Have a worker call a function, which both must travel by pickle."""
        return self._threads.submit(self._run, partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes after the tasks that were submitted."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for process in list(self._started):
            process.shutdown(wait)
            self._started.discard(process)

    def _run(self, call: Callable[[], Result]) -> Result:
        process = self._process()
        self._own.left -= 1
        try:
            return process.submit(call).result()
        except BrokenExecutor:
            self._own.left = 0
            raise
        finally:
            if not self._own.left:
                self._started.discard(process)
                process.shutdown()
                self._own.process = None

    def _process(self) -> ProcessPoolExecutor:
        process: ProcessPoolExecutor | None = getattr(self._own, "process", None)
        if process is None:
            context = multiprocessing.get_context("spawn")
            process = ProcessPoolExecutor(1, context, initializer=_use, initargs=(self._cores,))
            self._started.add(process)
            self._own.process, self._own.left = process, self._tasks_per_child or -1
        return process


def _use(cores: int) -> None:
    """Have this process use so many cores, if not 0; called before it loads a framework."""
    if not cores:
        return
    limit_cores(cores)
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(cores))
