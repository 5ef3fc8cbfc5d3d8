"""What a probe found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tlkit._printing import Printed, one_line
from tlkit._regression.coefficients import Coefficients
from tlkit._regression.discriminant import Shrinkage
from tlkit._task import Task
from tlkit.backbones.all_cuts import AllCuts
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.backbones.registry import get_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.data.decoding.decode import as_size
from tlkit.data.decoding.fitting import Fit
from tlkit.evaluation.evaluation import Evaluation
from tlkit.features.extraction import Features
from tlkit.features.settings import FrozenSettings
from tlkit.freezing.head import Head
from tlkit.inference.contract import ModelContract
from tlkit.inference.usable_model import UsableModel


@dataclass(frozen=True, eq=False, repr=False)
class Probe(UsableModel, Printed):
    """What `tlkit.probe` found; its model predicts, is saved and exported.

    ``StagedTrainer(..., start_from=file)`` starts from a file that ``save`` wrote, with classes
    matched by name.

    Args:
        settings: Of the backbone and its features.
        features: Of all pictures.
        evaluations: Of the pictures out of their folds, one for each repeat.
        coefficients: Of what was learned from all pictures, for features as they are.
        penalty: Of the best regression: ``penalty / 2`` times the squared weights of standardized
            features is added to the mean log loss.
        losses: Mean held-out log loss by the penalties that were tried, of regressions without two
            folds; with more pictures a penalty is less, so that scikit-learn's C is the same.
        folds: How many.
        depth: At which depth pictures of more than 8 bits were read; None without any.
        fit: How pictures came to the model's size; see `tlkit.ImageDataset`.
        notes: What there is to say on pictures and folds, for people.
        shrinkage: Of the discriminant analysis that held-out pictures chose in place of the
            regression, above 0 and below 1: the share of the mean variance times the identity in
            the covariance. None for the regression.
        temperature: By which that analysis's logits are divided, 1 or more.
    """

    settings: FrozenSettings
    features: Features
    evaluations: tuple[Evaluation, ...]
    coefficients: Coefficients
    penalty: float
    losses: Mapping[float, float]
    folds: int
    depth: int | None
    fit: Fit
    notes: tuple[str, ...] = ()
    shrinkage: float | None = None
    temperature: float = 1.0

    @property
    def name(self) -> str:
        """What to call it: the backbone and the size of its pictures."""
        return _name(self.settings.backbone, self.settings.image_size)

    @property
    def evaluation(self) -> Evaluation:
        """Scores of pictures by what has not seen them, in the first repeat.

        `tlkit.compare` sets it beside other probes, and models, of the same pictures.
        """
        return self.evaluations[0]

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the probabilities are of, in order."""
        return self.evaluation.class_names

    @property
    def task(self) -> Task:
        """What the model's outputs mean: one class of all."""
        return Task.MULTICLASS

    @cached_property
    def model(self) -> Any:
        """A keras.Model: the backbone, and what was learned from all pictures as a Dense softmax.

        It takes raw RGB images ``(n, height, width, 3)``, 0..255, and gives probabilities
        ``(n, classes)``. Its head is that of `tlkit.Head`.
        """
        model = self.settings.assembled(Head(), len(self.class_names)).model
        found = (self.coefficients.weights, self.coefficients.bias)
        model.layers[-1].set_weights([part.astype(np.float32) for part in found])
        return model

    @property
    def contract(self) -> ModelContract:
        """What it takes to use the model: its classes, and how its pictures are read."""
        height, width = self.model.input_shape[1:3]
        return ModelContract(self.class_names, (height, width), self.depth, fit=self.fit)

    def __repr__(self) -> str:
        found = self.evaluation
        told = f"{len(found)} images, {len(self.class_names)} classes"
        return one_line(f"Probe({self.name}, {told}, weighted_f1={found.weighted_f1:.4f})")

    def __str__(self) -> str:
        kind, settings = "logistic regression", self._regression
        if self.shrinkage is not None:
            chosen = Shrinkage(self.shrinkage, self.temperature)
            kind, settings = "linear discriminant analysis", str(chosen)
        lines = [
            f"{self.name}, not trained: {kind} on {self.features.shape[1]:,} features",
            self.evaluation.summary(),
            f"{self.folds} folds; {settings}",
        ]
        if len(self.evaluations) > 1:
            figures = ", ".join(f"{each.weighted_f1:.4f}" for each in self.evaluations)
            lines.append(f"weighted F1 in {len(self.evaluations)} repeats: {figures}")
        return "\n".join([*lines, *self.notes])

    @property
    def _regression(self) -> str:
        alpha = self.penalty * len(self.features)
        return f"penalty {self.penalty:.3g}, in scikit-learn C={1 / alpha:.3g}"


def _name(given: Backbone, size: ImageSize | None) -> str:
    if isinstance(given, AllCuts):
        return f"{_name(given.backbone, given.image_size)}, all cuts"
    if isinstance(given, str):
        given = get_backbone(given)
    if not isinstance(given, BackboneSpec):
        return getattr(given, "__name__", type(given).__name__)
    height, width = as_size(size or given.default_size)
    return f"{given.name} at {height} x {width}"
