"""An engine whose every batch is looked at, and some of whose rows are compared with Keras later.

The comparison before the first image shows what an engine gives then. One that goes wrong later is
found here, and who stores what it gave takes that back.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from tlkit._keras.full_precision import full_precision
from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines._sample import Sample
from tlkit.features.engines.comparison import PARITY
from tlkit.features.engines.engine import Engine, backend
from tlkit.features.engines.keras_engine import KerasEngine

# The largest output of two rows is smaller than that of a batch, by which PARITY is meant.
LATER_PARITY = 4 * PARITY
# After so many images two rows are compared, at the end of a run one. Keras, which is not compiled
# for this, takes as long for a row as a fast engine for about twenty.
COMPARED_EVERY = 1024


class FaultyEngineError(EngineError):
    """An engine went wrong while it ran, after it had agreed with Keras.

    Attributes:
        differs: Whether it gave other numbers than Keras, perhaps for some time.
    """

    differs = False


class DifferingEngineError(FaultyEngineError):
    """An engine came to give other numbers than Keras."""

    differs = True


class NotFiniteError(FaultyEngineError):
    """An engine gave NaN or infinity.

    Args:
        message: What is said.
        row: Which row of the batch, from 0.
    """

    def __init__(self, message: str, row: int = 0) -> None:
        super().__init__(message)
        self.row = row


class CheckedEngine:
    """An engine that raises where it gives anything but finite float32 rows of the trunk's shape.

    Args:
        engine: What runs the trunk.
        trunk: A built keras.Model.
        compared_every: After how many images rows are compared with Keras; 0 for every shard.
        parity: By how much of the largest output rows may differ from Keras's.
        reference: Keras, where something runs the trunk by it anyway.
    """

    def __init__(
        self,
        engine: Engine,
        trunk: Model,
        compared_every: int = COMPARED_EVERY,
        parity: float = LATER_PARITY,
        reference: Engine | None = None,
    ) -> None:
        self.engine, self.name = engine, engine.name
        self._reference = reference
        self._trunk, self._every, self._parity = trunk, compared_every, parity
        self._shape = tuple(trunk.output_shape[1:])
        self._sample, self._sampling = Sample(), threading.Lock()
        self._largest = 0.0
        self._calls = 0

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images ``(n, h, w, 3)``, 0..255.

        Raises:
            FaultyEngineError: The engine raises, or gives something else; the message names it.
        """
        try:
            output = np.asarray(self.engine.run(images))
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise FaultyEngineError(
                f"the engine {self.name!r} failed while it ran ({what})"
            ) from error
        self._check(output, len(images))
        return output

    def run_unstored(self, images: np.ndarray) -> np.ndarray:
        """Run images whose features nobody looks at later: now and then, a row is compared.

        That is the last of calls number 2, 4, 8 and so on.

        Raises:
            FaultyEngineError: As `run`, or a row is not what Keras gives.
        """
        output = self.run(images)
        self._calls += 1
        if self._calls > 1 and self._calls & (self._calls - 1) == 0:
            self._compare(images[-1:], output[-1:])
        return output

    def note(self, images: np.ndarray, output: np.ndarray) -> None:
        """Take rows of a batch that is to be stored, to be compared later."""
        if self.name != KerasEngine.name:
            with self._sampling:
                self._sample.take(images, output)

    def look_back(self) -> None:
        """Compare with Keras at the end of a shard, before it is kept, if it is time to.

        Raises:
            FaultyEngineError: Rows are not what Keras gives.
        """
        if self._sample.images >= self._every:
            self.compare_last()

    def compare_last(self) -> None:
        """Compare a row of the last batch with Keras, where none of it was compared before.

        Where many images went by since the last comparison, one of those is compared too.

        Raises:
            FaultyEngineError: They are not what Keras gives.
        """
        with self._sampling:
            count = self._sample.images
            rows = self._sample.rows(both=count >= COMPARED_EVERY) if count else None
        if rows is not None:
            self._compare(*rows)

    def _compare(self, images: np.ndarray, output: np.ndarray) -> None:
        if self.name == KerasEngine.name:
            return
        reference = self._reference
        with full_precision():
            expected = reference.run(images) if reference else _by_keras(self._trunk, images)
        # Of a batch, since both images may give next to nothing.
        scale = max(self._largest, float(np.abs(expected).max()), 1e-12)
        difference = float(np.abs(output - expected).max()) / scale
        if not difference <= self._parity:
            raise DifferingEngineError(
                f"the engine {self.name!r} came to differ from Keras while it ran, by "
                f"{difference:.1e} of the largest output, more than {self._parity:.0e}"
            )

    def _check(self, output: np.ndarray, count: int) -> None:
        wanted = (count, *self._shape)
        if output.shape != wanted or output.dtype != np.float32:
            raise FaultyEngineError(
                f"the engine {self.name!r} gave {output.dtype} of shape {output.shape} while it "
                f"ran, expected float32 of shape {wanted}"
            )
        # Both are NaN where one number is.
        self._largest = max(-float(output.min()), float(output.max()))
        if not np.isfinite(self._largest):
            row = first_not_finite(output)
            raise NotFiniteError(
                f"the engine {self.name!r} gave numbers that are not finite for image {row} of a "
                "batch",
                row,
            )


def first_not_finite(output: np.ndarray) -> int:
    """Return the first row that holds NaN or infinity."""
    finite: Sequence[bool] = np.isfinite(output).reshape(len(output), -1).all(axis=1).tolist()
    return finite.index(False)


def _by_keras(trunk: Model, images: np.ndarray) -> np.ndarray:
    """Return what Keras gives for a few images, without tracing the trunk, which takes seconds."""
    import keras

    given = images.astype("float32", copy=False)
    if backend() == "jax":  # which compiles each operation by itself where nothing is traced
        return KerasEngine(trunk).run(given)
    return np.asarray(keras.ops.convert_to_numpy(trunk(given, training=False)), "float32")
