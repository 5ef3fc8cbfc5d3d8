"""A frozen model with its identity, its engines and the store of its outputs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EngineError
from tlkit.features._determinism import check_steady
from tlkit.features.engines.checked import (
    COMPARED_EVERY,
    LATER_PARITY,
    CheckedEngine,
    FaultyEngineError,
)
from tlkit.features.engines.choice import choose_engine, forget_choice, measured_ms
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import Engine
from tlkit.features.engines.keras_engine import KerasEngine, keras_batch, large_batch
from tlkit.features.engines.onnx import DEVICES
from tlkit.features.engines.precision import FLOAT32, parts_of
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.outputs import EXTRACT_BATCH, Outputs, Pixels
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.choosing import PrecisionChoice
from tlkit.features.store.store import FeatureStore
from tlkit.features.store.table import FeatureTable
from tlkit.features.table_key import table_key

_log = logging.getLogger("tlkit")


def _show_nothing(_: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, eq=False)
class Trunk:
    """A frozen model, which engines run and whose outputs a store keeps.

    Args:
        model: From raw images ``(n, height, width, 3)``, 0..255, to features.
        store: Where features, exported models and engine choices are kept.
        dtype: As what features are stored, ``"float32"`` or ``"float16"``.
        compared_every: As for `CheckedEngine`.
        asked: How precisely it is run.
    """

    model: Any
    store: FeatureStore
    dtype: str = "float32"
    compared_every: int = COMPARED_EVERY
    asked: AskedPrecision = field(default_factory=AskedPrecision)
    _choices: dict[str, Choice] = field(default_factory=dict, init=False, repr=False)
    _tables: dict[str, FeatureTable] = field(default_factory=dict, init=False, repr=False)
    # Workers that are threads share this object; an engine uses all cores by itself.
    _running: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """What the model computes, as a SHA-256 in hex."""
        return trunk_fingerprint(self.model)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels."""
        height, width = self.model.input_shape[1:3]
        return height, width

    @property
    def floats(self) -> int:
        """Numbers that the trunk gives for each image."""
        return int(np.prod(self.model.output_shape[1:]))

    @property
    def bytes(self) -> int:
        """What the features of one image take in the store."""
        return self.floats * np.dtype(self.dtype).itemsize

    @property
    def measured_ms(self) -> dict[str, float]:
        """Milliseconds for an image by the engine's name, if they were measured on this machine."""
        return dict(measured_ms(self.store.trunk_stem(self.fingerprint)))

    def batch(self, engine: str) -> int:
        """Return how many images an engine runs at once, by its name: more on a GPU."""
        if engine in {device.engine for device in DEVICES}:
            return large_batch(self.model)
        return keras_batch(self.model) if engine == KerasEngine.name else EXTRACT_BATCH

    def choice(self, pixels: Pixels, asked: str, images_ahead: int = 0, before: str = "") -> Choice:
        """Return the engine, chosen on the first images and remembered beside the store.

        Args:
            pixels: The images, of which some are run for the comparison.
            asked: Name of an installed engine, or ``"auto"``.
            images_ahead: How many images will go through, as far as is known; what an export is
                worth depends on it.
            before: As for `choose_engine`.

        Raises:
            EngineError: No engine can run the trunk, or it draws random numbers at inference.
        """
        ahead = max(images_ahead, len(pixels))
        known = self._choices.get(asked)
        if known is None:
            check_steady(self.model, lambda: pixels[np.arange(min(len(pixels), 2))])
        if known is None or not _holds(known, ahead, before):
            known = self._choices[asked] = self._choose(pixels, asked, ahead, before)
        return known

    def _choose(self, pixels: Pixels, asked: str, ahead: int, before: str) -> Choice:
        stem, parity = self.store.trunk_stem(self.fingerprint), LATER_PARITY
        if self.asked.exact:
            compared = 0 if asked == "keras" else min(len(pixels), EXTRACT_BATCH)
            few = pixels[np.arange(compared)]
            choice = choose_engine(
                self.model, asked, few, images_ahead=ahead, stem=stem, before=before
            )
        else:
            found = self._precisely.take(asked, ahead, before)
            choice, parity = found.choice, max(parity, self._allowed(found.check))
        self.store.note_use(self.fingerprint)
        checked = CheckedEngine(choice.engine, self.model, self.compared_every, parity)
        return replace(choice, engine=checked)

    def _allowed(self, check: PrecisionCheck | None) -> float:
        """Return by how much rows may differ from Keras's at a low precision."""
        elsewhere = self.asked.pictures.difference or 0.0
        return 4 * (elsewhere if check is None else check.difference)

    def check(self, engine: str) -> PrecisionCheck | None:
        """Return what is known of an engine's low precision, by `variant`; None of float32."""
        name, precision = parts_of(engine)
        return None if precision == FLOAT32 else self._precisely.known(name, precision)

    @cached_property
    def _precisely(self) -> PrecisionChoice:
        stem = self.store.trunk_stem(self.fingerprint)
        return PrecisionChoice(self.model, self.asked, stem)

    def instead(self, choice: Choice, fault: FaultyEngineError, asked: str) -> Choice:
        """Return Keras, in the place of an engine that went wrong while it ran.

        What was decided for this trunk is forgotten, and so is what the engine gave to this object.

        Raises:
            EngineError: The engine was asked for by name, or is Keras itself.
        """
        gone = choice.engine.name
        self.table(gone).take_back()
        forget_choice(self.store.trunk_stem(self.fingerprint))
        self._choices.clear()
        if asked != "auto" or gone == KerasEngine.name or not self.asked.exact:
            raise EngineError(f"{_sentence(fault)} {_way_out(gone)}") from fault
        _log.warning("%s; Keras goes on", fault)
        keras_engine = CheckedEngine(KerasEngine(self.model), self.model)
        why = f"keras; {fault}"
        self._choices[asked] = Choice(keras_engine, why, ms=choice.ms)
        return self._choices[asked]

    def runner(self, choice: Choice, asked: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Return what runs images whose features are not kept; Keras goes on where it can.

        It raises an EngineError where what was used before cannot be trusted any more.
        """
        running = [choice]

        def run(images: NDArray[Any]) -> NDArray[Any]:
            engine = running[0].engine
            assert isinstance(engine, CheckedEngine)
            try:
                return engine.run_unstored(images)
            except FaultyEngineError as fault:
                running[0] = self.instead(running[0], fault, asked)
                if fault.differs:
                    raise EngineError(
                        f"{_sentence(fault)} What was trained since the last comparison cannot be "
                        "trusted: begin this training anew, with engine='keras' or once "
                        f"{engine.name!r} is repaired."
                    ) from fault
                return running[0].engine.run(images)

        return run

    def add(
        self,
        engine: Engine,
        pixels: Pixels,
        chosen: NDArray[np.intp],
        ids: NDArray[np.uint8],
        show: Callable[[int], None] = _show_nothing,
    ) -> bool:
        """Compute and store the features of some images, as one shard.

        Args:
            engine: What runs the trunk.
            pixels: Where the images come from.
            chosen: Their positions there.
            ids: SHA-256 of the content of each of them.
            show: Called with how many of them are done.

        Returns:
            Whether they are there now; False where another process is computing them.
        """
        batch = self.batch(engine.name)
        rows = Outputs(engine, pixels, chosen, self.dtype, self._running, show, batch)
        return self.table(engine.name).add(ids, lambda: rows, self.bytes * len(chosen))

    def table(self, engine: str) -> FeatureTable:
        """Return the features that an engine has given, by the name of the engine."""
        if engine not in self._tables:
            of = (engine, self.batch(engine), self.asked)
            key = table_key(self.fingerprint, self.size, self.dtype, *of)
            about = {
                "model": self.model.name,
                "cut": self.model.outputs[0].name,
                "size": "x".join(map(str, self.size)),
                "engine": engine,
                "floats": self.floats,
                "dtype": self.dtype,
                "hash": self.fingerprint,
            }
            self._tables[engine] = self.store.table(key, about)
        return self._tables[engine]


def _sentence(fault: FaultyEngineError) -> str:
    text = str(fault)
    return f"{text[0].upper()}{text[1:]}."


def _way_out(engine: str) -> str:
    if engine == KerasEngine.name:
        return "Look at that image and at the weights and the preprocessing of the frozen part."
    if parts_of(engine)[1] != FLOAT32:
        return "Nothing of it was kept. Use trunk_precision='float32'."
    return f"Nothing of it was kept. Use engine='keras' or repair {engine!r}."


def _holds(choice: Choice, ahead: int, before: str) -> bool:
    return choice.engine.name == before if before else ahead <= choice.images
