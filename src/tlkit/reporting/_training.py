"""What was trained, as the page shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tlkit.evaluation.plots import plot_history
from tlkit.evaluation.plots.canvas import axes_or_new
from tlkit.reporting._pictures import Picture, drawn, suggested, sweep
from tlkit.reporting._runs import SEARCH, Part, Run
from tlkit.reporting._savings import Saving, saving

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where things lie on a machine helps nobody who reads the page.
_PRIVATE = "places"


def run_rows(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """What each run was trained on."""
    return [_run_row(run) for run in runs if run.stages or run.settings]


def stage_rows(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Every stage of every run with its figures, time and savings."""
    return [
        _stage_row(run, stage, saving(stage, part.settings, number))
        for run in runs
        for part in run.parts
        for number, stage in enumerate(part.stages)
    ]


def unfinished(runs: Iterable[Run]) -> list[str]:
    """Stages that were asked for and not finished, in words."""
    lines = []
    for run in runs:
        for part in run.parts:
            asked = (part.settings or {}).get("stages") or []
            if len(part.stages) < len(asked):
                lines.append(f"{run.name}: {len(part.stages)} of {len(asked)} stages are finished")
    return lines


def totals(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The savings of all stages together, or None where no stage could be counted."""
    counted = [row["saving"] for row in rows if isinstance(row["saving"], Saving)]
    if not counted:
        return None
    seconds = [saved.seconds for saved in counted if saved.seconds is not None]
    return {
        "plain": sum(saved.plain for saved in counted),
        "run": sum(saved.run for saved in counted),
        "spared": sum(saved.spared for saved in counted),
        "seconds": sum(seconds) if seconds else None,
        "timed": len(seconds),
        "counted": len(counted),
        "stages": len(rows),
    }


def curve_pictures(run: Run) -> list[Picture]:
    """Learning curves through all stages, and each search."""
    pictures = []
    for metric in ("loss", "accuracy"):
        if any(metric in history for _, history in run.histories):
            axes = plot_history(run.histories, _small_axes(), metric=metric)
            pictures.append(drawn(axes, _alt(run, metric), f"{metric.capitalize()} by epoch"))
    for name, curve in run.curves:
        rate = suggested(curve)
        found = "no rate could be chosen" if rate is None else f"{rate:.2g} is suggested"
        alt = f"{run.name}: loss by learning rate; {found}"
        of = "" if name == SEARCH else f" of {name}"
        pictures.append(drawn(sweep(curve), alt, f"Learning-rate search{of}: {found}"))
    return pictures


def setting_texts(run: Run) -> list[dict[str, str]]:
    """The settings of each training as JSON text."""
    return [
        {
            "title": ", ".join(str(stage["name"]) for stage in part.stages) or "not finished",
            "text": json.dumps(_public(part), indent=1, ensure_ascii=False),
        }
        for part in run.parts
        if part.settings is not None
    ]


def _public(part: Part) -> dict[str, Any]:
    return {name: value for name, value in (part.settings or {}).items() if name != _PRIVATE}


def _run_row(run: Run) -> dict[str, Any]:
    settings = run.settings or {}
    backbone = settings.get("backbone")
    if isinstance(backbone, dict):
        backbone = backbone.get("name", "own function")
    train, held_out = settings.get("train") or {}, settings.get("validation") or {}
    weights = settings.get("weights")
    return {
        "name": run.name,
        "backbone": backbone,
        "image_size": settings.get("image_size"),
        "preprocessing": settings.get("preprocessing"),
        "weights": "random" if weights is None and settings else _weights(weights),
        "train": train.get("count"),
        "validation": held_out.get("count"),
        "classes": len(train["class_names"]) if "class_names" in train else None,
        "fingerprint": str(train["images"])[:8] if "images" in train else None,
        "seed": settings.get("seed"),
        "tlkit": settings.get("tlkit"),
    }


def _weights(given: Any) -> str | None:
    """A name, or the beginning of a file's digest."""
    text = None if given is None else str(given)
    return f"file {text[:12]}" if text and re.fullmatch("[0-9a-f]{64}", text) else text


def _stage_row(run: Run, stage: dict[str, Any], saved: Saving | str) -> dict[str, Any]:
    history, best = stage["history"], stage["best_epoch"]
    figure = next((n for n in ("val_accuracy", "accuracy") if history.get(n)), None)
    rate = stage["learning_rate"]
    return {
        "run": run.name,
        "name": stage["name"],
        "epochs": len(history.get("loss", ())),
        "best_epoch": best + 1,
        "figure": figure,
        "accuracy": history[figure][best] if figure else None,
        "rate": f"{rate:.3g}" if isinstance(rate, float) else str(rate),
        "layers": len(stage["trained_layers"]),
        "weights": stage["trained_parameters"],
        "cut": stage["cut"],
        "timings": stage["timings"],
        "seconds": sum(stage["timings"].values()),
        "notes": stage["notes"],
        "saving": saved,
    }


def _small_axes() -> Axes:
    return axes_or_new(None, (5, 3.4))


def _alt(run: Run, metric: str) -> str:
    ends = [
        f"{name} ends at {history[metric][-1]:.3f}"
        + (
            f", in validation {history['val_' + metric][-1]:.3f}"
            if f"val_{metric}" in history
            else ""
        )
        for name, history in run.histories
        if history.get(metric)
    ]
    return f"{run.name}: {metric} by epoch; {'; '.join(ends)}"
