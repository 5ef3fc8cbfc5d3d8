"""The model comes back exactly as it went in, whatever happened in between."""

from __future__ import annotations

import functools
import random
from contextlib import nullcontext, suppress
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.conftest import EXAMPLES, few, thorough
from tlkit import ExponentialLRFinder
from tlkit._keras.random_states import global_generator

RNG = np.random.default_rng(1)
X = RNG.normal(size=(24, 5)).astype("float32")
Y = RNG.integers(0, 3, size=24)
KINDS = ("plain", "normalized_and_dropped")
OPTIMIZERS = ("sgd", "adam", "ema", "accumulating", "scaled", "groups")
EVENTS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_epoch_end",
    "on_train_end",
    "loss",
    "nan",
)


class Jitter(keras.layers.Layer):  # type: ignore[misc]
    """Noise from a seed generator of its own, in training and at inference."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = keras.random.SeedGenerator(4)

    def call(self, inputs: Any) -> Any:
        drawn = keras.random.normal(keras.ops.shape(inputs), dtype=inputs.dtype, seed=self.noise)
        return inputs + 0.1 * drawn


class FailingLoss(keras.losses.Loss):  # type: ignore[misc]
    """Crossentropy that raises at its n-th call, if there is an error to raise."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.error = 0, None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        self.left -= 1
        if self.error is not None and self.left == 0:
            raise self.error
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def groups() -> Any:
    slow = keras.optimizers.OptimizerMap(keras.optimizers.Adam(0.01))
    slow["low"] = keras.optimizers.SGD(0.001, momentum=0.9)
    return keras.optimizers.MultiOptimizer(slow)


def build(kind: str, optimizer: str, *, eager: bool = True) -> Any:
    keras.utils.set_random_seed(7)
    layers = [keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dropout(0.5, seed=3)]
    layers += [Jitter()]
    model = keras.Sequential(
        [
            keras.layers.Input((5,)),
            keras.layers.Dense(6, "relu", name="low"),
            *(layers if kind == KINDS[1] else ()),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    kinds = keras.optimizers
    rules = {
        "sgd": lambda: kinds.SGD(0.05, momentum=0.9),
        "adam": lambda: kinds.Adam(0.01),
        "ema": lambda: kinds.AdamW(0.01, use_ema=True, ema_overwrite_frequency=2),
        "accumulating": lambda: kinds.Adam(0.01, gradient_accumulation_steps=2),
        "scaled": lambda: kinds.LossScaleOptimizer(kinds.Adam(0.01), dynamic_growth_steps=2),
        "groups": groups,
    }
    model.compile(rules[optimizer](), FailingLoss(), metrics=["accuracy"], run_eagerly=eager)
    return model


def state(model: Any) -> list[bytes]:
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(v.value).tobytes() for v in variables]


def by_path(model: Any) -> dict[tuple[str, int], bytes]:
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {(v.path, id(v)): keras.ops.convert_to_numpy(v.value).tobytes() for v in variables}


def event_happens(event: str, count: int, unit: str) -> bool:
    """Whether an event occurs so often in a search over 3 rates and, per epoch, 3 batches."""
    if event in ("on_train_begin", "on_train_end"):
        return count == 1
    if event == "nan":
        return False
    if event == "loss":
        return count <= (3 if unit == "batch" else 9)
    if unit == "batch":
        return "batch" in event and count <= 3
    return count <= (9 if "batch" in event else 3)


def train(model: Any, epochs: int = 1) -> None:
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


class RaiseAt(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises at the n-th occurrence of an event."""

    def __init__(self, event: str, count: int, error: BaseException) -> None:
        super().__init__()
        self.count, self.error = count, error
        setattr(self, event, self._tick)

    def _tick(self, *_: Any, **__: Any) -> None:
        self.count -= 1
        if self.count == 0:
            raise self.error


@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize(
    ("kind", "optimizer"),
    [(KINDS[1], "ema"), *thorough((KINDS[0], "adam"), (KINDS[1], "sgd"))],
)
def test_everything_is_equal_bit_for_bit_after_a_search(
    unit: Any, kind: str, optimizer: str
) -> None:
    model = build(kind, optimizer)
    train(model)
    before, history = state(model), model.history
    ExponentialLRFinder(1e-4, 10, steps=3, unit=unit).find(model, X, Y, batch_size=8)
    assert state(model) == before
    assert model.history is history
    assert model.stop_training is False


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_everything_is_equal_after_the_loss_became_nan(unit: Any) -> None:
    model = build(KINDS[1], "adam")
    train(model)
    before = state(model)
    finder = ExponentialLRFinder(1e-4, 1, steps=6, unit=unit)
    assert "nan" in str(finder.find(model, X * np.nan, Y, batch_size=8).stop_reason)
    assert state(model) == before


def failing(model: Any, event: str, count: int, error: BaseException) -> list[Any]:
    """The callbacks that, or the loss that will, raise at the n-th occurrence of an event."""
    if event.startswith("on_"):
        return [RaiseAt(event, count, error)]
    if event == "nan":
        return []
    model.loss.left, model.loss.error = count, error
    return []


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    optimizer=st.sampled_from(OPTIMIZERS),
    unit=st.sampled_from(("epoch", "batch")),
    event=st.sampled_from(EVENTS),
    count=st.integers(1, 5),
    error=st.sampled_from((KeyboardInterrupt(), RuntimeError("no"), SystemExit(3))),
    trained=st.booleans(),
    fresh=st.booleans(),
)
def test_an_interruption_anywhere_leaves_the_model_as_it_was(
    kind: str,
    optimizer: str,
    unit: Any,
    event: str,
    count: int,
    error: BaseException,
    trained: bool,
    fresh: bool,
) -> None:
    """Interrupted by an error in a callback or in the loss, by Ctrl-C, by sys.exit or by NaN."""
    model = build(kind, optimizer)
    if trained:
        train(model)
    else:
        model.optimizer.build(model.trainable_variables)
    before, python, numpy = by_path(model), random.getstate(), np.random.get_state()
    callbacks, x = failing(model, event, count, error), X * np.nan if event == "nan" else X
    finder = ExponentialLRFinder(1e-4, 1, steps=3, unit=unit)
    reached = not fresh and event_happens(event, count, unit)
    # It happens more often where rates begin again, and where Keras calls the loss to build itself.
    perhaps = fresh or event == "loss"
    may_raise = suppress(type(error)) if perhaps else nullcontext()
    with pytest.raises(type(error)) if reached else may_raise:
        finder.find(model, x, Y, batch_size=8, callbacks=callbacks, fresh_start=fresh)
    model.loss.error = None
    # A model that never trained has new metrics at the end of the list, and nothing else.
    assert by_path(model).items() >= before.items()
    assert random.getstate() == python
    assert str(np.random.get_state()) == str(numpy)


def two_fits(optimizer: str, *, eager: bool, finder: ExponentialLRFinder | None = None) -> Any:
    """What two fits leave, each after a search if there is a finder."""
    model = build(KINDS[1], optimizer, eager=eager)
    if global_generator() is not None:
        train(model)
    for shuffle in (False, True):
        if finder is not None:
            finder.find(model, X, Y, batch_size=8)
        model.fit(X, Y, batch_size=9, epochs=2, shuffle=shuffle, verbose=0)
    return state(model), model.history.history


# The same for both units, and several seconds each.
never_searched = functools.cache(two_fits)


RULES = [("sgd", False), ("adam", False), *((name, True) for name in OPTIMIZERS[2:])]
UNITS = ("epoch", "batch")


@pytest.mark.parametrize(
    ("unit", "optimizer", "eager"),
    [
        *few(((UNITS[place % 2], *rule) for place, rule in enumerate(RULES)), 2),
        *thorough(*((UNITS[(place + 1) % 2], *rule) for place, rule in enumerate(RULES))),
    ],
)
def test_the_next_fit_is_as_if_there_had_been_no_search(
    unit: Any, optimizer: str, eager: bool
) -> None:
    """Also with batches of unequal size, and in an order that Keras draws once it has trained.

    For a model that never trained, Keras on JAX draws one order more, only to build it; a search
    has built it, so the first order that is drawn after it is another one. On PyTorch each read of
    the data draws a number, also the one that builds; there the model has trained before.
    """
    finder = ExponentialLRFinder(1e-4, 10, steps=3, unit=unit)
    after = two_fits(optimizer, eager=eager, finder=finder)
    assert after == never_searched(optimizer, eager=eager)


@pytest.mark.parametrize("unit", ["epoch", *thorough("batch")])
def test_what_was_compiled_stays_what_it_was(unit: Any) -> None:
    """A function traced for the search's data would round otherwise in the next fit."""
    model, finder = build("plain", "adam", eager=False), ExponentialLRFinder(1e-4, 1, 3, unit)
    assert model.train_function is None
    finder.find(model, X, Y, validation_data=(X, Y))
    assert model.train_function is model.test_function is None
    train(model)
    before = model.train_function, model.optimizer, model.loss
    finder.find(model, X, Y, validation_data=(X, Y))
    assert model.train_function is before[0]
    assert model.optimizer is before[1]
    assert model.loss is before[2]
    assert model.compiled


@pytest.mark.parametrize("unit", ["batch", *thorough("epoch")])
def test_the_next_fit_is_the_same_after_ctrl_c_within_a_batch(unit: Any) -> None:
    searched, twin = build(KINDS[1], "adam"), build(KINDS[1], "adam")
    train(searched)
    train(twin)
    stopper = RaiseAt("on_train_batch_end", 2, KeyboardInterrupt())
    finder = ExponentialLRFinder(1e-4, 10, steps=3, unit=unit)
    with pytest.raises(KeyboardInterrupt):
        finder.find(searched, X, Y, batch_size=8, callbacks=[stopper])
    train(searched, epochs=2)
    train(twin, epochs=2)
    assert state(searched) == state(twin)


def test_an_optimizer_that_was_not_built_has_empty_slots_and_its_own_rate() -> None:
    model = build("plain", "adam")
    assert not model.optimizer.built
    ExponentialLRFinder(1e-4, 10, steps=3).find(model, X, Y)
    fresh = keras.optimizers.Adam(0.01)
    fresh.build(model.trainable_variables)
    for ours, theirs in zip(model.optimizer.variables, fresh.variables, strict=True):
        assert np.array_equal(ours.numpy(), theirs.numpy())


def test_a_model_that_was_never_trained_has_no_history_afterwards() -> None:
    model = build("plain", "sgd")
    ExponentialLRFinder(1e-4, 10, steps=3).find(model, X, Y)
    assert not hasattr(model, "history")


@pytest.mark.parametrize("value", [True, False])
def test_stop_training_is_put_back(value: bool) -> None:
    model = build("plain", "sgd")
    model.stop_training = value
    ExponentialLRFinder(1e-4, 10, steps=3).find(model, X, Y)
    assert model.stop_training is value


def test_metrics_read_the_same_afterwards() -> None:
    model = build("plain", "sgd")
    train(model)
    before = {m.name: float(m.result()) for m in model.metrics if m.name == "loss"}
    ExponentialLRFinder(1e-4, 10, steps=3).find(model, X, Y)
    assert {m.name: float(m.result()) for m in model.metrics if m.name == "loss"} == before


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_the_callers_random_numbers_go_on_undisturbed(unit: Any) -> None:
    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return X[index * 8 : index * 8 + 8], Y[index * 8 : index * 8 + 8]

    model = build(KINDS[1], "sgd")
    for data in ((X, Y), Batches()):
        random.seed(5)
        np.random.seed(5)
        expected = random.random(), np.random.random()
        random.seed(5)
        np.random.seed(5)
        generator = global_generator()  # of PyTorch, where it is the backend
        before = None if generator is None else generator.get_state().tolist()
        ExponentialLRFinder(1e-4, 1, steps=3, unit=unit).find(model, data)
        assert (random.random(), np.random.random()) == expected
        assert generator is None or generator.get_state().tolist() == before


def test_mixed_precision_comes_back_too() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build("plain", "sgd")
    finally:
        keras.config.set_dtype_policy("float32")
    train(model)
    before = state(model)
    ExponentialLRFinder(1e-4, 1, steps=3, unit="batch").find(model, X, Y, batch_size=8)
    assert state(model) == before
