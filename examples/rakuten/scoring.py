"""What a trained model says of validation pictures, from the features that its training used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tlkit
from tlkit._keras.graph import split
from tlkit.data.batches import PixelCache
from tlkit.features.passes import Plan, extracted
from tlkit.features.store.store import open_store
from tlkit.features.trunk import Trunk

_BATCH = 256


def probabilities(
    result: tlkit.TrainingResult, pictures: tlkit.ImageDataset, engine: str
) -> NDArray[Any]:
    """Return the probabilities of each class, (n, classes).

    The whole model in Keras would give the same, but for rounding, and run every picture through
    the frozen part again: 17,000 pictures of a large network take an hour, for each training.

    Args:
        result: Of a training that was validated on these pictures.
        pictures: They.
        engine: What runs the frozen part.
    """
    cut = result.stages[-1].cut
    if cut is None:
        return tlkit.evaluate(result, pictures).probabilities
    frozen, tail = split(result.model, at=cut)
    with open_store(True) as store:
        trunk = Trunk(frozen, store)
        pixels = PixelCache(pictures, trunk.size)
        plan = Plan(engine, images_ahead=len(pictures))
        rows = extracted(trunk, pixels, pictures.image_digests, plan).rows
        starts = range(0, len(pictures), _BATCH)
        parts = [tail.predict_on_batch(rows[n : n + _BATCH]) for n in starts]
    return np.concatenate(parts)
