"""Which engine runs a trunk: asked for by name, decided before, or found out now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tlkit._keras.full_precision import low_precision
from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines._decision import Decision, Decisions, proof_of
from tlkit.features.engines.comparison import Choice, Trial, agreeing, fastest, one_line
from tlkit.features.engines.engine import Engine
from tlkit.features.engines.registry import EngineRegistry, installed_engines, missing_for


def choose_engine(
    trunk: Model,
    asked: str,
    sample: np.ndarray,
    *,
    images_ahead: int,
    stem: Path,
    before: str = "",
    registry: EngineRegistry | None = None,
    reference: Engine | None = None,
) -> Choice:
    """Return the engine for a trunk, and why.

    ``"auto"`` times Keras on ``sample``, then tries the other engines that are installed one after
    the other: those that need no new export first, then those that are exported quickly. Each is
    made, compared with Keras to a relative 1e-4 of the largest output, and timed. One is passed
    over where making it would take longer than it can be hoped to save: 40 % of the work ahead on
    Keras, or 10 % of that on the fastest engine so far. Whatever an engine raises or gives, the
    choice goes on without it and says so.

    The decision is remembered beside the exported models, for this trunk, this machine, these
    versions of these engines, and as many images as leave it the same. It is then taken without
    running Keras at all, as long as the exported model is the one that was compared.

    Args:
        trunk: The model to run.
        asked: Name of an installed engine, or ``"auto"``.
        sample: Real images ``(n, h, w, 3)``, 0..255, for the comparison.
        images_ahead: How many images the engine is going to run.
        stem: Where an exported model may be written; engines add suffixes of their own.
        before: What ``"auto"`` has given a training that goes on now. It gives that again, so that
            the numbers are the same, and another one only where that cannot run any more.
        registry: The engines; those that are installed where None.
        reference: Keras, with which all others are compared; a `KerasEngine` where None.

    Raises:
        EngineError: The engine is unknown; or it was asked for by name and is not installed,
            fails to export or disagrees with Keras.
    """
    registry = registry or installed_engines()
    trial = Trial(trunk, sample, stem, reference)
    if asked == "auto":
        return _automatic(trial, images_ahead, before, registry)
    engine = _named(asked, trial, registry)
    return Choice(engine, f"{asked}, as asked", ms=measured_ms(stem, registry))


def measured_ms(stem: Path, registry: EngineRegistry | None = None) -> Mapping[str, float]:
    """Return the milliseconds an image that were measured for a trunk on this machine, if any.

    Args:
        stem: As for `choose_engine`.
        registry: The engines; those that are installed where None.
    """
    decided = Decisions(stem, (registry or installed_engines()).specs).read()
    return {} if decided is None else decided.ms


def forget_choice(stem: Path, registry: EngineRegistry | None = None) -> None:
    """Forget what was decided for a trunk on this machine: its engine went wrong later.

    Args:
        stem: As for `choose_engine`.
        registry: The engines; those that are installed where None.
    """
    Decisions(stem, (registry or installed_engines()).specs).forget()


def _named(name: str, trial: Trial, registry: EngineRegistry) -> Engine:
    spec = registry.get(name)
    if name == "keras":
        return trial.keras
    missing = missing_for(spec)
    if missing:
        raise EngineError(
            f"engine={name!r} needs something that is not here: {missing}. Or take engine='auto'."
        )
    low = low_precision(trial.trunk)
    try:
        return agreeing(spec, trial)
    except EngineError as error:
        if not low:
            raise
        raise EngineError(
            f"engine={name!r} does not give what this trunk gives, whose layers compute in {low} "
            f"({one_line(name, error)}). Take engine='keras' or 'auto', or "
            "keras.config.set_dtype_policy('float32') before the training."
        ) from error


def _automatic(trial: Trial, images_ahead: int, before: str, registry: EngineRegistry) -> Choice:
    decisions = Decisions(trial.stem, registry.specs)
    choice, lost = _known(decisions.read(), trial, images_ahead, before, registry)
    if choice is not None:
        return choice
    choice = fastest(trial, images_ahead, registry.rivals())
    if choice.ms:
        proof = _proof(choice, trial.stem, registry)
        decisions.write(Decision(choice.engine.name, choice.why, proof, choice.images, choice.ms))
    return replace(choice, why=choice.why + lost)


def _known(
    decided: Decision | None,
    trial: Trial,
    images_ahead: int,
    before: str,
    registry: EngineRegistry,
) -> tuple[Choice | None, str]:
    """Return the choice that was made before, if any, and why an engine is none any more."""
    lost = ""
    holds = decided is not None and images_ahead <= decided.images
    if decided is not None and (decided.engine == before if before else holds):
        try:
            engine = _as_decided(decided, trial, registry)
            if engine is not None:
                why = f"{decided.why}; as measured before"
                return Choice(engine, why, decided.images, decided.ms), lost
        except Exception as error:  # noqa: BLE001 - said in the notice; all are compared again
            lost = f"; no longer {one_line(decided.engine, error)}"
    if before and not lost:
        try:
            engine = _named(before, trial, registry)
            ms = {} if decided is None else decided.ms
            return Choice(engine, f"{before}, as before in this run", images=0, ms=ms), lost
        except EngineError as error:
            lost = f"; no longer {one_line(before, error)}"
    return None, lost


def _as_decided(decided: Decision, trial: Trial, registry: EngineRegistry) -> Engine | None:
    """Return the engine that was decided on; None where it would have to be exported again."""
    if decided.engine == "keras":
        return trial.keras
    spec = registry.get(decided.engine)
    kept = spec.files(trial.stem)
    if spec.reads and not kept:
        return None
    if not decided.proof or proof_of(kept) != decided.proof:
        return agreeing(spec, trial)
    engine = spec.make(trial.trunk, trial.stem)
    output = engine.run(trial.sample[:1])
    if output.shape[1:] != trial.trunk.output_shape[1:] or not np.isfinite(output).all():
        raise EngineError(f"{spec.name} gives other numbers than it gave.")
    return engine


def _proof(choice: Choice, stem: Path, registry: EngineRegistry) -> str:
    if choice.engine.name == "keras":
        return ""
    return proof_of(registry.get(choice.engine.name).files(stem))
