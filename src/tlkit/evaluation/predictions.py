"""Stored predictions: labels and probabilities that fit together, and what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.errors import EvaluationError
from tlkit.evaluation._checked_input import (
    checked_digests,
    checked_image_names,
    checked_labels,
    checked_names,
    checked_probabilities,
)
from tlkit.evaluation._storage import read_arrays, write_arrays
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics.per_image import true_probability


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Labels and probabilities of the same images; the part of an evaluation that is stored.

    Args:
        y_true: Class numbers, int64 of shape (n,).
        probabilities: float64 of shape (n, classes), rows sum to one.
        class_names: One name per class.
        image_names: What each image is called; None if unknown.
        image_digests: Digest of each image's content, uint8 of shape (n, bytes); None if unknown.
    """

    y_true: Ints
    probabilities: Floats
    class_names: tuple[str, ...]
    image_names: tuple[str, ...] | None = None
    image_digests: NDArray[np.uint8] | None = None

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        class_names: Sequence[str] | None = None,
        *,
        image_names: Sequence[str] | None = None,
        image_digests: ArrayLike | None = None,
    ) -> Self:
        """Check labels and probabilities and take them over.

        Args:
            y_true: Class numbers, whole, shape (n,), in 0 .. classes - 1.
            probabilities: Shape (n, classes), values in [0, 1]. Rows must sum to one within 0.01
                and are scaled so that they do exactly.
            class_names: One name per class; None names them by number.
            image_names: What each image is called, n names or None.
            image_digests: Digest of each image's content, uint8 of shape (n, bytes) such as
                ``dataset.image_digests``, or None.

        Raises:
            EvaluationError: If something does not fit; the message says what and where.

        Example:
            >>> from tlkit import Evaluation
            >>> rows = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
            >>> round(Evaluation.from_predictions([0, 1, 1], rows).weighted_f1, 4)
            0.6667
        """
        rows = checked_probabilities(probabilities)
        labels = checked_labels(y_true, *rows.shape)
        names = checked_image_names(image_names, len(labels))
        digests = checked_digests(image_digests, len(labels))
        for array in (rows, labels, digests):
            if array is not None:
                array.setflags(write=False)
        return cls(labels, rows, checked_names(class_names, rows.shape[1]), names, digests)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote; nothing in the file is run (no pickle).

        Raises:
            EvaluationError: If there is no such file, it is damaged or something else, or what it
                holds does not fit together.
        """
        content = read_arrays(path)
        try:
            return cls.from_predictions(**content)
        except EvaluationError as error:
            raise EvaluationError(f"{path} holds what does not fit together: {error}") from error

    def save(self, path: str | PathLike[str]) -> None:
        """Write labels, probabilities and names into one ``.npz`` file, whole or not at all.

        Args:
            path: The file, as named; its folder must exist. A file of that name is replaced.

        Raises:
            EvaluationError: If it cannot be written.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from tlkit import Evaluation
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     file = Path(folder, "validation.npz")
            ...     Evaluation.from_predictions([0, 1], [[0.9, 0.1], [0.2, 0.8]]).save(file)
            ...     Evaluation.load(file).accuracy
            1.0
        """
        write_arrays(
            path,
            {
                "y_true": self.y_true,
                "probabilities": self.probabilities,
                "class_names": self.class_names,
                "image_names": self.image_names,
                "image_digests": self.image_digests,
            },
        )

    def __len__(self) -> int:
        return len(self.y_true)

    @cached_property
    def predictions(self) -> Ints:
        """Most probable class of each image, int64 of shape (n,); of equals, the first."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def confusion(self) -> Ints:
        """Number of images by true class (row) and predicted class (column), int64 (k, k)."""
        k = len(self.class_names)
        cells = np.bincount(self.y_true * k + self.predictions, minlength=k * k)
        return np.asarray(cells.reshape(k, k), np.int64)

    @cached_property
    def true_probability(self) -> Floats:
        """Probability of the true class of each image, shape (n,)."""
        return true_probability(self.probabilities, self.y_true)

    @cached_property
    def confidence(self) -> Floats:
        """Probability of the predicted class of each image, shape (n,)."""
        return np.asarray(self.probabilities.max(axis=1))
