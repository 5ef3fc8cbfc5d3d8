"""Changes that are tried one by one, and how several make one augmentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data.augmentation.color import ColorJitter
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.transforms import InOrder, Transform

NOTHING = Augmentation(
    rotation=0,
    shear=0,
    width_shift=0,
    height_shift=0,
    zoom=0,
    horizontal_flip=False,
    vertical_flip=False,
)
_SAME = ColorJitter(brightness=0, contrast=0, saturation=0)
_SETTINGS: dict[str, dict[str, Any]] = {
    "horizontal flip": {"horizontal_flip": True},
    "vertical flip": {"vertical_flip": True},
    "rotation": {"rotation": 10},
    "shift": {"width_shift": 0.1, "height_shift": 0.1},
    "zoom": {"zoom": 0.1},
    "crop": {"crop": (0.5, 1)},
    "light": {"brightness": 0.2, "contrast": 0.2},
    "colour": {"saturation": 0.2, "hue": 0.02},
}
_OF_COLOURS = {part.name for part in fields(ColorJitter)}
_AXES = {"horizontal flip": 2, "vertical flip": 1}
CHANGES = tuple(_SETTINGS)


@dataclass(frozen=True)
class Mirrored:
    """Every image mirrored, where an `Augmentation` mirrors half of them.

    Args:
        axis: Of an array of images: 1 turns it upside down, 2 swaps left and right.
    """

    axis: int

    def __call__(
        self,
        images: ArrayLike,
        indices: ArrayLike,  # noqa: ARG002
        *,
        seed: int,  # noqa: ARG002
        stage: str,  # noqa: ARG002
        epoch: int,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return mirrored images, whatever is drawn."""
        return np.flip(np.asarray(images, np.float32), self.axis)


def augmentation_of(names: Iterable[str]) -> Transform:
    """Return what makes all changes of some names, at least one; those of a kind at once."""
    settings: dict[str, Any] = {}
    for name in names:
        settings |= _SETTINGS[name]
    colours = {name: settings.pop(name) for name in _OF_COLOURS & settings.keys()}
    made: list[Transform] = [replace(NOTHING, **settings)] if settings else []
    made += [replace(_SAME, **colours)] if colours else []
    return made[0] if len(made) == 1 else InOrder(tuple(made))


def seen_as(name: str) -> Transform:
    """Return what makes the view of each image by which a change is tried."""
    return Mirrored(_AXES[name]) if name in _AXES else augmentation_of([name])
