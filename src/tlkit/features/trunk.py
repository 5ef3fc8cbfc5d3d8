"""A frozen trunk's output for a data set: from the store, or computed once and put there."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tlkit.data.batches import PixelCache, batch_slices
from tlkit.data.decoding.decode import decode_settings
from tlkit.features._determinism import check_steady
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import Engine
from tlkit.features.engines.registry import installed_engines
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.store.rows import FeatureRows
from tlkit.features.store.store import FeatureStore
from tlkit.features.store.table import FeatureTable

if TYPE_CHECKING:
    from tlkit.features.workers.dispatch import Spread

EXTRACT_BATCH = 32
# A data set makes about so many shards: a process that is killed loses one of them.
SHARDS = 64
SMALLEST_SHARD = 256
WAIT_S = 0.2
_log = logging.getLogger("tlkit")

Progress = Callable[[str, int, int], None]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass
class Trunk:
    """A frozen model with its identity, its engine and the store of its outputs.

    Args:
        model: From raw images ``(n, height, width, 3)``, 0..255, to features.
        store: Where features, exported models and engine choices are kept.
        engine: ``"auto"`` or the name of an installed engine; see `choose_engine`.
        progress: Called as ``progress(what, done, total)`` while images go through.
        images_ahead: How many images will go through, as far as is known; what an export is
            worth depends on it.
        dtype: As what features are stored, ``"float32"`` or ``"float16"``.
        executor: Its workers compute what is missing; None for this process alone.
        before: Name of the engine that ``"auto"`` is to give again, or empty; see `choose_engine`.
        used: Name of the engine of the features or of the engine that were given last.
    """

    model: Any
    store: FeatureStore
    engine: str = "auto"
    progress: Progress = no_progress
    images_ahead: int = 0
    dtype: str = "float32"
    executor: Executor | None = None
    before: str = ""
    used: str = ""
    notes: list[str] = field(default_factory=list)
    _choice: Choice | None = None
    _tables: dict[str, FeatureTable] = field(default_factory=dict)
    # Workers that are threads share this object; an engine uses all cores by itself.
    _running: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.engine != "auto":
            installed_engines().get(self.engine)  # a wrong name is told before any work
        self.fingerprint = trunk_fingerprint(self.model)
        self.size: tuple[int, int] = tuple(self.model.input_shape[1:3])

    @property
    def floats(self) -> int:
        """Numbers that the trunk gives for each image."""
        return int(np.prod(self.model.output_shape[1:]))

    @property
    def bytes(self) -> int:
        """What the features of one image take in the store."""
        return self.floats * np.dtype(self.dtype).itemsize

    def features(self, pixels: PixelCache, ids: np.ndarray) -> FeatureRows:
        """Return the trunk's output for every image, from the store.

        Each distinct image that no engine that may be used has seen yet is run once, and stays in
        the store however images are split, ordered and labelled later.

        Args:
            pixels: The images at the trunk's size.
            ids: SHA-256 of each image's content, `ImageDataset.image_digests`.

        Returns:
            Rows of shape ``(len(pixels), ...)`` and ``dtype``, read-only.
        """
        for name in self._engines():
            stored = self._table(name).rows(ids)
            if stored is not None:
                self.used = name
                self.notes.append(f"features of {len(pixels)} images read from the store")
                return stored
        engine = self.ready(pixels)
        table = self._table(engine.name)
        stored = None
        while stored is None:  # again where stored features turn out to be damaged
            self._complete(table, engine, pixels, ids)
            stored = table.rows(ids)
        return stored

    def _engines(self) -> tuple[str, ...]:
        """Return the names of those whose features may be used."""
        if self.engine != "auto":
            return (self.engine,)
        return (self.before,) if self.before else installed_engines().names()

    def _complete(
        self, table: FeatureTable, engine: Engine, pixels: PixelCache, ids: np.ndarray
    ) -> None:
        """Run the images that are missing in a table, together with others who are at it too."""
        rows = max(SMALLEST_SHARD, -(-len(ids) // SHARDS))
        rows = -(-rows // EXTRACT_BATCH) * EXTRACT_BATCH
        spread = self._spread(engine, pixels, ids)
        while len(missing := table.missing(ids)):
            done = len(ids) - len(missing)
            parts = [missing[part] for part in batch_slices(len(missing), rows)]
            if spread is not None and not spread.failed:
                added = spread.add(parts, done, self.progress)
                waiting = not added and not spread.failed
            else:
                waiting = True
                for part in parts:
                    if self.add(
                        engine, pixels, part, ids[part], partial(self._show, len(ids), done)
                    ):
                        waiting = False
                    done += len(part)
            if waiting:
                time.sleep(WAIT_S)  # for another process, which has all that is left

    def _spread(self, engine: Engine, pixels: PixelCache, ids: np.ndarray) -> Spread | None:
        if self.executor is None:
            return None
        from tlkit.features.workers.dispatch import Spread  # which builds trunks of its own

        def add(part: np.ndarray) -> bool:
            return self.add(engine, pixels, part, ids[part])

        return Spread(self.executor, self, engine.name, pixels, ids, add)

    def _show(self, total: int, before: int, done: int) -> None:
        self.progress("features", before + done, total)

    def add(
        self,
        engine: Engine,
        pixels: PixelCache,
        chosen: np.ndarray,
        ids: np.ndarray,
        show: Callable[[int], None] = lambda _: None,
    ) -> bool:
        """Compute and store the features of some images, as one shard.

        Args:
            engine: What runs the trunk.
            pixels: Where the images come from.
            chosen: Their positions there.
            ids: SHA-256 of the content of each of them.
            show: Called with how many of them are done.

        Returns:
            Whether they are there now; False where another process is computing them.
        """
        compute = partial(self._outputs, engine, pixels, chosen, show)
        return self._table(engine.name).add(ids, compute, self.bytes * len(chosen))

    def ready(self, pixels: PixelCache) -> Engine:
        """Return the engine, chosen on the first images and remembered beside the store.

        Raises:
            EngineError: No engine can run the trunk, or it draws random numbers at inference.
        """
        if self._choice is None:
            check_steady(self.model, lambda: pixels[np.arange(min(len(pixels), 2))])
        ahead = max(self.images_ahead, len(pixels))
        if self._choice is None or not self._holds(self._choice, ahead):
            self._choice = self._choose(pixels, ahead)
            self.notes.append(f"engine: {self._choice.why}")
        self.used = self._choice.engine.name
        if self.used != self.before:
            self.before = ""  # it cannot run any more
        return self._choice.engine

    def _holds(self, choice: Choice, ahead: int) -> bool:
        return choice.engine.name == self.before if self.before else ahead <= choice.images

    def _choose(self, pixels: PixelCache, ahead: int) -> Choice:
        compared = 0 if self.engine == "keras" else min(len(pixels), EXTRACT_BATCH)
        choice = choose_engine(
            self.model,
            self.engine,
            pixels[np.arange(compared)],
            images_ahead=ahead,
            stem=self.store.trunk_stem(self.fingerprint),
            before=self.before,
        )
        self.store.note_use(self.fingerprint)
        return choice

    def _outputs(
        self, engine: Engine, pixels: PixelCache, chosen: np.ndarray, show: Callable[[int], None]
    ) -> Iterator[np.ndarray]:
        """Run images in batches of one size: then a row depends on no other image of its batch."""
        slices = list(batch_slices(len(chosen), EXTRACT_BATCH))
        for part, batch in zip(slices, _ahead(pixels, [chosen[x] for x in slices]), strict=True):
            full = np.pad(batch, [(0, EXTRACT_BATCH - len(batch)), *[(0, 0)] * (batch.ndim - 1)])
            with self._running:
                output = engine.run(full)
            yield output[: len(batch)].astype(self.dtype, copy=False)
            show(part.stop)

    def _table(self, engine: str) -> FeatureTable:
        if engine not in self._tables:
            parts = {
                "trunk": self.fingerprint,
                "decode": decode_settings(self.size),
                "engine": engine,
                "batch": EXTRACT_BATCH,
                "dtype": self.dtype,
            }
            key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]
            about = {
                "model": self.model.name,
                "cut": self.model.outputs[0].name,
                "size": "x".join(map(str, self.size)),
                "engine": engine,
                "floats": self.floats,
                "dtype": self.dtype,
                "hash": self.fingerprint,
            }
            self._tables[engine] = self.store.table(key, about)
        return self._tables[engine]


def _ahead(pixels: PixelCache, chosen: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the pixels of each batch, decoding the next while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(pixels.__getitem__, part) for part in chosen[:2]]
        upcoming = iter(chosen[2:])
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [pool.submit(pixels.__getitem__, part) for part in islice(upcoming, 1)]
            yield batch
