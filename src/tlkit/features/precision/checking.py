"""Engines at low precisions, each compared with float32 once and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines.comparison import Trial, agreeing, one_line, timed
from tlkit.features.engines.engine import Engine, EngineSpec
from tlkit.features.engines.precision import FLOAT32, parts_of, variant
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.check import BATCH, Figures, PrecisionCheck, compared
from tlkit.features.precision.kept import KeptCheck, network_stem


class LowEngine:
    """An engine at a low precision, under a name that says so.

    Args:
        engine: What runs the trunk.
        name: As of `variant`.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self.name = engine, name

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images ``(n, h, w, 3)``, 0..255."""
        return np.asarray(self._engine.run(images))


@dataclass(eq=False)
class Checks:
    """The low precisions of the engines for one trunk.

    Args:
        model: The trunk.
        asked: Has the pictures.
        stem: Where exports lie, but for their suffixes.
        reference: Keras, where something runs the trunk by it anyway.
        found: What was found, of those that passed and those that did not.
        failures: Why an engine could not be made at a precision.
    """

    model: Model
    asked: AskedPrecision
    stem: Path
    reference: Engine | None = None
    found: list[PrecisionCheck] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _made: dict[str, LowEngine] = field(default_factory=dict, init=False)

    def kept(self, spec: EngineSpec, precision: str) -> KeptCheck:
        """Return where the check of an engine at a precision is kept on this machine."""
        return KeptCheck(self.stem, spec, precision, self.asked)

    def run(self, wanted: Sequence[tuple[EngineSpec, str]]) -> None:
        """Find out what engines at precisions do, but for what is known."""
        self.found, self.failures = [], []
        for spec in dict.fromkeys(spec for spec, _ in wanted):
            fresh = []
            for precision in [name for each, name in wanted if each is spec]:
                known = self.kept(spec, precision).read()
                if known is None:
                    fresh.append(precision)
                else:
                    self.found.append(known)
            try:
                self._compare(spec, fresh)
            except EngineError as error:
                self.failures.append(one_line(spec.name, error))

    def engine(self, spec: EngineSpec, precision: str) -> LowEngine:
        """Return an engine at a precision.

        Raises:
            EngineError: It cannot be made.
        """
        name = variant(spec.name, precision)
        if name not in self._made:
            assert spec.make_low is not None
            sample = self.asked.pictures
            kept = network_stem(self.stem, spec, precision, sample)
            try:
                made = spec.make_low(self.model, self.stem, precision, kept, sample.pictures)
            except EngineError:
                raise
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                raise EngineError(f"{spec.name} cannot be made at {precision}: {what}") from error
            self._made[name] = LowEngine(made, name)
        return self._made[name]

    def _lows(self, spec: EngineSpec, precisions: Sequence[str]) -> dict[str, LowEngine]:
        lows = {}
        for precision in precisions:
            if precision == "int8":
                self.asked.show("calibrating int8", 0, len(self.asked.pictures.calibrating))
            try:
                lows[precision] = self.engine(spec, precision)
            except EngineError as error:
                self.failures.append(one_line(f"{spec.name} at {precision}", error))
        return lows

    def _compare(self, spec: EngineSpec, precisions: Sequence[str]) -> None:
        if not precisions:
            return
        sample = self.asked.pictures
        few = np.asarray(sample.pixels[sample.checked[:BATCH]])
        trial = Trial(self.model, few, self.stem, self.reference)
        keras_engine = trial.keras
        exact = keras_engine if spec.name == keras_engine.name else agreeing(spec, trial)
        lows = self._lows(spec, precisions)
        if not lows:
            return
        runs = {name: low.run for name, low in lows.items()}
        told = compared(sample, exact.run, runs, self.asked.show, self.asked.named)
        engines: dict[str, Engine] = {x.name: x for x in (keras_engine, exact, *lows.values())}
        ms = timed(list(engines.values()), few)
        for precision, figures in told.items():
            check = self._told(spec, precision, figures, ms)
            self.kept(spec, precision).write(check)
            self.found.append(check)

    def _told(
        self, spec: EngineSpec, precision: str, figures: Figures, ms: Mapping[str, float]
    ) -> PrecisionCheck:
        sample, int8 = self.asked.pictures, precision == "int8"
        return PrecisionCheck(
            engine=spec.name,
            precision=precision,
            cosine=figures.cosine,
            agreement=figures.agreement,
            redealt=figures.redealt,
            pictures=len(sample.checked),
            calibrated_on=len(sample.calibrating) if int8 else 0,
            classes=sample.classes if int8 else 0,
            difference=figures.difference,
            ms={x: y for x, y in ms.items() if parts_of(x)[1] in (FLOAT32, precision)},
        )
