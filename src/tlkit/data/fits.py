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


def require_same_reading(
    given: object, dataset: object, error: type[TlkitError] = DataError
) -> None:
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
    deep = _known_depth(given)
    if deep is None or getattr(dataset, "given_depth", None) == deep:
        return
    depth = getattr(dataset, "depth", None)  # which reads every file
    if depth not in (None, deep):
        raise error(
            f"The model was trained on pictures of more than 8 bits with depth={deep}, and the "
            f"dataset's are read with depth={depth}, so that one value is two shades of grey; "
            "expected pictures that are read as in training. Make the dataset with "
            f"depth={deep}, such as ImageDataset.from_directory(..., depth={deep})."
        )


def _known_depth(given: object) -> int | None:
    """Return at which depth pictures of more than 8 bits were read; None without any."""
    depth = getattr(getattr(given, "contract", given), "depth", None)
    return depth if type(depth) is int else None
