"""Augmentations give pixels, 0..255, as validation images have."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.training.conftest import head_stage, trainer
from tests.training.test_conflicts import Trained
from tlkit.data.augmentation.transforms import check_range
from tlkit.errors import DataError

LAYERS = keras.layers
ANY: Any = print  # what is named in the error
Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3)).astype("uint8")


@given(scale=st.floats(0.2, 1.5), offset=st.floats(-60, 60), noise=st.floats(0, 40))
def test_darker_brighter_and_noisy_pixels_are_pixels(
    scale: float, offset: float, noise: float
) -> None:
    drawn = np.random.default_rng(1).normal(size=PIXELS.shape)
    check_range(ANY, PIXELS, (PIXELS * scale + offset + noise * drawn).astype("float32"), "a")


@given(
    low=st.sampled_from([0.0, -1.0, -0.5, -2.2]),
    width=st.sampled_from([0.5, 1.0, 2.0, 4.8, 1000.0, 65535.0]),
)
def test_pixels_of_another_scale_are_refused(low: float, width: float) -> None:
    changed = (low + width * (PIXELS / np.float32(255))).astype("float32")
    with pytest.raises(DataError, match=r"Stage 'a': augmentation=.* expected 0 to 255"):
        check_range(ANY, PIXELS, changed, "a")


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="gave values from nan"):
        check_range(ANY, PIXELS, PIXELS * np.float32(np.nan), "a")


def halved(images: Any, indices: Any, **draw: Any) -> Any:  # noqa: ARG001
    return np.asarray(images, "float32") / 255


@pytest.mark.parametrize(
    "augmentation",
    [
        LAYERS.Rescaling(1 / 255),
        LAYERS.Rescaling(1 / 127.5, -1.0),
        keras.Sequential([LAYERS.RandomFlip(), LAYERS.Normalization(mean=120.0, variance=4000.0)]),
        halved,
        [tlkit.Augmentation(), LAYERS.Rescaling(1 / 255), tlkit.ColorJitter()],
    ],
    ids=["to one", "around zero", "normalized", "own function", "among others"],
)
def test_the_second_stage_is_refused_before_the_first_is_trained(
    augmentation: Any, parts: Data
) -> None:
    stages = (head_stage(callbacks=(Trained(),)), head_stage(name="b", augmentation=augmentation))
    words = r"Stage 'b': augmentation=(Layer|<function).*expected 0 to 255.*the model does that"
    with pytest.raises(DataError, match=words):
        trainer(*stages).fit(*parts, verbose=0)
    with pytest.raises(DataError, match="expected 0 to 255"):
        trainer(stages[1]).find_learning_rate(parts[0], tlkit.ExponentialLRFinder(), verbose=0)
