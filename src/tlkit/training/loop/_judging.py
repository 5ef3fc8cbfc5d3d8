"""The figure by which stages are compared: the weighted F1 on validation images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from tlkit._task import Task
from tlkit.training.feeding.targets import Targets
from tlkit.training.kept import WEIGHTED_F1


def with_judging(metrics: Iterable[Any], targets: Targets, *, judged: bool) -> list[Any]:
    """Return what ``compile`` takes, with the figure by which stages are compared.

    Args:
        metrics: Of the stage.
        targets: Tell what the metric is given.
        judged: Whether stages are compared. Of images with several labels it is by accuracy.
    """
    known = list(metrics)
    named = {metric if isinstance(metric, str) else metric.name for metric in known}
    if not judged or targets.task is Task.MULTILABEL or WEIGHTED_F1 in named:
        return known
    return [*known, WeightedF1(targets.classes)]


class WeightedF1(keras.metrics.Metric):  # type: ignore[misc]
    """The mean of the classes' F1, each weighted by its images: scikit-learn's ``"weighted"``.

    Unlike ``keras.metrics.F1Score`` it takes class indices too, and one sigmoid.

    Args:
        classes: How many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name=WEIGHTED_F1)
        self._classes = classes
        shape = {"shape": (classes,), "initializer": "zeros"}
        self._right = self.add_variable(name="right", **shape)
        self._given = self.add_variable(name="given", **shape)
        self._true = self.add_variable(name="true", **shape)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        """Count a batch.

        Args:
            y_true: Class indices ``(n,)`` or ``(n, 1)``, or shares of the classes ``(n, classes)``.
            y_pred: Probabilities ``(n, classes)``, or of the second class ``(n, 1)``.
            sample_weight: Not used: every image counts alike.
        """
        ops = keras.ops
        if y_pred.shape[-1] == 1:
            y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
        if len(y_true.shape) > 1 and y_true.shape[-1] > 1:
            y_true = ops.argmax(y_true, axis=-1)
        true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self._classes)
        given = ops.one_hot(ops.argmax(y_pred, axis=-1), self._classes)
        counts = ((self._right, true * given), (self._given, given), (self._true, true))
        for variable, each in counts:
            variable.assign_add(ops.cast(ops.sum(each, axis=0), variable.dtype))

    def result(self) -> Any:
        """Return it, in [0, 1]; 0 before the first batch."""
        ops = keras.ops
        score = 2 * self._right / ops.maximum(self._given + self._true, 1)
        return ops.sum(score * self._true) / ops.maximum(ops.sum(self._true), 1)
