"""What a model's outputs mean: the one word that labels, heads, losses and scores share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Task(StrEnum):
    """What is told of an image, and by which outputs.

    Example:
        >>> Task.MULTICLASS.outputs(2), Task.BINARY.outputs(2), Task.MULTILABEL.activation
        (2, 1, 'sigmoid')
    """

    MULTICLASS = "multiclass"
    """One class of n: a softmax over them."""
    BINARY = "binary"
    """One class of two: a single sigmoid, the probability of the second."""
    MULTILABEL = "multilabel"
    """Any number of labels: a sigmoid for each."""

    @property
    def activation(self) -> str:
        """What a model ends with."""
        return "softmax" if self is Task.MULTICLASS else "sigmoid"

    def outputs(self, classes: int) -> int:
        """Return how many numbers a model gives for an image of so many classes."""
        return 1 if self is Task.BINARY else classes

    @classmethod
    def of(cls, labels: NDArray[Any], outputs: int) -> Task:
        """Return the task of a model with so many outputs that learns some labels.

        Args:
            labels: (n,) class numbers, or (n, classes) 0 or 1.
            outputs: How many numbers it gives for each image.
        """
        if labels.ndim == 2:
            return cls.MULTILABEL
        return cls.BINARY if outputs == 1 else cls.MULTICLASS


def known_task(given: object) -> Task | None:
    """Return the task of a result or a model; None where it does not know, as a keras.Model."""
    found = getattr(given, "task", None)
    return found if isinstance(found, Task) else None


def two_columns(output: NDArray[Any], classes: int) -> NDArray[Any]:
    """Return the columns of both classes for a single sigmoid; any other output as it is.

    Args:
        output: (n, 1) or (n,) for a single sigmoid of two classes.
        classes: Number of classes.

    Example:
        >>> two_columns(np.array([[0.25]]), 2).tolist()
        [[0.75, 0.25]]
    """
    if classes != 2 or output.shape not in ((len(output),), (len(output), 1)):
        return output
    second = output.reshape(-1, 1)
    return np.concatenate([1 - second, second], axis=1)
