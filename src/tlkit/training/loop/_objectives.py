"""A stage's loss and metrics, tried on a few made-up probabilities before anything is trained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tlkit._keras.scoring import code_of_part
from tlkit._task import Task
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError
from tlkit.training._own_metrics import check_for_sigmoids
from tlkit.training.feeding.targets import Targets
from tlkit.training.stage import Stage

# Of the class that an image is of; the others share the rest.
_SURE = 0.7


def check_objective(stage: Stage, data: LabelledImages, task: Task) -> None:
    """Raise where a loss or a metric cannot be computed of the labels and the head's probabilities.

    Args:
        stage: The settings.
        data: Training images.
        task: What the model tells of an image.

    Raises:
        TrainingError: It fails, is not one finite number, or, with class weights, is not one for
            each image.
    """
    targets = Targets.of(stage, data, task)
    if stage.loss is None and not stage.metrics:
        return
    for part in (stage.loss, *stage.objective.new_metrics()):
        check_for_sigmoids(part, task, stage.name)
    wanted, guessed = _made_up(targets, data)
    if stage.loss is not None:
        _check_loss(stage, wanted, guessed)
    for metric, given in zip(stage.objective.new_metrics(), stage.metrics, strict=True):
        metric_tried = _Tried(stage.name, "metrics", given, wanted, guessed)
        metric_tried.check(lambda metric=metric: _counted(metric, wanted, guessed))


def _made_up(targets: Targets, data: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    """Return targets of an image of each class, and probabilities that are nearly right."""
    labels: np.ndarray = np.arange(targets.classes, dtype=data.labels.dtype)
    if data.labels.ndim == 2:
        labels = np.eye(targets.classes, dtype=data.labels.dtype)
    (wanted,) = targets.unweighted(labels)
    if targets.task is not Task.MULTICLASS:
        return wanted, np.where(wanted > 0, _SURE, 1 - _SURE).astype("float32")
    others = (1 - _SURE) / (targets.classes - 1)
    guessed = np.full((targets.classes, targets.classes), others, "float32")
    np.fill_diagonal(guessed, _SURE)
    return wanted, guessed


def _check_loss(stage: Stage, wanted: np.ndarray, guessed: np.ndarray) -> None:
    tried = _Tried(stage.name, "loss", stage.loss, wanted, guessed)
    model = keras.Sequential([keras.Input(guessed.shape[1:]), keras.layers.Identity()])
    model.compile("sgd", stage.loss)
    tried.check(lambda: model.compute_loss(None, wanted, keras.ops.convert_to_tensor(guessed)))
    if stage.class_weight is not None:
        loss: Any = keras.losses.get(stage.loss)
        each = tuple((loss.call if hasattr(loss, "call") else loss)(wanted, guessed).shape)
        if each != (len(guessed),):
            raise TrainingError(
                f"Stage {stage.name!r}: class_weight with loss={code_of_part(stage.loss)}, which "
                f"gives {each} for {len(guessed)} images, expected one number for each. Leave "
                "class_weight out."
            )


def _counted(metric: Any, wanted: np.ndarray, guessed: np.ndarray) -> Any:
    metric.update_state(wanted, guessed)
    return metric.result()


class _Tried:
    """A loss or a metric that is tried.

    Args:
        stage: The stage's name.
        setting: Which of its settings it is.
        part: The loss or metric.
        wanted: Targets.
        guessed: Probabilities.
    """

    def __init__(
        self, stage: str, setting: str, part: object, wanted: np.ndarray, guessed: np.ndarray
    ) -> None:
        self._about = f"Stage {stage!r}: {setting} {code_of_part(part)}"
        self._given = f"targets {wanted.dtype} {wanted.shape}, probabilities {guessed.shape}"

    def check(self, compute: Any) -> None:
        """Raise where what is computed is not one finite number.

        Raises:
            TrainingError: Says what went in and what came out.
        """
        try:
            found = np.asarray(keras.ops.convert_to_numpy(compute()))
        except Exception as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise TrainingError(
                f"{self._about} fails on {self._given}: {first} Give one that takes these, from "
                "keras.losses or keras.metrics, or check its arguments."
            ) from error
        if found.shape != () or not np.isfinite(found):
            raise TrainingError(
                f"{self._about} is {found.tolist()} on {self._given}, expected one finite number. "
                "An average does for a metric that has one for each class, such as "
                "keras.metrics.F1Score(average='weighted'); a loss has its default reduction."
            )
