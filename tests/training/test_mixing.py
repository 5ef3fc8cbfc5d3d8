"""MixUp and CutMix: images and labels mixed before the frozen part, the same in every run."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import (
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.data.batches import epoch_order
from tlkit.errors import TrainingError
from tlkit.freezing.whole_model import seed_noise
from tlkit.training.feeding.mixing import Mixing

# Keras asks for int64 in MixUp, which JAX does not have unless it is told to.
pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*requested dtype int64:UserWarning")

MIX_UP = partial(keras.layers.MixUp, alpha=0.4)
LAYERS = pytest.mark.parametrize("make", [MIX_UP, keras.layers.CutMix], ids=["MixUp", "CutMix"])


def mixing(make: Any, seed: int = 0) -> Mixing:
    """What a stage called "head" mixes with."""
    made = Mixing.of(head_stage(mix=make), 3, seed)
    assert made is not None
    return made


def batch(data: tlkit.ImageDataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, labels and indices of ten images."""
    rows = np.arange(5, 15)
    return data.load(rows, 16), data.labels[rows], rows


@pytest.mark.parametrize(
    ("make", "rounding"),
    # CutMix rounds its box to whole pixels of an image, and not in the labels.
    [(MIX_UP, 0.001), (keras.layers.CutMix, 2 / 16)],
    ids=["MixUp", "CutMix"],
)
def test_images_and_labels_are_mixed_by_the_same_shares(
    make: Any, rounding: float, data: tlkit.ImageDataset
) -> None:
    _, labels, rows = batch(data)
    plain = np.stack([np.full((16, 16, 3), 100 * label, "uint8") for label in labels])
    images, shares = mixing(make)(plain, labels, rows, 0)
    assert images.dtype == shares.dtype == np.float32
    assert shares.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    # Each image is of one colour, which tells its class; so its mean tells the shares.
    expected = 100 * shares @ np.arange(3)
    assert images.mean(axis=(1, 2, 3)) == pytest.approx(expected, abs=200 * rounding)
    assert ((shares > 0.01) & (shares < 0.99)).any(), "nothing was mixed"


@LAYERS
def test_mixture_follows_from_seed_epoch_and_batch_alone(
    make: Any, data: tlkit.ImageDataset
) -> None:
    pixels, labels, rows = batch(data)
    used = mixing(make)
    first = used(pixels, labels, rows, 3)[0]
    others = [used(pixels, labels, rows, 4)[0], used(pixels, labels, rows + 1, 3)[0]]
    others.append(mixing(make, seed=1)(pixels, labels, rows, 3)[0])
    assert np.array_equal(used(pixels, labels, rows, 3)[0], first)
    assert np.array_equal(mixing(make)(pixels, labels, rows, 3)[0], first)
    assert not any(np.array_equal(other, first) for other in others)


def test_trunk_and_tail_train_what_the_whole_model_trains_on_mixed_images(
    data: tlkit.ImageDataset,
) -> None:
    policy = tlkit.UnfreezeTop(from_layer="three_conv")
    stage = head_stage(policy=policy, mix=MIX_UP, keep_best=None)
    result = trainer(stage, backbone=small_network).fit(data, verbose=0)
    assert result.stages[0].cut is not None, "nothing was cut off, so nothing is proved"
    plain, mix = plain_model(("three_conv",)), mixing(MIX_UP)
    plain.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    seed_noise(plain.layers, 0, "head")
    for epoch in range(2):
        order = epoch_order(len(data), seed=0, stage="head", epoch=epoch)
        for rows in np.split(order, 3):
            plain.train_on_batch(*mix(data.load(rows, 16), data.labels[rows], rows, epoch))
    assert largest_difference(plain, result.model) <= 2e-5


@pytest.mark.slow
def test_resumed_run_mixes_as_the_uninterrupted_one(parts: Data, tmp_path: Any) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stage = head_stage(
            mix=keras.layers.CutMix,
            augmentation=tlkit.Augmentation(),
            class_weight="balanced",
            label_smoothing=0.1,
            callbacks=(Interrupt("head"),),
        )
        return trainer(stage, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    resumed = run_with_interruptions(partial(make, "split"), parts, [("head", "batch end", 1)])
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


@pytest.mark.parametrize("given", [keras.layers.CutMix(), "mixup", 0.2])
def test_mixture_that_is_no_function_is_refused_at_once(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': mix=.*a function that makes a layer"):
        head_stage(mix=given)


def test_function_that_makes_no_layer_is_named(data: tlkit.ImageDataset) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': its mix function returned 5"):
        trainer(head_stage(mix=lambda: 5)).fit(data, verbose=0)
