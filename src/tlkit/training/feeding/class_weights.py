"""The weight of each class in the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tlkit._numbers import is_number, plain
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError

ClassWeight = str | Mapping[Any, float] | None


def checked_class_weight(given: Any, stage: str) -> ClassWeight:
    """Return class weights with Python's own texts and numbers, whatever the classes are.

    Args:
        given: ``Stage.class_weight``.
        stage: The stage's name, for messages.

    Raises:
        TrainingError: Neither None nor ``"balanced"`` nor a mapping, keys of two kinds, or a
            weight that is not a finite number above 0.
    """
    if given is None or (isinstance(given, str) and given == "balanced"):
        return given
    weights = {_plain_key(key): plain(each) for key, each in _pairs(given)}
    if {type(key) for key in weights} not in ({str}, {int}):
        raise TrainingError(
            f"Stage {stage!r}: class_weight={given!r}, expected None, 'balanced', or a weight for "
            "each class by its name, {'cat': 1.0, 'dog': 2.5}, or by its index, {0: 1.0, 1: 2.5}."
        )
    for key, weight in weights.items():
        if not (is_number(weight) and math.isfinite(weight) and weight > 0):
            raise TrainingError(
                f"Stage {stage!r}: class_weight of {key!r} is {weight!r}, expected a finite number "
                "above 0. Leave the images of a class out of the data set where they are not to "
                "count."
            )
    return weights


def _pairs(given: Any) -> Iterable[tuple[Any, Any]]:
    return given.items() if isinstance(given, Mapping) else ()


def _plain_key(key: Any) -> Any:
    """Return a class as Python's own text or number, where NumPy has one like it."""
    return str(key) if isinstance(key, str) else plain(key)


def class_weights(given: ClassWeight, data: LabelledImages, stage: str) -> np.ndarray | None:
    """Return the weight of each class.

    ``"balanced"`` is scikit-learn's: ``n / (classes * count)`` for a class of ``count`` of ``n``
    images. King and Zeng, Logistic Regression in Rare Events Data, 2001.

    Args:
        given: ``Stage.class_weight``.
        data: The training images.
        stage: The stage's name, for messages.

    Returns:
        float32 ``(classes,)``, or None where all classes count alike.

    Raises:
        TrainingError: An unknown class, a class without weight, or ``"balanced"`` with a class
            that has no image; or images with any number of labels.
    """
    if given is None:
        return None
    if data.labels.ndim == 2:
        raise TrainingError(
            f"Stage {stage!r}: class_weight={given!r} for images with any number of labels, whose "
            "loss is a mean over the labels: an image has no class that it could be weighed by. "
            "Leave it out, or give loss=keras.losses.BinaryFocalCrossentropy("
            "apply_class_balancing=True, alpha=0.75), which weighs labels that are there."
        )
    if isinstance(given, str):
        return _balanced(data, stage)
    names = data.class_names
    known: tuple[Any, ...] = names if isinstance(next(iter(given)), str) else (*range(len(names)),)
    unknown = [key for key in given if key not in known]
    missing = [key for key in known if key not in given]
    if unknown or missing:
        raise TrainingError(
            f"Stage {stage!r}: class_weight does not fit the classes. Unknown: "
            f"{unknown or 'none'}; without weight: {missing or 'none'}. The classes are "
            f"{dict(enumerate(names))}; give each of them a weight, 1.0 where it counts as it is."
        )
    return np.array([given[key] for key in known], "float32")


def _balanced(data: LabelledImages, stage: str) -> np.ndarray:
    counts = np.bincount(data.labels, minlength=len(data.class_names))
    empty = [name for name, count in zip(data.class_names, counts, strict=True) if not count]
    if empty:
        raise TrainingError(
            f"Stage {stage!r}: class_weight='balanced', and there is no training image of "
            f"{empty}. Leave the class out of the data set, or give a weight for each class."
        )
    from sklearn.utils.class_weight import compute_class_weight

    weights: np.ndarray = compute_class_weight(
        "balanced", classes=np.arange(len(counts)), y=data.labels
    )
    return weights.astype("float32")
