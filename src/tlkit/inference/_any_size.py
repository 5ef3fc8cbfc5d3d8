"""A model that takes pictures of any size: stock Keras operations read them as Pillow does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tlkit._keras.types import Model, SymbolicTensor
from tlkit.data.decoding.fitting import PASSES_BY_COST, Fit
from tlkit.inference.contract import ModelContract

_HALF = 2.0**11  # Pillow weighs pixels in units of 2 ** -22


class _Side(NamedTuple):
    """One side of pictures, which is known when they come.

    Args:
        positions: 0, 1, ... of its pixels, (length,).
        length: Number of pixels, a scalar.
        first: Position of the first pixel that is kept, below 0 where black is added.
        full: How many pixels are kept, black ones among them.
        all: Positions of at least all that are kept, where black is added; else None.
    """

    positions: Any
    length: Any
    first: Any
    full: Any
    all: Any = None


def of_any_size(model: Model, contract: ModelContract) -> tuple[Model, ModelContract]:
    """Return a model that reads pictures as `tlkit.ImageDataset` does, and its contract."""
    images = keras.Input((None, None, None), name="pictures")
    seen = _resized(_on_white(images), contract.image_size, contract.fit)
    outer = keras.Model(images, model(seen), name=f"{model.name}_any_size")
    return outer, replace(contract, resized_inside=True)


def _on_white(images: SymbolicTensor) -> SymbolicTensor:
    """Return RGB of RGB or RGBA, what is transparent on white, as `tlkit.ImageDataset` reads it."""
    images = ops.cast(images, "float32")
    # A fourth channel is alpha; of pictures that have none, this is the one that is added.
    opaque = ops.full_like(images[..., :1], 255)
    bands = ops.concatenate([images, opaque], axis=-1)
    colours, alpha = ops.take(bands, [0, 1, 2], axis=-1), ops.take(bands, [3], axis=-1)
    seen: SymbolicTensor = ops.round(255 + (colours - 255) * alpha / 255)
    return seen


def _resized(images: SymbolicTensor, size: tuple[int, int], fit: Fit) -> SymbolicTensor:
    """Resize as Pillow's bilinear filter does: a pass for each side, each ending in whole numbers.

    ``keras.layers.Resizing`` makes both passes and then rounds, so that many values differ by one,
    and now and then a label does.
    """
    height, width = size
    down, across = _measured(images[0, :, 0, 0]), _measured(images[0, 0, :, 0])
    kept_down = _kept(down, across, height, width, fit)
    kept_across = _kept(across, down, width, height, fit)
    by_row, by_column = _weights(kept_down, height), _weights(kept_across, width)

    def rows(pictures: Any) -> Any:
        return _one_pass("bhwc,hik->kbiwc", pictures, by_row)

    def columns(pictures: Any) -> Any:
        return _one_pass("bhwc,wjk->kbhjc", pictures, by_column)

    columns_then_rows: SymbolicTensor = rows(columns(images))
    if fit == "pad":  # tlkit resizes the side first that gets no black
        rows_first = kept_across.full > across.length
    elif PASSES_BY_COST:
        less_rows, less_columns = kept_down.full - height, kept_across.full - width
        rows_first = ops.logical_and(less_rows > 0, less_rows > 2 * less_columns)
    else:
        return columns_then_rows
    resized: SymbolicTensor = ops.where(rows_first, columns(rows(images)), columns_then_rows)
    return resized


def _one_pass(sides: str, pictures: Any, weights: Any) -> Any:
    """Weigh the pixels of one side in whole numbers, exactly, and round as Pillow does."""
    coarse, fine = ops.unstack(ops.einsum(sides, pictures, weights), 2)
    return ops.floor((coarse + _HALF / 2 + ops.floor(fine / _HALF)) / _HALF)


def _measured(pixels: SymbolicTensor) -> _Side:
    ones = ops.ones_like(pixels)
    length = ops.sum(ones)
    return _Side(ops.cumsum(ones) - 1, length, ops.zeros_like(length), length)


def _kept(side: _Side, other: _Side, new: int, other_new: int, fit: Fit) -> _Side:
    """Return what is kept of a side, so that both have the aspect ratio of the new ones."""
    if fit == "squash":
        return side
    in_shape = ops.floor(other.length * new / other_new)
    if fit == "crop":
        full = ops.maximum(ops.minimum(side.length, in_shape), 1)
        return side._replace(first=ops.floor((side.length - full) / 2), full=full)
    black = ops.floor(ops.maximum(in_shape - side.length, 0) / 2)  # on each end
    enough = [side.positions] + [other.positions] * -(-new // other_new)
    positions = ops.cumsum(ops.ones_like(ops.concatenate(enough))) - 1
    return side._replace(first=-black, full=side.length + 2 * black, all=positions)


def _weights(side: _Side, new: int) -> SymbolicTensor:
    """Return how much each pixel of a side counts for each new one, (length, new, 2).

    The triangle of Pillow's bilinear filter, as wide as the larger of a new and an old pixel, in
    its units, of which a whole is 2 ** 22: coarse ones of 2 ** 11, and the rest. So all sums are of
    whole numbers that float32 holds, and TensorFloat-32 on a GPU, too. Twice the distances are such
    until a side has some 60,000 pixels.
    """
    centres = 2 * np.arange(new, dtype="float32") + 1
    reach = 2 * ops.maximum(side.full, new)

    def heights(positions: Any) -> Any:
        """Return the triangles' heights at positions of what is kept, 0 outside of it."""
        distances = (2 * positions[:, None] + 1) * new - side.full * centres
        inside = ops.logical_and(positions >= 0, positions < side.full)
        return ops.maximum(reach - ops.abs(distances), 0) * ops.cast(inside, "float32")[:, None]

    found = heights(side.positions - side.first)
    total = ops.sum(found if side.all is None else heights(side.all), axis=0)
    coarse = ops.round(found * _HALF / total)
    rest = found * _HALF - coarse * total  # exact, however a runtime divides
    weights: SymbolicTensor = ops.stack([coarse, ops.floor(rest * _HALF / total + 0.5)], axis=-1)
    return weights
