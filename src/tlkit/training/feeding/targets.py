"""What labels become for ``fit``: the form that the loss takes, and a weight for each image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tlkit.data.dataset import ImageDataset
from tlkit.training._losses_and_metrics import Loss
from tlkit.training.feeding.class_weights import class_weights
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class Targets:
    """Turn the labels of a batch into targets and weights.

    Args:
        classes: Number of classes.
        one_hot: Whether targets are ``(n, classes)``; class indices ``(n,)`` cost less.
        smoothing: Of the loss, as in ``keras.losses.CategoricalCrossentropy``.
        weights: float32 ``(classes,)``, or None.
        given: The stage's own loss, or None for cross-entropy.
    """

    classes: int
    one_hot: bool = False
    smoothing: float = 0.0
    weights: np.ndarray | None = None
    given: Loss = None

    @classmethod
    def of(cls, stage: Stage, data: ImageDataset) -> Targets:
        """Return what a stage asks for.

        Raises:
            TrainingError: The class weights do not fit the classes.
        """
        return cls(
            classes=len(data.class_names),
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
        if not self.one_hot:
            return "sparse_categorical_crossentropy"
        return keras.losses.CategoricalCrossentropy(label_smoothing=self.smoothing)

    def __call__(self, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return ``(targets,)`` or ``(targets, weights)`` of a batch.

        Args:
            labels: Class indices ``(n,)``, or shares of the classes ``(n, classes)``.
        """
        shares = self.one_hot and labels.ndim == 1
        targets = np.eye(self.classes, dtype="float32")[labels] if shares else labels
        if self.weights is None:
            return (targets,)
        return targets, (self.weights[labels] if labels.ndim == 1 else labels @ self.weights)
