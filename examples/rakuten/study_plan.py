"""What a study will take on this machine, and what would change that, told before it is begun."""

from __future__ import annotations

import resource
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from foreseen import Foreseen, Network, foresee
from otherwise import Otherwise, with_machines, with_precision, with_views, with_workers
from protocol import STAGE_TITLES
from published import STAGES, Trial
from study import Study
from tables import markdown

import tlkit
from tlkit.features.engines.precision import LOW, able
from tlkit.features.store.store import open_store
from tlkit.training.planning.duration import Duration, seconds_text, total
from tlkit.training.planning.plan import size_text

VIEWS = 4
WORKERS = (2, 4)
# docs/how-it-works.md, "On a GPU": one H200 and 16 cores, EfficientNet-Lite0 at 128 pixels on JAX.
GPU_DECODED_A_SECOND, GPU_RUN_A_SECOND = 1605, 2333


@dataclass(frozen=True)
class StudyPlan:
    """What a study will take; it prints as a table.

    Args:
        train: Training pictures.
        validation: Validation pictures.
        kept: How many candidates go on to stages 2 to 5.
        trainings: What each training will take; there are ``share`` of each.
        with_views: Those of stages 2, 3 and 5, if they kept a few views of each picture.
        looking: To look at each file for damage, once.
        building: To build each network once, before anything is trained.
        free: Bytes that are free on the fullest disk that is written to; None if nothing is.
        resident: Bytes that this process has now, with its networks and libraries.
        precisions: Below float32 that the frozen part could have here, if it has float32.
        notes: What there is to say.
    """

    train: int
    validation: int
    kept: int
    trainings: tuple[Foreseen, ...]
    with_views: tuple[Foreseen, ...]
    looking: Duration
    building: Duration
    free: int | None
    resident: int
    precisions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def time(self) -> Duration:
        """For all of it."""
        parts = [one.time * one.share for one in self.trainings]
        return total([self.looking, self.building, *parts])

    @property
    def disk(self) -> int:
        """Bytes that are written."""
        return int(sum((one.feature_bytes + one.run_bytes) * one.share for one in self.trainings))

    @property
    def memory(self) -> int:
        """Bytes of pictures and features that are held at one time."""
        return max(one.memory_bytes for one in self.trainings)

    @property
    def enough_disk(self) -> bool:
        """Whether all that is written fits."""
        return self.free is None or self.disk <= self.free

    def of_stage(self, stage: int) -> list[Foreseen]:
        """Return the trainings of a stage."""
        return [one for one in self.trainings if one.stage == stage]

    @property
    def otherwise(self) -> tuple[Otherwise, ...]:
        """What would change it, from the same figures."""
        given = (self.trainings, self.time)
        return (
            *with_views(*given, self.with_views),
            *(with_workers(*given, self.kept, self.resident, count) for count in WORKERS),
            *(with_machines(*given, self.kept, count) for count in WORKERS),
            *(with_precision(*given, each) for each in self.precisions),
        )

    @property
    def gpu_seconds(self) -> float:
        """What pictures take at least that a GPU is fed with, at the rate that was measured."""
        passes = sum(one.passes * one.share for one in self.trainings)
        return passes / min(GPU_DECODED_A_SECOND, GPU_RUN_A_SECOND)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        changes = [asdict(each) for each in self.otherwise]
        more = {"time": asdict(self.time), "disk": self.disk, "memory": self.memory}
        return {**asdict(self), **more, "otherwise": changes, "gpu_seconds": self.gpu_seconds}

    def __str__(self) -> str:
        head = f"{self.train:,} training and {self.validation:,} validation pictures\n"
        columns = ("Stage", "what", "trainings", "passes", "plain Keras", "time", "between", "disk",
                   "memory")  # fmt: skip
        return "\n".join([head, markdown(columns, self._rows()), "", *self._lines()])

    def _rows(self) -> Iterator[Sequence[str]]:
        yield "", "look at each file", "", "", "", *_times(self.looking), "", ""
        yield "", "build each network", "", "", "", *_times(self.building), "", ""
        for stage, title in STAGE_TITLES.items():
            parts = self.of_stage(stage)
            if parts:
                yield str(stage), title, *_sums(parts)
        yield "all", "", *_sums(self.trainings)[:3], *_times(self.time), *_sums(self.trainings)[5:]

    def _lines(self) -> Iterator[str]:
        used = self.memory + self.resident
        yield (
            f"memory: {size_text(self.memory)} of pictures and features beside "
            f"{size_text(self.resident)} that the process has now: about {size_text(used)}"
        )
        if self.free is not None and not self.enough_disk:
            free = size_text(self.free)
            yield f"WARNING: {size_text(self.disk)} will be written; {free} are free"
        yield "\nWhat would change it:"
        for each in self.otherwise:
            yield (
                f"  {each.change}: {seconds_text(each.low)} to {seconds_text(each.high)}, disk "
                f"{size_text(each.disk)}, memory {size_text(each.memory)}; {each.note}"
            )
        yield (
            f"  a GPU: not measured for these networks. Where {GPU_DECODED_A_SECOND:,} pictures a "
            f"second are decoded (16 cores) and {GPU_RUN_A_SECOND:,} of 128 pixels run through "
            "EfficientNet-Lite0 (one H200, JAX), the frozen parts alone would take at least "
            f"{seconds_text(self.gpu_seconds)}; larger networks take longer"
        )
        yield from ("", *self.notes) if self.notes else ()


def networks_of(study: Study) -> dict[tuple[str, int], list[Trial]]:
    """Return the candidates of stage 1 by the network that they train."""
    found: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    for trial in study.profile.trials:
        found[trial.backbone, trial.image_size].append(trial)
    return dict(found)


def later_trials(study: Study) -> list[Trial]:
    """Return who may go on to stages 2 to 5: whom the study kept, else the first of each backbone.

    Which of them are kept is known after stage 1 alone.
    """
    first: dict[str, Trial] = {}
    for trial in study.profile.trials:
        first.setdefault(trial.backbone, trial)
    as_published = study.profile.kept == len(STAGES) and set(STAGES) <= set(first)
    return [first[name] for name in (STAGES if as_published else first)]


def plan_study(study: Study) -> StudyPlan:
    """Return the plan of a study, of which nothing is run.

    Files are read once, for their digests, which the store remembers; a few batches are timed.
    """
    with open_store(True) as store:
        scans = store.scans()
        for part in (study.train, study.validation):
            part.scan(scans, decoded=False).raise_if_any()
        scans.save()
    later, networks, timings = later_trials(study), [], tlkit.PlanTimings()
    for trials in networks_of(study).values():
        study.say(f"planning {trials[0].backbone} at {trials[0].image_size} pixels")
        networks.append(foresee(study, trials, later, VIEWS, timings))
    return StudyPlan(
        train=len(study.train),
        validation=len(study.validation),
        kept=study.profile.kept,
        trainings=_all(network.trainings for network in networks),
        with_views=_all(network.with_views for network in networks),
        looking=networks[0].looking,
        building=total(network.building for network in networks),
        free=min((x.free for x in networks if x.free is not None), default=None),
        resident=_resident(),
        precisions=_precisions(study),
        notes=tuple(_notes(study, later, networks)),
    )


def _all(parts: Iterable[tuple[Foreseen, ...]]) -> tuple[Foreseen, ...]:
    return tuple(one for part in parts for one in part)


def _sums(parts: Sequence[Foreseen]) -> tuple[str, ...]:
    """Return the cells of a row: how many trainings, and what they take together."""
    shares = [one.share for one in parts]

    def summed(values: Iterable[int]) -> float:
        return sum(value * share for value, share in zip(values, shares, strict=True))

    passes = summed(one.passes for one in parts)
    plain = summed(one.plain_passes for one in parts)
    disk = summed(one.feature_bytes + one.run_bytes for one in parts)
    memory = max(one.memory_bytes for one in parts)
    sizes = (size_text(int(disk)), size_text(memory))
    times = _times(total(one.time * one.share for one in parts))
    return (f"{sum(shares):.3g}", f"{passes:,.0f}", f"{plain:,.0f}", *times, *sizes)


def _times(time: Duration) -> tuple[str, str]:
    low, high = map(seconds_text, (time.low, time.high))
    return seconds_text(time.seconds), f"{low} - {high}"


def _notes(study: Study, later: Sequence[Trial], networks: Sequence[Network]) -> Iterator[str]:
    yield from (network.note for network in networks if network.note)
    if len(later) > study.profile.kept:
        yield (
            f"stages 2 to 5: {study.profile.kept} of {len(later)} backbones go on, which ones is "
            "known after stage 1; these rows are means"
        )
    elif len({trial.backbone for trial in study.profile.trials}) > len(later):
        yield "stages 2 to 5: planned for the backbones that the study kept"
    yield "times hold for this machine as busy as it is now"


def _precisions(study: Study) -> tuple[str, ...]:
    if study.trunk_precision != "float32":
        return ()
    specs = [spec for spec in tlkit.list_engines() if study.engine in ("auto", spec.name)]
    return tuple(precision for precision in LOW if able(specs, precision))


def _resident() -> int:
    """Return the most memory that this process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
