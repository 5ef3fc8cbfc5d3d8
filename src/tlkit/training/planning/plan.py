"""What a training will do, how long it will take on this machine and what it needs, as data."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit.training.planning.duration import Duration, seconds_text, total
from tlkit.training.planning.stage_plan import HEADER, PlannedWork, StagePlan, work_table


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
        return "\n".join([head, work_table([*self._rows()]), *self._lines()])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html.escape(line)}</p>" for line in self._lines())
        return html_table(HEADER, self._rows()) + told

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


def size_text(count: int) -> str:
    """Return bytes as people say them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"
