"""Images through an engine, batch by batch: each looked at, and given as it is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit.data.batches import batch_slices
from tlkit.errors import FeatureError
from tlkit.features.engines.checked import CheckedEngine, NotFiniteError, first_not_finite
from tlkit.features.engines.engine import Engine

EXTRACT_BATCH = 32


class Pixels(Protocol):
    """Images at a trunk's size, decoded when asked for: of a data set, or views of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: NDArray[np.intp], /) -> NDArray[Any]:
        """Return images ``(n, height, width, 3)``, 0..255."""
        ...


@dataclass(frozen=True, eq=False)
class Outputs:
    """What an engine gives for some images, computed while it is iterated over.

    They run in batches of one size: then a row depends on no other image of its batch.

    Args:
        engine: What runs the trunk.
        pixels: Where the images come from.
        chosen: Their positions there.
        dtype: As what the rows are stored.
        turn: Held while the engine runs.
        show: Called with how many of them are done.
        batch: How many run at once.
    """

    engine: Engine
    pixels: Pixels
    chosen: NDArray[np.intp]
    dtype: str
    turn: threading.Lock
    show: Callable[[int], None]
    batch: int = EXTRACT_BATCH

    def __iter__(self) -> Iterator[NDArray[Any]]:
        slices = list(batch_slices(len(self.chosen), self.batch))
        batches = _ahead(self.pixels, [self.chosen[part] for part in slices])
        for part, batch in zip(slices, batches, strict=True):
            output = self._run(batch, self.chosen[part])
            if isinstance(self.engine, CheckedEngine):
                self.engine.note(batch, output)
            yield self._stored(output, self.chosen[part])
            self.show(part.stop)
        if isinstance(self.engine, CheckedEngine):
            self.engine.look_back()

    def _run(self, batch: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        missing = [(0, self.batch - len(batch)), *[(0, 0)] * (batch.ndim - 1)]
        try:
            with self.turn:
                return self.engine.run(np.pad(batch, missing))[: len(batch)]
        except NotFiniteError as fault:
            raise NotFiniteError(
                f"the engine {self.engine.name!r} gave numbers that are not finite for "
                f"{self._name(places, fault.row)}",
                fault.row,
            ) from fault

    def _stored(self, output: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows as they are stored, where they can be."""
        with np.errstate(over="ignore"):
            rows = output.astype(self.dtype, copy=False)
        if rows is not output and not np.isfinite(rows).all():
            row = first_not_finite(rows)
            raise FeatureError(
                f"feature_dtype={self.dtype!r} cannot hold what the engine {self.engine.name!r} "
                f"gives for {self._name(places, row)}: {np.abs(output[row]).max():.3g}, and the "
                f"largest number of that type is {np.finfo(self.dtype).max:.3g}. Use "
                "feature_dtype='float32'."
            )
        return rows

    def _name(self, places: NDArray[np.intp], row: int) -> str:
        """Return what to call an image of a batch; one that fills it up is 0 everywhere."""
        if row >= len(places):
            return "an image that is black all over"
        named = getattr(self.pixels, "name_of", None)
        return str(named(int(places[row]))) if named else f"image {places[row]}"


def _ahead(pixels: Pixels, chosen: list[NDArray[np.intp]]) -> Iterator[NDArray[Any]]:
    """Yield the pixels of each batch, decoding the next while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(pixels.__getitem__, part) for part in chosen[:2]]
        upcoming = iter(chosen[2:])
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [pool.submit(pixels.__getitem__, part) for part in islice(upcoming, 1)]
            yield batch
