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
from tlkit.features.engines.checked import (
    LATER_PARITY,
    CheckedEngine,
    FaultyEngineError,
    NotFiniteError,
)
from tlkit.features.engines.choice import choose_engine, forget_choice, measured_ms
from tlkit.features.engines.comparison import HOPED_OF_KERAS, READING_S, Choice
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.choosing import PrecisionChoice
from tlkit.features.store.store import FeatureStore
from tlkit.inference._batched_keras import keras_for
from tlkit.inference._precision import Precisely

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
        precisely: Gives a precision below float32 and the pictures it is compared on, or
            ``"auto"``; called once an engine is to be chosen. None for float32.

    Attributes:
        store: May be another one for later pictures.
        note: Which engine runs it, and why.
        check: What its precision does; None for float32.

    Raises:
        EngineError: What was asked for cannot read the model.
    """

    def __init__(
        self,
        model: Model,
        asked: str,
        store: FeatureStore,
        precisely: Precisely | None = None,
    ) -> None:
        opened = _laid_open(model)
        self._precisely = precisely
        self.check: PrecisionCheck | None = None
        if opened is None:
            _require_keras(model, asked, precisely)
        self._given, self._wanted = model, asked
        self._model, self.store = opened or model, store
        self._asked = asked if opened else "keras"
        self._fingerprint = trunk_fingerprint(opened) if opened else ""
        self._keras = keras_for(self._model, stock=opened is not None)
        self._chosen: CheckedEngine | None = None
        self._settled = 0.0
        self._compiled, self._seconds, self._images = False, 0.0, 0
        self.note = "engine: keras, for few pictures"

    def runs(self, model: Model, wanted: str) -> bool:
        """Return whether it still runs that model: none of its weights has changed since."""
        if model is not self._given or wanted != self._wanted:
            return False
        return not self._fingerprint or trunk_fingerprint(self._model) == self._fingerprint

    def run(self, images: NDArray[np.uint8], left: int) -> NDArray[Any]:
        """Return the model's output for a batch.

        Args:
            images: (n, height, width, 3), 0..255, at the model's size; n is at most ``BATCH``.
            left: How many pictures are to come, these included.

        Raises:
            EngineError: The engine that was asked for cannot run the model.
            PredictionError: An engine came to give other numbers than Keras.
        """
        if self._chosen is None and self._pays(left):
            self._choose(images, left)
        return self._by_keras(images) if self._chosen is None else self._by_choice(images)

    def _pays(self, left: int) -> bool:
        if self._by_name:
            return True
        if self._asked == "keras" or left <= self._settled:
            return False
        if self._asked != "auto":
            return True
        if not self._compiled:  # decided before, nothing is compared again
            return left >= MANY or bool(measured_ms(self._stem))
        if not self._images:
            return False
        return self._seconds / self._images * left > READING_S / HOPED_OF_KERAS

    def _choose(self, images: NDArray[np.uint8], left: int) -> None:
        choice, parity = self._choice(images, left), LATER_PARITY
        if self.check is not None:
            parity = max(parity, 4 * self.check.difference)
        self.store.note_use(self._fingerprint)
        self.note = f"engine: {choice.why}"
        self._settled = choice.images
        if choice.engine.name != KerasEngine.name:
            self._chosen = CheckedEngine(
                choice.engine, self._model, parity=parity, reference=self._keras
            )

    def _choice(self, images: NDArray[np.uint8], left: int) -> Choice:
        if self._precisely is not None:
            asked = self._precisely.asked()
            found = PrecisionChoice(self._model, asked, self._stem, self._keras)
            precise = found.take(self._asked, left)
            self.check = precise.check
            return precise.choice
        return choose_engine(
            self._model,
            self._asked,
            images,
            images_ahead=left,
            stem=self._stem,
            reference=self._keras,
        )

    @property
    def _by_name(self) -> bool:
        """Whether a low precision was asked for by name."""
        return self._precisely is not None and self._precisely.precision != "auto"

    @property
    def _way_out(self) -> str:
        return "engine='keras'" if self.check is None else "trunk_precision='float32'"

    @property
    def _stem(self) -> Path:
        return self.store.trunk_stem(self._fingerprint)

    def _by_keras(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        began = time.perf_counter()
        output = self._keras.run(images)
        if self._compiled:
            self._seconds += time.perf_counter() - began
            self._images += len(images)
        self._compiled = True
        return output

    def _by_choice(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        engine = self._chosen
        assert engine is not None
        try:
            return engine.run_unstored(images)
        except NotFiniteError:
            return self._by_keras(images)  # which tells the engine's fault from the model's
        except FaultyEngineError as fault:
            forget_choice(self._stem)
            if fault.differs:
                raise PredictionError(
                    f"{fault}: rows before this one cannot be trusted. Predict again with "
                    f"{self._way_out}, or once {engine.name!r} is repaired."
                ) from fault
            if self._asked != "auto" or self.check is not None:
                raise EngineError(
                    f"{fault}. Use {self._way_out} or repair {engine.name!r}."
                ) from fault
            self._chosen, self._asked = None, "keras"
            self.note = f"engine: keras; {fault}"
            return self._by_keras(images)


def _require_keras(model: Model, engine: str, precisely: Precisely | None) -> None:
    """Raise where something else than Keras at float32 was asked for."""
    asked = f"engine={engine!r}" if engine not in ("auto", "keras") else ""
    if precisely is not None and precisely.precision != "auto":
        asked, way_out = f"trunk_precision={precisely.precision!r}", "trunk_precision='float32'"
    else:
        way_out = "engine='keras'"
    if asked:
        raise EngineError(
            f"{asked} cannot run {model.name!r}: it has a call of its own, which no other program "
            f"reads. Use {way_out}."
        )


def _laid_open(model: Model) -> Model | None:
    """Return a model without models in it, as other engines take it; None where that cannot be."""
    import keras

    try:
        graph = Graph.of(model)
    except CutError:
        return None
    opened: Model = keras.Model(graph.source, graph.output, name=model.name)
    return opened
