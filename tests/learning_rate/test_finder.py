"""What a search measures, when it stops, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from tlkit import ExponentialLRFinder, ImageDataset, LRCurve, SmoothedMinimum, Valley
from tlkit.errors import LearningRateError, SelectorError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5], [0.0]]) + 0.3).astype("float32")


def linear(optimizer: Any = None, *, loss: Any = "mse", **compiled: Any) -> Any:
    """Eager, because tracing takes longer than these few steps."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.set_weights([np.full((4, 1), 0.1, "float32"), np.zeros(1, "float32")])
    model.compile(optimizer or keras.optimizers.SGD(0.01), loss, run_eagerly=True, **compiled)
    return model


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of unequal size, in a fixed order."""

    def __init__(self, sizes: tuple[int, ...] = (32, 32, 6), weights: Any = None) -> None:
        super().__init__()
        self.ends = np.cumsum((0, *sizes))
        self.weights = weights

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> Any:
        rows = slice(self.ends[index], self.ends[index + 1])
        if self.weights is None:
            return X[rows], Y[rows]
        return X[rows], Y[rows], self.weights[rows]


def hand_written_losses(finder: ExponentialLRFinder, weights: Any = None) -> list[float]:
    """Gradient descent on the mean squared error of a linear model, in float64."""
    w, b, losses = np.full((4, 1), 0.1), np.zeros(1), []
    data = Batches(weights=weights)
    for step, rate in enumerate(finder.learning_rates):
        x, y, *weight = data[step % 3]
        scale = (weight[0] if weight else np.ones(len(x)))[:, None]
        error = x @ w + b - y
        losses.append(float((scale * error**2).mean()))
        w = w - rate * (2 * x.T @ (scale * error) / len(x))
        b = b - rate * (2 * scale * error).mean(axis=0)
    return losses


def test_rates_are_geometric_and_reach_both_ends_exactly() -> None:
    finder = ExponentialLRFinder(1e-5, 2.54, steps=100)
    rates = finder.learning_rates
    assert rates[0] == 1e-5
    assert rates[-1] == 2.54
    assert len(rates) == 100
    ratios = rates[1:] / rates[:-1]
    assert ratios == pytest.approx(np.full(99, (2.54 / 1e-5) ** (1 / 99)), rel=1e-12)


def test_the_studys_own_sequence_is_reproduced() -> None:
    expected = np.array([1e-5 * 100 ** (epoch / 37) for epoch in range(100)])
    finder = ExponentialLRFinder.study(unit="batch", selector=Valley())
    assert finder.learning_rates == pytest.approx(expected, rel=1e-12)
    assert finder.max_lr == pytest.approx(2.2457, abs=5e-5)
    assert (finder.unit, finder.selector) == ("batch", Valley())


def test_the_studys_sequence_equals_the_published_rates(
    published_columns: dict[str, list[float]],
) -> None:
    rates = ExponentialLRFinder.study().learning_rates
    assert rates == pytest.approx(np.array(published_columns["learning_rate"]), rel=1e-5)


def test_the_finder_prints_as_the_code_that_makes_it() -> None:
    finder = ExponentialLRFinder(1e-4, 1.0, steps=5, unit="batch")
    names = {"ExponentialLRFinder": ExponentialLRFinder, "SmoothedMinimum": SmoothedMinimum}
    assert eval(repr(finder), names) == finder  # noqa: S307 - our own text, two lines up


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_lr": 0.1, "max_lr": 0.1}, "not below max_lr"),
        ({"min_lr": 1.0, "max_lr": 0.1}, "not below max_lr"),
        ({"min_lr": 0.0}, "min_lr=0.0"),
        ({"min_lr": -1e-3}, "min_lr=-0.001"),
        ({"max_lr": float("inf")}, "max_lr=inf"),
        ({"max_lr": float("nan")}, "max_lr=nan"),
        ({"steps": 2}, "steps=2"),
        ({"steps": 10.0}, "steps=10.0"),
        ({"unit": "step"}, "unit='step'"),
        ({"selector": 0.1}, "selector=0.1"),
        ({"stop_factor": 0}, "stop_factor=0"),
        ({"stop_factor": float("nan")}, "stop_factor=nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(LearningRateError, match=said):
        ExponentialLRFinder(**settings)


def test_batch_losses_equal_a_hand_written_loop() -> None:
    finder = ExponentialLRFinder(1e-3, 0.5, steps=11, unit="batch")
    curve = finder.find(linear(), Batches(), shuffle=False)
    assert curve.losses == pytest.approx(np.array(hand_written_losses(finder)), rel=1e-6, abs=1e-6)
    assert np.array_equal(curve.learning_rates, finder.learning_rates)


def test_batch_losses_are_right_with_sample_weights() -> None:
    weights = np.linspace(0.1, 2, 70).astype("float32")
    finder = ExponentialLRFinder(1e-3, 0.5, steps=8, unit="batch")
    curve = finder.find(linear(), Batches(weights=weights), shuffle=False)
    expected = np.array(hand_written_losses(finder, weights))
    assert curve.losses == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_batch_losses_are_right_with_steps_per_execution() -> None:
    finder = ExponentialLRFinder(1e-3, 0.5, steps=8, unit="batch")
    model = linear()
    model.compile(keras.optimizers.SGD(0.01), "mse", steps_per_execution=4)
    curve = finder.find(model, Batches(), shuffle=False)
    assert curve.losses == pytest.approx(np.array(hand_written_losses(finder)), rel=1e-6, abs=1e-6)


def test_epoch_losses_equal_one_fit_per_rate() -> None:
    finder = ExponentialLRFinder(1e-3, 0.3, steps=5)
    curve = finder.find(linear(), (X, Y), shuffle=False)
    model, expected = linear(), []
    for rate in finder.learning_rates:
        model.optimizer.learning_rate = rate
        expected += model.fit(X, Y, shuffle=False, verbose=0).history["loss"]
    assert curve.losses == pytest.approx(np.array(expected), rel=1e-6)


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_the_curve_falls_turns_and_gives_a_rate(unit: Any) -> None:
    curve = ExponentialLRFinder(1e-3, 20, steps=20, unit=unit).find(linear(), X, Y)
    assert 0.003 < curve.suggestion < 3


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_accuracy_and_validation_loss_are_recorded_where_there_are_any(unit: Any) -> None:
    model = linear(metrics=["accuracy"])
    finder = ExponentialLRFinder(1e-3, 0.1, steps=4, unit=unit)
    curve = finder.find(model, X, Y, validation_data=(X[:8], Y[:8]))
    assert curve.accuracies is not None
    assert curve.validation_losses is not None
    assert len(curve.accuracies) == len(curve.validation_losses) == 4
    assert np.isfinite(curve.validation_losses).all()
    plain = finder.find(linear(), X, Y)
    assert plain.accuracies is None
    assert plain.validation_losses is None


def as_arrays() -> Any:
    return X, Y


def as_weighted_arrays() -> Any:
    return X, Y, np.ones(70, "float32")


def as_list_of_batches() -> Any:
    return Endless([(X[:35], Y[:35]), (X[35:], Y[35:])])


class Endless:
    """An iterable that can be read again and again, as a tf.data.Dataset can."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


@pytest.mark.parametrize("make", [as_arrays, as_weighted_arrays, Batches, as_list_of_batches])
def test_batches_come_from_anything_that_fit_takes_and_start_again_at_the_end(
    make: Callable[[], Any],
) -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=9, unit="batch")
    curve = finder.find(linear(), make())
    assert len(curve) == 9
    assert curve.stop_reason is None


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_a_tf_dataset_works(unit: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    curve = ExponentialLRFinder(1e-3, 0.1, steps=4, unit=unit).find(linear(), data)
    assert len(curve) == 4


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_a_data_set_of_one_batch_works(unit: Any) -> None:
    curve = ExponentialLRFinder(1e-3, 0.1, steps=4, unit=unit).find(linear(), X[:5], Y[:5])
    assert len(curve) == 4


def test_arrays_are_shuffled_by_the_seed_alone() -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=4, unit="batch")
    first, again, other = (finder.find(linear(), X, Y, seed=seed).losses for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def generator(batches: int) -> Iterator[Any]:
    for _ in range(batches):
        yield X[:10], Y[:10]


def test_a_generator_that_ends_early_gives_the_curve_so_far_and_says_so() -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=9, unit="batch")
    curve = finder.find(linear(), generator(5))
    assert len(curve) == 5
    assert curve.stop_reason == "the data ended after 5 of 9 rates"


def test_a_generator_that_ends_within_an_epoch_gives_the_whole_epochs() -> None:
    curve = ExponentialLRFinder(1e-3, 0.1, steps=9).find(linear(), generator(7), steps_per_epoch=2)
    assert len(curve) == 3
    assert curve.stop_reason == "the data ended after 3 of 9 rates"


def test_a_generator_cannot_be_read_once_per_epoch() -> None:
    with pytest.raises(LearningRateError, match=r"read only once.*steps_per_epoch"):
        ExponentialLRFinder(steps=4).find(linear(), generator(100))


@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch_size=0: expected a whole number, 1 or more"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"seed": -1}, "seed=-1: expected a whole number, 0 or more"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
    ],
)
def test_arguments_out_of_range_are_refused(unit: Any, settings: Any, said: str) -> None:
    with pytest.raises(LearningRateError, match=said):
        ExponentialLRFinder(steps=4, unit=unit).find(linear(), X, Y, **settings)


def test_steps_of_an_epoch_are_refused_where_there_are_no_epochs() -> None:
    with pytest.raises(LearningRateError, match=r'steps_per_epoch=2 with unit="batch".*Leave it'):
        ExponentialLRFinder(steps=4, unit="batch").find(linear(), X, Y, steps_per_epoch=2)


@pytest.mark.parametrize("steps", [2, 7])
def test_arrays_begin_anew_where_an_epoch_goes_on(steps: int) -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=4)
    curve = finder.find(linear(), X, Y, steps_per_epoch=steps)
    each = ExponentialLRFinder(1e-3, 0.1, steps=4 * steps, unit="batch").find(linear(), X, Y)
    assert len(curve) == 4
    assert curve.stop_reason is None
    sizes = [(32, 32, 6)[batch % 3] for batch in range(steps)]
    # The first rate of both is the same, so the first loss is of the same batches and weights.
    assert curve.losses[0] == pytest.approx(np.average(each.losses[:steps], weights=sizes), 0.05)


class WithoutEnd(Batches):
    """Batches again and again, with no length: Keras calls it infinite."""

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index % 3)


def test_data_without_an_end_needs_the_steps_of_an_epoch() -> None:
    with pytest.raises(LearningRateError, match=r"without an end.*steps_per_epoch"):
        ExponentialLRFinder(steps=4).find(linear(), WithoutEnd())
    with pytest.raises(LearningRateError, match=r"cannot be read to its end"):
        ExponentialLRFinder(steps=4).find(linear(), X, Y, validation_data=WithoutEnd())
    assert len(ExponentialLRFinder(1e-3, 0.1, steps=8, unit="batch").find(linear(), WithoutEnd()))


def test_a_repeated_tf_dataset_needs_the_steps_of_an_epoch() -> None:
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).repeat()
    finder = ExponentialLRFinder(1e-3, 0.1, steps=4)
    with pytest.raises(LearningRateError, match=r"without an end.*steps_per_epoch"):
        finder.find(linear(), data)
    assert len(finder.find(linear(), data, steps_per_epoch=2)) == 4


class NoBatches(keras.utils.PyDataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> Any:
        raise IndexError(index)


@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "data is None"),
        ((X[:0], Y[:0]), "no sample"),
        ((X, Y[:3]), "different lengths"),
        ((X, Y, Y, Y), "tuple of 4"),
        ((), "tuple of 0"),
        (NoBatches(), "length 0"),
        (iter(()), "without a batch"),
        (5, "data is a int"),
        (([1.0, 2.0], [1.0, 2.0]), "single value"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(unit: Any, data: Any, said: str) -> None:
    with pytest.raises(LearningRateError, match=said):
        ExponentialLRFinder(steps=4, unit=unit).find(linear(), data, steps_per_epoch=1)


def test_an_iterable_without_batches_is_refused() -> None:
    with pytest.raises(LearningRateError, match="holds no batch"):
        ExponentialLRFinder(steps=4, unit="batch").find(linear(), Endless([]))


def test_targets_beside_a_data_set_are_refused() -> None:
    with pytest.raises(LearningRateError, match="leave y out"):
        ExponentialLRFinder(steps=4).find(linear(), Batches(), Y)


def test_a_model_that_is_not_compiled_is_refused() -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(LearningRateError, match=r"not compiled.*compile"):
        ExponentialLRFinder(steps=4).find(model, X, Y)


def test_something_that_is_no_model_is_refused() -> None:
    wrong: Any = "model"
    with pytest.raises(LearningRateError, match="model is a str"):
        ExponentialLRFinder(steps=4).find(wrong, X, Y)


def test_a_frozen_model_is_refused() -> None:
    model = linear()
    model.trainable = False
    model.compile(keras.optimizers.SGD(), "mse")
    with pytest.raises(LearningRateError, match="nothing to train"):
        ExponentialLRFinder(steps=4).find(model, X, Y)


def test_an_optimizer_with_a_schedule_is_refused_with_what_to_do() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = linear(keras.optimizers.Adam(schedule))
    with pytest.raises(LearningRateError, match=r"schedule.*keras\.optimizers\.Adam"):
        ExponentialLRFinder(steps=4).find(model, X, Y)
    assert model.optimizer.get_config()["learning_rate"]["class_name"] == "ExponentialDecay"


def test_a_model_that_is_not_built_is_built_from_the_data() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), "mse", run_eagerly=True)
    assert len(ExponentialLRFinder(1e-3, 0.1, steps=4).find(model, X, Y)) == 4
    assert model.built


def test_a_model_that_is_not_built_cannot_be_built_from_a_generator() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), "mse", run_eagerly=True)
    with pytest.raises(LearningRateError, match="Build the model first"):
        ExponentialLRFinder(steps=4, unit="batch").find(model, generator(9))


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_a_loss_that_is_not_finite_ends_the_search(unit: Any) -> None:
    finder = ExponentialLRFinder(1e-2, 1e30, steps=60, unit=unit)
    curve = finder.find(linear(), X, Y)
    assert curve.stop_reason is not None
    assert curve.stop_reason.startswith(("the loss became nan", "the loss became inf"))
    assert curve.n_cut == 1
    assert len(curve) < 59
    assert np.isfinite(curve.losses).all()


def test_a_first_loss_of_nan_gives_a_curve_that_refuses_to_answer() -> None:
    curve = ExponentialLRFinder(1e-3, 0.1, steps=9).find(linear(), X * np.nan, Y)
    assert len(curve) == 0
    assert "1 of 9" in str(curve.stop_reason)
    with pytest.raises(SelectorError, match="0 points"):
        _ = curve.suggestion


def shifted_mse(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1) - 1000.0


@pytest.mark.parametrize("loss", ["mse", shifted_mse])
def test_stop_factor_ends_a_divergence_also_below_zero(loss: Any) -> None:
    finder = ExponentialLRFinder(1e-3, 100, steps=40, unit="batch", stop_factor=3)
    curve = finder.find(linear(loss=loss), X, Y, batch_size=70)
    assert 10 < len(curve) < 40
    assert "above the best" in str(curve.stop_reason)
    assert 0.005 < curve.suggestion < 2


def test_both_losses_stop_at_the_same_rate() -> None:
    finder = ExponentialLRFinder(1e-3, 100, steps=40, unit="batch", stop_factor=3)
    lengths = [len(finder.find(linear(loss=loss), X, Y)) for loss in ("mse", shifted_mse)]
    assert lengths[0] == lengths[1] < 40


class StopAt(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def _tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._tick()


class StopAtBatch(StopAt):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        pass

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._tick()


@pytest.mark.parametrize(("unit", "stopper"), [("epoch", StopAt), ("batch", StopAtBatch)])
def test_a_callback_can_end_the_search(unit: Any, stopper: type[StopAt]) -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=9, unit=unit)
    curve = finder.find(linear(), X, Y, callbacks=[stopper(4)])
    assert len(curve) == 4
    assert curve.stop_reason == "a callback stopped training after 4 of 9 rates"


def test_class_weights_reach_the_loss() -> None:
    labels = (Y[:, 0] > 0).astype("int32")
    finder = ExponentialLRFinder(1e-3, 0.1, steps=3, unit="batch")

    def search(**weights: Any) -> LRCurve:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, "softmax")])
        model.compile(keras.optimizers.SGD(), "sparse_categorical_crossentropy", run_eagerly=True)
        return finder.find(model, X, labels, **weights)

    twice = search(class_weight={0: 2.0, 1: 2.0})
    assert twice.losses[0] == pytest.approx(2 * search().losses[0], rel=1e-6)


def test_groups_of_a_multi_optimizer_keep_their_ratios() -> None:
    seen: list[tuple[float, ...]] = []

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(tuple(float(o.learning_rate) for o in self.model.optimizer.optimizers))

    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(3, name="low"), keras.layers.Dense(1)]
    )
    groups = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))
    groups[".*low.*"] = keras.optimizers.SGD(0.01)
    model.compile(keras.optimizers.MultiOptimizer(groups), "mse", run_eagerly=True)
    finder = ExponentialLRFinder(1e-3, 0.1, steps=3)
    finder.find(model, X, Y, callbacks=[Watch()])
    assert sorted(seen[0]) == pytest.approx([1e-4, 1e-3], rel=1e-6)
    assert sorted(seen[-1]) == pytest.approx([1e-2, 1e-1], rel=1e-6)
    after = sorted(float(o.learning_rate) for o in model.optimizer.optimizers)
    assert after == pytest.approx([0.01, 0.1], rel=1e-6)


@pytest.mark.parametrize("unit", ["epoch", "batch"])
def test_verbose_shows_progress(unit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    finder = ExponentialLRFinder(1e-3, 0.1, steps=3, unit=unit)
    finder.find(linear(), X, Y, verbose=1)
    assert "loss" in capsys.readouterr().out
    finder.find(linear(), X, Y)
    assert capsys.readouterr().out == ""


class OwnStep(keras.Model):  # type: ignore[misc]
    """Trains as it likes, and tells of it as it likes."""

    tells: Any = None

    def train_step(self, *given: Any) -> Any:
        if keras.backend.backend() == "jax":
            logs, state = super().train_step(*given)
            return self.tells(logs["loss"]), state
        return self.tells(super().train_step(*given)["loss"])


@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize(
    ("tells", "told"),
    [
        (
            lambda loss: loss,
            "train_step of OwnStep returned a .*expected its figures by name",
        ),
        (lambda loss: {"mine": loss}, r"returned \['mine'\]; expected"),
    ],
    ids=["without a name", "under another name"],
)
def test_a_step_that_names_no_loss_is_refused_at_its_first_call(
    tells: Any, told: str, unit: Any
) -> None:
    whole = linear()
    model = OwnStep(whole.inputs[0], whole.outputs[0])
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    model.tells = tells
    with pytest.raises(LearningRateError, match=told):
        ExponentialLRFinder(1e-4, 1, 9, unit).find(model, X, Y)
    assert "train_step" not in vars(model)


def test_an_image_dataset_is_refused_with_the_ways_out() -> None:
    images = ImageDataset.from_arrays(np.zeros((4, 2, 2, 3), np.uint8), [0, 1, 0, 1])
    data: Any = images
    with pytest.raises(LearningRateError, match=r"single images.*data\.labels\).*Stage\(learning"):
        ExponentialLRFinder(1e-3, 0.1, steps=4).find(linear(), data)
