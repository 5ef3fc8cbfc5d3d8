"""Curves on disk: one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._disk.records import Record
from tlkit.errors import LearningRateError
from tlkit.learning_rate.curve import LRCurve, selector_name
from tlkit.learning_rate.selectors.builtin import (
    MinimumOverTen,
    Selector,
    SmoothedMinimum,
    Steepest,
    Valley,
)
from tlkit.learning_rate.selectors.share_of_fall import ShareOfFall
from tlkit.learning_rate.selectors.smoothing import Floats

CURVE = Record("tlkit learning-rate curve", 1)
_SELECTORS: dict[str, type[SmoothedMinimum | ShareOfFall | Steepest | Valley | MinimumOverTen]] = {
    kind.__name__: kind for kind in (SmoothedMinimum, ShareOfFall, Steepest, Valley, MinimumOverTen)
}


def save_curve(curve: LRCurve, path: Path) -> Path:
    """Writes ``curve`` to ``path``, whole or not at all, and returns the path.

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


def load_curve(path: Path, selector: Selector | None = None) -> LRCurve:
    """Reads a curve that :func:`save_curve` wrote.

    Raises:
        LearningRateError: If the file is missing, is no saved curve, or was saved with a selector
            that is not one of tlkit's own and ``selector`` is None.
    """
    document = _read(path)
    chosen = _selector(document, path) if selector is None else selector
    try:
        curve = LRCurve(
            document["learning_rates"],
            document["losses"],
            _series(document["accuracies"]),
            selector=chosen,
            validation_losses=_series(document["validation_losses"]),
            stop_reason=document["stop_reason"],
        )
        curve.n_cut = int(document["n_cut"])
    except (KeyError, TypeError) as error:
        raise _not_a_curve(path, repr(error)) from error
    return curve


def _document(curve: LRCurve) -> dict[str, Any]:
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


def _selector_record(selector: Selector) -> dict[str, Any]:
    own = isinstance(selector, tuple(_SELECTORS.values()))
    settings = vars(selector) if own else {}
    return {"name": selector_name(selector), "own": own, "settings": settings}


def _selector(document: Mapping[str, Any], path: Path) -> Selector:
    record = document.get("selector")
    if not isinstance(record, dict):
        raise _not_a_curve(path, "it names no selector")
    name = record.get("name")
    if record.get("own") and name in _SELECTORS:
        return _SELECTORS[name](**record.get("settings", {}))
    raise LearningRateError(
        f"{path} was saved with the selector {name!r}, which is not one of tlkit's own. "
        "Give it again: LRCurve.load(path, selector=...)."
    )


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
