"""A session in which the frozen part is not run: what would go through it is noted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.types import Model
from tlkit.data.augmentation.views import ViewPixels
from tlkit.data.images import Images
from tlkit.features.engines.comparison import Choice
from tlkit.features.outputs import Pixels
from tlkit.features.passes import Extracted, Plan
from tlkit.features.store.rows import FeatureRows
from tlkit.features.trunk import Trunk
from tlkit.freezing.phase import Phase
from tlkit.training.loop.session import Session
from tlkit.training.planning._foreseen import foreseen
from tlkit.training.planning._store import PromisedTable
from tlkit.training.planning._trunk_cost import ImageCost, decoding_cost, image_cost
from tlkit.training.planning.duration import Duration
from tlkit.training.planning.timings import PlanTimings, Through

_DIFFERENT = 64  # rows


class BlankRows(FeatureRows):
    """Rows of the shape and type of a trunk's features, of random numbers.

    Args:
        count: How many.
        trunk: Whose.
    """

    def __init__(self, count: int, trunk: Trunk) -> None:
        self.shape = (count, *trunk.model.output_shape[1:])
        self.dtype = np.dtype(trunk.dtype)
        random = np.random.default_rng(0)
        rows = random.random((min(count, _DIFFERENT), *self.shape[1:]), "float32")
        self._rows = rows.astype(self.dtype)

    def __getitem__(self, indices: ArrayLike | slice) -> NDArray[Any]:
        """Return as many rows as there are positions."""
        if isinstance(indices, slice):
            indices = np.arange(*indices.indices(len(self)))
        rows: NDArray[Any] = self._rows[np.asarray(indices) % len(self._rows)]
        return rows


@dataclass
class Assumed:
    """The engine that is taken without a look at any; empty to choose one as a training does."""

    engine: str = ""


class _Named:
    """An engine of which the name alone is known."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """Raise: a plan runs no images on it."""
        raise AssertionError(f"{len(images)} images for an engine that was not made.")


@dataclass(frozen=True, eq=False)
class RehearsedTrunk(Trunk):
    """A trunk that notes how long it took to choose its engine.

    Args:
        assumed: What is taken in place of a choice.
        choosing: Seconds of each choice.
    """

    assumed: Assumed = field(default_factory=Assumed)
    choosing: list[float] = field(default_factory=list)

    def choice(self, pixels: Pixels, asked: str, images_ahead: int = 0, before: str = "") -> Choice:
        """Return the engine, as `Trunk.choice` does."""
        if self.assumed.engine:
            return Choice(_Named(self.assumed.engine), "assumed")
        start = time.perf_counter()
        found = super().choice(pixels, asked, images_ahead, before)
        self.choosing.append(time.perf_counter() - start)
        return found


@dataclass(frozen=True)
class Asked:
    """Images whose features a stage needs.

    Args:
        trunk: What gives them.
        engine: Name of the engine that does.
        pixels: The images, or views of them.
        count: How many.
        missing: How many the engine must run.
    """

    trunk: Trunk
    engine: str
    pixels: Pixels
    count: int
    missing: int


@dataclass(frozen=True)
class RehearsedSession(Session):
    """A session that answers as a training's does, and runs nothing.

    Args:
        roughly: Whether a few steps of a stage are enough to time it.
        timings: What was timed already.
        followed: Whether plans of other networks follow, with these timings.
    """

    roughly: bool = False
    timings: PlanTimings = field(default_factory=PlanTimings)
    followed: bool = False
    asked: list[Asked] = field(default_factory=list, init=False)
    assumed: Assumed = field(default_factory=Assumed, init=False)
    choosing: list[float] = field(default_factory=list, init=False)
    # The end of an epoch, by the bytes that are kept of it.
    keeping: dict[int, Duration] = field(default_factory=dict, init=False)
    _last: list[tuple[Phase, Trunk | None]] = field(default_factory=list, init=False)
    _images: dict[tuple[str, str], ImageCost] = field(default_factory=dict, init=False)
    _decoded: dict[int, int] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, session: Session, **more: Any) -> RehearsedSession:
        """Return a session in the place of another."""
        given = [part.name for part in fields(session) if part.init]
        return cls(**{name: getattr(session, name) for name in given}, **more)

    @property
    def spent(self) -> float:
        """Seconds in which engines were chosen so far."""
        return sum(self.choosing)

    @cached_property
    def decoding(self) -> Duration:
        """How long it takes to decode an image."""
        return decoding_cost(self.train)

    def trunk(self, phase: Phase) -> Trunk | None:
        """Return the trunk of a phase, of which the weights are hashed once."""
        if not self._last or self._last[0][0] is not phase:
            self._last[:] = [(phase, super().trunk(phase))]
        return self._last[0][1]

    def image(self, asked: Asked) -> ImageCost:
        """Return what it takes to give an image, or a view of one, its features."""
        trunk, pixels, images = asked.trunk, asked.pixels, self.images_of(asked.pixels)
        if not isinstance(pixels, ViewPixels):
            return self._plain(trunk, images)
        like = (pixels.augmentation, images.pixels.size, trunk.dtype)

        def measured() -> ImageCost:
            return image_cost(trunk, self.settings.engine, images, pixels)

        return self.timings.views(like, self.through(trunk, images), measured)

    def through(self, trunk: Trunk, images: Images) -> Through:
        """Return a trunk with what an image takes, if that is known or will be of use."""
        name = self._run(trunk, images)
        known = self.followed or name in self._images
        seconds = (lambda: self._plain(trunk, images).trunk) if known else None
        return Through(" on ".join(name), seconds)

    def _plain(self, trunk: Trunk, images: Images) -> ImageCost:
        name = self._run(trunk, images)
        if name not in self._images:
            self._images[name] = image_cost(trunk, self.settings.engine, images, images.pixels)
        return self._images[name]

    def _run(self, trunk: Trunk, images: Images) -> tuple[str, str]:
        """Return a trunk's fingerprint and the name of its engine, which was chosen before."""
        return trunk.fingerprint, trunk.choice(images.pixels, self.settings.engine).engine.name

    def images_of(self, pixels: Pixels) -> Images:
        """Return the images that pixels are of."""
        if isinstance(pixels, ViewPixels):
            return pixels.images
        return self.train if pixels is self.train.pixels else self.validation or self.train

    def to_decode(self, asked: Sequence[Asked]) -> int:
        """Return how many images are decoded to give what is asked for."""
        count = 0
        for one in asked:
            images = self.images_of(one.pixels)
            most = len(images) if images.pixels.in_memory else one.missing
            count += self.more(images, min(one.missing, most))
        return count

    def more(self, images: Images, count: int) -> int:
        """Return how many of so many images are decoded, after those that are held in memory."""
        if not images.pixels.in_memory:
            return count
        held = self._decoded.get(id(images), 0)
        more = min(count, len(images) - held)
        self._decoded[id(images)] = held + more
        return more

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the decoded images that are held in memory."""
        every = [x for x in (self.train, self.validation) if x is not None]
        return sum(self._decoded.get(id(x), 0) * 3 * int(np.prod(x.pixels.size)) for x in every)

    def _made(self, frozen: Model) -> Trunk:
        made = super()._made(frozen)
        return RehearsedTrunk(
            *(frozen, self.store, made.dtype),
            asked=made.asked,
            assumed=self.assumed,
            choosing=self.choosing,
        )

    def _extracted(
        self, trunk: Trunk, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan
    ) -> Extracted:
        found = foreseen(trunk, pixels, ids, plan)
        table = trunk.table(found.engine)
        assert isinstance(table, PromisedTable)
        table.promise(ids)
        self.asked.append(Asked(trunk, found.engine, pixels, len(ids), found.missing))
        return Extracted(BlankRows(len(ids), trunk), found.engine, found.missing)
