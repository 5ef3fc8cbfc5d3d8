"""Random crops, rotations, shifts, shears, zooms and flips, as one affine transform per image."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._seeds import stream
from tlkit.data.augmentation._affine import FILL_MODES, affine
from tlkit.data.augmentation._checked import Range, check_between, checked_range
from tlkit.data.augmentation._windows import DRAWS, windows
from tlkit.data.decoding.decode import Size, as_size
from tlkit.errors import DataError

_ASPECT = (3 / 4, 4 / 3)


@dataclass(frozen=True, kw_only=True, repr=False)
class Augmentation:
    """Random geometric changes with the units and the meaning of Keras' ``ImageDataGenerator``.

    Each image gets one affine transform in which all changes are fused, so it is interpolated
    once. A draw depends only on (seed, stage, epoch, index of the image), never on the batch.

    With ``C`` the crop, ``R`` the rotation, ``T`` the shift, ``S`` the shear, ``Z`` the zoom and
    ``F`` the flips, all about the centre ``(h / 2 - 0.5, w / 2 - 0.5)`` and in (row, column) order,
    an output pixel at ``p`` shows the input at ``C R T S Z F p``::

        R = [[cos a, -sin a], [sin a, cos a]]     a in [-rotation, rotation] degrees
        T = + (height_shift * h, width_shift * w), each drawn from [-shift, shift]
        S = [[1, -sin b], [0, cos b]]             b in [-shear, shear] degrees
        Z = diag(zy, zx)                          each in [1 - zoom, 1 + zoom]; below 1 enlarges
        F = flips, each with probability 1/2
        C = a window inside the image, of the size and at the place that were drawn

    These are the formulas of Keras-Preprocessing, and for the crop those of Inception's (Szegedy
    2015, arXiv 1409.4842), which are torchvision's ``RandomResizedCrop``. The pixels are those of
    ``scipy.ndimage.affine_transform(order=1)`` to within 0.01 of 255, and the same on every
    backend, with its mode ``"nearest"``, ``"reflect"``, and for ``"constant"`` its
    ``"grid-constant"``, which fades to black over one pixel. (The copy in ``tf.keras`` swaps the
    axes after centring, which trades height shifts for width shifts and moves the centre of images
    that are not square. Here a height shift moves rows.)

    Args:
        rotation: Largest angle in degrees, 0..180.
        shear: Largest shear angle in degrees, 0 to below 90.
        width_shift: Largest sideways shift as a fraction of the width, 0 to below 1.
        height_shift: Largest shift up or down as a fraction of the height, 0 to below 1.
        zoom: Largest change of scale, 0 to below 1; drawn for each axis by itself.
        horizontal_flip: Mirror left and right half of the time.
        vertical_flip: Mirror top and bottom half of the time.
        fill_mode: What lies outside of the image: ``"nearest"`` its edge pixels, ``"constant"``
            black, ``"reflect"`` its mirror image. Keras also has ``"wrap"``, which is not offered
            as its backends disagree on it.
        crop: Random resized crop: smallest and largest share of the area that is shown, above 0 to
            1; None for the whole image. ``(0.08, 1)`` in the literature, for training of all layers
            from random weights on a million photographs; ``(0.5, 1)`` shows at least half of what
            tells the class, and enlarges it by about 1.4 at most.
        crop_aspect: Smallest and largest width to height of what is shown, as multiples of the
            image's own; drawn evenly in its logarithm.

    Raises:
        DataError: A value is out of range; the message names it.

    Example:
        >>> Augmentation(rotation=10, shear=0, zoom=0)
        Augmentation(rotation=10, shear=0, width_shift=0.1, height_shift=0.1, zoom=0, \
horizontal_flip=True, vertical_flip=True, fill_mode='nearest')
    """

    rotation: float = 45
    shear: float = 0.2
    width_shift: float = 0.1
    height_shift: float = 0.1
    zoom: float = 0.2
    horizontal_flip: bool = True
    vertical_flip: bool = True
    fill_mode: str = "nearest"
    # Features of views that were kept before there were crops are found under the same name.
    crop: Range | None = field(default=None, metadata={"unsaid": True})
    crop_aspect: Range = field(default=_ASPECT, metadata={"unsaid": True})

    def __post_init__(self) -> None:
        shift = (0, 0.999, "a fraction of the side, from 0 to below 1")
        for name, limits in {
            "rotation": (0, 180, "degrees, from 0 to 180"),
            "shear": (0, 89.9, "degrees, from 0 to below 90"),
            "width_shift": shift,
            "height_shift": shift,
            "zoom": (0, 0.999, "a fraction, from 0 to below 1"),
        }.items():
            low, high, meaning = limits
            check_between(getattr(self, name), low, high, f"Augmentation {name}", meaning)
        for name in ("horizontal_flip", "vertical_flip"):
            if not isinstance(getattr(self, name), bool):
                raise DataError(f"{name}={getattr(self, name)!r}; expected True or False.")
        if self.fill_mode not in FILL_MODES:
            raise DataError(
                f"fill_mode={self.fill_mode!r}; expected one of {', '.join(FILL_MODES)}."
            )
        self._check_crop()

    def _check_crop(self) -> None:
        aspect = checked_range(
            *(self.crop_aspect, 0, 100, "Augmentation crop_aspect"),
            "two ratios of width to height above 0, such as (3 / 4, 4 / 3)",
        )
        object.__setattr__(self, "crop_aspect", aspect)
        if self.crop is not None:
            meaning = "two shares of the image's area, above 0 to 1, such as (0.5, 1), or None"
            crop = checked_range(self.crop, 0, 1, "Augmentation crop", meaning)
            object.__setattr__(self, "crop", crop)
        elif aspect != _ASPECT:
            raise DataError(
                f"Augmentation crop_aspect={aspect} without a crop changes nothing; expected crop, "
                "too, such as crop=(0.5, 1)."
            )

    def __repr__(self) -> str:
        told = [
            x.name for x in fields(self) if not x.metadata or getattr(self, x.name) != x.default
        ]
        return f"Augmentation({', '.join(f'{name}={getattr(self, name)!r}' for name in told)})"

    def __call__(
        self, images: ArrayLike, indices: ArrayLike, *, seed: int, stage: str, epoch: int
    ) -> NDArray[np.float32]:
        """Draw and apply the transforms of some images.

        Args:
            images: Array of shape (n, h, w, 3), uint8 or float, 0..255.
            indices: Index of each image in its dataset, (n,).
            seed: The run's seed; any integer.
            stage: The stage's name.
            epoch: Epoch, from 0.

        Returns:
            Array of shape (n, h, w, 3), float32, 0..255.

        Raises:
            DataError: Shapes do not fit together.

        Example:
            >>> images = np.zeros((2, 8, 8, 3), np.uint8)
            >>> Augmentation()(images, [5, 9], seed=0, stage="warm", epoch=0).shape
            (2, 8, 8, 3)
        """
        pixels = np.asarray(images)
        size = (pixels.shape[1], pixels.shape[2]) if pixels.ndim == 4 else (1, 1)
        return self.apply(
            pixels, self.matrices(indices, seed=seed, stage=stage, epoch=epoch, size=size)
        )

    def matrices(
        self, sample_indices: ArrayLike, *, seed: int, stage: str, epoch: int, size: Size
    ) -> NDArray[np.float32]:
        """Draw one transform per image.

        Args:
            sample_indices: Index of each image in its dataset, (n,).
            seed: The run's seed; any integer.
            stage: The stage's name.
            epoch: Epoch, from 0.
            size: One side in pixels, or (height, width).

        Returns:
            Array of shape (n, 8), float32, of the rows that ``keras.ops.image.affine_transform``
            takes, which map an output (x, y) to an input (x, y).

        Example:
            >>> Augmentation().matrices([0, 1], seed=0, stage="warm", epoch=0, size=64).shape
            (2, 8)
        """
        number = 8 if self.crop is None else 8 + DRAWS
        draws = [
            stream(seed, f"augmentation of {stage}", epoch, int(sample)).random(number)
            for sample in np.asarray(sample_indices).ravel()
        ]
        return self._rows(np.reshape(draws, (-1, number)), as_size(size))

    def apply(self, images: ArrayLike, matrices: ArrayLike) -> NDArray[np.float32]:
        """Apply transforms to images.

        Args:
            images: Array of shape (n, h, w, 3), uint8 or float, 0..255.
            matrices: What `matrices` returned, (n, 8).

        Returns:
            Array of shape (n, h, w, 3), float32, 0..255.

        Raises:
            DataError: Shapes do not fit together.

        Example:
            >>> none = np.array([[1, 0, 0, 0, 1, 0, 0, 0]], np.float32)
            >>> float(Augmentation().apply(np.full((1, 4, 4, 3), 7, np.uint8), none).max())
            7.0
        """
        pixels = np.asarray(images)
        rows = np.array(matrices, np.float32)
        if pixels.ndim != 4 or rows.shape != (len(pixels), 8):
            raise DataError(
                f"Received images of shape {pixels.shape} and matrices of shape {rows.shape}; "
                "expected (n, h, w, 3) and (n, 8), one matrix per image."
            )
        return affine(pixels, rows, self.fill_mode)

    def _rows(self, draws: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
        linear, shift = self._linear_and_shift(draws[:, :8], size)
        if self.crop is not None:
            sides, moved, _ = windows(draws[:, 8:], self.crop, self.crop_aspect)
            linear, shift = sides[:, :, None] * linear, sides * shift + moved * size
        return _rows(linear, shift, size)

    def _linear_and_shift(
        self, draws: NDArray[np.float64], size: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        spread = 2 * draws[:, :6] - 1
        angle = np.deg2rad(self.rotation) * spread[:, 0]
        shear = np.deg2rad(self.shear) * spread[:, 1]
        shifts = spread[:, 2:4] * (self.height_shift * size[0], self.width_shift * size[1])
        scales = 1 + self.zoom * spread[:, 4:6]
        flips = (draws[:, 6:8] < 0.5) & (self.vertical_flip, self.horizontal_flip)
        scales *= np.where(flips, -1, 1)
        rotate = _matrix(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
        skew = _matrix(np.ones_like(shear), -np.sin(shear), np.zeros_like(shear), np.cos(shear))
        linear = (rotate @ skew) * scales[:, None, :]
        return linear, (rotate @ shifts[:, :, None])[:, :, 0]


def _matrix(*entries: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(entries, axis=-1).reshape(-1, 2, 2)


def _rows(
    linear: NDArray[np.float64], shift: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    centre = np.array([size[0] / 2 - 0.5, size[1] / 2 - 0.5])
    offset = centre + shift - linear @ centre
    rows = np.zeros((len(linear), 8))
    # Keras counts (x, y), which is (column, row).
    rows[:, 0], rows[:, 1], rows[:, 2] = linear[:, 1, 1], linear[:, 1, 0], offset[:, 1]
    rows[:, 3], rows[:, 4], rows[:, 5] = linear[:, 0, 1], linear[:, 0, 0], offset[:, 0]
    return rows.astype(np.float32)
