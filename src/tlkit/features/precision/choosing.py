"""Which engine runs a trunk at which precision: the fastest that does no harm."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import Engine, EngineSpec
from tlkit.features.engines.precision import (
    FLOAT32,
    LOW,
    able,
    lacks,
    parts_of,
    require_able,
    variant,
)
from tlkit.features.engines.registry import EngineRegistry, installed_engines
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.check import BATCH, PrecisionCheck
from tlkit.features.precision.checking import Checks

# What a lower precision may be hoped to save, and the seconds that it takes to compare one.
HOPED = 0.4
COMPARING_S = {"bfloat16": 4.0, "int8": 20.0}
Wanted = list[tuple[EngineSpec, str]]


@dataclass(frozen=True)
class Precise:
    """An engine with its precision.

    Args:
        choice: The engine, and why.
        check: What its precision does; None for float32.
    """

    choice: Choice
    check: PrecisionCheck | None = None


@dataclass(eq=False)
class PrecisionChoice:
    """The choice for one trunk.

    Args:
        model: The trunk.
        asked: Precision and pictures.
        stem: Where exports lie, but for their suffixes.
        reference: Keras, where something runs the trunk by it anyway.
        registry: The engines; those that are installed where None.
    """

    model: Model
    asked: AskedPrecision
    stem: Path
    reference: Engine | None = None
    registry: EngineRegistry = field(default_factory=lambda: installed_engines())

    @cached_property
    def _checks(self) -> Checks:
        return Checks(self.model, self.asked, self.stem, self.reference)

    def take(self, engine: str, images_ahead: int, before: str = "") -> Precise:
        """Return the engine that is to run the trunk.

        Args:
            engine: Name of an installed engine, or ``"auto"``.
            images_ahead: How many images it is going to run.
            before: What a training that goes on now was given, by `variant`; it is given again.

        Raises:
            EngineError: No engine has the precision here, int8 cannot be calibrated, or the trunk
                does not stand it; the message has the figures.
        """
        elsewhere = self.asked.pictures.difference
        if elsewhere is not None:
            name, precision = parts_of(engine)
            made = self._checks.engine(self.registry.get(name), precision)
            return Precise(Choice(made, "as checked elsewhere"))
        if before:
            return self._again(engine, images_ahead, *parts_of(before))
        if self.asked.precision == "auto":
            return self._fastest(engine, images_ahead)
        return self._named(engine, self.asked.precision)

    def known(self, engine: str, precision: str) -> PrecisionCheck | None:
        """Return what was found of an engine at a precision on this machine, if it was."""
        if self.asked.pictures.difference is not None:
            return None
        found = [x for x in self._checks.found if (x.engine, x.precision) == (engine, precision)]
        return found[0] if found else self._checks.kept(self.registry.get(engine), precision).read()

    def _again(self, engine: str, images_ahead: int, ran: str, precision: str) -> Precise:
        if precision == FLOAT32:
            return Precise(self._exact(engine, images_ahead, ran if engine == "auto" else ""))
        try:
            return self._named(ran, precision)
        except EngineError as error:
            raise EngineError(
                f"This training began with its frozen part on {ran} at {precision}, which cannot "
                f"go on here: {error} Go on where it began, or begin anew."
            ) from error

    def _named(self, engine: str, precision: str) -> Precise:
        """Return the fastest engine that passes at a precision."""
        specs = self._specs(engine)
        require_able(specs, precision, engine)
        if precision == "int8":
            self.asked.pictures.require_calibrating()
        checks = self._checks
        checks.run([(spec, precision) for spec in able(specs, precision)])
        if not checks.found:
            raise EngineError(
                f"trunk_precision={precision!r} cannot be had for this network: "
                f"{checks.failures[0]}. Take trunk_precision='float32'."
            )
        passed = [check for check in checks.found if check.passed]
        if not passed:
            what = "features tell" if self.asked.named is None else "model says"
            raise EngineError(
                f"trunk_precision={precision!r} is refused, since it changes what the {what}: "
                f"{checks.found[0]}. Take "
                f"{'bfloat16 or float32' if precision == 'int8' else 'float32'}, or 'auto'."
            )
        return self._chosen(min(passed, key=_ms))

    def _fastest(self, engine: str, images_ahead: int) -> Precise:
        """Return the fastest of float32 and what passes below it."""
        exact = self._exact(engine, images_ahead)
        wanted, notes = self._worth(engine, exact, images_ahead)
        checks = self._checks
        checks.run(wanted)
        refused = [str(check) for check in checks.found if not check.passed]
        told = [*notes, *checks.failures, *refused]
        best = min((x for x in checks.found if x.passed), key=_ms, default=None)
        # As timed beside the precisions; another engine at float32 may have been faster.
        known = [x.ms[x.engine] for x in checks.found] + [*exact.ms.values()]
        if best is not None and _ms(best) < min(known):
            return self._chosen(best, told)
        slower = [] if best is None else [f"{best}, and no faster"]
        return Precise(replace(exact, why="; ".join([exact.why, *told, *slower])))

    def _worth(self, engine: str, exact: Choice, images_ahead: int) -> tuple[Wanted, list[str]]:
        """Return what is to be compared with float32, and why the rest is not."""
        specs, refusal = self._specs(engine), self.asked.pictures.refusal
        wanted: Wanted = []
        notes = []
        for precision in LOW:
            here = able(specs, precision)
            if not here:
                notes.append(f"no {precision} here: {lacks(specs, precision, engine)}")
            elif precision == "int8" and refusal:
                notes.append(f"no int8: {refusal}")
            else:
                wanted += [(spec, precision) for spec in here]
        ahead_s = images_ahead * min(exact.ms.values(), default=0.0) / 1000
        # Where nothing was timed, all are.
        few = [each for each in wanted if exact.ms and not self._pays(*each, ahead_s)]
        if few:
            names = " and ".join(dict.fromkeys(precision for _, precision in few))
            notes.append(f"{names} not tried for the {ahead_s:.0f} s of work that are left")
        return [each for each in wanted if each not in few], notes

    def _pays(self, spec: EngineSpec, precision: str, ahead_s: float) -> bool:
        """Return whether a precision may save what comparing it takes."""
        if self._checks.kept(spec, precision).read() is not None:
            return True
        return ahead_s * HOPED >= COMPARING_S[precision]

    def _chosen(self, check: PrecisionCheck, told: list[str] | None = None) -> Precise:
        engine = self._checks.engine(self.registry.get(check.engine), check.precision)
        ranked = sorted(check.ms.items(), key=lambda item: (item[0] != engine.name, item[1]))
        figures = "ms an image: " + ", ".join(f"{name} {ms:.2f}" for name, ms in ranked)
        why = "; ".join([str(check), figures, *(told or ())])
        return Precise(Choice(engine, why, ms=dict(check.ms)), check)

    def _exact(self, engine: str, images_ahead: int, before: str = "") -> Choice:
        sample = self.asked.pictures
        compared_on = 0 if engine == "keras" else BATCH
        return choose_engine(
            self.model,
            engine,
            np.asarray(sample.pixels[sample.checked[:compared_on]]),
            images_ahead=images_ahead,
            stem=self.stem,
            before=before,
            registry=self.registry,
            reference=self.reference,
        )

    def _specs(self, engine: str) -> list[EngineSpec]:
        return [self.registry.get(engine)] if engine != "auto" else list(self.registry.rivals())


def _ms(check: PrecisionCheck) -> float:
    """Return how long an image takes at the precision of a check."""
    return check.ms[variant(check.engine, check.precision)]
