"""How near an export comes to Keras, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.full_precision import full_precision
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model
from tlkit.errors import PredictionError
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import Comparison
from tlkit.evaluation.evaluating import evaluate
from tlkit.evaluation.predict import LabelledImages
from tlkit.inference._formats import Runner
from tlkit.inference.contract import ModelContract

BATCH = 32


@dataclass(frozen=True)
class Parity:
    """An export beside Keras on the same pictures.

    Args:
        pictures: How many.
        difference: Largest difference between two probabilities, 0..1.
        changed: How many pictures have another label.
        comparison: Of the weighted F1 of both; None for pictures without labels.
    """

    pictures: int
    difference: float
    changed: int
    comparison: Comparison | None = None


class ServedModel:
    """An export, as `tlkit.evaluate` takes a model.

    Args:
        run: From images ``(n, h, w, 3)``, float32, to outputs.
        contract: What is known of it.
        like: The model that was exported.
    """

    def __init__(self, run: Runner, contract: ModelContract, like: Model) -> None:
        self._run, self.contract, self._like = run, contract, like
        self.class_names, self.task = contract.class_names, contract.task
        self.thresholds = contract.thresholds
        self.input_shape = (None, *contract.image_size, 3)

    def instead(self, run: Runner) -> ServedModel:
        """Return the same with another function."""
        return ServedModel(run, self.contract, self._like)

    def predict_on_batch(self, batch: NDArray[Any], /) -> NDArray[Any]:
        """Return the outputs for one batch.

        Raises:
            PredictionError: They have another shape than Keras's, or are not finite.
        """
        output = self._run(np.ascontiguousarray(batch, "float32"))
        expected = (len(batch), *self._like.output_shape[1:])
        if output.shape != expected:
            raise PredictionError(
                f"The export gives an output of shape {output.shape}, and Keras {expected}. "
                "Nothing was written."
            )
        if not np.isfinite(output).all():
            raise PredictionError(
                "The export gives numbers that are not finite. Nothing was written."
            )
        return output


def on_pictures(model: Model, served: ServedModel, images: NDArray[np.uint8]) -> Parity:
    """Compare both on pictures without labels, (n, h, w, 3), n at least 1."""
    outputs = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH].astype("float32")
        outputs.append(np.stack((_exact(model, batch), served.predict_on_batch(batch))))
    expected, found = np.concatenate(outputs, axis=1)
    labels = (served.contract.labels_of(output) for output in (found, expected))
    return Parity(len(images), _largest(found, expected), _rows_that_differ(*labels))


def _exact(model: Model, images: NDArray[Any]) -> NDArray[Any]:
    with full_precision():
        return np.asarray(predict_on_batch(model, images))


def on_data_set(model: Model, served: ServedModel, precision: str, test: LabelledImages) -> Parity:
    """Compare both on a labelled data set.

    Raises:
        EvaluationError: As for `tlkit.evaluate`.
    """
    plain = served.instead(lambda images: _exact(model, images))
    shares = served.instead(lambda images: _summing_to_one(served.predict_on_batch(images)))
    rounded = precision == "int8" and test.labels.ndim == 1
    one, other = evaluate(plain, test), evaluate(shares if rounded else served, test)
    return Parity(
        len(test),
        _largest(other.probabilities, one.probabilities),
        _rows_that_differ(other.predictions, one.predictions),
        compare({"keras": one, precision: other}),
    )


def _summing_to_one(output: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of a softmax whose every value was rounded, to 1/256 in int8, as shares."""
    if output.shape[1:] == (1,):
        return output
    shares: NDArray[Any] = output / output.sum(axis=-1, keepdims=True)
    return shares


def _largest(found: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.abs(found - expected).max())


def _rows_that_differ(found: NDArray[Any], expected: NDArray[Any]) -> int:
    differs = found != expected
    return int(np.count_nonzero(differs if differs.ndim == 1 else differs.any(axis=1)))
