"""Pictures that are probed: what cannot be, and what to say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tlkit._numbers import is_whole
from tlkit._regression.standardized import Doubles, Floats
from tlkit.data.dataset import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.errors import DataError, SplitError
from tlkit.evaluation.evaluation import Evaluation


def check_pictures(data: ImageDataset) -> None:
    """Raise where there is nothing to tell apart.

    Raises:
        DataError: No data set, one with several labels for an image, or images of one class.
    """
    require_dataset(data, "data")
    if data.labels.ndim > 1:
        raise DataError(
            f"data is a {type(data).__name__}, whose images have any number of labels; expected "
            "one class for each image, as in an ImageDataset. tlkit.extract gives features and "
            "labels for regressions of your own, one for each label."
        )
    present = [name for name, count in data.class_counts.items() if count]
    if len(present) < 2:
        raise DataError(
            f"The images are all of one class, {', '.join(present) or 'none'}; expected at least "
            "two classes to tell apart."
        )


def check_counts(folds: int, repeats: int) -> None:
    """Raise where these are no numbers of folds and repeats.

    Raises:
        SplitError: Fewer than three folds, or no repeat.
    """
    if not is_whole(folds, 3):
        raise SplitError(
            f"folds={folds!r}; expected a whole number, at least 3: one is predicted, and the "
            "others choose the penalty among themselves. 5 is usual."
        )
    if not is_whole(repeats, 1):
        raise SplitError(f"repeats={repeats!r}; expected a whole number, at least 1.")


def feature_notes(features: Floats) -> Iterator[str]:
    """Yield what there is to say on features that tell nothing."""
    if not np.ptp(features, axis=0).any():
        yield "all pictures have the same features, so that nothing can be learned from them"


def evaluation_of(data: ImageDataset, probabilities: Doubles) -> Evaluation:
    """Return scores of pictures that have these probabilities ``(n, classes)``."""
    return Evaluation.from_predictions(
        data.labels,
        probabilities,
        data.class_names,
        image_names=data.names,
        image_digests=data.image_digests,
    )
