"""A model on the engine that pays for so many pictures, found out while it works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.graph import Graph
from tlkit._keras.types import Model
from tlkit.errors import CutError, EngineError, PredictionError
from tlkit.features.engines.checked import CheckedEngine, FaultyEngineError, NotFiniteError
from tlkit.features.engines.choice import choose_engine, forget_choice, measured_ms
from tlkit.features.engines.comparison import HOPED_OF_KERAS, READING_S
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.store.store import FeatureStore

BATCH = 32
# From here on a comparison of engines pays on any machine that has been tried.
MANY = 512


class RunningModel:
    """A whole model, run as a trunk is.

    With ``"auto"`` engines are compared at once for ``MANY`` pictures. For fewer Keras begins: its
    first batch compiles, its second tells how long a picture takes, and engines are compared where
    what is left would take Keras longer than reading one that was exported before. A decision that
    was made for this model on this machine is used again.

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
        self._model, self._store = opened or model, store
        self._asked = asked if opened else "keras"
        self._fingerprint = trunk_fingerprint(opened) if opened else ""
        self._keras: KerasEngine | None = None
        self._chosen: CheckedEngine | None = None
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
        if self._chosen is None and self._pays(left):
            self._choose(full, left)
        output = (
            self._by_keras(full) if self._chosen is None else self._by_choice(self._chosen, full)
        )
        return output[: len(images)]

    def _pays(self, left: int) -> bool:
        if self._asked == "keras":
            return False
        if self._asked != "auto":
            return True
        if self._batches == 0:  # decided before, nothing is compared again
            return left >= MANY or bool(measured_ms(self._stem))
        if self._batches == 1:
            return False
        return self._seconds / self._images * left > READING_S / HOPED_OF_KERAS

    def _choose(self, images: NDArray[np.uint8], left: int) -> None:
        stem = self._stem
        choice = choose_engine(self._model, self._asked, images, images_ahead=left, stem=stem)
        self._store.note_use(self._fingerprint)
        self.note = f"engine: {choice.why}"
        if isinstance(choice.engine, KerasEngine):  # one that was compiled before goes on
            self._keras, self._asked = self._keras or choice.engine, choice.engine.name
        else:
            self._chosen = CheckedEngine(choice.engine, self._model)

    @property
    def _stem(self) -> Path:
        return self._store.trunk_stem(self._fingerprint)

    def _by_keras(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        self._keras = self._keras or KerasEngine(self._model)
        began = time.perf_counter()
        output = self._keras.run(images)
        if self._batches:  # the first is compiled
            self._seconds += time.perf_counter() - began
            self._images += len(images)
        self._batches += 1
        return output

    def _by_choice(self, engine: CheckedEngine, images: NDArray[np.uint8]) -> NDArray[Any]:
        try:
            return engine.run_unstored(images)
        except NotFiniteError:
            return self._by_keras(images)  # which tells the engine's fault from the model's
        except FaultyEngineError as fault:
            forget_choice(self._stem)
            if fault.differs:
                raise PredictionError(
                    f"{fault}: rows before this one cannot be trusted. Predict again with "
                    f"engine='keras', or once {engine.name!r} is repaired."
                ) from fault
            if self._asked != "auto":
                raise EngineError(
                    f"{fault}. Use engine='keras' or repair {engine.name!r}."
                ) from fault
            self._chosen, self._asked = None, "keras"
            self.note = f"engine: keras; {fault}"
            return self._by_keras(images)


def _laid_open(model: Model) -> Model | None:
    """Return a model without models in it, as other engines take it; None where that cannot be."""
    import keras

    try:
        graph = Graph.of(model)
    except CutError:
        return None
    opened: Model = keras.Model(graph.source, graph.output, name=model.name)
    return opened
