"""Keras preprocessing layers in the place of an Augmentation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tlkit
import tlkit.testing
from tlkit.data.augmentation.keras_layers import LayerAugmentation
from tlkit.data.augmentation.transforms import as_transform, transformed
from tlkit.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 12, 10, 3)).astype("uint8")
INDICES = np.array([4, 17, 3, 99, 0, 8])
DRAW: dict[str, Any] = {"seed": 3, "stage": "warm", "epoch": 2}


def layers() -> Any:
    """Two layers that draw, one in the other."""
    return keras.Sequential(
        [keras.layers.RandomFlip(), keras.Sequential([keras.layers.RandomContrast(0.5)])]
    )


def test_what_an_image_becomes_depends_on_neither_batch_nor_order() -> None:
    augment = LayerAugmentation(layers())
    whole = augment(IMAGES, INDICES, **DRAW)
    assert whole.shape == IMAGES.shape
    assert whole.dtype == np.float32
    order = RNG.permutation(len(IMAGES))
    np.testing.assert_array_equal(augment(IMAGES[order], INDICES[order], **DRAW), whole[order])
    for start in range(0, 6, 2):
        part = slice(start, start + 2)
        np.testing.assert_array_equal(augment(IMAGES[part], INDICES[part], **DRAW), whole[part])
    again = LayerAugmentation(layers())(IMAGES, INDICES, **DRAW)
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("other", [{"seed": 4}, {"stage": "other"}, {"epoch": 3}])
def test_every_seed_stage_and_epoch_draws_anew(other: dict[str, Any]) -> None:
    augment = LayerAugmentation(layers())
    assert (augment(IMAGES, INDICES, **DRAW) != augment(IMAGES, INDICES, **{**DRAW, **other})).any()


def test_every_image_draws_for_itself() -> None:
    same = np.repeat(IMAGES[:1], 40, axis=0)
    flip = LayerAugmentation(keras.layers.RandomFlip("horizontal"))
    flipped = flip(same, np.arange(40), **DRAW)
    left_right = sum(np.array_equal(each, IMAGES[0, :, ::-1]) for each in flipped)
    assert 10 < left_right < 30
    assert left_right + sum(np.array_equal(each, IMAGES[0]) for each in flipped) == 40


def test_layer_does_what_keras_says_that_it_does() -> None:
    brighter = LayerAugmentation(keras.layers.RandomBrightness((0.2, 0.2)))
    expected = np.clip(IMAGES + 0.2 * 255, 0, 255)
    np.testing.assert_allclose(brighter(IMAGES, INDICES, **DRAW), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["MixUp", "CutMix", "AugMix"])
def test_layer_that_cannot_work_on_one_image_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"this layer (mixes images|draws from Python's global)"):
        tlkit.Stage("a", epochs=1, learning_rate=1, augmentation=getattr(keras.layers, name)())


def test_layer_of_unseeded_draws_is_refused() -> None:
    class Unseeded(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x + keras.random.uniform((), maxval=200)

    with pytest.raises(DataError, match=r"two results for one image and one seed; expected ran"):
        LayerAugmentation(Unseeded())(IMAGES, INDICES, **DRAW)


def test_what_changes_the_shape_is_refused() -> None:
    crop = as_transform(keras.layers.CenterCrop(8, 8))
    assert crop is not None
    with pytest.raises(DataError, match=r"images of shape \(6, 8, 8, 3\) from \(6, 12, 10, 3\)"):
        transformed(crop, IMAGES, INDICES, **DRAW)


def test_what_is_no_augmentation_is_refused() -> None:
    with pytest.raises(DataError, match=r"augmentation='flip'; expected tlkit\.Augmentation"):
        tlkit.Stage("a", epochs=1, learning_rate=1, augmentation="flip")  # type: ignore[arg-type]


def test_stage_trains_with_layers_and_two_runs_are_the_same() -> None:
    data = tlkit.testing.tiny_dataset(24)

    def weights() -> Any:
        stage = tlkit.Stage("a", epochs=2, learning_rate=0.01, augmentation=layers())
        trainer = tlkit.StagedTrainer(
            tlkit.testing.tiny_backbone(), weights=None, cache=False, engine="keras", stages=[stage]
        )
        return trainer.fit(data, verbose=0).model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(), weights(), strict=True))


def test_settings_are_told_the_same_in_every_process() -> None:
    one, other = LayerAugmentation(layers()), LayerAugmentation(layers())
    assert one.get_config() == other.get_config()
    assert "RandomContrast" in repr(one)
    assert LayerAugmentation(keras.layers.RandomFlip()).get_config() != one.get_config()
