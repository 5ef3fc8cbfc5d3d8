"""What may stand where an augmentation is asked for, and how it is called."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Layer
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.errors import DataError

_SHADES = 20  # images of fewer show no scale
_SCALE = 20  # how many times narrower values are of another scale: 255 for 0..1, 128 for -1..1
_FAR = 510  # how far outside of 0..255 values may be: brightness and noise go far


class Transform(Protocol):
    """Random changes of images: an `Augmentation`, or any function called like one.

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


# What a person may give as an augmentation; a ``keras.Sequential`` is a layer too.
AugmentationLike = Transform | Layer | None


def as_transform(given: AugmentationLike) -> Transform | None:
    """Return what was given as a transform; Keras layers become one.

    Args:
        given: An `Augmentation`, a Keras preprocessing layer or a ``keras.Sequential`` of
            them, a function called like an Augmentation, or None.

    Returns:
        The transform, or None for None.

    Raises:
        DataError: It is none of these, or a layer that cannot be used.

    Example:
        >>> as_transform(Augmentation()) == Augmentation()
        True
    """
    if given is None or isinstance(given, Augmentation):
        return given
    if not callable(given):
        raise DataError(
            f"augmentation={given!r}; expected tlkit.Augmentation(...), a Keras preprocessing "
            "layer, a function called like an Augmentation, or None."
        )
    # Keras is loaded here and not above, so that settings are made without it.
    from tlkit.data.augmentation.keras_layers import LayerAugmentation, is_layer

    return LayerAugmentation(given) if is_layer(given) else cast("Transform", given)


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
