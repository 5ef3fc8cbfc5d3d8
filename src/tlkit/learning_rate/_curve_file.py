"""Curves on disk: one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._disk.records import Record
from tlkit.errors import LearningRateError
from tlkit.learning_rate._recorded_selector import RecordedSelector
from tlkit.learning_rate.selectors.builtin import BUILT_IN
from tlkit.learning_rate.selectors.selector import AnsweredCurve, selector_name
from tlkit.learning_rate.selectors.smoothing import Floats

CURVE = Record("tlkit learning-rate curve", 1)
_SELECTORS = {kind.__name__: kind for kind in BUILT_IN}


@dataclass(frozen=True)
class StoredCurve:
    """What a file says of a curve; the names are those of `tlkit.LRCurve`."""

    learning_rates: Sequence[float]
    losses: Sequence[float]
    accuracies: Sequence[float] | None
    validation_losses: Sequence[float] | None
    selector: Callable[..., float]
    stop_reason: str | None
    n_cut: int


def save_curve(curve: AnsweredCurve, path: Path) -> Path:
    """Write ``curve`` to ``path`` whole or not at all, and return the path.

    Raises:
        LearningRateError: If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        CURVE.write(path, _document(curve))
    except OSError as error:
        raise LearningRateError(
            f"cannot write the curve to {path}: {error}. Choose a folder that can be written."
        ) from error
    return path


def load_curve(
    path: Path, selector: Callable[..., float] | None = None, *, as_recorded: bool = False
) -> StoredCurve:
    """Read a curve that `save_curve` wrote.

    Args:
        path: The file.
        selector: Replaces the saved one.
        as_recorded: Whether the answer that is in the file will do where the selector was a user's
            own, which cannot be read: for those who look at a search and make no other.

    Raises:
        LearningRateError: If the file is missing, is no saved curve, or was saved with a selector
            that is not one of tlkit's own, ``selector`` is None and ``as_recorded`` False.
    """
    document = _read(path)
    chosen = _selector(document, path, as_recorded) if selector is None else selector
    try:
        return StoredCurve(
            document["learning_rates"],
            document["losses"],
            _series(document["accuracies"]),
            _series(document["validation_losses"]),
            chosen,
            document["stop_reason"],
            int(document["n_cut"]),
        )
    except (KeyError, TypeError) as error:
        raise _not_a_curve(path, repr(error)) from error


def _document(curve: AnsweredCurve) -> dict[str, Any]:
    return {
        "selector": _selector_record(curve.selector),
        "suggestions": curve.suggestions,
        "refusals": curve.refusals,
        "stop_reason": curve.stop_reason,
        "n_cut": curve.n_cut,
        "learning_rates": curve.learning_rates.tolist(),
        "losses": curve.losses.tolist(),
        "accuracies": _nullable(curve.accuracies),
        "validation_losses": _nullable(curve.validation_losses),
    }


def _selector_record(selector: Callable[..., float]) -> dict[str, Any]:
    own = isinstance(selector, BUILT_IN)
    settings = vars(selector) if own else {}
    return {"name": selector_name(selector), "own": own, "settings": settings}


def _selector(document: Mapping[str, Any], path: Path, as_recorded: bool) -> Callable[..., float]:
    record = document.get("selector")
    if not isinstance(record, dict):
        raise _not_a_curve(path, "it names no selector")
    name = record.get("name")
    if record.get("own") and name in _SELECTORS:
        return _SELECTORS[name](**record.get("settings", {}))
    if as_recorded:
        return _as_recorded(str(name), document)
    raise LearningRateError(
        f"{path} was saved with the selector {name!r}, which is not one of tlkit's own. "
        "Give it again: LRCurve.load(path, selector=...)."
    )


def _as_recorded(name: str, document: Mapping[str, Any]) -> RecordedSelector:
    rate = document.get("suggestions", {}).get(name)
    refusal = document.get("refusals", {}).get(name, "its answer was not recorded")
    return RecordedSelector(name, None if rate is None else float(rate), refusal)


def _read(path: Path) -> dict[str, Any]:
    try:
        return CURVE.read(path)
    except OSError as error:
        raise LearningRateError(f"cannot read the curve {path}: {error}.") from error
    except ValueError as error:
        raise _not_a_curve(path, str(error)) from error


def _not_a_curve(path: Path, why: str) -> LearningRateError:
    return LearningRateError(
        f"{path} is not a curve saved by this version of tlkit: {why}. "
        "Expected a file written by LRCurve.save()."
    )


def _nullable(values: Floats | None) -> list[float | None] | None:
    if values is None:
        return None
    return [float(v) if np.isfinite(v) else None for v in values]


def _series(values: list[float | None] | None) -> list[float] | None:
    return None if values is None else [np.nan if v is None else v for v in values]
