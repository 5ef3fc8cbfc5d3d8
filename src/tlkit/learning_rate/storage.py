"""Curves on disk: one JSON file, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.errors import LearningRateError
from tlkit.learning_rate.curve import LRCurve, selector_name
from tlkit.learning_rate.selectors._recorded import RecordedSelector
from tlkit.learning_rate.selectors.builtin import (
    MinimumOverTen,
    Selector,
    SmoothedMinimum,
    Steepest,
    Valley,
)
from tlkit.learning_rate.selectors.share_of_fall import ShareOfFall
from tlkit.learning_rate.selectors.smoothing import Floats

_FORMAT = "tlkit.LRCurve/1"
_SELECTORS: dict[str, type[SmoothedMinimum | ShareOfFall | Steepest | Valley | MinimumOverTen]] = {
    kind.__name__: kind for kind in (SmoothedMinimum, ShareOfFall, Steepest, Valley, MinimumOverTen)
}


def save_curve(curve: LRCurve, path: Path) -> Path:
    """Writes ``curve`` to ``path`` through a temporary file beside it, and returns the path.

    Raises:
        LearningRateError: If the file cannot be written.
    """
    text = json.dumps(_document(curve), indent=1, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise LearningRateError(
            f"cannot write the curve to {path}: {error}. Choose a folder that can be written."
        ) from error
    return path


def load_curve(
    path: Path, selector: Selector | None = None, *, as_recorded: bool = False
) -> LRCurve:
    """Reads a curve that :func:`save_curve` wrote.

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
        "format": _FORMAT,
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


def _selector(document: Mapping[str, Any], path: Path, as_recorded: bool) -> Selector:
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


def _as_recorded(name: str, document: Mapping[str, Any]) -> Selector:
    rate = document.get("suggestions", {}).get(name)
    refusal = document.get("refusals", {}).get(name, "its answer was not recorded")
    return RecordedSelector(name, None if rate is None else float(rate), refusal)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LearningRateError(f"cannot read the curve {path}: {error}.") from error
    except ValueError as error:
        raise _not_a_curve(path, f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise _not_a_curve(path, f"its format is not {_FORMAT!r}")
    return document


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


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
