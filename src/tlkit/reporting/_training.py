"""What was trained, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tlkit.reporting._runs import Part, Run, history_of
from tlkit.training.result import FrozenWork
from tlkit.training.run_dir.recorded_run import RecordedSettings, RecordedStage


@dataclass(frozen=True)
class StageRow:
    """A stage of a run with its figures, time and what was run of its frozen part."""

    run: str
    stage: RecordedStage

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return max(map(len, self._history.values()), default=0)

    @property
    def finished(self) -> bool:
        """Whether all of it was done."""
        return self.stage.result is not None

    @property
    def best_epoch(self) -> int | None:
        """The epoch that is kept, from 1; None before the first."""
        known = self.stage.result or self.stage.progress
        return known.best_epoch + 1 if known and known.best_epoch >= 0 else None

    @property
    def figure(self) -> str | None:
        """Which accuracy is known, that of validation where there is one."""
        return next((n for n in ("val_accuracy", "accuracy") if self._history.get(n)), None)

    @property
    def accuracy(self) -> float | None:
        """The accuracy in the epoch that is kept."""
        if self.figure is None or self.best_epoch is None:
            return None
        return self._history[self.figure][self.best_epoch - 1]

    @property
    def rate(self) -> str | None:
        """The learning rate; of a stage that is not finished what a search found."""
        known = self.stage.result or self.stage.progress
        rate = known.learning_rate if known else None
        return f"{rate:.3g}" if isinstance(rate, float) else rate

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by kind of work, as far as they are known."""
        if self.stage.result is not None:
            return self.stage.result.timings
        return {"training": self.stage.progress.seconds} if self.stage.progress else {}

    @property
    def seconds(self) -> float:
        """All time."""
        return sum(self.timings.values())

    @property
    def frozen(self) -> FrozenWork | None:
        """What was run of the frozen part; None without one, and before the stage is finished."""
        return self.stage.result.frozen if self.stage.result else None

    @property
    def engine(self) -> str:
        """What gave the features of the training images."""
        if self.frozen is None:
            return ""
        return self.frozen.engine or ("the store" if not self.frozen.passes else "")

    @property
    def _history(self) -> Mapping[str, Sequence[float]]:
        return history_of(self.stage)


@dataclass(frozen=True)
class Totals:
    """What all stages together ran of their frozen parts.

    Args:
        passes: Images that went through one.
        plain_passes: Images that plain Keras would have run through it.
        seconds: Saved at the speeds that were measured; None where none was.
        counted: Stages that have a frozen part.
        timed: Those of them whose speeds are known.
    """

    passes: int
    plain_passes: int
    seconds: float | None
    counted: int
    timed: int

    @property
    def spared(self) -> int:
        """Passes that were not run."""
        return self.plain_passes - self.passes

    @property
    def share(self) -> float:
        """Share of the passes that were not run."""
        return self.spared / self.plain_passes if self.plain_passes else 0.0


@dataclass(frozen=True)
class RunRow:
    """What a run was trained on; a result in memory does not know its settings."""

    name: str
    settings: RecordedSettings | None

    @property
    def image_size(self) -> str | None:
        """The size in pixels."""
        if self.settings is None:
            return None
        size = self.settings.image_size or "default"
        return " x ".join(map(str, size)) if isinstance(size, tuple) else str(size)


def run_rows(runs: Iterable[Run]) -> list[RunRow]:
    """Return what each run was trained on."""
    return [RunRow(run.name, run.settings) for run in runs if run.stages]


def stage_rows(runs: Iterable[Run]) -> list[StageRow]:
    """Return a row for every stage of every run."""
    return [StageRow(run.name, stage) for run in runs for stage in run.stages]


def totals(rows: Iterable[StageRow]) -> Totals | None:
    """Return what all stages together ran and saved, or None where none has a frozen part."""
    counted = [row.frozen for row in rows if row.frozen is not None]
    if not counted:
        return None
    seconds = [work.seconds_saved for work in counted if work.seconds_saved is not None]
    return Totals(
        passes=sum(work.passes for work in counted),
        plain_passes=sum(work.plain_passes for work in counted),
        seconds=sum(seconds) if seconds else None,
        counted=len(counted),
        timed=len(seconds),
    )


@dataclass(frozen=True)
class Settings:
    """The settings of one training, for people."""

    run: str
    stages: str
    settings: RecordedSettings


def settings_of(runs: Iterable[Run]) -> list[Settings]:
    """Return the settings of every training that was kept in a run directory."""
    return [
        Settings(run.name, ", ".join(stage.name for stage in part.stages), part.settings)
        for run in runs
        for part in run.parts
        if part.settings is not None
    ]


def unfinished(runs: Iterable[Run]) -> list[str]:
    """Say of which trainings not all stages are finished."""
    parts = [(run, part) for run in runs for part in run.parts]
    return [_how_far(run, part) for run, part in parts if _first_open(part) is not None]


def _first_open(part: Part) -> RecordedStage | None:
    return next((stage for stage in part.stages if stage.name and not stage.result), None)


def _how_far(run: Run, part: Part) -> str:
    done = sum(stage.result is not None for stage in part.stages)
    told = f"{run.name}: {done} of {len(part.stages)} stages are finished"
    cut = _first_open(part)
    if cut is None or cut.progress is None:
        return told
    of = f" of {cut.epochs}" if cut.epochs else ""
    return f"{told}; {cut.name} reached epoch {cut.progress.epoch}{of}"
