"""A stage whose policy changes its answer runs in phases, each with a new optimizer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import AtStart, head_stage, trainer
from tlkit.freezing.phase import selections
from tlkit.freezing.whole_model import assemble


def test_gradual_unfreeze_reaches_further_down_in_every_phase(data: tlkit.ImageDataset) -> None:
    seen: list[tuple[list[str], int]] = []

    def look(model: Any) -> None:
        layers = [v.path.split("/")[0] for v in model.trainable_variables]
        seen.append((layers, int(model.optimizer.iterations)))

    stage = head_stage(
        epochs=4,
        policy=tlkit.GradualUnfreeze(groups=2, every=2),
        callbacks=tuple(AtStart(epoch, look) for epoch in range(4)),
    )
    result = trainer(stage).fit(data, verbose=0).stages[0]
    head = ["probabilities", "probabilities"]
    top, all_of_it = (
        ["block_conv", "top_conv"],
        ["stem_conv", "down_conv", "block_conv", "top_conv"],
    )
    assert seen == [(top + head, 0), (top + head, 3), (all_of_it + head, 0), (all_of_it + head, 3)]
    assert result.epochs == 4
    assert result.trained_layers == (*all_of_it, "probabilities")
    assert result.cut is None, "all that is below the first layer to train is preprocessing"


def test_phases_are_joined_where_the_policy_answers_the_same() -> None:
    parts = assemble(
        tlkit.testing.tiny_backbone(),
        tlkit.Head(),
        3,
        image_size=None,
        weights=None,
        preprocessing="auto",
        seed=0,
    )
    found = selections(tlkit.GradualUnfreeze(groups=4, every=3), parts, 8)
    assert [(first, end, len(layers)) for first, end, layers in found] == [
        (0, 3, 1),
        (3, 6, 2),
        (6, 8, 3),
    ]
    assert len(selections(tlkit.FreezeAll(), parts, 50)) == 1


@pytest.mark.slow
def test_best_weights_of_an_earlier_phase_are_kept(data: tlkit.ImageDataset) -> None:
    def wreck(model: Any) -> None:
        kernel = model.get_layer("probabilities").kernel
        kernel.assign(100 * np.random.default_rng(0).normal(size=kernel.shape))

    policy = tlkit.GradualUnfreeze(groups=2, every=1)
    wrecked = head_stage(policy=policy, keep_best="loss", callbacks=(AtStart(1, wreck),))
    kept = trainer(wrecked).fit(data, verbose=0)
    first = trainer(head_stage(policy=policy, epochs=1)).fit(data, verbose=0)
    assert kept.stages[0].best_epoch == 0
    assert kept.stages[0].epochs == 2
    for a, b in zip(kept.model.weights, first.model.weights, strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b)), a.path


def stem_in_a_sequential() -> Any:
    """A network whose second part is a keras.Sequential, as ConvNeXt's downsampling is."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, 2, name="below")(x)
    inner = [keras.layers.Conv2D(6, 3, name=name) for name in ("inside_first", "inside_second")]
    x = keras.layers.ReLU(name="after")(keras.Sequential(inner, name="down")(x))
    return keras.Model(image, keras.layers.Conv2D(8, 3, name="top")(x))


@pytest.mark.parametrize(
    ("from_layer", "cut"),
    [
        ("inside_second", "inside_first"),
        *thorough(("top", "after"), ("inside_first", "below")),
    ],
)
def test_cut_stays_below_a_layer_that_is_trained_inside_a_sequential(
    data: tlkit.ImageDataset, from_layer: str, cut: str
) -> None:
    stage = head_stage(epochs=1, policy=tlkit.UnfreezeTop(from_layer=from_layer))
    training = tlkit.StagedTrainer(stem_in_a_sequential, stages=[stage], cache=False)
    result = training.fit(data, verbose=0).stages[0]
    assert result.cut == cut
    assert from_layer in result.trained_layers
