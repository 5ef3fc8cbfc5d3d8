"""The metrics that every stage has, by what its model tells of an image."""

from __future__ import annotations

from typing import Any

from tlkit._keras.scoring import code_of_part, takes_indices
from tlkit._task import Task
from tlkit.errors import TrainingError


def own_metrics(task: Task, classes: int) -> dict[str, Any]:
    """Return them by name, as ``compile`` takes them.

    ``accuracy`` is the share of images whose class is right; of any number of labels the share of
    all labels that are right at a probability of 0.5, beside ``auc``, the mean area under the
    labels' ROC curves, which does not grow where a rare label is never given.

    Args:
        task: What is told of an image.
        classes: How many classes there are.
    """
    import keras

    if task is Task.MULTICLASS:
        return {"accuracy": "accuracy"}
    metrics: dict[str, Any] = {"accuracy": keras.metrics.BinaryAccuracy(name="accuracy")}
    if task is Task.MULTILABEL:
        areas = keras.metrics.AUC(multi_label=True, num_labels=classes, name="auc")
        metrics["auc"] = areas
    return metrics


def check_for_sigmoids(part: Any, task: Task, stage: str) -> None:
    """Raise where a loss or a metric of classes that exclude each other is given for sigmoids.

    Keras computes some figure of them, which is 0 or 1 whatever is learned.

    Args:
        part: The loss or metric, or its name.
        task: What is told of an image.
        stage: The stage's name.

    Raises:
        TrainingError: It is one of class indices or of a softmax, or an F1 of the largest
            probability.
    """
    if task is Task.MULTICLASS:
        return
    names = [part if isinstance(part, str) else "", getattr(part, "__name__", "")]
    names += [kind.__name__ for kind in type(part).__mro__]
    softmax = any("categorical" in name.lower() for name in names)
    largest = hasattr(part, "beta") and getattr(part, "threshold", 0.5) is None
    if not (softmax or largest or takes_indices(part)):
        return
    outputs = "one sigmoid" if task is Task.BINARY else "a sigmoid for each label"
    advice = "BinaryCrossentropy, BinaryFocalCrossentropy, BinaryAccuracy or AUC"
    if largest:
        advice = f"{type(part).__name__}(average='macro', threshold=0.5)"
    raise TrainingError(
        f"Stage {stage!r}: {code_of_part(part)} is of classes one of which is right, and this "
        f"model ends with {outputs}. Expected one such as {advice}."
    )
