"""Engines side by side: each must give what Keras gives, and the fastest is taken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.errors import EngineError
from tlkit.features.engine import Engine, KerasEngine
from tlkit.features.engine_spec import EngineSpec
from tlkit.features.engines import missing_for

PARITY = 1e-4
# Below so many seconds of work ahead, exporting to another engine costs more than it saves,
WORTH_EXPORTING_S = 20.0
# and reading what was exported before, comparing and timing it.
WORTH_READING_S = 3.0
ROUNDS = 5
ENOUGH_S = 1.0


@dataclass(frozen=True)
class Choice:
    """The engine for a trunk.

    Args:
        engine: What runs it.
        why: One line.
        lasting: Whether it would be chosen again for any amount of work.
    """

    engine: Engine
    why: str
    lasting: bool = True


@dataclass
class _Weighing:
    """What has been found out so far about the engines for a trunk."""

    fastest: Engine
    ms: dict[str, float]
    images_ahead: int
    failures: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    @property
    def ahead_s(self) -> float:
        """Seconds of work on the fastest engine so far."""
        return self.ms[self.fastest.name] * self.images_ahead / 1000

    def add(self, engine: Engine, ms: dict[str, float]) -> None:
        """Take in an engine that agrees, timed in turn with the fastest so far."""
        self.ms |= ms
        if ms[engine.name] < ms[self.fastest.name]:
            self.fastest = engine

    def choice(self) -> Choice:
        """Return the fastest with the figures of all, on one line."""
        ranked = sorted(self.ms.items(), key=lambda item: (item[0] != self.fastest.name, item[1]))
        figures = "ms an image: " + ", ".join(f"{name} {ms:.1f}" for name, ms in ranked)
        parts = [self.fastest.name, figures, *self.failures]
        if self.untried:
            untried = " and ".join(self.untried)
            parts.append(f"{untried} not tried for the {self.ahead_s:.0f} s of work that are left")
        return Choice(self.fastest, "; ".join(parts), lasting=not self.untried)


def fastest(
    trunk: Any, sample: np.ndarray, images_ahead: int, stem: Path, rivals: Sequence[EngineSpec]
) -> Choice:
    """Return the fastest of Keras and its rivals; see `choose_engine`.

    Args:
        trunk: The model to run.
        sample: Real images ``(n, h, w, 3)``, 0..255, on which all are compared and timed.
        images_ahead: How many images there are to run.
        stem: Where exported models lie.
        rivals: Every other engine, whether it can run here or not.
    """
    keras_engine = KerasEngine(trunk)
    waiting = [spec for spec in rivals if not missing_for(spec)]
    if not waiting:
        return Choice(keras_engine, f"keras{_hint(rivals)}", lasting=False)
    expected = keras_engine.run(sample)
    found = _Weighing(keras_engine, _timed([keras_engine], sample), images_ahead)
    while waiting:
        # Anew each time: an engine may read what another has exported.
        waiting.sort(key=lambda spec: not spec.files(stem))
        spec = waiting.pop(0)
        if found.ahead_s < (WORTH_READING_S if spec.files(stem) else WORTH_EXPORTING_S):
            found.untried.append(spec.name)
            continue
        try:
            engine = agreeing(spec, trunk, stem, sample, expected)
            found.add(engine, _timed([found.fastest, engine], sample))
        except Exception as error:  # noqa: BLE001 - said in the notice; another engine runs it
            found.failures.append(one_line(spec.name, error))
    return found.choice()


def _hint(rivals: Sequence[EngineSpec]) -> str:
    """Return what to install for the engines that come with tlkit."""
    wanted = [missing_for(spec) for spec in rivals if spec.distribution == "tlkit"]
    named = " or ".join(wanted)
    return f"; {named} may be several times faster" if named else ", the only engine here"


def one_line(name: str, error: Exception) -> str:
    """Return an error as a part of one line that names the engine."""
    first = (str(error) or type(error).__name__).splitlines()[0]
    return first if name in first else f"{name}: {first}"


def agreeing(
    spec: EngineSpec, trunk: Any, stem: Path, sample: np.ndarray, expected: np.ndarray
) -> Engine:
    """Make an engine that gives what Keras gives; from a new export where an old one does not."""
    kept = spec.files(stem)
    try:
        return _compared(spec, trunk, stem, sample, expected)
    except EngineError:
        if not kept:
            raise
    for file in kept:
        file.unlink(missing_ok=True)
    return _compared(spec, trunk, stem, sample, expected)


def _compared(
    spec: EngineSpec, trunk: Any, stem: Path, sample: np.ndarray, expected: np.ndarray
) -> Engine:
    try:
        engine = spec.make(trunk, stem)
    except EngineError:
        raise
    except Exception as error:
        raise EngineError(f"{spec.name} cannot be made: {error}") from error
    try:
        output = np.asarray(engine.run(sample))
    except Exception as error:
        raise EngineError(f"{spec.name} cannot run the exported trunk: {error}") from error
    if engine.name != spec.name:
        raise EngineError(f"{spec.name} made an engine that is called {engine.name!r}.")
    if output.shape != expected.shape or output.dtype != np.float32:
        raise EngineError(
            f"{spec.name} gives {output.dtype} of shape {output.shape}, expected float32 of shape "
            f"{expected.shape}, as Keras gives."
        )
    difference = np.abs(output - expected).max() / max(np.abs(expected).max(), 1e-12)
    if not difference <= PARITY:
        raise EngineError(
            f"{spec.name} differs from Keras by {difference:.1e} of the largest output, more "
            f"than {PARITY:.0e}. Use engine='keras' for this trunk."
        )
    return engine


def _timed(engines: Sequence[Engine], sample: np.ndarray) -> dict[str, float]:
    """Return the milliseconds that engines take for an image, each at its best of a few runs.

    They run in turn, since other programs make a run longer, never shorter, and not always for the
    same time. All have run these images before, in the comparison.
    """
    runs: dict[str, list[float]] = {engine.name: [] for engine in engines}
    started = time.perf_counter()
    for _ in range(ROUNDS):
        for engine in engines:
            runs[engine.name].append(_milliseconds_per_image(engine, sample))
        if time.perf_counter() - started > ENOUGH_S * len(engines):
            break
    return {name: min(each) for name, each in runs.items()}


def _milliseconds_per_image(engine: Engine, sample: np.ndarray) -> float:
    start = time.perf_counter()
    engine.run(sample)
    return 1000 * (time.perf_counter() - start) / len(sample)
