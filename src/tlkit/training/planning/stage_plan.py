"""What one stage will do, and how long that will take, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tlkit._printing import Printed, counted, one_line
from tlkit.training.planning.duration import Duration, seconds_text, total
from tlkit.training.stage_result import FrozenWork, StageResult

# The last three are those of StageResult.timings.
WorkKind = Literal["start", "end", "engine", "images", "features", "search", "training"]
# As in StageResult.timings: what has to be done before the tail is searched or trained.
FEATURES: tuple[WorkKind, ...] = ("engine", "images", "features")
HEADER = ("stage", "work", "how often", "time", "between")


@dataclass(frozen=True, repr=False)
class PlannedWork(Printed):
    """A part of a training.

    Args:
        kind: What kind of work it is.
        what: The same in words.
        count: How often it is done.
        unit: What is counted, such as "images" or "steps".
        time: For all of it.
    """

    kind: WorkKind
    what: str
    count: int
    unit: str
    time: Duration

    @property
    def row(self) -> tuple[str, ...]:
        """What a table says of it."""
        often = counted(self.count, self.unit.removesuffix("s")) if self.unit else "once"
        low, high = map(seconds_text, (self.time.low, self.time.high))
        return self.what, often, seconds_text(self.time.seconds), f"{low} - {high}"

    def __repr__(self) -> str:
        return one_line(f"PlannedWork({self})")

    def __str__(self) -> str:
        return "  ".join(self.row)


@dataclass(frozen=True, repr=False)
class StagePlan(Printed):
    """What one stage will do; the counts are those that its ``StageResult`` will tell.

    Args:
        name: The stage's name.
        epochs: Epochs to train; at most, where ``may_end_early``.
        epochs_done: Epochs that are trained already, in a run that goes on.
        may_end_early: Whether callbacks could end it before that, as ``EarlyStopping`` does.
        phases: How often what is trained changes, the first time included.
        steps: Training steps of these epochs.
        evaluations: Passes over the validation images.
        search_rates: Rates that are tried in a search; 0 without one.
        search_steps: Training steps of that search, if it does not end early.
        views: How many views of each image are kept; None where there are none.
        frozen: What is run of the frozen part, as a result tells it; None where all is trained.
        read: Images, views counted each, whose features are there already when they are needed.
        feature_bytes: What is added to the store.
        checkpoint_bytes: Of its largest checkpoint.
        memory_bytes: Of the features that are held in memory at one time.
        work: Its parts, in order.
        epoch: Of it, an epoch on average, with validation and checkpoint.
        validation: Of that, the validation, from features that are there.
        floats: Numbers that the frozen part gives for an image; 0 where all is trained.
    """

    name: str
    epochs: int
    epochs_done: int
    may_end_early: bool
    phases: int
    steps: int
    evaluations: int
    search_rates: int
    search_steps: int
    views: int | None
    frozen: FrozenWork | None
    read: int
    feature_bytes: int
    checkpoint_bytes: int
    memory_bytes: int
    work: tuple[PlannedWork, ...]
    epoch: Duration = field(default_factory=Duration)
    validation: Duration = field(default_factory=Duration)
    floats: int = 0

    @classmethod
    def finished(cls, name: str, result: StageResult) -> StagePlan:
        """Return the plan of a stage that is finished: nothing is left of it.

        Args:
            name: Of the stage.
            result: What it did.
        """
        nothing = (0, 0, 0, 0, 0)
        return cls(name, 0, result.epochs, False, *nothing, None, result.frozen, *nothing[1:], ())

    @property
    def time(self) -> Duration:
        """For all of it."""
        return total(part.time for part in self.work)

    @property
    def timings(self) -> dict[str, Duration]:
        """By kind of work, as ``StageResult.timings`` has them: features, search, training."""
        kinds = {"features": FEATURES, "search": ("search",), "training": ("training",)}
        return {
            name: total(part.time for part in self.work if part.kind in those)
            for name, those in kinds.items()
        }

    def __repr__(self) -> str:
        most = "at most " if self.may_end_early else ""
        epochs = counted(self.epochs, "epoch")
        return one_line(f"StagePlan({self.name!r}, {most}{epochs}, {self.time})")

    def __str__(self) -> str:
        return work_table([(self.name, *part.row) for part in self.work])


def work_table(rows: list[tuple[str, ...]]) -> str:
    """Return rows under a header, in columns; a stage is named in its first row alone."""
    named = [
        (row[0] if not n or rows[n - 1][0] != row[0] else "", *row[1:])
        for n, row in enumerate(rows)
    ]
    cells = [HEADER, *named]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    right = (2, 3)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
