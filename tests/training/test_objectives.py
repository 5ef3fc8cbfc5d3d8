"""Losses and metrics of Keras in a stage: what plain Keras gives, data, and what is refused."""

from __future__ import annotations

import inspect
import json
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, largest_difference, small_network, trainer
from tests.training.plain import fit_plainly, plain_model
from tlkit.errors import RunDirectoryError, TrainingError
from tlkit.training.run_dir.encoding import decoded, encoded, only_text, upgraded

TOP = ("three_conv", "three_relu")
M, L = keras.metrics, keras.losses


def mean_gap(y_true: Any, y_pred: Any) -> Any:
    """A user's function: how far the probabilities are from the labels."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


class OwnMetric(keras.metrics.CategoricalAccuracy):  # type: ignore[misc]
    """A user's metric that does not tell with what it was made."""

    def __init__(self, share: float = 1.0, name: str = "own") -> None:
        super().__init__(name=name)
        self.given = share


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    """A user's loss with an argument that is not in its config."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the weighted gap."""
        return self.weight * mean_gap(y_true, y_pred)


@pytest.mark.parametrize(
    ("loss", "metrics", "one_hot"),
    [
        (
            L.CategoricalFocalCrossentropy(gamma=3.0, label_smoothing=0.1),
            lambda: [M.F1Score("weighted"), M.AUC(multi_label=True, num_labels=3, name="area")],
            True,
        ),
        pytest.param(
            L.SparseCategoricalCrossentropy(),
            lambda: [M.SparseTopKCategoricalAccuracy(2, name="top_2")],
            False,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            None, lambda: [mean_gap, M.AUC(curve="PR", name="pr")], True, marks=pytest.mark.slow
        ),
        pytest.param("kl_divergence", lambda: ["mse"], True, marks=pytest.mark.slow),
        pytest.param(L.CategoricalGeneralizedCrossEntropy(), list, False, marks=pytest.mark.slow),
    ],
)
def test_figures_of_every_epoch_are_those_of_the_whole_plain_model(
    loss: Any, metrics: Any, one_hot: bool, parts: Any
) -> None:
    policy = tlkit.UnfreezeTop(from_layer="three_conv")
    stage = head_stage(
        policy=policy, keep_best=None, loss=loss, metrics=metrics(), class_weight={0: 1, 1: 2, 2: 1}
    )
    result = trainer(stage, backbone=small_network).fit(*parts, verbose=0)
    plain = plain_model(TOP)
    plain.compile("adam", loss or "categorical_crossentropy", metrics=["accuracy", *metrics()])
    plain.optimizer.learning_rate = stage.learning_rate
    weights = {0: 1, 1: 2, 2: 1}
    history = fit_plainly(plain, stage, *parts, one_hot=one_hot, class_weight=weights)
    assert largest_difference(plain, result.model) <= 2e-5
    assert set(result.history["head"]) == set(history)
    for name, values in history.items():
        assert result.history["head"][name] == pytest.approx(values, rel=1e-4, abs=1e-6), name


def test_a_stage_with_loss_and_metrics_is_data() -> None:
    settings = {
        "loss": L.CategoricalFocalCrossentropy(gamma=3.0),
        "metrics": [M.F1Score(average="weighted"), M.AUC(curve="PR"), "mse"],
    }
    stage, again = (head_stage(**settings) for _ in range(2))
    assert "loss=keras.losses.CategoricalFocalCrossentropy(gamma=3.0)" in repr(stage)
    assert "metrics=[keras.metrics.F1Score(average='weighted'), keras.metrics.AUC(curve='PR')" in (
        repr(stage)
    )
    assert eval(repr(stage), {"keras": keras, "Stage": tlkit.Stage}) == stage == again  # noqa: S307
    kept = json.loads(json.dumps(encoded(stage)))
    assert not list(only_text(kept))
    assert decoded(kept) == stage
    assert head_stage(loss=L.CategoricalFocalCrossentropy(gamma=2.0)) != stage
    assert [metric.name for metric in stage.objective.new_metrics()] == ["f1_score", "auc", "mse"]


def every(space: Any, base: type) -> list[Any]:
    """One of each class of losses or metrics, with arguments that are not their defaults."""
    given = {
        **{"num_classes": 3, "target_class_ids": [0], "alpha": 0.3, "gamma": 1.5, "delta": 0.5},
        **{"label_smoothing": 0.1, "k": 2, "average": "macro", "beta": 0.5, "curve": "PR"},
        **{"thresholds": [0.2, 0.6], "axis": -1, "q": 0.6, "name": "own", "threshold": 0.3},
    }
    made = []
    for kind in dict(inspect.getmembers(space, inspect.isclass)).values():
        names = inspect.signature(kind).parameters
        needed = [x for x, p in names.items() if p.default is p.empty and x in ("fn",)]
        if issubclass(kind, base) and kind is not base and not needed:
            fractions = dict.fromkeys(("recall", "precision", "specificity", "sensitivity"), 0.4)
            made.append(kind(**{x: v for x, v in (given | fractions).items() if x in names}))
    return made


@pytest.mark.parametrize("part", [*every(L, L.Loss), *every(M, M.Metric)], ids=lambda x: x.name)
def test_every_loss_and_metric_of_keras_comes_back_as_it_was(part: Any) -> None:
    data = json.loads(json.dumps(encoded(part)))
    assert not list(only_text(data))
    again = decoded(data)
    assert type(again) is type(part)
    assert encoded(again) == encoded(part)
    assert again.get_config() == part.get_config()
    assert getattr(again, "_fn_kwargs", None) == getattr(part, "_fn_kwargs", None)


def test_what_a_loss_of_ones_own_is_made_with_makes_another_run(parts: Any, tmp_path: Path) -> None:
    stages = [head_stage(epochs=1, loss=OwnLoss(weight), keep_best=None) for weight in (1.0, 2.0)]
    trainer(stages[0], run_dir=tmp_path).fit(*parts, verbose=0)
    with pytest.raises(RunDirectoryError, match=r"stages\['head'\].loss: OwnLoss\(.* given"):
        trainer(stages[1], run_dir=tmp_path).fit(*parts, resume=True, verbose=0)


def test_settings_of_before_there_were_losses_are_those_of_today() -> None:
    stage = head_stage(keep_best=("val_f1", "max"))
    older = json.loads(json.dumps(encoded(stage)))
    del older["loss"], older["metrics"]
    older |= {"keep_best": "val_f1", "keep_best_mode": "max"}
    assert upgraded({"stages": [older]}) == {"stages": [json.loads(json.dumps(encoded(stage)))]}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"loss": "cross"}, "loss 'cross', and Keras knows none of that name"),
        ({"loss": L.Huber}, "expected None, a name, a function"),
        ({"loss": 3}, "expected None, a name, a function"),
        ({"metrics": "f1_score"}, "expected a list of Keras metrics"),
        ({"metrics": ["f1"]}, "metrics 'f1', and Keras knows none of that name"),
        ({"metrics": [3]}, "metrics holds 3, expected a Keras metric"),
        ({"metrics": [M.Accuracy()]}, "Accuracy does not compare labels with probabilities"),
        ({"metrics": [M.Mean]}, "Mean does not compare labels with probabilities"),
        ({"metrics": [M.AUC(), M.AUC(curve="PR")]}, "two are called 'auc'"),
        ({"metrics": [M.AUC(name="loss")]}, "one is called 'loss'"),
        ({"metrics": [M.AUC(name="val_auc")]}, "one is called 'val_auc'"),
        ({"metrics": [OwnMetric(0.5)]}, "OwnMetric does not tell its given.*Give a function"),
        (
            {"loss": "sparse_categorical_crossentropy", "metrics": [M.F1Score("macro")]},
            r"takes class indices and keras.metrics.F1Score\(average='macro'\) one-hot labels",
        ),
        (
            {"loss": "sparse_categorical_crossentropy", "mix": keras.layers.CutMix},
            "takes class indices and mix one-hot labels",
        ),
        ({"loss": "mse", "label_smoothing": 0.1}, "label_smoothing=0.1 with loss='mse'. Give it"),
        (
            {"loss": L.CategoricalCrossentropy(from_logits=True)},
            "expects logits, and models of tlkit end with probabilities",
        ),
        ({"keep_best": "val_f1"}, r"Give keep_best=\('val_f1', 'max'\)"),
        ({"keep_best": ("val_f1", "largest")}, "expected 'max' or 'min' behind the figure"),
        ({"keep_best": ("val_f1",)}, "expected the name of a figure of its history"),
    ],
)
def test_what_cannot_be_is_told_when_the_stage_is_made(settings: Any, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        head_stage(**settings)


class Trained(keras.callbacks.Callback):  # type: ignore[misc]
    """Fails where anything is trained."""

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Fail."""
        raise AssertionError("it was trained")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"metrics": [M.F1Score()]}, r"is \[.*, .*\] on .*average='weighted'"),
        ({"metrics": [M.AUC(multi_label=True, num_labels=4)]}, r"targets float32 \(3, 3\)"),
        ({"metrics": [M.MeanIoU(3)]}, "fails on targets"),
        ({"loss": L.CategoricalCrossentropy(reduction="none")}, "expected one finite number"),
        ({"loss": lambda *both: both[1] * float("nan")}, "expected one finite number"),
        ({"loss": L.Dice(), "class_weight": "balanced"}, "expected one number for each"),
        (
            {"metrics": [M.AUC()], "keep_best": ("val_f1", "max")},
            "its history will have 'loss', 'accuracy', 'auc', 'val_loss', 'val_accuracy', 'val_auc",
        ),
    ],
)
def test_what_does_not_fit_the_head_is_told_before_training(
    settings: Any, told: str, parts: Any
) -> None:
    stages = (head_stage(name="first", callbacks=(Trained(),)), head_stage(**settings))
    with pytest.raises(TrainingError, match=told):
        trainer(*stages).fit(*parts, verbose=0)


def test_metrics_are_counted_anew_in_each_phase_and_the_kept_epoch_is_by_their_direction(
    parts: Any,
) -> None:
    f1 = M.F1Score(average="macro")
    stage = head_stage(
        epochs=3,
        policy=tlkit.GradualUnfreeze(groups=2, every=1),
        metrics=[f1, partial(M.CategoricalCrossentropy, name="ce"), lambda: OwnMetric(0.5)],
        keep_best="val_ce",
    )
    result = trainer(stage).fit(*parts, verbose=0).stages[0]
    assert result.best_epoch == int(np.argmin(result.history["val_ce"]))
    assert {"f1_score", "val_f1_score", "own"} <= set(result.history)
    assert not f1.variables, "the metric of the user was used"


def test_a_search_lowers_the_loss_of_the_stage(parts: Any) -> None:
    finder = tlkit.ExponentialLRFinder(1e-3, 1e-1, steps=3, unit="batch")
    curves = [
        trainer(head_stage(loss=loss)).find_learning_rate(parts[0], finder, verbose=0)
        for loss in (None, L.CategoricalFocalCrossentropy())
    ]
    focal = curves[1].losses[0] / curves[0].losses[0]
    assert 0 < focal < 0.25, "focal loss is a quarter of cross-entropy, and less where one is sure"
