"""The whole networks, built once per test run, and their answers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from reference_inputs import Pixels, scaled
from tlkit_efficientnet_lite.models import build_classifier

if TYPE_CHECKING:
    import keras


@cache
def classifier(name: str) -> keras.Model:
    """Return the network with its ImageNet weights and its top."""
    return build_classifier(name)


def keras_logits(name: str, image: Pixels) -> NDArray[np.float32]:
    """Return the logits, float32 ``(1000,)``, of an image, uint8 ``(h, w, 3)``."""
    (logits,) = np.asarray(classifier(name)(scaled(image), training=False))
    return np.asarray(logits, np.float32)
