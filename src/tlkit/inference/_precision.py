"""Pictures to predict, as those on which a low precision is calibrated and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlkit.errors import PredictionError
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.sample import CALIBRATED, CHECKED, TrainingSample
from tlkit.inference.contract import ModelContract
from tlkit.inference.pictures import Pictures, read, spread

Show = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Precisely:
    """A precision that was asked for.

    Args:
        precision: A low one, or ``"auto"``.
        asked: Reads the pictures on which it is compared with float32.
    """

    precision: TrunkPrecision
    asked: Callable[[], AskedPrecision]


def asked_precision(
    precision: TrunkPrecision, pictures: Pictures, contract: ModelContract, show: Show
) -> AskedPrecision:
    """Return how precisely a model is to be run on pictures, of which some are read.

    They are spread evenly over all, so that they are of every class where folders are.

    Args:
        precision: A low one, or ``"auto"``.
        pictures: All that are to be predicted.
        contract: Of the model.
        show: Called with what is done, how much, and of how much.

    Raises:
        PredictionError: None of them can be read.
    """
    images, errors = read(
        pictures, spread(len(pictures), CALIBRATED + CHECKED), contract.image_size
    )
    if not len(images):
        raise PredictionError(
            f"trunk_precision={precision!r}: no picture of {len(errors)} can be read to compare it "
            f"on: {next(iter(errors.values()))}. Take trunk_precision='float32'."
        )
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    sample = TrainingSample(images, np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))
    return AskedPrecision(precision, sample, show, contract.labels_of, contract.to_json())
