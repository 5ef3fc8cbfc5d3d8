"""A frozen model with its identity, its engines and the store of its outputs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit.data.batches import batch_slices
from tlkit.data.decoding.decode import decode_settings
from tlkit.features._determinism import check_steady
from tlkit.features.engines.choice import choose_engine, measured_ms
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import Engine
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.features.store.store import FeatureStore
from tlkit.features.store.table import FeatureTable

EXTRACT_BATCH = 32


class Pixels(Protocol):
    """Images at a trunk's size, decoded when asked for: of a data set, or views of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: NDArray[np.intp], /) -> NDArray[Any]:
        """Return images ``(n, height, width, 3)``, 0..255."""
        ...


def _show_nothing(_: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, eq=False)
class Trunk:
    """A frozen model, which engines run and whose outputs a store keeps.

    Args:
        model: From raw images ``(n, height, width, 3)``, 0..255, to features.
        store: Where features, exported models and engine choices are kept.
        dtype: As what features are stored, ``"float32"`` or ``"float16"``.
    """

    model: Any
    store: FeatureStore
    dtype: str = "float32"
    _choices: dict[str, Choice] = field(default_factory=dict, init=False, repr=False)
    _tables: dict[str, FeatureTable] = field(default_factory=dict, init=False, repr=False)
    # Workers that are threads share this object; an engine uses all cores by itself.
    _running: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """What the model computes, as a SHA-256 in hex."""
        return trunk_fingerprint(self.model)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels."""
        height, width = self.model.input_shape[1:3]
        return height, width

    @property
    def floats(self) -> int:
        """Numbers that the trunk gives for each image."""
        return int(np.prod(self.model.output_shape[1:]))

    @property
    def bytes(self) -> int:
        """What the features of one image take in the store."""
        return self.floats * np.dtype(self.dtype).itemsize

    @property
    def measured_ms(self) -> dict[str, float]:
        """Milliseconds for an image by the engine's name, if they were measured on this machine."""
        return dict(measured_ms(self.store.trunk_stem(self.fingerprint)))

    def choice(self, pixels: Pixels, asked: str, images_ahead: int = 0, before: str = "") -> Choice:
        """Return the engine, chosen on the first images and remembered beside the store.

        Args:
            pixels: The images, of which some are run for the comparison.
            asked: Name of an installed engine, or ``"auto"``.
            images_ahead: How many images will go through, as far as is known; what an export is
                worth depends on it.
            before: As for `choose_engine`.

        Raises:
            EngineError: No engine can run the trunk, or it draws random numbers at inference.
        """
        ahead = max(images_ahead, len(pixels))
        known = self._choices.get(asked)
        if known is None:
            check_steady(self.model, lambda: pixels[np.arange(min(len(pixels), 2))])
        if known is None or not _holds(known, ahead, before):
            known = self._choices[asked] = self._choose(pixels, asked, ahead, before)
        return known

    def _choose(self, pixels: Pixels, asked: str, ahead: int, before: str) -> Choice:
        compared = 0 if asked == "keras" else min(len(pixels), EXTRACT_BATCH)
        choice = choose_engine(
            self.model,
            asked,
            pixels[np.arange(compared)],
            images_ahead=ahead,
            stem=self.store.trunk_stem(self.fingerprint),
            before=before,
        )
        self.store.note_use(self.fingerprint)
        return choice

    def add(
        self,
        engine: Engine,
        pixels: Pixels,
        chosen: NDArray[np.intp],
        ids: NDArray[np.uint8],
        show: Callable[[int], None] = _show_nothing,
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
        return self.table(engine.name).add(ids, compute, self.bytes * len(chosen))

    def _outputs(
        self,
        engine: Engine,
        pixels: Pixels,
        chosen: NDArray[np.intp],
        show: Callable[[int], None],
    ) -> Iterator[NDArray[Any]]:
        """Run images in batches of one size: then a row depends on no other image of its batch."""
        slices = list(batch_slices(len(chosen), EXTRACT_BATCH))
        for part, batch in zip(slices, _ahead(pixels, [chosen[x] for x in slices]), strict=True):
            full = np.pad(batch, [(0, EXTRACT_BATCH - len(batch)), *[(0, 0)] * (batch.ndim - 1)])
            with self._running:
                output = engine.run(full)
            yield output[: len(batch)].astype(self.dtype, copy=False)
            show(part.stop)

    def table(self, engine: str) -> FeatureTable:
        """Return the features that an engine has given, by the name of the engine."""
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


def _holds(choice: Choice, ahead: int, before: str) -> bool:
    return choice.engine.name == before if before else ahead <= choice.images


def _ahead(pixels: Pixels, chosen: list[NDArray[np.intp]]) -> Iterator[NDArray[Any]]:
    """Yield the pixels of each batch, decoding the next while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(pixels.__getitem__, part) for part in chosen[:2]]
        upcoming = iter(chosen[2:])
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [pool.submit(pixels.__getitem__, part) for part in islice(upcoming, 1)]
            yield batch
