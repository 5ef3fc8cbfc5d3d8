"""Images on their way through a trunk: what is stored is read, what is missing is run once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit.data.batches import PixelCache, batch_slices
from tlkit.errors import CacheError
from tlkit.features.engines.checked import CheckedEngine, FaultyEngineError
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import Engine
from tlkit.features.engines.precision import variant
from tlkit.features.engines.registry import installed_engines
from tlkit.features.outputs import Pixels
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.store.rows import FeatureRows
from tlkit.features.trunk import Trunk
from tlkit.features.workers._dispatch import Spread

# A data set makes about so many shards: a process that is killed loses one of them.
SHARDS = 64
SMALLEST_SHARD = 256
WAIT_S = 0.2
# So often are features computed that cannot be read again afterwards.
ATTEMPTS = 3

Progress = Callable[[str, int, int], None]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Plan:
    """How images are to go through a trunk.

    Args:
        engine: ``"auto"`` or the name of an installed engine; see `choose_engine`.
        before: Name of the engine that is to be given again where there is a choice of engine or
            precision, or empty; see `choose_engine` and `variant`.
        images_ahead: How many images will go through, as far as is known; what an export is
            worth depends on it.
        executor: Its workers compute what is missing, where images lie in files or arrays; None
            for this process alone.
        progress: Called as ``progress(what, done, total)`` while images go through.

    Raises:
        EngineError: No engine has that name.
    """

    engine: str = "auto"
    before: str = ""
    images_ahead: int = 0
    executor: Executor | None = None
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        if self.engine != "auto":
            installed_engines().get(self.engine)  # a wrong name is told before any work

    def readable(self, trunk: Trunk, pixels: Pixels) -> tuple[str, ...]:
        """Return the names of the engines whose stored features may be used.

        At a precision that is to be found out, that is the one that is taken alone.
        """
        names = (self.engine,) if self.engine != "auto" else installed_engines().names()
        if trunk.asked.exact:
            return (self.before,) if self.before and self.engine == "auto" else names
        if self.before:
            return (self.before,)
        if trunk.asked.precision == "auto":
            return (self.choice(trunk, pixels).engine.name,)
        return tuple(variant(name, trunk.asked.precision) for name in names)

    def choice(self, trunk: Trunk, pixels: Pixels) -> Choice:
        """Return the engine that is to run a trunk; see `Trunk.choice`."""
        return trunk.choice(pixels, self.engine, self.images_ahead, self.before)


@dataclass(frozen=True)
class Extracted:
    """What images gave.

    Args:
        rows: Features of all of them, in their order, read-only.
        engine: Name of the engine that gave them, now or earlier.
        passes: How many images went through the trunk for it; those that were stored did not.
        ms: Milliseconds for an image by the engine's name; empty where none were measured.
        notes: What there is to say, for people.
        check: What the precision of the engine does, where it is below float32 and known.
    """

    rows: FeatureRows
    engine: str
    passes: int = 0
    ms: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    check: PrecisionCheck | None = None


def extracted(
    trunk: Trunk, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan | None = None
) -> Extracted:
    """Return the trunk's output for every image, from the store.

    Each distinct image that no engine that may be used has seen yet is run once, and stays in the
    store however images are split, ordered and labelled later.

    Args:
        trunk: What is run.
        pixels: The images at the trunk's size.
        ids: SHA-256 of each image's content, `ImageDataset.image_digests`.
        plan: How; what can be found out where None.

    Raises:
        EngineError: No engine can run the trunk, or it draws random numbers at inference.
        CacheError: The store cannot be written.
        DamagedImageError: An image cannot be read.
    """
    plan = plan or Plan()
    for name in plan.readable(trunk, pixels):
        stored = trunk.table(name).rows(ids)
        if stored is not None:
            check = trunk.check(name)
            told = (f"precision: {check}",) if check else ()
            notes = (f"features of {len(pixels)} images read from the store", *told)
            ms = check.ms if check else trunk.measured_ms
            return Extracted(stored, name, ms=ms, notes=notes, check=check)
    choice = plan.choice(trunk, pixels)
    while True:
        try:
            return _run(trunk, choice, pixels, ids, plan)
        except FaultyEngineError as fault:
            choice = trunk.instead(choice, fault, plan.engine)  # once: nothing can replace Keras


def _run(
    trunk: Trunk, choice: Choice, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan
) -> Extracted:
    """Have an engine run what is missing, and return all of it from the store."""
    missing = _Missing(trunk, choice.engine, pixels, ids, plan)
    table, passes = trunk.table(choice.engine.name), 0
    for _ in range(ATTEMPTS):  # again where stored features turn out to be damaged
        passes += missing.complete()
        if isinstance(choice.engine, CheckedEngine):
            choice.engine.compare_last()
        stored = table.rows(ids)
        if stored is not None:
            notes = (f"engine: {choice.why}", *filter(None, [missing.failed]))
            check = trunk.check(choice.engine.name)
            return Extracted(stored, choice.engine.name, passes, choice.ms, notes, check)
    raise _cannot_keep(table.folder)


def _cannot_keep(folder: Path) -> CacheError:
    return CacheError(
        f"Features were written to {folder} {ATTEMPTS} times and were damaged or gone when they "
        "were read again. Look at that disk, or give another folder with cache=PATH or "
        "TLKIT_CACHE_DIR."
    )


class _Missing:
    """Have the images run that are missing, together with others who are at it too."""

    def __init__(
        self, trunk: Trunk, engine: Engine, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan
    ) -> None:
        self._trunk, self._engine, self._pixels, self._ids = trunk, engine, pixels, ids
        self._progress = plan.progress
        self._spread: Spread | None = None
        # Workers know images by their place in a data set; views of them have none.
        if plan.executor is not None and isinstance(pixels, PixelCache):
            self._spread = Spread(plan.executor, trunk, engine.name, pixels, ids, self._add)

    @property
    def failed(self) -> str:
        """Why workers left something to this process; empty where they did not."""
        return self._spread.failed if self._spread else ""

    def complete(self) -> int:
        """Run what is missing until nothing is, and return how many images were run for this."""
        rows = max(SMALLEST_SHARD, -(-len(self._ids) // SHARDS))
        batch = self._trunk.batch(self._engine.name)
        rows = -(-rows // batch) * batch
        table, passes = self._trunk.table(self._engine.name), 0
        before, in_vain, waiting = len(self._ids) + 1, 0, False
        while len(missing := table.missing(self._ids)):
            in_vain = in_vain + 1 if passes and len(missing) >= before and not waiting else 0
            if in_vain == ATTEMPTS:
                raise _cannot_keep(table.folder)
            before = len(missing)
            done = len(self._ids) - len(missing)
            parts = [missing[part] for part in batch_slices(len(missing), rows)]
            if self._spread is not None and not self._spread.failed:
                added = self._spread.add(parts, done, self._progress)
                waiting = not added and not self._spread.failed
            else:
                added = self._add_all(parts, done)
                waiting = not added
            passes += added
            if waiting:
                time.sleep(WAIT_S)  # for another process, which has all that is left
        return passes

    def _add_all(self, parts: list[NDArray[np.intp]], done: int) -> int:
        added = 0
        for part in parts:
            if self._add(part, partial(self._show, done)):
                added += len(part)
            done += len(part)
        return added

    def _add(self, part: NDArray[np.intp], show: Callable[[int], None] = lambda _: None) -> bool:
        return self._trunk.add(self._engine, self._pixels, part, self._ids[part], show)

    def _show(self, before: int, done: int) -> None:
        self._progress("features", before + done, len(self._ids))
