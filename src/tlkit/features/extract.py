"""A frozen trunk's output for a data set: from the store, or computed once and put there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.data.batches import PixelCache, batch_slices
from tlkit.data.decode import decode_settings
from tlkit.errors import EngineError
from tlkit.features.cache import FeatureStore
from tlkit.features.engine import ENGINES, Choice, Engine, choose_engine
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.rows import FeatureRows
from tlkit.features.steady import check_steady
from tlkit.features.table import FeatureTable

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
        engine: ``"auto"``, ``"keras"`` or ``"onnxruntime"``; see `choose_engine`.
        progress: Called as ``progress(what, done, total)`` while images go through.
        images_ahead: How many images will go through, as far as is known; what an export is
            worth depends on it.
        dtype: As what features are stored, ``"float32"`` or ``"float16"``.
    """

    model: Any
    store: FeatureStore
    engine: str = "auto"
    progress: Progress = no_progress
    images_ahead: int = 0
    dtype: str = "float32"
    notes: list[str] = field(default_factory=list)
    _choice: Choice | None = None
    _weighed: int = 0
    _tables: dict[str, FeatureTable] = field(default_factory=dict)

    def __post_init__(self) -> None:
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
        for name in ENGINES if self.engine == "auto" else (self.engine,):
            stored = self._table(name).rows(ids)
            if stored is not None:
                self.notes.append(f"features of {len(pixels)} images read from the store")
                return stored
        engine = self.ready(pixels)
        table = self._table(engine.name)
        stored = None
        while stored is None:  # again where stored features turn out to be damaged
            self._complete(table, engine, pixels, ids)
            stored = table.rows(ids)
        return stored

    def _complete(
        self, table: FeatureTable, engine: Engine, pixels: PixelCache, ids: np.ndarray
    ) -> None:
        """Run the images that are missing in a table, together with others who are at it too."""
        rows = max(SMALLEST_SHARD, -(-len(ids) // SHARDS))
        while len(missing := table.missing(ids)):
            done = len(ids) - len(missing)
            waiting = True
            for part in batch_slices(len(missing), -(-rows // EXTRACT_BATCH) * EXTRACT_BATCH):
                chosen = missing[part]
                compute = partial(self._outputs, engine, pixels, chosen, done + part.start)
                added = table.add(ids[chosen], compute, self.bytes * len(chosen))
                waiting = waiting and not added
            if waiting:
                time.sleep(WAIT_S)  # for another process, which has all that is left

    def ready(self, pixels: PixelCache) -> Engine:
        """Return the engine, chosen on the first images and remembered beside the store.

        Raises:
            EngineError: No engine can run the trunk, or it draws random numbers at inference.
        """
        if self._choice is None:
            check_steady(self.model, lambda: pixels[np.arange(min(len(pixels), 2))])
        ahead = max(self.images_ahead, len(pixels))
        if self._choice is None or not (self._choice.lasting or ahead <= self._weighed):
            self._choice, self._weighed = self._choose(pixels, ahead), ahead
            self.notes.append(f"engine: {self._choice.why}")
        return self._choice.engine

    def _choose(self, pixels: PixelCache, ahead: int) -> Choice:
        remembered = self._remembered()
        if remembered is not None:
            # It may be gone since, with its package or its file: then the choice is open again.
            with suppress(EngineError):
                choice = self._choice_of(remembered, pixels, ahead)
                return replace(choice, why=f"{remembered}, as measured before")
        choice = self._choice_of(self.engine, pixels, ahead)
        if self.engine == "auto" and choice.lasting:
            self._remember(choice.engine.name)
        return choice

    def _choice_of(self, asked: str, pixels: PixelCache, ahead: int) -> Choice:
        compared = 0 if asked == "keras" else min(len(pixels), EXTRACT_BATCH)
        return choose_engine(
            self.model,
            asked,
            pixels[np.arange(compared)],
            images_ahead=ahead,
            export_to=self.store.root / f"trunk-{self.fingerprint[:32]}.onnx",
        )

    def _outputs(
        self, engine: Engine, pixels: PixelCache, chosen: np.ndarray, done: int
    ) -> Iterator[np.ndarray]:
        """Run images in batches of one size: then a row depends on no other image of its batch."""
        slices = list(batch_slices(len(chosen), EXTRACT_BATCH))
        for part, batch in zip(slices, _ahead(pixels, [chosen[x] for x in slices]), strict=True):
            full = np.pad(batch, [(0, EXTRACT_BATCH - len(batch)), *[(0, 0)] * (batch.ndim - 1)])
            yield engine.run(full)[: len(batch)].astype(self.dtype, copy=False)
            self.progress("features", done + part.stop, len(pixels))

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

    def _choice_file(self) -> Path:
        return self.store.root / f"trunk-{self.fingerprint[:32]}.engine"

    def _remembered(self) -> str | None:
        if self.engine != "auto" or not self._choice_file().is_file():
            return None
        name = self._choice_file().read_text("utf-8").strip()
        return name if name in ENGINES else None

    def _remember(self, name: str) -> None:
        part = self._choice_file().with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):  # a store may be for reading only; then it is measured again
            part.write_text(name, "utf-8")
            part.replace(self._choice_file())


def _ahead(pixels: PixelCache, chosen: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the pixels of each batch, decoding the next while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(pixels.__getitem__, part) for part in chosen[:2]]
        upcoming = iter(chosen[2:])
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [pool.submit(pixels.__getitem__, part) for part in islice(upcoming, 1)]
            yield batch
