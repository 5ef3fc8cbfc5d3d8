"""A model on the engine that pays for so many pictures, found out while it works."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.graph import Graph
from tlkit._keras.types import Model
from tlkit.errors import CutError, EngineError, PredictionError
from tlkit.features.engines.checked import CheckedEngine, FaultyEngineError, NotFiniteError
from tlkit.features.engines.comparison import HOPED_OF_KERAS, READING_S, Choice
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk

BATCH = 32


class RunningModel:
    """A whole model, run as a trunk is.

    With ``"auto"`` Keras begins: its first batch compiles, its second tells how long a picture
    takes. Engines are compared once what is left would take Keras longer than reading one that was
    exported before; a decision that was made for this model on this machine is used again.

    Args:
        model: From raw images to probabilities.
        asked: ``"auto"`` or the name of an engine.
        store: Where exported models and decisions are kept.
    """

    def __init__(self, model: Model, asked: str, store: FeatureStore) -> None:
        opened = _laid_open(model)
        if opened is None and asked not in ("auto", "keras"):
            raise EngineError(
                f"engine={asked!r} cannot run {model.name!r}: it has a call of its own, which no "
                "other program reads. Use engine='keras'."
            )
        self._trunk = Trunk(opened or model, store)
        self._asked = asked if opened else "keras"
        self._keras: KerasEngine | None = None
        self._choice: Choice | None = None
        self._batches, self._seconds, self._images = 0, 0.0, 0
        self.note = "engine: keras, for few pictures"

    def run(self, images: NDArray[np.uint8], left: int) -> NDArray[Any]:
        """Return the model's output for a batch.

        Args:
            images: (n, height, width, 3), 0..255, at the model's size; n is at most ``BATCH``.
            left: How many pictures are to come, these included.

        Raises:
            EngineError: The engine that was asked for cannot run the model.
            PredictionError: An engine came to give other numbers than Keras.
        """
        # The last picture again: a black one might be more than the model can stand.
        full = np.pad(images, [(0, BATCH - len(images)), (0, 0), (0, 0), (0, 0)], mode="edge")
        if self._choice is None and self._pays(left):
            self._choose(full, left)
        output = self._by_keras(full) if self._choice is None else self._by_choice(full)
        return output[: len(images)]

    def _pays(self, left: int) -> bool:
        if self._asked == "keras":
            return False
        if self._asked != "auto":
            return True
        if self._batches == 0:
            return bool(self._trunk.measured_ms)  # decided before: nothing is compared again
        if self._batches == 1:
            return False
        return self._seconds / self._images * left > READING_S / HOPED_OF_KERAS

    def _choose(self, images: NDArray[np.uint8], left: int) -> None:
        self._choice = self._trunk.choice(_Batch(images), self._asked, left)
        self.note = f"engine: {self._choice.why}"

    def _by_keras(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        self._keras = self._keras or KerasEngine(self._trunk.model)
        began = time.perf_counter()
        output = self._keras.run(images)
        if self._batches:  # the first is compiled
            self._seconds += time.perf_counter() - began
            self._images += len(images)
        self._batches += 1
        return output

    def _by_choice(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        assert self._choice is not None
        engine = self._choice.engine
        assert isinstance(engine, CheckedEngine)
        try:
            return engine.run_unstored(images)
        except NotFiniteError:
            return self._by_keras(images)  # which tells the engine's fault from the model's
        except FaultyEngineError as fault:
            self._choice = self._trunk.instead(self._choice, fault, self._asked)
            self.note = f"engine: {self._choice.why}"
            if fault.differs:
                raise PredictionError(
                    f"{fault}: rows before this one cannot be trusted. Predict again with "
                    f"engine='keras', or once {engine.name!r} is repaired."
                ) from fault
            return self._choice.engine.run(images)


def _laid_open(model: Model) -> Model | None:
    """Return a model without models in it, as other engines take it; None where that cannot be."""
    import keras

    try:
        graph = Graph.of(model)
    except CutError:
        return None
    opened: Model = keras.Model(graph.source, graph.output, name=model.name)
    return opened


class _Batch:
    """A batch as images that a comparison may take some of."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, places: NDArray[np.intp], /) -> NDArray[Any]:
        return self._images[places]
