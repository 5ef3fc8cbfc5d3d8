"""What may stand where an augmentation is asked for, and how it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Layer
from tlkit._seeds import stream_seed
from tlkit.data.augmentation.color import ColorJitter
from tlkit.data.augmentation.erasing import RandomErasing
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.rand_augment import RandAugment
from tlkit.errors import DataError

_SHADES = 20  # images of fewer show no scale
_SCALE = 20  # how many times narrower values are of another scale: 255 for 0..1, 128 for -1..1
_FAR = 510  # how far outside of 0..255 values may be: brightness and noise go far


class Draw(TypedDict):
    """What random numbers follow from, with the index of an image."""

    seed: int
    stage: str
    epoch: int


class Transform(Protocol):
    """Random changes of images: an `Augmentation`, or anything that is called like one.

    To be the same however a run is split or batched, what it draws for an image must follow from
    (seed, stage, epoch, index of the image) alone.
    """

    def __call__(
        self,
        images: NDArray[np.number],
        indices: NDArray[np.int64],
        *,
        seed: int,
        stage: str,
        epoch: int,
    ) -> NDArray[np.float32]:
        """Return images of the shape (n, h, w, 3) that was given, 0..255."""
        ...


_OWN = (Augmentation, ColorJitter, RandAugment, RandomErasing)
# What a person may give as an augmentation; a ``keras.Sequential`` is a layer too.
AugmentationLike = Transform | Layer | Sequence[Transform | Layer] | None
_EXPECTED = (
    "tlkit.Augmentation(...), tlkit.ColorJitter(...), a Keras preprocessing layer, a function "
    "called like an Augmentation, a list of these, or None"
)


@dataclass(frozen=True, repr=False)
class InOrder:
    """Several transforms, each of what the one before it gave.

    The first draws what it would draw alone; each that follows has a seed of its own, so that two
    of a kind draw different changes.

    Args:
        steps: At least two.
    """

    steps: tuple[Transform, ...]

    def __call__(
        self, images: NDArray[np.number], indices: NDArray[np.int64], **draw: Unpack[Draw]
    ) -> NDArray[np.float32]:
        """Return images of the shape (n, h, w, 3) that was given, 0..255.

        Raises:
            DataError: A transform changed the shape; the message names it.
        """
        *_, (_, changed) = step_by_step(self, images, indices, **draw)
        return changed

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self.steps))}]"


def as_transform(given: AugmentationLike) -> Transform | None:
    """Return what was given as a transform; Keras layers become one, and so does a list.

    Args:
        given: An `Augmentation` or another transform of tlkit, a Keras preprocessing layer or a
            ``keras.Sequential`` of them, a function called like an Augmentation, several of these
            in a list or tuple, or None.

    Returns:
        The transform, or None for None.

    Raises:
        DataError: It is none of these, or a layer that cannot be used.

    Example:
        >>> as_transform(Augmentation()) == Augmentation()
        True
    """
    if given is None:
        return None
    if isinstance(given, (list, tuple)):
        return _in_order(given)
    return _one(given, "augmentation")


def _in_order(given: Sequence[object]) -> Transform:
    steps = list(_flat(given, "augmentation"))
    if not steps:
        raise DataError(f"augmentation={given!r} is empty; expected {_EXPECTED}.")
    if not all(isinstance(step, _OWN) for step in steps):
        from tlkit.data.augmentation.keras_layers import with_layers_joined

        steps = with_layers_joined(steps)
    return steps[0] if len(steps) == 1 else InOrder(tuple(steps))


def _flat(given: Sequence[object], name: str) -> Iterator[Transform]:
    for place, item in enumerate(given):
        if isinstance(item, (list, tuple)):
            yield from _flat(item, f"{name}[{place}]")
        else:
            yield from steps_of(_one(item, f"{name}[{place}]"))


def _one(given: object, name: str) -> Transform:
    if isinstance(given, (*_OWN, InOrder)):
        return given
    if not callable(given) or isinstance(given, type):
        raise DataError(f"{name}={given!r}; expected {_EXPECTED}.")
    # Keras is loaded here and not above, so that settings are made without it.
    from tlkit.data.augmentation.keras_layers import LayerAugmentation, is_layer

    return LayerAugmentation(given) if is_layer(given) else cast("Transform", given)


def steps_of(transform: Transform) -> tuple[Transform, ...]:
    """Return the transforms that are made one after the other; of most, it alone."""
    return transform.steps if isinstance(transform, InOrder) else (transform,)


def step_by_step(
    transform: Transform,
    images: NDArray[np.number],
    indices: NDArray[np.int64],
    **draw: Unpack[Draw],
) -> Iterator[tuple[Transform, NDArray[np.float32]]]:
    """Yield each of several transforms with what the images have become after it.

    Args:
        transform: What `as_transform` returned.
        images: Array of shape (n, h, w, 3), 0..255.
        indices: Index of each image in its dataset, (n,).
        **draw: ``seed``, ``stage`` and ``epoch``, as for a transform.

    Raises:
        DataError: A transform changed the shape; the message names it.
    """
    changed: NDArray[Any] = images
    for place, step in enumerate(steps_of(transform)):
        own = draw
        if place:
            own = {**draw, "seed": stream_seed(draw["seed"], "augmentation step", place)}
        changed = transformed(step, changed, indices, **own)
        yield step, changed


def transformed(
    transform: Transform,
    images: NDArray[np.number],
    indices: NDArray[np.int64],
    *,
    seed: int,
    stage: str,
    epoch: int,
) -> NDArray[np.float32]:
    """Call a transform and check that the images keep their shape.

    Args:
        transform: What `as_transform` returned.
        images: Array of shape (n, h, w, 3), 0..255.
        indices: Index of each image in its dataset, (n,).
        seed: The run's seed.
        stage: The stage's name.
        epoch: Epoch, from 0.

    Returns:
        Array of shape (n, h, w, 3), float32, 0..255.

    Raises:
        DataError: The transform changed the shape.

    Example:
        >>> images = np.zeros((2, 8, 8, 3), np.uint8)
        >>> half = lambda images, indices, **draw: images[:, ::2]
        >>> transformed(half, images, np.arange(2), seed=0, stage="warm", epoch=0)
        Traceback (most recent call last):
        tlkit.errors.DataError: ...
    """
    changed = np.asarray(transform(images, indices, seed=seed, stage=stage, epoch=epoch))
    if changed.shape != images.shape:
        raise DataError(
            f"{transform!r} made images of shape {changed.shape} from {images.shape}; expected "
            "the same shape. Leave out what resizes or crops: the trainer's image_size sets the "
            "size."
        )
    return changed.astype(np.float32, copy=False)


def check_range(
    transform: Transform, images: NDArray[np.uint8], changed: NDArray[np.float32], stage: str
) -> None:
    """Raise where a transform gives pixels on another scale than 0..255.

    Values may leave the range a little, as noise does; what counts is the scale.

    Args:
        transform: What `as_transform` returned.
        images: One image or more, (n, h, w, 3), uint8.
        changed: What the transform made of them.
        stage: The stage's name.

    Raises:
        DataError: They are not finite, or on another scale.

    Example:
        >>> images = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
        >>> check_range(print, images, images / np.float32(255), "warm")
        Traceback (most recent call last):
        tlkit.errors.DataError: ...
    """
    low, high = float(changed.min()), float(changed.max())
    spread, made = float(np.ptp(images)), float(np.ptp(changed))
    # One shade of grey for all pixels has no scale: they may have become all black.
    other = spread > _SHADES and 0 < made < spread / _SCALE
    if np.isfinite(changed).all() and low >= -_FAR and high <= 255 + _FAR and not other:
        return
    raise DataError(
        f"Stage {stage!r}: augmentation={transform!r} gave values from {low:.4g} to {high:.4g} for "
        f"pixels from {images.min()} to {images.max()}; expected 0 to 255, as validation images "
        "have. Leave out what rescales or normalizes: the model does that itself."
    )
