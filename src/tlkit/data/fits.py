"""How a model reads its pictures, and a data set that is to be read in the same way."""

from __future__ import annotations

from tlkit.data.decoding.fitting import SQUASH, Fit, checked_fit
from tlkit.errors import DataError, TlkitError


def known_fit(given: object) -> Fit | None:
    """Return how the pictures of a model come to its size; None where it does not know.

    A result, a predictor and the contract of a model do.
    """
    fit = getattr(getattr(given, "contract", given), "fit", None)
    fit = None if callable(fit) else fit  # that of a keras.Model trains it
    return None if fit is None else checked_fit(fit)


def require_fit(given: object, dataset: object, error: type[TlkitError] = DataError) -> None:
    """Raise where a data set is read otherwise than the pictures that a model was trained on.

    Args:
        given: A model, or what knows more of it. One that does not know takes any data set.
        dataset: A `tlkit.ImageDataset`, or images without labels.
        error: Which error to raise.

    Raises:
        DataError: It is.
    """
    known, fit = known_fit(given), getattr(dataset, "fit", SQUASH)
    if known is not None and fit != known:
        raise error(
            f"The model was trained on pictures with fit={known!r}, and the dataset has "
            f"fit={fit!r}; expected pictures that are read as in training. Give "
            f"dataset.with_fit({known!r})."
        )
