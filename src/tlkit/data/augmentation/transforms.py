"""What may stand where an augmentation is asked for, and how it is called."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Layer
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.errors import DataError


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
