"""The study's plots, as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from outcome import Outcome
from study import Study
from tables import best_outcome

from tlkit.evaluation.plots import plot_confusion, plot_history


def draw_all(study: Study, folder: Path) -> list[Path]:
    """Draw learning curves and the learning-rate search of each backbone, and one confusion matrix.

    Returns:
        The files, in the order drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for trial in study.best_trials():
        name = trial.backbone
        histories = _histories(study, name)
        files.append(
            _draw(
                folder / f"learning_curves_{name}.png",
                (10, 6),
                lambda ax, h=histories, n=name: _titled(plot_history(h, ax=ax), n),
            )
        )
        sweep = study.outcome(4, name)
        if sweep is not None and sweep.curve is not None:
            files.append(
                _draw(
                    folder / f"learning_rate_{name}.png",
                    (9, 6),
                    lambda ax, s=sweep, n=name: _titled(s.curve.plot(ax=ax), n),
                )
            )
    best = best_outcome(study)
    title = f"stage {best.stage} {best.trial.backbone}"
    files.append(
        _draw(
            folder / "confusion.png",
            (12, 11),
            lambda ax: _titled(plot_confusion(best.evaluation, ax=ax), title),
        )
    )
    return files


def _histories(study: Study, backbone: str) -> list[tuple[str, dict[str, list[float]]]]:
    outcomes: list[Outcome | None] = [study.outcome(n, backbone) for n in (1, 2, 3, 5)]
    return [(s.name, s.history) for o in outcomes if o is not None for s in o.stages]


def _titled(axes: Any, name: str) -> None:
    axes.set_title(f"{name}: {axes.get_title()}" if axes.get_title() else name)


def _draw(file: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> Path:
    figure = Figure(figsize=size, layout="constrained")
    draw(figure.add_subplot())
    part = file.with_name(f".{file.name}")
    figure.savefig(part, dpi=120, format="png")
    part.replace(file)
    return file
