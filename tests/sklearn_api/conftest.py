"""Pictures and labels as scikit-learn passes them on, and estimators that train in a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tlkit.sklearn import FeatureExtractor, ImageClassifier
from tlkit.testing import tiny_backbone, tiny_dataset

SMALL: dict[str, Any] = {"weights": None, "cache": False}
# Where it does not matter what is learned.
SHORT = tlkit.Stage("head", epochs=1, learning_rate=0.05, batch_size=16)
HEAD = tlkit.Stage("head", epochs=6, learning_rate=0.05, batch_size=8)


def classifier(**settings: Any) -> ImageClassifier:
    """A classifier that trains a head on the tiny backbone, on all pictures."""
    given: dict[str, Any] = {**SMALL, "stages": [HEAD], "validation": None, **settings}
    return ImageClassifier(given.pop("backbone", tiny_backbone()), **given)


def extractor(**settings: Any) -> FeatureExtractor:
    """An extractor of the tiny backbone."""
    given: dict[str, Any] = {**SMALL, **settings}
    return FeatureExtractor(given.pop("backbone", tiny_backbone()), **given)


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """48 pictures of three classes, in turns."""
    return tiny_dataset().load(np.arange(48), 16)


@pytest.fixture(scope="session")
def labels() -> NDArray[np.str_]:
    """Their labels, of which the first is not the first in the alphabet."""
    return np.array(["Quitte ü", "sour apple", "cherry"])[np.arange(48) % 3]
