"""Affine transforms of images in NumPy: bilinear, and the same pixels whatever the backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.augmentation._one_by_one import for_each

Floats = NDArray[np.float32]
Numbers = NDArray[np.number]
# Up to here float32 tells every whole number from the next.
_EXACT = 2**24
# How many pixels are made at once: what is at hand meanwhile fits a core's own cache.
_AT_ONCE = 2**14


@dataclass(frozen=True)
class _Frame:
    """What stands around an image in a fill mode, so that the next pixel is always the neighbour.

    Args:
        before: How many pixels are added before a side.
        after: How many behind a side of n.
        fill: Fills what was added to an image (h + added, w + added, c), given h and w.
        period: After how many pixels a side of n comes again; None where it ends.
    """

    before: int
    after: Callable[[int], int]
    fill: Callable[[NDArray[Any], int, int], None]
    period: Callable[[int], int | None]


def _edge(framed: NDArray[Any], height: int, width: int) -> None:  # noqa: ARG001
    framed[1:-1, 0], framed[1:-1, -1] = framed[1:-1, 1], framed[1:-1, -2]
    framed[0], framed[-1] = framed[1], framed[-2]


def _black(framed: NDArray[Any], height: int, width: int) -> None:
    framed[:2], framed[height + 2 :] = 0, 0
    framed[:, :2], framed[:, width + 2 :] = 0, 0


def _mirror(framed: NDArray[Any], height: int, width: int) -> None:
    framed[:height, width:-1] = framed[:height, width - 1 :: -1]
    framed[:height, -1] = framed[:height, 0]
    framed[height:-1] = framed[height - 1 :: -1]
    framed[-1] = framed[0]


_FRAMES = {
    "nearest": _Frame(1, lambda _: 1, _edge, lambda _: None),
    "constant": _Frame(2, lambda _: 2, _black, lambda _: None),
    "reflect": _Frame(0, lambda n: n + 1, _mirror, lambda n: 2 * n),
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
    frame, sides = _FRAMES[fill_mode], images.shape[1:3]
    across, along = _coordinates(rows, sides, [frame.period(side) for side in sides])

    def move(number: int) -> None:
        summands = across[:, number], along[:, number]
        _move(images[number], summands, frame, moved[number])

    for_each(images, move)
    return moved


def _coordinates(
    rows: NDArray[np.float32], sides: tuple[int, int], periods: list[int | None]
) -> tuple[Floats, Floats]:
    """Return what a column and what a line add to the positions that are shown there.

    Returns:
        ``(2, n, 2, w)`` and ``(2, n, 2, h)``: the whole parts and the fractional ones, for each
        image, of the line and of the column that is shown.
    """
    a, b, c, d, e, f = rows[:, :6].T.astype(np.float64)[..., None]
    y, x = (np.arange(side, dtype=np.float64) for side in sides)
    parted = []
    for values in (np.stack([d * x + f, a * x + c], 1), np.stack([e * y, b * y], 1)):
        whole = np.floor(values)
        part = values - whole
        for place, period in enumerate(periods):
            if period is not None:
                whole[:, place] %= period
        parted.append(np.stack([whole, part]).astype(np.float32))
    return parted[0], parted[1]


def _move(image: Numbers, summands: tuple[Floats, Floats], frame: _Frame, moved: Floats) -> None:
    """Fill ``moved`` with the transformed image, some lines at a time, all channels at once.

    What an image costs is the memory that is walked over and, where it is small, the calls.
    """
    height, width, channels = image.shape
    planes, stride = _planes(image, frame)
    size = planes.size - stride - 1
    ahead = (0, stride, 1, stride + 1)
    corners = [planes[step : step + size].reshape(channels, -1) for step in ahead]
    lines = max(1, _AT_ONCE // width)
    shown = np.empty((4, channels, min(lines, height), width), np.float32)
    across, along = summands
    for top in range(0, height, lines):
        here = slice(top, top + lines)
        at, down, right = _places((across, along[..., here]), frame, (height, width), stride)
        four = shown[:, :, : len(at)]
        for corner, taken in zip(corners, four, strict=True):
            # Every place is inside; this mode skips the check that all are.
            corner.take(at, axis=1, out=taken, mode="clip")
        upper, lower = _between(four[:2], four[2:], right)
        between = _between(upper, lower, down)
        for channel in range(channels):
            moved[here, :, channel] = between[channel]


def _planes(image: Numbers, frame: _Frame) -> tuple[Floats, int]:
    """Return the framed channels one after the other, and the length of their lines.

    Behind the last there is as much room as the corner of a pixel lies ahead of it.
    """
    height, width, channels = image.shape
    down, along = (frame.before + side + frame.after(side) for side in (height, width))
    framed = np.empty((down, along, channels), image.dtype)
    framed[frame.before :, frame.before :][:height, :width] = image
    frame.fill(framed, height, width)
    planes = np.empty(framed.size + along + 1, np.float32)
    for channel, plane in enumerate(planes[: framed.size].reshape(channels, -1)):
        plane[:] = framed[..., channel].ravel()
    planes[framed.size :] = 0
    return planes, along


def _places(
    summands: tuple[Floats, Floats], frame: _Frame, sides: tuple[int, int], stride: int
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the framed pixel at or before each position, and how far below and right that is.

    The whole and the fractional parts of two coordinates are added apart: float32 has too few
    digits for their sum, and float64 takes longer.
    """
    (whole, part), (whole_along, part_along) = summands
    part = part[:, None] + part_along[..., None]
    whole = whole[:, None] + whole_along[..., None]
    carried = np.floor(part)
    part -= carried
    whole += carried
    for places, side in zip(whole, sides, strict=True):
        period = frame.period(side)
        if period is not None:
            places -= period * np.floor(places / np.float32(period))
        else:
            places += frame.before
            np.clip(places, 0, side + 2 * (frame.before - 1), out=places)
    line, column = whole if sides[0] * stride < _EXACT else whole.astype(np.float64)
    line *= stride
    line += column
    return line.astype(np.intp), part[0], part[1]


def _between(first: Floats, second: Floats, part: Floats) -> Floats:
    """Return ``first + part * (second - first)``; both arrays are used up."""
    second -= first
    second *= part
    first += second
    return first
