"""Affine transforms of images in NumPy: bilinear, and the same pixels whatever the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.augmentation._one_by_one import for_each

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Numbers = NDArray[np.number]
# For each fill mode: pixels added before and after a side of n, how numpy.pad makes them, and which
# pixel of the longer side is at or before a position. Its neighbour is always the next one.
_FRAMES: dict[str, tuple[Callable[[int], tuple[int, int]], Any, Callable[[Ints, int], Ints]]] = {
    "nearest": (lambda _: (1, 1), "edge", lambda at, n: np.clip(at + 1, 0, n)),
    "constant": (lambda _: (2, 2), "constant", lambda at, n: np.clip(at + 2, 0, n + 2)),
    "reflect": (lambda n: (0, n + 1), "symmetric", lambda at, n: at % (2 * n)),
}
FILL_MODES = tuple(_FRAMES)


def affine(images: Numbers, rows: NDArray[np.float32], fill_mode: str) -> Floats:
    """Show each image at transformed positions.

    Args:
        images: Array of shape (n, h, w, c).
        rows: For each image ``(a, b, c, d, e, f, ...)``, (n, 8): the output at (x, y) shows the
            input at ``(a x + b y + c, d x + e y + f)``.
        fill_mode: What lies outside: one of ``FILL_MODES``.

    Returns:
        Array of shape (n, h, w, c), float32.

    Example:
        >>> image = np.arange(3, dtype=np.uint8).reshape(1, 1, 3, 1)
        >>> left = np.array([[1, 0, 0.5, 0, 1, 0, 0, 0]], np.float32)
        >>> affine(image, left, "nearest").ravel().tolist()
        [0.5, 1.5, 2.0]
    """
    moved = np.empty(images.shape, np.float32)

    def move(number: int) -> None:
        _move(images[number], rows[number].tolist(), fill_mode, moved[number])

    for_each(images, move)
    return moved


def _move(image: Numbers, row: list[float], fill_mode: str, moved: Floats) -> None:
    """Fill ``moved`` with the transformed image, one channel after the other."""
    height, width, channels = image.shape
    a, b, c, d, e, f = row[:6]
    x, y = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    added, mode, place = _FRAMES[fill_mode]
    column, right = _positions(a * x + c, b * y)
    line, down = _positions(d * x + f, e * y)
    frame = (added(height), added(width), (0, 0))
    stride = width + sum(frame[1])
    planes = np.empty((channels, height + sum(frame[0]), stride), np.float32)
    planes[:] = np.pad(image, frame, mode=mode).transpose(2, 0, 1)
    at = place(line, height).astype(np.intp)
    at *= stride
    at += place(column, width)
    for channel, plane in enumerate(planes.reshape(channels, -1)):
        upper = _between(_at(plane, at), _at(plane[1:], at), right)
        lower = _between(_at(plane[stride:], at), _at(plane[stride + 1 :], at), right)
        moved[..., channel] = _between(upper, lower, down)


def _positions(across: NDArray[np.float64], along: NDArray[np.float64]) -> tuple[Ints, Floats]:
    """Return the whole and the fractional parts of all sums of two coordinates, (h, w).

    The parts are added apart: float32 has too few digits for their sum, and float64 takes longer.
    """
    (whole_across, part_across), (whole_along, part_along) = map(_parts, (across, along))
    whole = whole_across + whole_along[:, None]
    part = part_across + part_along[:, None]
    carried = part >= 1
    part -= carried
    whole += carried
    return whole, part


def _parts(values: NDArray[np.float64]) -> tuple[Ints, Floats]:
    whole = np.floor(values)
    return whole.astype(np.int32), (values - whole).astype(np.float32)


def _at(plane: Floats, places: NDArray[np.intp]) -> Floats:
    # Every place is inside; this mode skips the check that all are.
    return plane.take(places, mode="clip")


def _between(first: Floats, second: Floats, part: Floats) -> Floats:
    """Return ``first + part * (second - first)``; both arrays are used up."""
    second -= first
    second *= part
    first += second
    return first
