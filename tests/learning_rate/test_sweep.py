"""How a sweep takes what Keras tells it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import keras
import numpy as np
import pytest

from tlkit import ExponentialLRFinder
from tlkit.learning_rate.sweep._by_epoch import EpochSweep
from tlkit.learning_rate.sweep._rate_dial import RateDial
from tlkit.learning_rate.sweep.measurements import Measurements

RNG = np.random.default_rng(2)
X = RNG.normal(size=(96, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def linear() -> Any:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    return model


@contextmanager
def threads_taking_turns_all_the_time() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_epoch_is_whole_in_whatever_order_its_batches_are_told(order: tuple[int, ...]) -> None:
    """On JAX, Keras hands the ends of batches to a pool of threads."""
    model, measured = linear(), Measurements([0.1, 0.2], None)
    sweep = EpochSweep(measured, RateDial(model.optimizer), steps=3)
    sweep.set_model(model)
    for epoch in range(2):
        sweep.on_epoch_begin(epoch)
        for batch in order:
            sweep.on_train_batch_end(batch)
        sweep.on_epoch_end(epoch, {"loss": 1.0})
    assert measured.losses == [1.0, 1.0]
    assert measured.stop_reason is None


def test_an_epoch_that_lacks_a_batch_is_not_recorded() -> None:
    model, measured = linear(), Measurements([0.1, 0.2], None)
    sweep = EpochSweep(measured, RateDial(model.optimizer), steps=3)
    sweep.set_model(model)
    for epoch, batches in enumerate(((0, 1, 2), (1, 0))):
        sweep.on_epoch_begin(epoch)
        for batch in batches:
            sweep.on_train_batch_end(batch)
        sweep.on_epoch_end(epoch, {"loss": 1.0})
    assert measured.losses == [1.0]
    assert measured.stop_reason == "the data ended after 1 of 2 rates"


def test_no_rate_is_lost_however_threads_take_turns() -> None:
    finder = ExponentialLRFinder(1e-6, 1e-3, steps=60)
    with threads_taking_turns_all_the_time():
        curve = finder.find(linear(), X, Y, batch_size=8, steps_per_epoch=12)
    assert len(curve) == 60
