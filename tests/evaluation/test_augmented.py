"""Test-time augmentation: the mean of an image as it is and of its views, by seed and position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tlkit.errors import DataError, EvaluationError


class CountingModel:
    """Says "light" with the brightness of the left half, and counts what it is asked."""

    input_shape = (None, 6, 6, 3)

    def __init__(self) -> None:
        self.batches: list[NDArray[Any]] = []

    def predict_on_batch(self, images: NDArray[Any]) -> NDArray[np.float64]:
        self.batches.append(np.asarray(images))
        light = np.asarray(images, np.float64)[:, :, :3].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - light, light], axis=1)


def dataset() -> tlkit.ImageDataset:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
    return tlkit.ImageDataset.from_arrays(pixels, [0, 1, 1, 0, 1, 0, 0], ["dark", "light"])


def probabilities(**settings: Any) -> NDArray[np.float64]:
    settings = {"augmentation": tlkit.Augmentation(), **settings}
    return tlkit.evaluate(CountingModel(), dataset(), **settings).probabilities


def test_it_is_the_mean_of_the_image_as_it_is_and_of_its_views() -> None:
    model, data, change = CountingModel(), dataset(), tlkit.Augmentation(rotation=20)
    found = tlkit.evaluate(model, data, augmentation=change, views=3, seed=5)
    pixels = data.load(range(7), 6)
    views = [
        change(pixels, range(7), seed=5, stage="test-time augmentation", epoch=view)
        for view in (1, 2)
    ]
    assert np.array_equal(model.batches[0], pixels)
    assert len(model.batches) == 3
    asked = [CountingModel().predict_on_batch(seen) for seen in [pixels.astype(np.float32), *views]]
    expected = np.mean(asked, axis=0)
    assert found.probabilities == pytest.approx(expected, abs=1e-12)


def test_it_follows_from_the_seed_and_not_from_the_batches() -> None:
    first = probabilities(seed=1)
    assert probabilities(seed=1, batch_size=2) == pytest.approx(first, abs=1e-12)
    assert np.abs(probabilities(seed=2) - first).max() > 1e-3


def test_more_views_begin_with_the_fewer() -> None:
    two, three = probabilities(views=2), probabilities(views=3)
    plain = tlkit.evaluate(CountingModel(), dataset()).probabilities
    third = 3 * three - 2 * two
    assert third.min() >= -1e-9
    assert np.abs(two - plain).max() > 1e-3


def test_there_are_eight_views_unless_said_otherwise() -> None:
    assert np.array_equal(probabilities(), probabilities(views=8))


def test_any_augmentation_of_a_stage_will_do() -> None:
    import keras

    mirrored = probabilities(augmentation=keras.layers.RandomFlip("horizontal"), views=12)
    pixels = dataset().load(range(7), 6).astype(np.float64)
    halves = [pixels[:, :, :3].mean(axis=(1, 2, 3)), pixels[:, :, 3:].mean(axis=(1, 2, 3))]
    low, high = np.minimum(*halves) / 255, np.maximum(*halves) / 255
    assert (mirrored[:, 1] >= low - 1e-6).all()
    assert (mirrored[:, 1] <= high + 1e-6).all()


def test_its_gain_has_an_interval() -> None:
    plain = tlkit.evaluate(CountingModel(), dataset())
    several = tlkit.evaluate(CountingModel(), dataset(), augmentation=tlkit.Augmentation())
    (pair,) = tlkit.compare({"plain": plain, "8 views": several}, "log_loss").pairs
    assert pair.interval[0] <= pair.difference <= pair.interval[1]
    assert plain.image_digests is not None
    assert np.array_equal(plain.image_digests, dataset().image_digests)


@pytest.mark.parametrize("views", [0, 1, -3, 2.5])
def test_too_few_views_are_refused(views: Any) -> None:
    with pytest.raises(EvaluationError, match=f"views={views}: expected a whole number, 2 or more"):
        probabilities(views=views)


def test_views_without_an_augmentation_are_refused() -> None:
    with pytest.raises(EvaluationError, match="views=4 without an augmentation"):
        probabilities(augmentation=None, views=4)


def test_what_is_no_augmentation_is_refused() -> None:
    with pytest.raises(DataError, match=r"augmentation='flip'; expected tlkit\.Augmentation"):
        probabilities(augmentation="flip")
