"""Temperature scaling: a model as sure as it is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tlkit._keras.saved_with import Travelling, saved_with
from tlkit._keras.types import Model, ModelOrResult
from tlkit._printing import Printed
from tlkit.data.class_names import is_numbering, known_names, positions
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.calibration._calibrated_model import (
    SMALLEST,
    check_softmax,
    with_temperature,
)
from tlkit.evaluation.evaluating import evaluate
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.per_image import true_probability
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.evaluation.predict import LabelledImages, model_of

_RANGE = (1e-2, 1e2)  # of temperatures; beyond, the data do not tell one


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Printed):
    """A temperature, what it does to the scores, and the model with it built in.

    Args:
        temperature: Above 1 the model was too sure, below 1 too modest.
        before: Evaluation of the images that the temperature was fitted on.
        after: The same with the temperature. Being fitted there, it is a little too good: for a
            fair figure evaluate ``model`` on other images, or `apply`.
        model: ``keras.Model`` whose softmax is that of the logits divided by the temperature, of
            stock Keras layers, which it shares with the model given; None if none was given.
        class_names: Of the model's columns, in order; those of ``before`` where the model given
            knew none.
        contract: What the model given knew of itself besides, such as how its pictures are read,
            which goes where this goes; None where it knew nothing.
    """

    temperature: float
    before: Evaluation
    after: Evaluation
    model: Any = None
    class_names: tuple[str, ...] | None = None
    contract: Travelling | None = None

    def apply(self, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation that the calibrated model would get, from stored predictions.

        Args:
            evaluation: Of the same model before calibration, on any images; its classes may stand
                in another order.

        Raises:
            EvaluationError: If it has other classes.
        """
        _check_same_classes("the calibration", self.before.class_names, evaluation)
        return _scaled(evaluation, self.temperature)

    def __repr__(self) -> str:
        model = "" if self.model is None else ", with its model"
        fitted = f"fitted on {len(self.before)} images"
        return f"Calibration(temperature {self.temperature:.4f}, {fitted}{model})"

    def __str__(self) -> str:
        both = (self.before, self.after)
        scores = {
            "calibration error": [found.expected_calibration_error() for found in both],
            "log loss": [found.log_loss for found in both],
            "accuracy": [found.accuracy for found in both],
        }
        return "\n".join(
            [
                f"temperature {self.temperature:.4f}, fitted on {len(self.before)} images",
                *(f"{name:<18} {old:.4f} -> {new:.4f}" for name, (old, new) in scores.items()),
            ]
        )


def calibrate(
    model_or_result: ModelOrResult | None,
    dataset_or_evaluation: LabelledImages | Evaluation,
    batch_size: int = 32,
    *,
    image_size: int | tuple[int, int] | None = None,
) -> Calibration:
    """Find the temperature with the lowest log loss, and build it into the model.

    Temperature scaling divides the logits ``z`` by one number: ``softmax(z / T)``. The order of the
    classes stays, and with it the accuracy; only how sure the model is changes. As ``log p``
    differs from ``z`` by one number per image, which the softmax takes away again, stored
    probabilities are as good as logits: ``softmax(log(p) / T) = softmax(z / T)``. Source: C. Guo,
    G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
    section 4.2.

    Fit on validation images: on images that the model was trained on it is surer than elsewhere.

    Args:
        model_or_result: A ``keras.Model`` that ends in a softmax, or anything with such a
            ``model``, as a training result. None where only an evaluation is at hand.
        dataset_or_evaluation: A `tlkit.ImageDataset`, or the model's
            `tlkit.Evaluation` on one.
        batch_size: Images per batch, at least 1.
        image_size: One side in pixels or (height, width); None asks the model.

    Returns:
        The temperature, the scores before and after, and the calibrated model, to be saved with
        ``calibration.model.save("model.keras")``; plain Keras loads it, and `tlkit.Predictor` finds
        the class names in it that the result knew.

    Raises:
        EvaluationError: If the model's output is no softmax over the classes, the classes of the
            two have other names, or no temperature from 0.01 to 100 is best, as when every image
            is predicted rightly.

    Example:
        >>> import numpy as np
        >>> from tlkit import Evaluation, calibrate
        >>> rows = np.array([[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.01, 0.99]])
        >>> calibration = calibrate(None, Evaluation.from_predictions([0, 0, 1, 1], rows))
        >>> round(calibration.temperature, 2)
        4.18
        >>> calibration.after.probabilities[0].round(2)
        array([0.75, 0.25])
    """
    model: Any = None if model_or_result is None else model_of(model_or_result)
    _refuse_labels(dataset_or_evaluation)
    if model is not None:
        check_softmax(model)
    if isinstance(dataset_or_evaluation, Evaluation):
        before = dataset_or_evaluation
    else:
        given: Any = model_or_result  # None is refused there
        before = evaluate(given, dataset_or_evaluation, batch_size, image_size=image_size)
    names = known_names(model_or_result)
    if model is not None:
        _check_classes(model, names, before)
    temperature = fitted_temperature(before.probabilities, before.y_true)
    after = _scaled(before, temperature)
    if model is None:
        return Calibration(temperature, before, after)
    calibrated = with_temperature(model, temperature)
    contract: Travelling | None = getattr(model_or_result, "contract", None)
    if contract is not None:
        calibrated = saved_with(calibrated, contract)
    told = names or before.class_names
    return Calibration(temperature, before, after, calibrated, told, contract)


def _refuse_labels(given: object) -> None:
    if isinstance(given, MultiLabelEvaluation) or np.ndim(getattr(given, "labels", ())) == 2:
        raise EvaluationError(
            "calibrate fits one temperature to a softmax, and these images have any number of "
            "labels, each by a sigmoid of its own, with a scale of its own. Expected images of one "
            "class each. What a label's probability is worth is chosen by "
            "evaluation.best_thresholds()."
        )


def fitted_temperature(probabilities: Floats, labels: Ints) -> float:
    """Return the temperature with the lowest mean log loss.

    The loss is convex in ``b = 1 / T``. Where it is lowest its slope is zero,
    ``mean over images of sum_c p_c z_c - z_true``; Brent's method finds that in ``log b``, to the
    last digits, which a search for the lowest loss does not: about it the loss is flat.

    Args:
        probabilities: Shape (n, classes), rows sum to one.
        labels: Class numbers, shape (n,).

    Raises:
        EvaluationError: If the lowest loss is not between 0.01 and 100.
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    logits = np.log(np.maximum(probabilities, SMALLEST))
    wanted = float(true_probability(logits, labels).mean())

    def slope(log_inverse: float) -> float:
        rows = softmax(logits * np.exp(log_inverse), axis=1)
        return float(np.einsum("nc,nc->n", rows, logits).mean()) - wanted

    high, low = (-float(np.log(temperature)) for temperature in _RANGE)
    _check_range(slope(low), slope(high), len(labels))
    return float(np.exp(-brentq(slope, low, high, xtol=1e-12)))


def _check_range(at_hottest: float, at_coldest: float, images: int) -> None:
    """Refuse a loss that is lowest at an end; from hot to cold its slope must turn positive."""
    if at_coldest <= 0:
        raise EvaluationError(
            f"no temperature fits: of {images} images (nearly) all are predicted "
            "correctly, so the log loss is lower the more confident the model is, down to T = "
            f"{_RANGE[0]:g}. Give more validation images, among them some that it gets wrong."
        )
    if at_hottest >= 0:
        raise EvaluationError(
            f"no temperature fits: on these {images} images the probabilities are no better than "
            "chance, so the log loss is lower the less confident the model is, up to T = "
            f"{_RANGE[1]:g}. Check that labels and class order are the model's."
        )


def _scaled(found: Evaluation, temperature: float) -> Evaluation:
    from scipy.special import softmax

    logits = np.log(np.maximum(found.probabilities, SMALLEST))
    return Evaluation.from_predictions(
        found.y_true,
        softmax(logits / temperature, axis=1),
        found.class_names,
        image_names=found.image_names,
        image_digests=found.image_digests,
    )


def _check_same_classes(who: str, names: tuple[str, ...], found: Evaluation) -> None:
    # In any order: one temperature divides the logits of all classes.
    way_out = "Give an evaluation of the model that is calibrated."
    words = (who, "the evaluation")
    positions(names, found.class_names, words=words, way_out=way_out, error=EvaluationError)


def _check_classes(model: Model, names: tuple[str, ...] | None, found: Evaluation) -> None:
    if names is not None and not is_numbering(found.class_names):
        _check_same_classes("the model", names, found)
    classes = model.output_shape[-1]
    if classes != len(found.class_names):
        raise EvaluationError(
            f"the model gives {classes} probabilities and the evaluation is of "
            f"{len(found.class_names)} classes; give an evaluation of this model."
        )
