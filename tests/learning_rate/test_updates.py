"""Each rate gets the updates that it is promised, however the model is compiled."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import keras
import numpy as np
import pytest

from tests.conftest import thorough
from tlkit import ExponentialLRFinder
from tlkit.learning_rate.selectors.smoothing import Floats

X = np.random.default_rng(3).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
BATCH, BATCHES = 8, 8
STARTED = 0.25  # no rate of a search


class Counting(keras.optimizers.SGD):  # type: ignore[misc]
    """Notes the rate of each update of each variable."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        # Each backend gives its own kind of variable.
        path = str(getattr(variable, "path", None) or variable.name).partition(":")[0]
        updates.append((path, float(keras.ops.convert_to_numpy(learning_rate))))
        super().update_step(gradient, variable, learning_rate)


updates: list[tuple[str, float]] = []


def network(accumulation: int, several: int, *, groups: bool) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1, name="second")]
    model = keras.Sequential([keras.layers.Input((4,)), *layers])

    def one() -> Any:
        return Counting(
            STARTED, gradient_accumulation_steps=accumulation if accumulation > 1 else None
        )

    optimizer = one()
    if groups:
        chosen = keras.optimizers.OptimizerMap(optimizer)
        chosen["second"] = one()
        optimizer = keras.optimizers.MultiOptimizer(chosen)
    model.compile(optimizer, "mse", steps_per_execution=several, run_eagerly=True)
    return model


def hand_written(accumulation: int, rates: Floats, unit: str, *, fresh: bool) -> list[float]:
    """Losses of a plain loop: gradients summed by hand, one update after so many batches."""
    model = network(1, 1, groups=False)
    start, losses = model.get_weights(), []
    position, summed, held = 0, None, 0

    def loss_and_gradient(index: int) -> tuple[float, Any]:
        rows = slice(index % BATCHES * BATCH, (index % BATCHES + 1) * BATCH)
        kernel, bias, kernel2, bias2 = (w.astype("float64") for w in model.get_weights())
        hidden = X[rows] @ kernel + bias
        error = hidden @ kernel2 + bias2 - Y[rows]
        slope = 2 * error / BATCH
        back = slope @ kernel2.T
        gradient = [X[rows].T @ back, back.sum(0), hidden.T @ slope, slope.sum(0)]
        return float(np.mean(error**2)), gradient

    needed = accumulation + fresh
    steps = needed if unit == "batch" else BATCHES * -(-needed // BATCHES)
    for rate in rates:
        if fresh:
            model.set_weights(start)
            position = 0
        if fresh or steps > BATCHES:
            summed, held = None, 0
        seen = []
        for _ in range(steps):
            loss, gradient = loss_and_gradient(position)
            position += 1
            seen.append(loss)
            held += 1
            summed = (
                gradient
                if summed is None
                else [a + b for a, b in zip(summed, gradient, strict=True)]
            )
            if held == accumulation:
                moved = zip(model.get_weights(), summed, strict=True)
                model.set_weights([w - rate * g / accumulation for w, g in moved])
                summed, held = None, 0
        if fresh:
            seen = seen[-1:] if unit == "batch" else seen[-BATCHES:]
        losses.append(float(np.mean(seen)))
    return losses


CASES = list(product(["batch", "epoch"], [1, 3, 50], [1, 7], [False, True], [False, True]))
# Each value of each setting, and those that a public report was about.
QUICK = [
    ("batch", 50, 1, False, False),
    ("epoch", 1, 7, False, False),
    ("epoch", 3, 7, True, True),
]


@pytest.mark.parametrize(
    ("unit", "accumulation", "several", "fresh", "groups"),
    [*QUICK, *thorough(*(case for case in CASES if case not in QUICK))],
)
def test_losses_and_updates_are_those_of_a_hand_written_loop(
    unit: Any, accumulation: int, several: int, fresh: bool, groups: bool
) -> None:
    updates.clear()
    model = network(accumulation, several, groups=groups)
    finder = ExponentialLRFinder(1e-3, 0.05, steps=4, unit=unit, fresh_start=fresh)
    curve = finder.find(model, X, Y, batch_size=BATCH, shuffle=False)
    assert len(curve) == 4
    assert curve.stop_reason is None
    expected = hand_written(accumulation, finder.learning_rates, unit, fresh=fresh)
    assert curve.losses == pytest.approx(np.array(expected), rel=1e-4)
    assert model.steps_per_execution == several
    if keras.backend.backend() == "tensorflow":  # JAX computes an update in each step, and drops it
        check_counts(unit, accumulation, fresh=fresh)


def check_counts(unit: str, accumulation: int, *, fresh: bool) -> None:
    """Each rate has the updates that it is promised."""
    of_one = [f"{rate:.6g}" for path, rate in updates if path.endswith("first/kernel")]
    counts = Counter(of_one)
    assert len(counts) == 4
    if unit == "batch":
        assert set(counts.values()) == {2 if fresh and accumulation == 1 else 1}
    elif accumulation == 1:
        assert set(counts.values()) == {BATCHES}
    else:
        assert set(counts.values()) <= ({1} if accumulation == 50 else {2, 3})


@pytest.mark.parametrize("accumulation", [1, 3])
def test_one_batch_an_epoch_shows_the_loss_after_its_update(accumulation: int) -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=5, fresh_start=True)
    model = network(accumulation, 1, groups=False)
    curve = finder.find(model, X, Y, batch_size=64, shuffle=False)
    assert len(set(curve.losses.tolist())) == 5


@pytest.mark.parametrize("unit", ["batch", *thorough("epoch")])
def test_half_an_update_from_before_is_not_the_first_rates(unit: Any) -> None:
    finder = ExponentialLRFinder(1e-3, 0.05, steps=3, unit=unit)
    model = network(3, 1, groups=False)
    weights = model.get_weights()
    model.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    curve = finder.find(model, X, Y, batch_size=BATCH, shuffle=False)
    plain = finder.find(network(3, 1, groups=False), X, Y, batch_size=BATCH, shuffle=False)
    assert curve.losses.tolist() == plain.losses.tolist()
