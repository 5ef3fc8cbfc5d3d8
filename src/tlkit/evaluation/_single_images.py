"""Single images that people should look at: the highest losses and the most uncertain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlkit._printing import Printed, one_line
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics import per_image
from tlkit.evaluation.predictions import Predictions


@dataclass(frozen=True, repr=False)
class ImagePrediction(Printed):
    """What a model says about one image.

    Args:
        index: Its position in the data set, from 0.
        name: What it is called; "image 12" if unknown.
        truth: Its class.
        prediction: The predicted class.
        probability: Of the predicted class, 0..1.
        true_probability: Of the true class, 0..1.
        loss: ``-log(true_probability)``, clipped at the float64 epsilon.
        margin: ``probability`` minus the second largest probability, 0..1.
        entropy: ``-sum p log p`` over the classes, in nats, 0..log(classes).
    """

    index: int
    name: str
    truth: str
    prediction: str
    probability: float
    true_probability: float
    loss: float
    margin: float
    entropy: float

    @property
    def right(self) -> bool:
        """Whether the prediction is the truth."""
        return self.prediction == self.truth

    def __repr__(self) -> str:
        return one_line(f"ImagePrediction({self.index}, {self})")

    def __str__(self) -> str:
        taken = "" if self.right else f" predicted as {self.prediction}"
        return f"{self.name}: {self.truth}{taken}, loss {self.loss:.4f}"


def top_losses(found: Predictions, n: int) -> tuple[ImagePrediction, ...]:
    """Return the images with the highest loss, highest first."""
    return _rows(found, _first(found.true_probability, n))


def most_uncertain(found: Predictions, n: int, by: str) -> tuple[ImagePrediction, ...]:
    """Return the images of which the model is least sure, least sure first.

    Raises:
        EvaluationError: If ``by`` is neither "margin" nor "entropy".
    """
    if by not in ("margin", "entropy"):
        raise EvaluationError(f"by={by!r}: expected 'margin' or 'entropy'.")
    rows = found.probabilities
    certainty = per_image.margins(rows) if by == "margin" else -per_image.entropies(rows)
    return _rows(found, _first(certainty, n))


def _first(values: Floats, n: int) -> list[int]:
    """Return the positions of the n smallest, smallest first; of equals, the first."""
    order: list[int] = np.argsort(values, kind="stable")[: max(n, 0)].tolist()
    return order


def _rows(found: Predictions, chosen: list[int]) -> tuple[ImagePrediction, ...]:
    if not chosen:
        return ()
    rows, labels = found.probabilities[chosen], found.y_true[chosen]
    columns = (
        per_image.log_losses(rows, labels),
        per_image.margins(rows),
        per_image.entropies(rows),
    )
    return tuple(
        ImagePrediction(
            index=index,
            name=f"image {index}" if found.image_names is None else found.image_names[index],
            truth=found.class_names[found.y_true[index]],
            prediction=found.class_names[found.predictions[index]],
            probability=float(found.confidence[index]),
            true_probability=float(found.true_probability[index]),
            loss=float(loss),
            margin=float(margin),
            entropy=float(entropy),
        )
        for index, loss, margin, entropy in zip(chosen, *columns, strict=True)
    )
