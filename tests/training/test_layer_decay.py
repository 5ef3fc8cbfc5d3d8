"""Layer-wise decayed rates: each layer is updated as an optimizer with its own rate would."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import (
    AtStart,
    assembled,
    head_stage,
    largest_difference,
    layer_weights,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import fit_plainly, plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.errors import TrainingError
from tlkit.freezing.head import Head
from tlkit.training.loop.optimizers import Rates, layer_depths, make_optimizer

EVERYTHING = tlkit.UnfreezeAll(batch_norm="train")
HALVED = Rates(0.01, decay=0.5)
FINDER = tlkit.ExponentialLRFinder()
DEPTHS = {"probabilities": 0, "three": 1, "two": 2, "one": 3}


class ScaledAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam that multiplies the rate of each variable, in the order of ``build``, in its step."""

    def __init__(self, rate: Any, shares: list[float]) -> None:
        super().__init__(rate)
        self.shares = shares

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable with its share of the rate."""
        share = self.shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)


def decayed(**settings: Any) -> tlkit.Stage:
    """A stage that trains all of the small network, each layer at half the rate of the next."""
    given = {"policy": EVERYTHING, "layer_decay": 0.5, "keep_best": None, **settings}
    return head_stage(**given)


def run(stage: tlkit.Stage, data: tlkit.ImageDataset) -> Any:
    """The small network after a stage."""
    return trainer(stage, backbone=small_network).fit(data, verbose=0).model


def test_layers_are_counted_from_the_top_and_batch_norm_goes_with_its_layer() -> None:
    depths = layer_depths(assembled(small_network, Head(units=(4,)), None))
    assert {layer.name: depth for layer, depth in depths} == {
        "probabilities": 0,
        "head_dense_1": 0,
        "three_bn": 1,
        "three_conv": 1,
        "two_bn": 2,
        "two_conv": 2,
        "one_bn": 3,
        "one_conv": 3,
    }


def test_every_layer_is_trained_with_its_share_of_the_rate(data: tlkit.ImageDataset) -> None:
    stage = decayed(epochs=3)
    plain = plain_model()
    depths = [DEPTHS[v.path.split("/")[0].split("_")[0]] for v in plain.trainable_variables]
    optimizer = ScaledAdam(stage.learning_rate, [0.5**depth for depth in depths])
    plain.compile(optimizer, "sparse_categorical_crossentropy")
    fit_plainly(plain, stage, data)
    model = run(stage, data)
    assert largest_difference(plain, model) <= 1e-6
    undecayed = run(decayed(epochs=3, layer_decay=None), data)
    assert largest_difference(undecayed, model) > 0.01, "the rates made no difference"


@pytest.mark.slow
def test_first_step_with_weight_decay_is_bit_for_bit_that_of_the_layers_own_rate(
    data: tlkit.ImageDataset,
) -> None:
    # From the same weights the first gradient is the same, so that whole runs can be compared.
    optimizer = partial(keras.optimizers.AdamW, weight_decay=0.3)
    one_step = {"epochs": 1, "batch_size": len(data), "optimizer": optimizer}
    model = run(decayed(**one_step), data)
    for layer, depth in (("three_bn", 1), ("one_conv", 3)):
        alone = run(decayed(**one_step, layer_decay=None, learning_rate=0.01 * 0.5**depth), data)
        for one, other in zip(
            layer_weights(model, layer), layer_weights(alone, layer), strict=True
        ):
            assert np.array_equal(one, other), layer


@pytest.mark.slow
def test_decay_of_one_changes_nothing(data: tlkit.ImageDataset) -> None:
    assert same_weights(run(decayed(layer_decay=1), data), run(decayed(layer_decay=None), data))


@pytest.mark.slow
def test_schedule_is_scaled_for_each_depth(data: tlkit.ImageDataset) -> None:
    seen: list[list[float]] = []

    def look(model: Any) -> None:
        seen.append([float(x.learning_rate) for x in model.optimizer.optimizers])

    schedule = keras.optimizers.schedules.ExponentialDecay(0.08, 3, 0.5)
    callbacks = tuple(AtStart(epoch, look) for epoch in range(2))
    run(decayed(learning_rate=schedule, callbacks=callbacks), data)
    first = sorted(seen[0], reverse=True)
    assert first == pytest.approx([0.08, 0.04, 0.02, 0.01])
    assert sorted(seen[1], reverse=True) == pytest.approx([rate / 2 for rate in first])


@pytest.mark.slow
def test_search_moves_all_rates_together_and_suggests_that_of_the_head(
    data: tlkit.ImageDataset,
) -> None:
    finder = tlkit.ExponentialLRFinder(
        1e-4, 1e-1, steps=4, unit="batch", selector=lambda curve: float(curve.learning_rates[1])
    )
    made = trainer(decayed(learning_rate=finder, epochs=1), backbone=small_network)
    searched = made.fit(data, verbose=0)
    assert searched.stages[0].learning_rate == pytest.approx(1e-3)
    known = decayed(learning_rate=searched.stages[0].learning_rate, epochs=1)
    assert same_weights(searched.model, run(known, data))


@pytest.mark.slow
def test_plateau_lowers_all_rates_and_a_resumed_run_goes_on_with_them(
    parts: Data, tmp_path: Any
) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=1000)
        stage = decayed(epochs=3, callbacks=(plateau, Interrupt("head")))
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    assert plain.history["head"]["learning_rate_depth_1"] == pytest.approx([0.005, 0.005, 0.0025])
    resumed = run_with_interruptions(partial(make, "split"), parts, [("head", "epoch end", 2)])
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


@pytest.mark.parametrize("decay", [0, -0.5, 1.5, float("nan"), "0.8", True])
def test_decay_that_makes_no_sense_is_refused_at_once(decay: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': layer_decay=.*above 0 and at most 1"):
        head_stage(layer_decay=decay)


@pytest.mark.parametrize(
    ("decay", "rates"), [(None, [0.01, 0.002]), (0.5, [0.01, 0.001, 0.0005, 0.00025])]
)
def test_backbone_has_a_rate_of_its_own_from_which_it_decays(decay: Any, rates: Any) -> None:
    parts = assembled(small_network, Head(), None)
    trained = parts.model.trainable_variables
    made = make_optimizer(head_stage(), Rates(0.01, 0.002, decay), parts, trained)
    by_depth = {inner.name: float(inner.learning_rate) for inner in made.optimizers}
    assert by_depth == pytest.approx({f"depth_{n}": rate for n, rate in enumerate(rates)})


@pytest.mark.slow
def test_first_step_of_head_and_backbone_is_that_of_their_own_rates(
    data: tlkit.ImageDataset,
) -> None:
    one_step = {"epochs": 1, "batch_size": len(data), "layer_decay": None}
    model = run(decayed(**one_step, learning_rate=0.01, backbone_learning_rate=0.002), data)
    for layer, rate in (("probabilities", 0.01), ("three_conv", 0.002), ("one_conv", 0.002)):
        alone = run(decayed(**one_step, learning_rate=rate), data)
        for one, other in zip(
            layer_weights(model, layer), layer_weights(alone, layer), strict=True
        ):
            assert np.array_equal(one, other), layer


@pytest.mark.slow
def test_schedules_of_head_and_backbone_go_through_all_phases(parts: Data, tmp_path: Any) -> None:
    seen: list[list[float]] = []

    def look(model: Any) -> None:
        seen.append([float(x.learning_rate) for x in model.optimizer.optimizers])

    def make(folder: str) -> tlkit.StagedTrainer:
        looks = tuple(AtStart(epoch, look) for epoch in range(4))
        stage = decayed(
            epochs=4,
            layer_decay=None,
            policy=tlkit.GradualUnfreeze(groups=2, every=2),
            backbone_learning_rate=tlkit.Staircase((0.001, 0.002, 0.004), (0.25, 0.75)),
            callbacks=(*looks, Interrupt("head")),
        )
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    expected = [[0.01, rate] for rate in (0.001, 0.002, 0.002, 0.004)]
    assert np.allclose([sorted(rates, reverse=True) for rates in seen], expected)
    resumed = run_with_interruptions(partial(make, "split"), parts, [("head", "epoch end", 3)])
    assert same_weights(plain.model, resumed.model)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"backbone_learning_rate": "fast"}, r"learning_rate='fast', expected a number"),
        ({"backbone_learning_rate": FINDER}, "a search is for one rate"),
        ({"backbone_learning_rate": 0.1, "learning_rate": FINDER}, "a search is for one rate"),
        ({"backbone_learning_rate": tlkit.OneCycle(0.1), "snapshots": (1,)}, "snapshots="),
    ],
)
def test_backbone_rate_that_makes_no_sense_is_refused_at_once(settings: Any, told: str) -> None:
    with pytest.raises(TrainingError, match=rf"Stage 'head': .*{told}"):
        head_stage(**settings)


def test_variable_without_a_rate_is_named() -> None:
    parts, stray = assembled(small_network, Head(), None), keras.Variable([0.0], name="stray")
    variables = [*parts.model.trainable_variables, stray]
    with pytest.raises(TrainingError, match=r"Stage 'head': layer_decay, and 'stray' is trained"):
        make_optimizer(decayed(), HALVED, parts, variables)


def test_variable_of_two_depths_is_named() -> None:
    parts: Any = assembled(small_network, Head(), None)
    one, two = (parts.model.get_layer(name) for name in ("one_conv", "two_conv"))
    shared = SimpleNamespace(
        name="twin", weights=two.weights, trainable_variables=two.trainable_variables
    )
    layers: Any = SimpleNamespace(backbone=(one, two, shared), head=())
    with pytest.raises(
        TrainingError, match=r"'two_conv/kernel' belongs to layers of depth 1 and 2"
    ):
        make_optimizer(decayed(), HALVED, layers, two.trainable_variables)


def test_variables_of_one_name_and_two_rates_are_named() -> None:
    twins = [keras.Variable([0.0], name="twin") for _ in range(2)]
    backbone = [
        SimpleNamespace(weights=[twin], trainable_variables=[twin]) for twin in reversed(twins)
    ]
    layers: Any = SimpleNamespace(backbone=backbone, head=())
    with pytest.raises(TrainingError, match=r"two layers of different depth .* called 'twin'"):
        make_optimizer(decayed(), HALVED, layers, twins)


def test_keras_without_multi_optimizer_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, data: tlkit.ImageDataset
) -> None:
    monkeypatch.delattr(keras.optimizers, "MultiOptimizer")
    with pytest.raises(TrainingError, match=r"layer_decay needs .*MultiOptimizer of Keras 3.15"):
        run(decayed(), data)


def test_function_that_makes_no_optimizer_is_named(data: tlkit.ImageDataset) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': its optimizer function returned None"):
        run(head_stage(optimizer=lambda _: None), data)
