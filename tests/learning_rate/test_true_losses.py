"""The losses of a search are those that a hand-written loop measures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from tests.conftest import few, thorough
from tlkit import ExponentialLRFinder
from tlkit._keras.optimizers import steps_per_update
from tlkit.errors import LearningRateError

RNG = np.random.default_rng(4)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.integers(0, 3, size=23)
WEIGHTS = np.linspace(0.1, 2, 23).astype("float32")
SIZES = (9, 9, 5)
# Two validation batches of unequal size.
HELD_OUT = tuple(np.concatenate([values, values])[:40] for values in (X, Y, WEIGHTS))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Three batches of unequal size, in a fixed order."""

    def __init__(self, weighted: bool) -> None:
        super().__init__()
        self.weighted = weighted

    def __len__(self) -> int:
        return len(SIZES)

    def __getitem__(self, index: int) -> Any:
        rows = slice(sum(SIZES[:index]), sum(SIZES[: index + 1]))
        return (X[rows], Y[rows], WEIGHTS[rows]) if self.weighted else (X[rows], Y[rows])


class Case(NamedTuple):
    """What the losses have to be right with."""

    optimizer: Any = partial(keras.optimizers.SGD, 0.01)
    weighted: bool = False
    class_weight: dict[int, float] | None = None
    steps_per_execution: int = 1
    policy: str = "float32"


CASES = {
    "unequal batches": Case(),
    "slots": Case(partial(keras.optimizers.Adam, 0.01)),
    "sample weights": Case(weighted=True),
    "class weights": Case(class_weight={0: 0.5, 1: 1.0, 2: 3.0}),
    "several steps per execution": Case(steps_per_execution=2, weighted=True),
    "gradient accumulation": Case(
        partial(keras.optimizers.SGD, 0.01, gradient_accumulation_steps=2)
    ),
    "mixed precision": Case(
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
        policy="mixed_float16",
    ),
}
every_case = pytest.mark.parametrize("case", few(CASES.values(), 3), ids=CASES)


@contextmanager
def policy(name: str) -> Iterator[None]:
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def network(case: Case, *, eager: bool = True, steps: int = 1) -> Any:
    keras.utils.set_random_seed(0)
    with policy(case.policy):
        model = keras.Sequential(
            [keras.layers.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)]
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(case.optimizer(), loss, run_eagerly=eager, steps_per_execution=steps)
    return model


def searched(case: Case) -> Any:
    several = case.steps_per_execution > 1
    return network(case, eager=not several, steps=case.steps_per_execution)


def true_loss(model: Any, x: Any, y: Any, weight: Any = None) -> float:
    """Weighted cross-entropy of the logits, summed and divided by the number of samples."""
    logits = np.asarray(keras.ops.convert_to_numpy(model(x, training=True)), "float64")
    log_sum = np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1)
    each = log_sum - logits[np.arange(len(y)), y]
    return float((each if weight is None else each * weight).mean())


def hand_written(case: Case, rates: Any) -> tuple[list[float], list[float]]:
    """Loss of each batch before its own step, and of the held-out samples after it."""
    model, data = network(case), Batches(case.weighted)
    losses, held_out = [], []
    for step, rate in enumerate(rates):
        x, y, *weight = data[step % len(SIZES)]
        if case.class_weight is not None:
            weight = [np.array([case.class_weight[label] for label in y], "float32")]
        losses.append(true_loss(model, x, y, *weight))
        getattr(model.optimizer, "inner_optimizer", model.optimizer).learning_rate = rate
        # Not shuffled: in another order sums round otherwise, in half precision by more than 1e-6.
        settings = {"sample_weight": weight[0] if weight else None, "batch_size": len(x)}
        model.fit(x, y, shuffle=False, verbose=0, **settings)
        held_out.append(true_loss(model, *HELD_OUT))
    return losses, held_out


@every_case
def test_batch_losses_are_those_of_a_hand_written_loop(case: Case) -> None:
    finder = ExponentialLRFinder(1e-3, 0.5, steps=7, unit="batch")
    data = Batches(case.weighted)
    curve = finder.find(searched(case), data, shuffle=False, class_weight=case.class_weight)
    # A rate has all batches that make its update: its loss is their mean by sample.
    count = steps_per_update(network(case).optimizer)
    each, _ = hand_written(case, np.repeat(finder.learning_rates, count))
    sizes = np.resize(SIZES, 7 * count).reshape(7, count)
    expected = np.average(np.reshape(each, (7, count)), axis=1, weights=sizes)
    assert curve.losses == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", [next(iter(CASES.values())), *thorough(*list(CASES.values())[1:])])
def test_epoch_losses_are_means_of_the_true_losses_by_sample(case: Case) -> None:
    finder = ExponentialLRFinder(1e-3, 0.5, steps=3)
    data = Batches(case.weighted)
    curve = finder.find(searched(case), data, shuffle=False, class_weight=case.class_weight)
    each, _ = hand_written(case, np.repeat(finder.learning_rates, 3))
    expected = np.average(np.reshape(each, (3, 3)), axis=1, weights=SIZES)
    assert curve.losses == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("unit", ["epoch", *thorough("batch")])
def test_validation_losses_are_those_after_each_rate_with_their_weights(unit: Any) -> None:
    case, each = CASES["slots"], 3 if unit == "epoch" else 1
    finder = ExponentialLRFinder(1e-3, 0.5, steps=4, unit=unit)
    curve = finder.find(
        searched(case), Batches(weighted=False), shuffle=False, validation_data=HELD_OUT
    )
    losses, held_out = hand_written(case, np.repeat(finder.learning_rates, each))
    assert curve.validation_losses == pytest.approx(np.array(held_out[each - 1 :: each]), rel=1e-5)
    if unit == "batch":
        assert curve.losses == pytest.approx(np.array(losses), rel=1e-6)


@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (iter([(X, Y)]), "cannot be read to its end for each"),
        (X, "validation_data is an array"),
        ([X, Y], "a list of 2"),
        ((X,), "a tuple of 1"),
    ],
)
def test_validation_data_that_cannot_serve_is_refused(unit: Any, data: Any, said: str) -> None:
    with pytest.raises(LearningRateError, match=said):
        ExponentialLRFinder(steps=3, unit=unit).find(searched(Case()), X, Y, validation_data=data)
