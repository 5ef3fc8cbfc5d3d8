"""What a tail is trained on, batch by batch, as a function of the batch's number alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit.data.batches import Passes, epoch_order
from tlkit.training.feeding.ahead import Ahead, TwoSteps

# A backend that has fetched all it may does not ask again; then there is nothing to wait for.
CLOSING_S = 0.5
# inputs(indices, epoch) -> the tail's input for these samples in this epoch; with their labels
# where those are mixed too
Inputs = Callable[[np.ndarray, int], np.ndarray | tuple[np.ndarray, np.ndarray]]


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """All batches of several epochs in a row, for ``fit(steps_per_epoch=feed.steps)``.

    Batch k belongs to epoch ``first_epoch + k // steps`` and depends on k only, so Keras may
    fetch it early, twice or from any thread.

    Args:
        inputs: Gives the tail's input for sample indices and an epoch, or this and mixed labels.
        labels: int class indices ``(n,)``.
        targets: Turns a batch's labels into targets, and weights if there are any.
        batch_size: Samples for each step; the last of an epoch may have fewer.
        epochs: How many epochs.
        first_epoch: Number of the first.
        shuffle: (seed, stage) that the order of each epoch follows from, or None for no shuffling.
        devices: On which each batch is laid.
    """

    def __init__(
        self,
        inputs: Inputs,
        labels: np.ndarray,
        *,
        targets: Callable[[np.ndarray], tuple[np.ndarray, ...]] = lambda labels: (labels,),
        batch_size: int,
        epochs: int = 1,
        first_epoch: int = 0,
        shuffle: tuple[int, str] | None = None,
        devices: Devices = ONE_DEVICE,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        order = _orders(len(labels), shuffle)
        self._epochs = epochs
        self._passes = Passes(len(labels), batch_size, order, first=first_epoch)
        self.steps = self._passes.steps
        self.error: Exception | None = None
        self._inputs = inputs
        self._ahead: Ahead | None = None
        if isinstance(inputs, TwoSteps):
            self._ahead = Ahead(inputs, self._passes, len(self))
        self._labels = labels
        self._targets = targets
        self._devices = devices
        self._busy = threading.Lock()
        self._closed = False
        self._refused = threading.Event()

    def __len__(self) -> int:
        return self.steps * self._epochs

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return the inputs and targets of one batch, and weights if there are any."""
        with self._busy:
            if self._closed:
                self._refused.set()
                raise RuntimeError("Training has ended; this feed gives no more batches.")
            return self._batch(index)

    def refuse(self) -> None:
        """Make no more batches; the one that is being made is still given."""
        self._closed = True

    def close(self) -> None:
        """Wait for the batch that is being made, and make no other.

        A backend that fetches early would otherwise still be at it while Python shuts down after
        Ctrl-C, and wait for it for ever.
        """
        self._closed = True
        with self._busy:
            if self._ahead is not None:
                self._ahead.close()
        self._refused.wait(CLOSING_S)

    def _batch(self, index: int) -> tuple[Any, ...]:
        samples, epoch = self._passes[index], self._passes.pass_of(index)
        try:
            ahead = self._ahead
            made = self._inputs(samples, epoch) if ahead is None else ahead[index]
            inputs, labels = made if isinstance(made, tuple) else (made, self._labels[samples])
            return self._devices.placed((inputs, *self._targets(labels)))
        except Exception as error:
            # TensorFlow runs this in a thread of its own and would give back text only.
            self.error = error
            raise


def _orders(
    samples: int, shuffle: tuple[int, str] | None
) -> Callable[[int], NDArray[np.int64]] | None:
    if shuffle is None:
        return None
    seed, stage = shuffle
    return lambda epoch: epoch_order(samples, seed=seed, stage=stage, epoch=epoch)


@contextmanager
def own_errors(*feeds: Feed | None) -> Iterator[None]:
    """Raise what a feed raised, in place of what a backend made of it; close feeds on any error.

    Ctrl-C ends the block even where a backend swallows it: the feeds give no more batches, so
    training ends by itself, and KeyboardInterrupt is raised then.
    """
    given = [feed for feed in feeds if feed is not None]
    with _noted_interrupt(given) as interrupted:
        try:
            yield
        except BaseException as error:
            for feed in given:
                feed.close()
            if not isinstance(error, Exception):
                raise
            if interrupted:
                raise KeyboardInterrupt from error
            for feed in given:
                if feed.error is not None:
                    raise feed.error from error
            raise
        if interrupted:
            raise KeyboardInterrupt


@contextmanager
def _noted_interrupt(feeds: list[Feed]) -> Iterator[list[bool]]:
    """Give a list that is not empty once SIGINT has raised KeyboardInterrupt.

    TensorFlow loses about one in fifty: it is raised wherever the main thread happens to be, and
    some of the places drop every exception.
    """
    raised: list[bool] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield raised
        return

    def note(number: int, frame: FrameType | None) -> None:
        try:
            before(number, frame)
        except KeyboardInterrupt:
            raised.append(True)
            for feed in feeds:
                feed.refuse()
            raise

    signal.signal(signal.SIGINT, note)
    try:
        yield raised
    finally:
        signal.signal(signal.SIGINT, before)
