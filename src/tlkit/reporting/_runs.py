"""What was run, read from run directories as plain JSON or from results in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from tlkit.errors import EvaluationError

SEARCH = "search"  # what a search is called that belongs to no stage


@dataclass(frozen=True)
class Part:
    """One training, or one learning-rate search.

    Args:
        settings: What a run directory keeps of the trainer and the data; None for a result in
            memory, which does not know.
        stages: One account per finished stage, as in ``result.json``.
        curves: Learning-rate searches by stage name: lists of rates and losses, suggestions.
        model: The trained model, its file, or None.
        folder: Where it was read.
    """

    settings: dict[str, Any] | None
    stages: tuple[dict[str, Any], ...]
    curves: dict[str, dict[str, Any]]
    model: Any = None
    folder: Path | None = None


@dataclass(frozen=True)
class Run:
    """Trainings that belong together, in order.

    Args:
        name: What to call them.
        parts: Each training.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def stages(self) -> tuple[dict[str, Any], ...]:
        """The stages of all parts."""
        return tuple(stage for part in self.parts for stage in part.stages)

    @property
    def curves(self) -> list[tuple[str, dict[str, Any]]]:
        """The searches of all parts."""
        return [(name, curve) for part in self.parts for name, curve in part.curves.items()]

    @property
    def histories(self) -> list[tuple[str, dict[str, list[float]]]]:
        """Each stage's name and figures by epoch."""
        return [(stage["name"], stage["history"]) for stage in self.stages]

    @property
    def settings(self) -> dict[str, Any] | None:
        """The settings of the first part that has any."""
        return next((part.settings for part in self.parts if part.settings), None)


def read_runs(source: Any) -> tuple[Run, ...]:
    """Read one run or several.

    Args:
        source: A run directory, a training result, a learning-rate curve, a sequence of these that
            belong together; or a mapping of names to any of them.

    Raises:
        EvaluationError: Something is none of these, or is damaged; says what to give.
    """
    if not isinstance(source, Mapping):
        return (Run(_name(source), _parts(source)),)
    if not source:
        raise EvaluationError("there is no run in the mapping; give at least one.")
    return tuple(Run(str(name), _parts(item)) for name, item in source.items())


def _name(source: Any) -> str:
    if isinstance(source, (str, PathLike)):
        return Path(source).resolve().name
    return str(getattr(getattr(source, "model", None), "name", "training"))


def _parts(source: Any) -> tuple[Part, ...]:
    if isinstance(source, Sequence) and not isinstance(source, str):
        return tuple(part for item in source for part in _parts(item))
    if isinstance(source, (str, PathLike)):
        return (_from_folder(Path(source)),)
    if hasattr(source, "stages") and hasattr(source, "model"):
        stages = tuple(stage.to_json() for stage in source.stages)
        curves = {name: _plain_curve(curve) for name, curve in source.curves.items()}
        return (Part(None, stages, curves, source.model),)
    if hasattr(source, "learning_rates") and hasattr(source, "losses"):
        return (Part(None, (), {SEARCH: _plain_curve(source)}),)
    raise EvaluationError(
        f"a report cannot be made of {type(source).__name__}; expected the run_dir of a "
        "StagedTrainer, a TrainingResult, an LRCurve, or a mapping of names to these."
    )


def _from_folder(root: Path) -> Part:
    if not (root / "settings.json").is_file():
        if (root / "curve.json").is_file():
            return Part(None, (), {SEARCH: _read(root / "curve.json")}, folder=root)
        raise EvaluationError(
            f"{root} holds no run: there is no settings.json. Give the run_dir of a StagedTrainer "
            "whose fit() was begun."
        )
    stages, curves = [], {}
    for folder in sorted(root.glob("stages/*/")):
        if (folder / "result.json").is_file():
            stages.append(_stage(folder / "result.json"))
        if (folder / "curve.json").is_file():
            name = stages[-1]["name"] if stages else folder.name
            curves[name] = _read(folder / "curve.json")
    file = root / "model.keras"
    model = file if file.is_file() else None
    return Part(_read(root / "settings.json"), tuple(stages), curves, model, root)


def _stage(file: Path) -> dict[str, Any]:
    stage = _read(file)
    lacking = {"name", "history", "timings", "cut", "notes"} - set(stage)
    if lacking or not isinstance(stage["history"], dict):
        raise _damaged(file, f"it lacks {sorted(lacking) or 'a history'}")
    return stage


def _read(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error
    if not isinstance(data, dict):
        raise _damaged(file, "it is no JSON object")
    return data


def _damaged(file: Path, reason: object) -> EvaluationError:
    return EvaluationError(
        f"{file} cannot be read: {reason}. Train that stage again, or leave its run out."
    )


def _plain_curve(curve: Any) -> dict[str, Any]:
    return {
        "learning_rates": list(map(float, curve.learning_rates)),
        "losses": list(map(float, curve.losses)),
        "suggestions": dict(curve.suggestions),
        "selector": {"name": type(curve.selector).__name__},
        "stop_reason": curve.stop_reason,
    }
