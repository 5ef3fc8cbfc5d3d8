"""Engines side by side: each must give what Keras gives, and the fastest is taken."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from tlkit._keras.full_precision import full_precision
from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines.engine import Engine, EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine, accelerated
from tlkit.features.engines.registry import missing_for

PARITY = 1e-4
# What another engine may be hoped to save of the time that Keras takes, or that an engine other
# than Keras takes: those differ by less among themselves.
HOPED_OF_KERAS, HOPED_OF_ANOTHER = 0.4, 0.1
READING_S = 1.2  # to read what was exported before, to compare and to time it
ROUNDS = 5
# An engine is timed for a share of the work that is ahead, within limits in seconds.
SHARE, LEAST_S, ENOUGH_S = 0.03, 0.1, 1.0
# What other programs take of two cores makes one engine seldom more than twice as slow as another.
CLEAR = 2.0


@dataclass(frozen=True)
class Choice:
    """The engine for a trunk.

    Args:
        engine: What runs it.
        why: One line.
        images: For how many images at most it would be chosen again.
        ms: Milliseconds for an image by the engine's name; empty where nothing was measured.
    """

    engine: Engine
    why: str
    images: float = float("inf")
    ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trial:
    """A trunk, and the images on which engines are compared with Keras.

    Args:
        trunk: The model to run.
        sample: Real images ``(n, h, w, 3)``, 0..255.
        stem: Where exported models lie; engines add suffixes of their own.
        reference: Keras; a `KerasEngine` where None.
    """

    trunk: Model
    sample: np.ndarray
    stem: Path
    reference: Engine | None = None

    @cached_property
    def keras(self) -> Engine:
        """Keras itself."""
        return self.reference or KerasEngine(self.trunk)

    @cached_property
    def expected(self) -> np.ndarray:
        """What Keras gives for the sample, in float32 on a GPU too."""
        with full_precision():
            return self.keras.run(self.sample)


@dataclass
class _Weighing:
    """What has been found out so far about the engines for a trunk."""

    fastest: Engine
    ms: dict[str, float]
    images_ahead: int
    failures: list[str] = field(default_factory=list)
    untried: dict[str, float] = field(default_factory=dict)
    # By how much longer than it was said to take the last export took: so will the next.
    slowness: float = 1.0

    @property
    def timing_s(self) -> float:
        """Seconds for which an engine is timed."""
        return min(max(SHARE * self.ahead_s, LEAST_S), ENOUGH_S)

    @property
    def ahead_s(self) -> float:
        """Seconds of work on the fastest engine so far."""
        return self.ms[self.fastest.name] * self.images_ahead / 1000

    def enough_s(self, spec: EngineSpec, stem: Path) -> float:
        """Return the seconds of work from which on trying an engine can pay for itself."""
        hoped = HOPED_OF_KERAS if self.fastest.name == "keras" else HOPED_OF_ANOTHER
        return (READING_S if spec.files(stem) else spec.export_s * self.slowness) / hoped

    def made(self, spec: EngineSpec, seconds: float) -> None:
        """Take in how long an export took; from one that is quick by itself nothing follows."""
        if spec.export_s >= 1:
            self.slowness = max(1.0, seconds / spec.export_s)

    def add(self, engine: Engine, ms: dict[str, float]) -> None:
        """Take in an engine that agrees, timed in turn with the fastest so far."""
        if ms[engine.name] < ms[self.fastest.name]:
            self.fastest = engine
        # The fastest so far was timed before as well; its best run is the one that counts.
        self.ms |= {name: min(each, self.ms.get(name, each)) for name, each in ms.items()}

    def choice(self) -> Choice:
        """Return the fastest with the figures of all, on one line."""
        ranked = sorted(self.ms.items(), key=lambda item: (item[0] != self.fastest.name, item[1]))
        figures = "ms an image: " + ", ".join(f"{name} {ms:.1f}" for name, ms in ranked)
        parts = [self.fastest.name, figures, *self.failures]
        if self.untried:
            untried = " and ".join(self.untried)
            parts.append(f"{untried} not tried for the {self.ahead_s:.0f} s of work that are left")
        enough_s = min(self.untried.values(), default=float("inf"))
        images = 1000 * enough_s / self.ms[self.fastest.name]
        return Choice(self.fastest, "; ".join(parts), images, dict(self.ms))


def fastest(trial: Trial, images_ahead: int, rivals: Sequence[EngineSpec]) -> Choice:
    """Return the fastest of Keras and its rivals; see `choose_engine`.

    Args:
        trial: The trunk, and the images on which all are compared and timed.
        images_ahead: How many images there are to run.
        rivals: Every other engine, whether it can run here or not.
    """
    keras_engine, sample = trial.keras, trial.sample
    waiting = [spec for spec in rivals if not missing_for(spec)]
    if not waiting:
        return Choice(keras_engine, f"keras{_hint(rivals)}", images_ahead)
    # Compiled, before it is timed; on a GPU what is compared with is not what runs.
    assert len(keras_engine.run(sample) if accelerated() else trial.expected) == len(sample)
    found = _Weighing(keras_engine, timed([keras_engine], sample, LEAST_S), images_ahead)
    while waiting:
        # Anew each time: an engine may read what another has exported.
        waiting.sort(key=lambda spec: 0 if spec.files(trial.stem) else spec.export_s)
        spec = waiting.pop(0)
        enough_s = found.enough_s(spec, trial.stem)
        if found.ahead_s < enough_s:
            found.untried[spec.name] = enough_s
            continue
        kept, begun = spec.files(trial.stem), time.perf_counter()
        try:
            engine = agreeing(spec, trial)
            if not kept:
                found.made(spec, time.perf_counter() - begun)
            found.add(engine, timed([found.fastest, engine], sample, found.timing_s))
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


def agreeing(spec: EngineSpec, trial: Trial) -> Engine:
    """Make an engine that gives what Keras gives; from a new export where an old one does not."""
    kept = spec.files(trial.stem)
    try:
        return _compared(spec, trial)
    except EngineError:
        if not kept:
            raise
    for file in kept:
        file.unlink(missing_ok=True)
    return _compared(spec, trial)


def _compared(spec: EngineSpec, trial: Trial) -> Engine:
    sample, expected = trial.sample, trial.expected
    try:
        engine = spec.make(trial.trunk, trial.stem)
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


def timed(
    engines: Sequence[Engine], sample: np.ndarray, enough_s: float = ENOUGH_S
) -> dict[str, float]:
    """Return the milliseconds that engines take for an image, each at its best of a few runs.

    They run in turn, since other programs make a run longer, never shorter, and not always for the
    same time. All have run these images before, in the comparison.

    Args:
        engines: What is timed.
        sample: Images ``(n, h, w, 3)``, 0..255.
        enough_s: After so many seconds for each engine no other round is begun, and none where it
            is clear already which is the fastest.
    """
    runs: dict[str, list[float]] = {engine.name: [] for engine in engines}
    started = time.perf_counter()
    for _ in range(ROUNDS):
        for engine in engines:
            runs[engine.name].append(_milliseconds_per_image(engine, sample))
        if time.perf_counter() - started > enough_s * len(engines) or _clear(runs.values()):
            break
    return {name: min(each) for name, each in runs.items()}


def _clear(runs: Iterable[Sequence[float]]) -> bool:
    """Return whether of several engines one was always far faster than the others ever were."""
    first, *others = sorted(runs, key=min)
    return bool(others) and max(first) * CLEAR < min(map(min, others))


def _milliseconds_per_image(engine: Engine, sample: np.ndarray) -> float:
    start = time.perf_counter()
    engine.run(sample)
    return 1000 * (time.perf_counter() - start) / len(sample)
