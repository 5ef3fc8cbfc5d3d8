"""Stored predictions of any number of labels: truth and probabilities that fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._thresholds import Thresholds, checked_thresholds
from tlkit.errors import EvaluationError
from tlkit.evaluation._checked_input import (
    checked_digests,
    checked_image_names,
    checked_label_matrix,
    checked_names,
    checked_sigmoids,
)
from tlkit.evaluation._storage import LABELS, Stored, read_arrays, write_arrays
from tlkit.evaluation.arrays import Floats, Ints


@dataclass(frozen=True, eq=False, repr=False)
class LabelPredictions:
    """Labels, their probabilities and thresholds; the part of an evaluation that is stored.

    Args:
        y_true: Whether each image has each label, int64 of shape (n, classes), 0 or 1.
        probabilities: float64 of shape (n, classes), each in 0..1; rows need not sum to one.
        class_names: One name per label.
        thresholds: From which probability on an image is given each label, (classes,).
        image_names: What each image is called; None if unknown.
        image_digests: Digest of each image's content, uint8 of shape (n, bytes); None if unknown.
    """

    y_true: Ints
    probabilities: Floats
    class_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    image_names: tuple[str, ...] | None = None
    image_digests: NDArray[np.uint8] | None = None

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        class_names: Sequence[str] | None = None,
        *,
        thresholds: Thresholds = 0.5,
        image_names: Sequence[str] | None = None,
        image_digests: ArrayLike | None = None,
    ) -> Self:
        """Check labels and probabilities and take them over.

        Args:
            y_true: Whether each image has each label, shape (n, classes), 0 or 1.
            probabilities: Shape (n, classes), values in [0, 1].
            class_names: One name per label; None names them by number.
            thresholds: From which probability on an image is given a label: a number for all, or
                one for each label, in their order or by name.
            image_names: What each image is called, n names or None.
            image_digests: Digest of each image's content, uint8 of shape (n, bytes) such as
                ``dataset.image_digests``, or None.

        Raises:
            EvaluationError: If something does not fit; the message says what and where.
        """
        rows = checked_sigmoids(probabilities)
        labels = checked_label_matrix(y_true, rows.shape)
        names = checked_names(class_names, rows.shape[1])
        digests = checked_digests(image_digests, len(labels))
        for array in (rows, labels, digests):
            if array is not None:
                array.setflags(write=False)
        cuts = checked_thresholds(thresholds, names, EvaluationError)
        images = checked_image_names(image_names, len(labels))
        return cls(labels, rows, names, cuts, images, digests)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote; nothing in the file is run (no pickle).

        Raises:
            EvaluationError: If there is no such file, it is damaged or something else, or what it
                holds does not fit together.
        """
        content = read_arrays(path, LABELS)
        try:
            return cls.from_predictions(**content)
        except (EvaluationError, TypeError) as error:
            raise EvaluationError(f"{path} holds what does not fit together: {error}") from error

    def save(self, path: str | PathLike[str]) -> None:
        """Write labels, probabilities, thresholds and names into one ``.npz`` file.

        Args:
            path: The file, as named; its folder must exist. A file of that name is replaced; it
                appears whole or not at all.

        Raises:
            EvaluationError: If it cannot be written.
        """
        content: dict[str, Stored] = {
            "y_true": self.y_true,
            "probabilities": self.probabilities,
            "thresholds": np.array(self.thresholds),
            "class_names": self.class_names,
            "image_names": self.image_names,
            "image_digests": self.image_digests,
        }
        write_arrays(path, content, LABELS)

    def with_thresholds(self, thresholds: Thresholds) -> Self:
        """Return the same predictions with other thresholds, such as a validation set's best ones.

        Args:
            thresholds: A number for all labels, or one for each, in their order or by name.

        Raises:
            EvaluationError: They are no numbers in 0..1, or do not fit the labels.
        """
        cuts = checked_thresholds(thresholds, self.class_names, EvaluationError)
        return replace(self, thresholds=cuts)

    def __len__(self) -> int:
        return len(self.y_true)

    @cached_property
    def predictions(self) -> Ints:
        """Whether each image is given each label, int64 of shape (n, classes), 0 or 1."""
        return np.asarray(self.probabilities >= np.array(self.thresholds), np.int64)

    @cached_property
    def confusion(self) -> Ints:
        """For each label how many images have it, no or yes (rows), and are given it (columns).

        int64 of shape (classes, 2, 2), as scikit-learn's ``multilabel_confusion_matrix``.
        """
        truth, given = self.y_true, self.predictions
        both, has, told = (truth & given).sum(0), truth.sum(0), given.sum(0)
        neither = len(self) - has - told + both
        cells = np.stack([neither, told - both, has - both, both], axis=1)
        return np.asarray(cells.reshape(-1, 2, 2), np.int64)

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Which images have a label that is wrong, shape (n,)."""
        return np.asarray((self.y_true != self.predictions).any(axis=1))
