"""What labels become for ``fit``: the form that the loss takes, and a weight for each image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tlkit._task import Task
from tlkit.data.labelled_images import LabelledImages
from tlkit.training._losses_and_metrics import Loss
from tlkit.training.feeding.class_weights import class_weights
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class Targets:
    """Turn the labels of a batch into targets and weights.

    Args:
        classes: Number of classes.
        task: What the model tells of an image. Targets are float32 ``(n, 1)`` for a single sigmoid,
            1 for the second class, and ``(n, classes)`` for any number of labels.
        one_hot: Whether targets are ``(n, classes)``; class indices ``(n,)`` cost less.
        smoothing: Of the loss, as in ``keras.losses.CategoricalCrossentropy``.
        weights: float32 ``(classes,)``, or None.
        given: The stage's own loss, or None for cross-entropy.
    """

    classes: int
    task: Task = Task.MULTICLASS
    one_hot: bool = False
    smoothing: float = 0.0
    weights: np.ndarray | None = None
    given: Loss = None

    @classmethod
    def of(cls, stage: Stage, data: LabelledImages, task: Task = Task.MULTICLASS) -> Targets:
        """Return what a stage asks for.

        Args:
            stage: The settings.
            data: Training images.
            task: What the model tells of an image.

        Raises:
            TrainingError: The class weights do not fit the classes.
        """
        return cls(
            classes=len(data.class_names),
            task=task,
            one_hot=stage.objective.one_hot,
            smoothing=stage.label_smoothing,
            weights=class_weights(stage.class_weight, data, stage.name),
            given=stage.loss,
        )

    @property
    def unweighted(self) -> Targets:
        """The same for validation, where every image counts alike, as in ``fit(class_weight=)``."""
        return replace(self, weights=None)

    @property
    def loss(self) -> Any:
        """What ``compile`` takes."""
        if self.given is not None:
            return self.given
        if self.task is not Task.MULTICLASS:
            return keras.losses.BinaryCrossentropy(label_smoothing=self.smoothing)
        if not self.one_hot:
            return "sparse_categorical_crossentropy"
        return keras.losses.CategoricalCrossentropy(label_smoothing=self.smoothing)

    def __call__(self, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return ``(targets,)`` or ``(targets, weights)`` of a batch.

        Args:
            labels: Class indices ``(n,)``, or shares of the classes ``(n, classes)``.
        """
        if self.task is not Task.MULTICLASS:
            return self._of_sigmoids(labels)
        shares = self.one_hot and labels.ndim == 1
        targets = np.eye(self.classes, dtype="float32")[labels] if shares else labels
        if self.weights is None:
            return (targets,)
        return targets, (self.weights[labels] if labels.ndim == 1 else labels @ self.weights)

    def _of_sigmoids(self, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        if self.task is Task.MULTILABEL:
            return (labels.astype("float32"),)
        second = (labels[:, None] if labels.ndim == 1 else labels[:, 1:]).astype("float32")
        if self.weights is None:
            return (second,)
        return second, self.weights[0] + (self.weights[1] - self.weights[0]) * second[:, 0]
