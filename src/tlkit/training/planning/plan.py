"""What a training will do, how long it will take and what it needs, as data."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit.training.planning.duration import Duration, seconds_text, total
from tlkit.training.stage_result import FrozenWork, StageResult

# The last three are those of StageResult.timings.
WorkKind = Literal["start", "end", "engine", "images", "features", "search", "training"]
# As in StageResult.timings: what has to be done before the tail is searched or trained.
FEATURES: tuple[WorkKind, ...] = ("engine", "images", "features")
_HEADER = ("stage", "work", "how often", "time", "between")


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
    """What one stage will do; the counts are those that its `StageResult` will tell.

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
        return _table([(self.name, *part.row) for part in self.work])


@dataclass(frozen=True, repr=False)
class DiskNeed(Printed):
    """What a training writes into a folder.

    Args:
        what: "features" or "run directory".
        folder: Where.
        bytes: At most at one time, besides what is there.
        free: Bytes that are free there.
    """

    what: str
    folder: Path
    bytes: int
    free: int

    @property
    def line(self) -> str:
        """The same in words."""
        sizes = f"{size_text(self.bytes)}; {size_text(self.free)} are free in {self.folder}"
        return f"disk for {'the ' * (self.what != 'features')}{self.what}: {sizes}"

    def __repr__(self) -> str:
        return one_line(f"DiskNeed({self.what}, {size_text(self.bytes)}, {self.folder})")

    def __str__(self) -> str:
        return self.line


@dataclass(frozen=True, repr=False)
class TrainingPlan(Printed):
    """What ``fit`` will do, how long it will take on this machine, and what it needs.

    It prints as a table. Times come from a few timed batches and hold for this machine as busy as
    it is now.

    Args:
        train: Training images.
        validation: Validation images, 0 without any.
        start: What is done before the first stage.
        stages: What each stage will do, in order; of one that is finished already, nothing.
        end: What is done after the last stage.
        disk: What is written where.
        memory: Bytes of decoded images and features that are held in memory, at most.
        notes: What there is to say, for people.
        warnings: What will stop the training if nothing is done, such as a full disk.
    """

    train: int
    validation: int
    start: tuple[PlannedWork, ...]
    stages: tuple[StagePlan, ...]
    end: tuple[PlannedWork, ...]
    disk: tuple[DiskNeed, ...]
    memory: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def time(self) -> Duration:
        """For all of it."""
        return total([*(x.time for x in (*self.start, *self.end)), *(x.time for x in self.stages)])

    @property
    def enough_disk(self) -> bool:
        """Whether all that is written fits."""
        return not self.warnings

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        data = asdict(self)
        for place in data["disk"]:
            place["folder"] = str(place["folder"])
        return {**data, "time": asdict(self.time), "enough_disk": self.enough_disk}

    def __repr__(self) -> str:
        stages = ", ".join(stage.name for stage in self.stages)
        return one_line(f"TrainingPlan({stages}: {self.time})")

    def __str__(self) -> str:
        head = f"{counted(self.train, 'training image')}, {self.validation:,} for validation"
        return "\n".join([head, _table([*self._rows()]), *self._lines()])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html.escape(line)}</p>" for line in self._lines())
        return html_table(_HEADER, self._rows()) + told

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for part in self.start:
            yield "", *part.row
        for stage in self.stages:
            yield from ((stage.name, *part.row) for part in stage.work)
            if not stage.work:
                yield stage.name, "finished already", "", "", ""
        for part in self.end:
            yield "", *part.row
        low, high = map(seconds_text, (self.time.low, self.time.high))
        yield "total", "", "", seconds_text(self.time.seconds), f"{low} - {high}"

    def _lines(self) -> Iterator[str]:
        early = [stage.name for stage in self.stages if stage.may_end_early and stage.epochs]
        if early:
            yield f"at most: callbacks may end {' and '.join(map(repr, early))} earlier"
        yield from (place.line for place in self.disk)
        yield f"memory for images and features: up to {size_text(self.memory)}"
        yield from self.notes
        yield from (f"WARNING: {line}" for line in self.warnings)


def _table(rows: list[tuple[str, ...]]) -> str:
    """Return rows under a header, in columns; a stage is named in its first row alone."""
    named = [
        (row[0] if not n or rows[n - 1][0] != row[0] else "", *row[1:])
        for n, row in enumerate(rows)
    ]
    cells = [_HEADER, *named]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADER))]
    right = (2, 3)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def size_text(count: int) -> str:
    """Return bytes as people say them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"
