"""What cannot go well is told before the first epoch of the first stage."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit._keras.scoring import stable_name
from tlkit.errors import TlkitError, TrainingError
from tlkit.training._figures import is_larger_better

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]
GRADUAL = tlkit.GradualUnfreeze(groups=2, every=2)


class Trained(keras.callbacks.Callback):  # type: ignore[misc]
    """Fails where a training begins."""

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Fail."""
        pytest.fail("training has begun")


class Figures(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds a figure to the logs of each epoch, and ends the training after the last of them."""

    def __init__(self, values: Sequence[float], *, stop: bool = False) -> None:
        super().__init__()
        self.values, self.stop = values, stop

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add it."""
        logs["val_f1"] = self.values[epoch]
        self.model.stop_training = self.stop and epoch + 1 == len(self.values)


def decay(steps: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(0.01, steps)


def plateau() -> Any:
    return keras.callbacks.ReduceLROnPlateau("loss")


def scheduler() -> Any:
    return keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))


def falling() -> Any:
    return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)  # noqa: ARG005


def restoring() -> Any:
    return keras.callbacks.EarlyStopping(restore_best_weights=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"optimizer": "adamm"}, r"optimizer='adamm', and Keras knows none of that name"),
        ({"optimizer": lambda _: "adam"}, "its optimizer function returned 'adam'"),
        ({"policy": tlkit.UnfreezeTop(layers=9999)}, "9999"),
        (
            {"keep_best": ("val_f1", "max")},
            r"'max'\), and its history will have 'loss', 'accuracy', 'val_loss'",
        ),
        (
            {"learning_rate": decay, "callbacks": (plateau(),)},
            "ReduceLROnPlateau sets the learning rate, and learning_rate=.* does so too",
        ),
        (
            {"learning_rate": tlkit.WarmupCosine(peak=0.1), "callbacks": (scheduler(),)},
            "LearningRateScheduler sets the learning rate",
        ),
        (
            {"backbone_learning_rate": tlkit.OneCycle(0.1), "callbacks": (scheduler(),)},
            r"sets the learning rate, and backbone_learning_rate=OneCycle\(.* does so too",
        ),
        *(
            (
                {name: 0.5, "callbacks": (scheduler(),)},
                f"LearningRateScheduler sets one rate for all layers, and with {name}=0.5",
            )
            for name in ("layer_decay", "backbone_learning_rate")
        ),
        (
            {"policy": GRADUAL, "epochs": 4, "keep_best": None, "callbacks": (restoring(),)},
            "knows the best weights of one phase alone, and the policy has 2 phases",
        ),
        (
            {"policy": GRADUAL, "epochs": 4, "callbacks": (plateau(),)},
            "ReduceLROnPlateau goes on from the rate that it set, and each of the policy's 2",
        ),
        (
            {"policy": GRADUAL, "epochs": 4, "callbacks": (falling(),)},
            "LearningRateScheduler goes on from the rate that it set",
        ),
    ],
)
def test_a_later_stage_is_looked_at_before_the_first_is_trained(
    settings: dict[str, Any], told: str, parts: Data
) -> None:
    first = head_stage(callbacks=(Trained(),))
    with pytest.raises(TlkitError, match=told):
        trainer(first, head_stage(**{"name": "later", **settings})).fit(*parts, verbose=0)


def metrics_of_keras() -> dict[str, Any]:
    """Metrics of Keras by the names that they give themselves."""
    found = {}
    # Sums and means of anything, which are called after what they count.
    general = {"Metric", "Mean", "Sum", "MeanMetricWrapper"}
    given = {"num_classes": 3, "target_class_ids": [0]}
    for name, kind in inspect.getmembers(keras.metrics, inspect.isclass):
        parameters = inspect.signature(kind).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.name != "kwargs"]
        if name not in general:
            made: Any = kind(**{part: given.get(part, 0.5) for part in needed})
            found[stable_name(made)] = made
    return found


# Keras's loss of that name is the metric's negative.
NO_DIRECTION = {"cosine_similarity"}


@pytest.mark.parametrize(("name", "metric"), metrics_of_keras().items())
def test_metrics_of_keras_have_the_direction_that_keras_gives_them(name: str, metric: Any) -> None:
    larger = is_larger_better(f"val_{name}_1")
    assert (larger is None) is (name in NO_DIRECTION)
    known = getattr(metric, "_direction", None)
    if known is not None and larger is not None:
        assert larger is (known == "up")


def test_a_figure_of_unknown_direction_must_be_given_one() -> None:
    with pytest.raises(TrainingError, match=r"'max'.* or keep_best=.*'min'"):
        head_stage(keep_best="val_f1")
    with pytest.raises(TrainingError, match="expected 'max' or 'min' behind the figure"):
        head_stage(keep_best=("val_f1", "largest"))
    with pytest.raises(TrainingError, match="keep_best=3, expected the name of a figure"):
        head_stage(keep_best=3)
    assert "keep_best=('val_f1', 'max')" in repr(head_stage(keep_best=["val_f1", "max"]))


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 1)])
def test_the_epoch_is_kept_that_the_mode_calls_best(mode: Any, best: int, parts: Data) -> None:
    stage = head_stage(
        epochs=3,
        keep_best=("val_f1", mode),
        callbacks=(Figures([0.5, 0.1, 0.9]),),
    )
    assert trainer(stage).fit(*parts, verbose=0).stages[0].best_epoch == best


def test_an_end_before_later_phases_is_told(parts: Data) -> None:
    gradual = head_stage(epochs=5, policy=GRADUAL, callbacks=(Figures([0.1], stop=True),))
    result = trainer(gradual).fit(*parts, verbose=0).stages[0]
    assert any("ended after epoch 1, before 1 of 2 phases" in note for note in result.notes)
    assert len(result.history["loss"]) == 1


def test_an_optimizer_function_is_given_nothing_but_the_stages_schedule(parts: Data) -> None:
    def needs_a_schedule(schedule: Any) -> Any:
        assert isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
        return keras.optimizers.SGD(schedule)

    stage = head_stage(epochs=1, learning_rate=decay, optimizer=needs_a_schedule)
    assert trainer(stage).fit(*parts, verbose=0).stages[0].epochs == 1
