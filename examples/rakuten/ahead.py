"""Independent trainings of a study in worker processes, ahead of the process that reports them.

A worker runs a training into its run directory, as the study would; the study then reads it there
as it reads what an earlier call has finished. So lines, tables and ``--resume`` are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from published import Trial

from tlkit.errors import TlkitError

if TYPE_CHECKING:
    from study import Study

POLL_S = 0.2


class Ahead:
    """Has trainings run by an executor, or does nothing where there is none.

    Args:
        study: Whose trainings they are.
        executor: Runs them; None leaves them to the study.
    """

    def __init__(self, study: Study, executor: Executor | None) -> None:
        self._study, self._executor = study, executor
        self._running: dict[Path, Future[None]] = {}

    def start(self, trial: Trial, stages: Iterable[int], preprocessing: str = "") -> None:
        """Have the stages of a candidate run one after the other, but for those that are done."""
        folders = {stage: self._study.folder(stage, trial, preprocessing) for stage in stages}
        open_ones = [stage for stage, folder in folders.items() if not _done(folder)]
        if self._executor is None or not open_ones:
            return
        sent = replace(self._study, say=_silent, executor=None, verbose=0, outcomes=[], ranked=None)
        future = self._executor.submit(work, sent, trial, tuple(open_ones), preprocessing)
        self._running.update({folders[stage]: future for stage in open_ones})

    def wait(self, folder: Path) -> bool:
        """Wait until a worker has done a training, or has left it to the study by failing.

        Returns:
            Whether a worker has done it.

        Raises:
            TlkitError: What the training ended with.
        """
        future = self._running.get(folder)
        if future is None:
            return False
        while not (future.done() or _done(folder)):
            time.sleep(POLL_S)
        if _done(folder):
            return True
        error = future.exception()
        if isinstance(error, (TlkitError, KeyboardInterrupt)):
            raise error
        if error is not None:
            self._study.say(f"  a worker failed ({error!r}): its work is done here")
        return False


def work(study: Study, trial: Trial, stages: tuple[int, ...], preprocessing: str) -> None:
    """Run stages of a candidate; what a worker does."""
    for stage in stages:
        study.run_stage(stage, trial, preprocessing)


def _done(folder: Path) -> bool:
    return (folder / "seconds.txt").is_file()  # which is written last


def _silent(_: Any) -> None:
    """Show nothing."""
