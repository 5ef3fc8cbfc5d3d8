"""The next batch drawn while something is made of this one: augmentation beside the trunk."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tlkit.data.batches import Passes


@runtime_checkable
class TwoSteps(Protocol):
    """Inputs of a tail that are drawn first and then made, as features are of changed images."""

    def draw(self, indices: np.ndarray, epoch: int) -> Any:
        """Return what follows from some images and an epoch alone, by NumPy and threads."""
        ...

    def make(self, drawn: Any) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the tail's input, and mixed labels if there are any."""
        ...


class Ahead:
    """Makes batches of which the next is drawn meanwhile.

    A trunk waits at the end of each batch for its last image, and so does augmentation. One by
    the other, they fill these gaps. There is never more than one draw at a time.

    Args:
        steps: Draws and makes.
        passes: Which samples each batch holds.
        batches: How many there are.
    """

    def __init__(self, steps: TwoSteps, passes: Passes, batches: int) -> None:
        self._steps, self._passes, self._batches = steps, passes, batches
        self._pool: ThreadPoolExecutor | None = None
        self._next: tuple[int, Future[Any]] | None = None

    def __getitem__(self, batch: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the inputs of a batch, and mixed labels if there are any."""
        place, waiting = self._next or (-1, None)
        if place != batch or waiting is None:
            waiting = self._begun(batch)
        self._next = None
        drawn = waiting.result()
        if batch + 1 < self._batches:
            self._next = (batch + 1, self._begun(batch + 1))
        else:
            self.close()
        return self._steps.make(drawn)

    def close(self) -> None:
        """Wait for what is being drawn, and draw nothing ahead of the batch that is asked for."""
        self._next = None
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _begun(self, batch: int) -> Future[Any]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="tlkit-draw")
        return self._pool.submit(self._drawn, batch)

    def _drawn(self, batch: int) -> Any:
        return self._steps.draw(self._passes[batch], self._passes.pass_of(batch))
