"""A search in which every rate begins from the same model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from tests.conftest import thorough
from tests.learning_rate.test_true_losses import CASES, SIZES, Batches, Case, hand_written, network
from tlkit import ExponentialLRFinder
from tlkit.errors import LearningRateError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(22, 4)).astype("float32")
Y = RNG.integers(0, 3, size=22)


def noisy() -> Any:
    """A trained model with slots, statistics and random state."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(6, "relu"), keras.layers.BatchNormalization()]
    model = keras.Sequential(
        [keras.Input((4,)), *layers, keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], run_eagerly=True)
    model.fit(X, Y, batch_size=8, verbose=0)
    return model


class Shuffled(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches whose order Keras draws."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return X[index * 8 : index * 8 + 8], Y[index * 8 : index * 8 + 8]


@pytest.mark.parametrize(
    ("unit", "steps", "data"),
    [
        ("epoch", 2, Shuffled()),
        *thorough(("epoch", None, (X, Y)), ("batch", None, (X, Y)), ("epoch", 2, (X, Y))),
        *thorough(("epoch", None, Shuffled()), ("batch", None, Shuffled())),
    ],
)
def test_equal_rates_have_equal_losses_bit_for_bit(unit: Any, steps: Any, data: Any) -> None:
    # Rates so close together that they are the same float32.
    same = ExponentialLRFinder(0.01, 0.01 * (1 + 1e-12), steps=4, unit=unit)
    model, settings = noisy(), {"batch_size": 8, "steps_per_epoch": steps}
    fair = same.find(model, data, fresh_start=True, **settings)
    assert len(set(fair.losses.tolist())) == 1
    assert fair.accuracies is not None
    assert len(set(fair.accuracies.tolist())) == 1
    going_on = same.find(model, data, **settings)
    # Batches that Keras shuffles end within an epoch; the arrays begin anew.
    assert len(set(going_on.losses.tolist())) == len(going_on) >= (1 if steps else 4)


@pytest.mark.slow
def test_each_epoch_is_the_first_of_a_training_at_its_rate() -> None:
    finder = ExponentialLRFinder(1e-3, 0.5, steps=4, fresh_start=True)
    curve = finder.find(network(Case()), Batches(weighted=False), shuffle=False)
    epochs = [hand_written(Case(), [rate] * 3)[0] for rate in finder.learning_rates]
    expected = np.average(epochs, axis=1, weights=SIZES)
    assert curve.losses == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["gradient accumulation", *thorough("unequal batches", "slots")])
def test_each_step_is_the_first_update_and_shows_in_the_next_batch(name: str) -> None:
    case, updates = CASES[name], 2 if name == "gradient accumulation" else 1
    finder = ExponentialLRFinder(1e-3, 0.5, steps=5, unit="batch", fresh_start=True)
    curve = finder.find(network(case), Batches(weighted=False), shuffle=False)
    expected = [hand_written(case, [rate] * (updates + 1))[0][-1] for rate in finder.learning_rates]
    assert curve.losses == pytest.approx(np.array(expected), rel=1e-6)
    assert len(set(curve.losses.tolist())) == 5


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_the_curve_of_a_fresh_start_gives_a_rate_and_ends_early(unit: Any) -> None:
    x = RNG.normal(size=(64, 4)).astype("float32")
    y = x @ np.ones((4, 1), "float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    finder = ExponentialLRFinder(1e-4, 1e4, steps=25, unit=unit, fresh_start=True, stop_factor=4)
    curve = finder.find(model, x, y)
    assert 0.003 < curve.suggestion < 3
    assert "above the best" in str(curve.stop_reason)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_a_callback_ends_it_for_good(unit: Any) -> None:
    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.model.stop_training = True

    finder = ExponentialLRFinder(1e-3, 0.1, steps=5, unit=unit, fresh_start=True)
    curve = finder.find(noisy(), Shuffled(), callbacks=[Stop()])
    assert curve.stop_reason == f"a callback stopped training after {len(curve)} of 5 rates"
    assert len(curve) <= 1


def generator(batches: int) -> Iterator[Any]:
    for _ in range(batches):
        yield X[:10], Y[:10]


@pytest.mark.slow
def test_a_step_needs_two_batches_of_a_generator_and_no_more() -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=5, unit="batch", fresh_start=True)
    assert len(finder.find(noisy(), generator(2))) == 5
    with pytest.raises(LearningRateError, match=r"ended after 1 batches.*needs 2"):
        finder.find(noisy(), generator(1))


def test_an_epoch_cannot_begin_again_on_a_generator() -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=5)
    with pytest.raises(LearningRateError, match=r"only once, and fresh_start=True"):
        finder.find(noisy(), generator(99), steps_per_epoch=2, fresh_start=True)


@pytest.mark.slow
def test_the_argument_goes_before_the_finders_own() -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=3, unit="batch", fresh_start=True)
    first = finder.find(noisy(), X, Y, fresh_start=False)
    usual = ExponentialLRFinder(1e-3, 0.1, steps=3, unit="batch").find(noisy(), X, Y)
    assert first.losses.tolist() == usual.losses.tolist()


def test_a_finder_needs_to_know() -> None:
    with pytest.raises(LearningRateError, match=r"fresh_start='yes': expected True or False"):
        ExponentialLRFinder(fresh_start="yes")  # type: ignore[arg-type]
