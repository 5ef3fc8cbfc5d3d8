"""L2-SP: in each step the backbone's weights also go back toward where their stage began."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.training.conftest import (
    HEAD,
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import fit_plainly, plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.errors import TrainingError
from tlkit.training.loop._toward_start import toward_start

KINDS = keras.optimizers


class Held(keras.optimizers.SGD):  # type: ignore[misc]
    """SGD on variables of which some are held by a start, as the formula says."""

    def __init__(self, rate: float, strength: float, starts: list[Any]) -> None:
        super().__init__(rate)
        self.strength, self.start_of = strength, starts.__getitem__

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable, and move it back."""
        start = self.start_of(self._get_variable_index(variable))
        if start is not None:
            gradient = gradient + self.strength * (variable - start)
        super().update_step(gradient, variable, learning_rate)


def held(**settings: Any) -> tlkit.Stage:
    """A stage that trains all of the small network, whose weights are held by their start."""
    policy = tlkit.UnfreezeAll(batch_norm="train")
    given = {"policy": policy, "l2_sp": 5.0, "keep_best": None, "epochs": 3, **settings}
    return head_stage(**given)


def run(stage: tlkit.Stage, data: tlkit.ImageDataset) -> Any:
    """The small network after a stage."""
    return trainer(stage, backbone=small_network).fit(data, verbose=0).model


def test_the_backbone_is_held_by_its_start_and_the_head_is_not(data: tlkit.ImageDataset) -> None:
    stage, plain = held(optimizer="sgd"), plain_model()
    starts = [
        None if variable.path.split("/")[0] in HEAD else np.array(np.asarray(variable))
        for variable in plain.trainable_variables
    ]
    plain.compile(Held(0.01, 5.0, starts), "sparse_categorical_crossentropy")
    fit_plainly(plain, stage, data)
    assert largest_difference(plain, run(stage, data)) <= 1e-6


@pytest.mark.parametrize(
    "make",
    few(
        [
            KINDS.Adam,
            partial(KINDS.SGD, momentum=0.9),
            partial(KINDS.Adam, gradient_accumulation_steps=2),
            *(KINDS.Nadam, KINDS.Adamax, KINDS.RMSprop, KINDS.Lion, KINDS.Adagrad),
            *(KINDS.Adadelta, KINDS.Adafactor, partial(KINDS.Adam, use_ema=True)),
            lambda rate: KINDS.SGD(KINDS.schedules.PiecewiseConstantDecay([9], [rate, 1.0])),
        ],
        count=3,
    ),
)
def test_without_a_gradient_the_way_shrinks_by_rate_and_strength(make: Any) -> None:
    variables = [keras.Variable(np.ones(3, "float32")) for _ in range(2)]
    known = toward_start(make(0.01), 5.0, {id(variables[0]): np.zeros(3, "float32")})
    plain = make(0.01)
    steps = 4 // (known.gradient_accumulation_steps or 1)
    known.build(variables)
    for _ in range(4):
        known.apply([keras.ops.zeros(3)] * 2, variables)
    one, other = (np.asarray(variable) for variable in variables)
    assert one == pytest.approx((1 - 0.01 * 5) ** steps, rel=1e-5)
    assert other == pytest.approx(1.0)
    # To others it is the optimizer that it was: in files, too.
    assert isinstance(known, type(plain))
    written = keras.saving.serialize_keras_object(known)
    assert type(keras.saving.deserialize_keras_object(written)) is type(plain)


@pytest.mark.slow
def test_a_resumed_stage_is_held_by_the_same_start(parts: Data, tmp_path: Any) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stage = held(epochs=2, optimizer="adamw", callbacks=(Interrupt("head"),))
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    resumed = run_with_interruptions(partial(make, "split"), parts, [("head", "epoch end", 1)])
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


@pytest.mark.slow
def test_phases_depths_and_averages_are_held_and_resumed(parts: Data, tmp_path: Any) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        policy = tlkit.GradualUnfreeze(groups=2, every=2)
        more: Any = {"layer_decay": 0.5, "ema": 0.8, "callbacks": (Interrupt("later"),)}
        first = head_stage(policy=tlkit.UnfreezeAll(), epochs=1)
        later = held(name="later", policy=policy, epochs=4, **more)
        return trainer(first, later, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    places = [("later", "epoch end", epoch) for epoch in (1, 3)]
    resumed = run_with_interruptions(partial(make, "split"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


@pytest.mark.slow
def test_a_search_leaves_the_start_what_it_was(data: tlkit.ImageDataset) -> None:
    finder = tlkit.ExponentialLRFinder(
        1e-4, 1e-1, steps=4, unit="batch", selector=lambda curve: float(curve.learning_rates[1])
    )
    made = trainer(held(learning_rate=finder), backbone=small_network)
    searched = made.fit(data, verbose=0)
    assert same_weights(
        searched.model, run(held(learning_rate=searched.stages[0].learning_rate), data)
    )


@pytest.mark.slow
def test_a_frozen_backbone_needs_no_holding(data: tlkit.ImageDataset) -> None:
    alone, also = (held(policy=tlkit.FreezeAll(), l2_sp=strength) for strength in (None, 5))
    assert same_weights(run(alone, data), run(also, data))


@pytest.mark.slow
def test_what_a_checkpoint_callback_writes_is_plain_keras(
    data: tlkit.ImageDataset, tmp_path: Any
) -> None:
    file = tmp_path / "model.keras"
    saver = keras.callbacks.ModelCheckpoint(file)
    model = run(held(optimizer="adamw", callbacks=(saver,)), data)
    loaded = keras.models.load_model(file)
    assert type(loaded.optimizer) is type(KINDS.get("adamw"))
    assert int(loaded.optimizer.iterations) == 3 * -(-len(data) // 16)
    assert same_weights(model, loaded)


@pytest.mark.parametrize("given", [0, -1.0, float("nan"), float("inf"), "10", True])
def test_strength_that_makes_no_sense_is_refused_at_once(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': l2_sp=.*a finite number above 0"):
        head_stage(l2_sp=given)
