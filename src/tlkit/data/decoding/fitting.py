"""How a picture of any shape comes to the size of a model: squashed, cropped or padded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import PIL
from PIL import Image

from tlkit.errors import DataError, TlkitError

Fit: TypeAlias = Literal["squash", "crop", "pad"]

SQUASH: Fit = "squash"
FITS: tuple[Fit, ...] = get_args(Fit)

# Before, Pillow resized across and then down. Since then, down first where that saves work; values
# differ by one.
PASSES_BY_COST = int(PIL.__version__.partition(".")[0]) >= 13

# A strip of more pixels is not laid out in full before it is resized.
_MOST_LAID_OUT = 16_000_000


def checked_fit(fit: Any) -> Fit:
    """Return how pictures are to be fitted.

    Raises:
        DataError: It is none of the ways.

    Example:
        >>> checked_fit("crop")
        'crop'
    """
    if isinstance(fit, str) and fit in FITS:
        return fit
    raise DataError(
        f"fit={fit!r}; expected 'squash' (the whole picture, its shape changed), 'crop' (its "
        "middle, in its own shape) or 'pad' (all of it in its own shape, with black bars)."
    )


def one_fit(fits: Mapping[str, Fit], error: type[TlkitError] = DataError) -> Fit:
    """Return how the images of several sets are fitted, which must be one way.

    Args:
        fits: By what to call each set.
        error: Which error to raise.

    Raises:
        DataError: They are fitted in several ways.

    Example:
        >>> one_fit({"the training images": "pad", "the validation images": "pad"})
        'pad'
    """
    (first, fit), *others = fits.items()
    for other, another in others:
        if another != fit:
            raise error(
                f"fit={fit!r} for {first} and fit={another!r} for {other}; expected one way in "
                "which pictures come to the size of a model. Change one of them, as "
                f"dataset.with_fit({fit!r}) does."
            )
    return fit


def resized(image: Image.Image, size: tuple[int, int], fit: Fit = SQUASH) -> Image.Image:
    """Resize with Pillow's antialiased bilinear filter.

    What is cropped or padded, to the pixel, is what ``keras.layers.Resizing`` does with
    ``crop_to_aspect_ratio`` or ``pad_to_aspect_ratio``.

    Args:
        image: An RGB image, or a grey one.
        size: (height, width).
        fit: ``"squash"`` does not keep the aspect ratio; ``"crop"`` takes the largest part of the
            middle that has the new one; ``"pad"`` adds black on two sides until it has.

    Returns:
        The image at that size.

    Example:
        >>> resized(Image.new("RGB", (9, 9)), (4, 6)).size
        (6, 4)
        >>> import numpy as np
        >>> grey = Image.new("L", (8, 4), 200)
        >>> np.asarray(resized(grey, (8, 8), "pad"))[:, 0].tolist()
        [0, 0, 200, 200, 200, 200, 0, 0]
    """
    height, width = size
    if fit == "crop":
        image = image.crop(_middle(image.size, size))
    elif fit == "pad":
        return _padded(image, size)
    return _plain(image, (width, height))


def draft_size(image: tuple[int, int], size: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Return the least (width, height) to which a picture may be reduced before it is fitted.

    Args:
        image: (width, height) of the picture.
        size: (height, width) that is wanted of it.
        fit: How it will be fitted.

    Example:
        >>> draft_size((400, 100), (50, 50), "crop"), draft_size((400, 100), (50, 50), "pad")
        ((200, 50), (50, 13))
    """
    (across, down), (height, width) = image, size
    if fit == SQUASH:
        return width, height
    wide = across * height > down * width
    if wide == (fit == "crop"):
        return -(-across * height // down), height
    return width, -(-down * width // across)


def _middle(image: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box that is kept: left, upper, right, lower."""
    (across, down), (height, width) = image, size
    kept_across = max(min(across, down * width // height), 1)
    kept_down = max(min(down, across * height // width), 1)
    left, upper = (across - kept_across) // 2, (down - kept_down) // 2
    return left, upper, left + kept_across, upper + kept_down


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Pad and resize: the side that is not padded first, so that little is laid out."""
    (across, down), (height, width) = image.size, size
    # The same on both sides, as Keras does it.
    full_across = across + 2 * (max(down * width // height - across, 0) // 2)
    full_down = down + 2 * (max(across * height // width - down, 0) // 2)
    if max(full_across * height, full_down * width) > _MOST_LAID_OUT:
        scale = min(width / across, height / down)
        image = _plain(image, (max(1, round(across * scale)), max(1, round(down * scale))))
        return _laid_out(image, (width, height))
    if full_down > down:
        image = _laid_out(_plain(image, (width, down)), (width, full_down))
    elif full_across > across:
        image = _laid_out(_plain(image, (across, height)), (full_across, height))
    return _plain(image, (width, height))


def _laid_out(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Put an image into the middle of a black one."""
    black = Image.new(image.mode, size)
    black.paste(image, ((size[0] - image.size[0]) // 2, (size[1] - image.size[1]) // 2))
    return black


def _plain(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)
