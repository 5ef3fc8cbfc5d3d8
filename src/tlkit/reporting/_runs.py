"""What was run: results in memory, run directories and searches, as one kind of thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from tlkit.errors import EvaluationError
from tlkit.evaluation.plots import Histories
from tlkit.learning_rate.curve import LRCurve
from tlkit.training.kept import kept_lines
from tlkit.training.result import TrainingResult
from tlkit.training.run_dir.recorded_run import RecordedSettings, RecordedStage, read_run

RunPart: TypeAlias = str | PathLike[str] | TrainingResult | LRCurve
"""A run_dir, what ``fit`` returned, or a search."""
RunLike: TypeAlias = RunPart | Sequence[RunPart] | Mapping[str, RunPart | Sequence[RunPart]]
"""One run, its parts in order, or several runs by name."""


@dataclass(frozen=True)
class Part:
    """One training, or one learning-rate search, which is a stage without a name.

    Args:
        stages: All that were asked for, in order.
        settings: What a run directory keeps; None for what is in memory, which does not know.
        model: The file of the trained model, the result that has it, which knows its thresholds
            and how its pictures are read, or None.
        class_names: What was trained on; None where that is not known.
        kept: Lines on which stage's weights the model has; none where there was no choice.
    """

    stages: tuple[RecordedStage, ...]
    settings: RecordedSettings | None = None
    model: Any = None
    class_names: tuple[str, ...] | None = None
    kept: tuple[str, ...] = ()


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
    def stages(self) -> tuple[RecordedStage, ...]:
        """The stages of all parts, without searches that belong to none."""
        return tuple(stage for part in self.parts for stage in part.stages if stage.name)

    @property
    def searches(self) -> list[tuple[str, LRCurve]]:
        """All searches with the name of their stage."""
        stages = (stage for part in self.parts for stage in part.stages)
        return [(stage.name, stage.curve) for stage in stages if stage.curve is not None]

    @property
    def histories(self) -> Histories:
        """Name and figures by epoch of each stage that has any."""
        known = [(stage.name, history_of(stage)) for stage in self.stages]
        return [(name, history) for name, history in known if history]

    @property
    def model(self) -> Any:
        """That of the last part that has one, or None; see `Part`."""
        return next((part.model for part in reversed(self.parts) if part.model is not None), None)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes of that part; where there is no model, those of the last part."""
        known = [part for part in self.parts if part.class_names]
        with_model = [part for part in known if part.model is not None]
        return next((part.class_names for part in reversed(with_model or known)), None)

    @property
    def settings(self) -> RecordedSettings | None:
        """The settings of the first part that has any."""
        return next((part.settings for part in self.parts if part.settings), None)


def history_of(stage: RecordedStage) -> Mapping[str, Sequence[float]]:
    """Return the figures by epoch, of an unfinished stage up to its last checkpoint."""
    known = stage.result or stage.progress
    return known.history if known else {}


def read_runs(source: RunLike) -> tuple[Run, ...]:
    """Read one run or several.

    Args:
        source: A run directory, a training result, a learning-rate curve, a sequence of these that
            belong together; or a mapping of names to any of them.

    Raises:
        EvaluationError: Something is none of these; says what to give.
        RunDirectoryError: A run directory holds no run, or a damaged one.
    """
    if not isinstance(source, Mapping):
        return (Run(_name(source), _parts(source)),)
    if not source:
        raise EvaluationError("there is no run in the mapping; give at least one.")
    return tuple(Run(str(name), _parts(item)) for name, item in source.items())


def _name(source: RunPart | Sequence[RunPart]) -> str:
    if isinstance(source, (str, PathLike)):
        return Path(source).resolve().name
    if isinstance(source, TrainingResult):
        return str(source.model.name)
    return "training"


def _parts(source: RunPart | Sequence[RunPart]) -> tuple[Part, ...]:
    if isinstance(source, Sequence) and not isinstance(source, str):
        return tuple(part for item in source for part in _parts(item))
    return (_part(source),)


def _part(source: RunPart) -> Part:
    if isinstance(source, (str, PathLike)):
        run = read_run(Path(source))
        names, kept = run.settings.train.class_names, tuple(run.kept_lines())
        return Part(run.stages, run.settings, run.model, names, kept)
    if isinstance(source, TrainingResult):
        curves = source.curves
        stages = [RecordedStage(x.name, None, x, curves.get(x.name)) for x in source.stages]
        kept = tuple(kept_lines(source.stages, source.keep))
        names = source.class_names
        return Part(tuple(stages), model=source, class_names=names, kept=kept)
    if isinstance(source, LRCurve):
        return Part((RecordedStage("", curve=source),))
    raise EvaluationError(
        f"a report cannot be made of {type(source).__name__}; expected the run_dir of a "
        "StagedTrainer, a TrainingResult, an LRCurve, a sequence of these, or a mapping of names "
        "to these."
    )
