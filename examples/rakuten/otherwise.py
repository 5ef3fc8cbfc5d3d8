"""What views, more processes or more machines would make of a study, from the plan's figures."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from foreseen import Foreseen

from tlkit.training.planning.duration import Duration, total

# docs/how-it-works.md, "Below float32": EfficientNet-Lite0 at 128 pixels, two cores with AMX.
OF_FLOAT32 = {"bfloat16": 0.57, "int8": 0.63}


@dataclass(frozen=True)
class Otherwise:
    """What one change would make of it.

    Args:
        change: What is changed, in words.
        low: Seconds for the whole study, if all goes as well as it can.
        high: If little is gained.
        disk: Bytes that are written.
        memory: Bytes of pictures and features that are held at one time, and of more processes.
        note: What decides between the two.
    """

    change: str
    low: float
    high: float
    disk: int
    memory: int
    note: str


def with_views(
    trainings: Sequence[Foreseen], time: Duration, viewed: Sequence[Foreseen]
) -> Iterator[Otherwise]:
    """Yield what a few views of each picture make of stages 2, 3 and 5, if those are planned.

    Args:
        trainings: Of the plan.
        time: Of the whole study.
        viewed: The same trainings with views.
    """
    if not viewed:
        return
    stages = {one.stage for one in viewed}
    rest = [one for one in trainings if one.stage not in stages]
    fixed = time.seconds - sum(one.time.seconds * one.share for one in trainings)
    taken = total(one.time * one.share for one in (*rest, *viewed))
    views = viewed[0].what.split(", ")[-1]
    yield Otherwise(
        change=f"stages 2, 3 and 5 with {views}, Stage(views=...)",
        low=fixed + taken.low,
        high=fixed + taken.high,
        disk=int(sum((x.feature_bytes + x.run_bytes) * x.share for x in (*rest, *viewed))),
        memory=max(one.memory_bytes for one in trainings),
        note="other trainings than with a fresh change in every epoch",
    )


def with_workers(
    trainings: Sequence[Foreseen], time: Duration, kept: int, resident: int, workers: int
) -> Otherwise:
    """Return what ``--workers`` makes of it.

    Args:
        trainings: Of the plan.
        time: Of the whole study.
        kept: How many candidates go on to stages 2 to 5.
        resident: Bytes that a process has beside pictures and features.
        workers: How many.
    """
    return Otherwise(
        change=f"--workers {workers}",
        low=_spread(trainings, time, kept, workers),
        high=time.seconds,
        disk=_disk(trainings),
        memory=workers * (resident + max(one.memory_bytes for one in trainings)),
        note=f"the first with {workers} times these cores, the other with these alone",
    )


def with_machines(
    trainings: Sequence[Foreseen], time: Duration, kept: int, machines: int
) -> Otherwise:
    """Return what ``--executor`` makes of it, whose workers are machines like this one.

    Args:
        trainings: Of the plan.
        time: Of the whole study.
        kept: How many candidates go on to stages 2 to 5.
        machines: How many.
    """
    low = _spread(trainings, time, kept, machines)
    awaited = sum(one.features.seconds * one.share for one in trainings) * (1 - 1 / machines)
    return Otherwise(
        change=f"--executor, {machines} such machines",
        low=low,
        high=min(time.seconds, low + awaited),
        disk=_disk(trainings),
        memory=max(one.memory_bytes for one in trainings),
        note="the first if none waits for features that another one computes",
    )


def with_precision(trainings: Sequence[Foreseen], time: Duration, precision: str) -> Otherwise:
    """Return what ``--trunk-precision`` makes of it, by what one network's frozen part gained.

    Args:
        trainings: Of the plan.
        time: Of the whole study.
        precision: A low one that an engine has here.
    """
    frozen = sum(
        (one.features.seconds + one.training.seconds * bool(one.fresh)) * one.share
        for one in trainings
    )
    return Otherwise(
        change=f"--trunk-precision {precision}",
        low=time.seconds - frozen * (1 - OF_FLOAT32[precision]),
        high=time.seconds,
        disk=_disk(trainings),
        memory=max(one.memory_bytes for one in trainings),
        note=f"not measured here: the first if the frozen part takes {OF_FLOAT32[precision]} of "
        "its time, as one network's did, and decoding none; trainings say what it does to figures",
    )


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Return how long tasks take that workers take up in order.

    Example:
        >>> makespan([3, 2, 2, 1], workers=2)
        4
    """
    free = [0.0] * workers
    for task in seconds:
        heapq.heapreplace(free, free[0] + task)
    return max(free)


def _spread(trainings: Sequence[Foreseen], time: Duration, kept: int, workers: int) -> float:
    """Return how long a study takes whose workers are as fast as one process alone."""
    alone = time.seconds - sum(one.time.seconds * one.share for one in trainings if one.stage)
    first = [one.time.seconds for one in trainings if one.stage == 1 and not one.again]
    return alone + makespan(first, workers) + makespan(_chains(trainings, kept), workers)


def _chains(trainings: Sequence[Foreseen], kept: int) -> list[float]:
    """Return the seconds of what each candidate that is kept goes through, one after the other."""
    found: dict[str, float] = defaultdict(float)
    again = sum(one.time.seconds * one.share for one in trainings if one.again)
    for one in trainings:
        if one.stage > 1:
            found[one.trial.backbone] += one.time.seconds
    seconds = list(found.values())
    if len(seconds) > kept:
        seconds = [sum(seconds) / len(seconds)] * kept
    return [again, *seconds]


def _disk(trainings: Sequence[Foreseen]) -> int:
    return int(sum((one.feature_bytes + one.run_bytes) * one.share for one in trainings))
