"""Outputs of a model, as rows with the names of its classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._task import Task, two_columns
from tlkit.data.class_names import shown_names
from tlkit.errors import PredictionError
from tlkit.inference.contract import ModelContract
from tlkit.inference.prediction import Prediction


@dataclass(frozen=True)
class Rows:
    """Names what a model gives.

    Args:
        contract: What is known of the model.
        top: How many labels each row has.
    """

    contract: ModelContract
    top: int

    def of(
        self, names: Sequence[str], outputs: NDArray[Any], errors: Sequence[str | None]
    ) -> Iterator[Prediction]:
        """Yield a row for each picture.

        Args:
            names: What the pictures are called.
            outputs: What the model gives for those that can be read, in their order.
            errors: Of each picture, why it cannot be read; None where it can.

        Raises:
            PredictionError: The model does not give a number for each class.
        """
        readable = len(names) - sum(error is not None for error in errors)
        found = iter(self._columns(outputs, readable) if readable else ())
        for name, error in zip(names, errors, strict=True):
            if error is None:
                yield self._row(name, next(found))
            else:
                yield Prediction(name, error=error)

    def _columns(self, output: NDArray[Any], count: int) -> NDArray[Any]:
        classes = self.contract.class_names
        if self.contract.task is not Task.MULTILABEL:
            output = two_columns(output, len(classes))
        if output.shape != (count, len(classes)):
            raise PredictionError(
                f"the model gave an output of shape {output.shape} for {count} pictures; "
                f"expected {(count, len(classes))}, a probability for each of "
                f"{shown_names(classes)}. Give the class_names that it was trained on."
            )
        return output

    def _row(self, name: str, output: NDArray[Any]) -> Prediction:
        if not np.isfinite(output).all():
            return Prediction(name, error="the model gave numbers that are not finite")
        classes, several = self.contract.class_names, self.contract.task is Task.MULTILABEL
        order = np.argsort(-output, kind="stable")
        best = order[self.contract.labels_of(output)[order]] if several else order[: self.top]
        labels = tuple(classes[column] for column in best.tolist())
        found = tuple(float(output[column]) for column in best.tolist())
        if not several:
            return Prediction(name, labels, found)
        every = dict(zip(classes, output.astype(float).tolist(), strict=True))
        return Prediction(name, labels, found, by_class=every)
