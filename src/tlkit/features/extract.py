"""A frozen trunk's output for a data set: from the store, or computed once and put there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.data.batches import PixelCache, batch_slices
from tlkit.data.decode import decode_settings
from tlkit.errors import EngineError
from tlkit.features.cache import FORMAT, FeatureStore
from tlkit.features.engine import ENGINES, Choice, Engine, choose_engine
from tlkit.features.fingerprint import trunk_fingerprint

EXTRACT_BATCH = 64
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
    """

    model: Any
    store: FeatureStore
    engine: str = "auto"
    progress: Progress = no_progress
    images_ahead: int = 0
    notes: list[str] = field(default_factory=list)
    _choice: Choice | None = None
    _weighed: int = 0

    def __post_init__(self) -> None:
        self.fingerprint = trunk_fingerprint(self.model)
        self.size: tuple[int, int] = tuple(self.model.input_shape[1:3])

    @property
    def floats(self) -> int:
        """Numbers that the trunk gives for each image."""
        return int(np.prod(self.model.output_shape[1:]))

    def features(self, pixels: PixelCache, fingerprint: str) -> np.ndarray:
        """Return the trunk's output for every image, memory-mapped from the store.

        Args:
            pixels: The images at the trunk's size.
            fingerprint: Of the images' content, `ImageDataset.fingerprint`.

        Returns:
            float32 array ``(len(pixels), ...)``, read-only. It is computed where no engine that
            may be used has stored it yet.
        """
        allowed = ENGINES if self.engine == "auto" else (self.engine,)
        for name in allowed:
            stored = self.store.get(self._key(fingerprint, name))
            if stored is not None:
                self.notes.append(f"features of {len(pixels)} images read from the store")
                return stored
        engine = self.ready(pixels)
        meta = {"trunk": self.fingerprint, "images": fingerprint, "engine": engine.name}
        outputs = self._outputs(pixels, engine)
        return self.store.put(self._key(fingerprint, engine.name), outputs, len(pixels), meta)

    def ready(self, pixels: PixelCache) -> Engine:
        """Return the engine, chosen on the first images and remembered beside the store."""
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
        return choose_engine(
            self.model,
            asked,
            pixels[np.arange(min(len(pixels), 32))],
            images_ahead=ahead,
            export_to=self.store.root / f"trunk-{self.fingerprint[:32]}.onnx",
        )

    def _outputs(self, pixels: PixelCache, engine: Engine) -> Iterator[np.ndarray]:
        slices = list(batch_slices(len(pixels), EXTRACT_BATCH))
        for number, batch in enumerate(_ahead(pixels, slices)):
            yield engine.run(batch)
            self.progress("features", slices[number].stop, len(pixels))

    def _key(self, fingerprint: str, engine: str) -> str:
        parts = {
            "format": FORMAT,
            "trunk": self.fingerprint,
            "images": fingerprint,
            "decode": decode_settings(self.size),
            "engine": engine,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]

    def _choice_file(self) -> Path:
        return self.store.root / f"trunk-{self.fingerprint[:32]}.engine"

    def _remembered(self) -> str | None:
        if self.engine != "auto" or not self._choice_file().is_file():
            return None
        name = self._choice_file().read_text("utf-8").strip()
        return name if name in ENGINES else None

    def _remember(self, name: str) -> None:
        part = self._choice_file().with_suffix(f".{os.getpid()}.part")
        part.write_text(name, "utf-8")
        part.replace(self._choice_file())


def _ahead(pixels: PixelCache, slices: list[slice]) -> Iterator[np.ndarray]:
    """Yield the pixels of each slice, decoding the next while the last is used."""

    def read(part: slice) -> np.ndarray:
        return pixels[np.arange(part.start, part.stop)]

    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(read, part) for part in slices[:2]]
        upcoming = iter(slices[2:])
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [pool.submit(read, part) for part in islice(upcoming, 1)]
            yield batch
