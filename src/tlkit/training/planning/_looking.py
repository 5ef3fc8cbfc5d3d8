"""The look at each file before a training begins."""

from __future__ import annotations

import time

import numpy as np

from tlkit.data.labelled_images import LabelledImages
from tlkit.data.scans import NothingKnown
from tlkit.training.planning._store import RehearsalStore, SeenScans
from tlkit.training.planning.duration import Duration
from tlkit.training.planning.stage_plan import PlannedWork

_LOOKED_AT = 24  # files


def looking(
    store: RehearsalStore, train: LabelledImages, validation: LabelledImages | None
) -> list[PlannedWork]:
    """Return the look at each file that the store does not know.

    Raises:
        DamagedImageError: One cannot be read at all.
    """
    seen = SeenScans(store.scans())
    for data in (train, validation):
        if data is not None:
            data.scan(seen, decoded=False).raise_if_any()
    if not seen.unread:
        return []
    chosen = np.linspace(0, len(train) - 1, min(_LOOKED_AT, len(train))).astype(int)
    times = []
    for part in np.array_split(chosen, 2):
        begun = time.perf_counter()
        train.subset(part).scan(NothingKnown()).raise_if_any()
        times.append((time.perf_counter() - begun) / max(1, len(part)))
    time_of_all = Duration.of(times) * seen.unread
    return [PlannedWork("start", "look at each file for damage", seen.unread, "files", time_of_all)]
