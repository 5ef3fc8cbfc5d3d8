"""Pictures that are probed: what cannot be, how they are dealt into folds, and what to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_whole
from tlkit._printing import counted
from tlkit.data.class_names import shown_names
from tlkit.data.dataset import ImageDataset
from tlkit.data.duplicates import find_duplicates
from tlkit.data.even_folds import even_folds
from tlkit.data.expected import require_dataset
from tlkit.errors import DataError, SplitError
from tlkit.probing._standardized import Floats

Ints = NDArray[np.int64]


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


def dealt(data: ImageDataset, k: int, groups: Sequence[object] | None, seed: int) -> Ints:
    """Return the number of each picture's fold, int64 ``(n,)``.

    Raises:
        SplitError: They cannot be dealt so; or without one fold a single class is left.
    """
    folds = even_folds(data.labels, k, groups=groups, seed=seed)
    table = _table(data, folds)
    if ((table.sum(axis=0) - table) > 0).sum(axis=1).min() < 2:
        raise SplitError(
            "Without one of the folds a single class is left to learn from: groups, or pictures, "
            "of the others are too few. Take other groups, or add pictures."
        )
    return folds


def fold_notes(data: ImageDataset, folds: Ints) -> Iterator[str]:
    """Yield what there is to say on classes that folds lack, and on pictures in two folds."""
    table = _table(data, folds)
    lying = (table > 0).sum(axis=0)
    named = {
        number: [data.class_names[n] for n in np.flatnonzero(lying == number)] for number in (0, 1)
    }
    few = [data.class_names[n] for n in np.flatnonzero((lying > 1) & (lying < len(table)))]
    if named[0]:
        yield f"without a picture, and never predicted: {shown_names(named[0])}"
    if named[1]:
        yield (
            f"in one fold alone, so that what predicts there has never seen them and is always "
            f"wrong: {shown_names(named[1])}"
        )
    if few:
        yield f"not in every fold, since there are too few of them: {shown_names(few)}"
    same = find_duplicates(data.image_digests, data.names, data.labels, data.class_names)
    torn = [x for x in same if len({int(folds[place]) for place in x.positions}) > 1]
    if torn:
        yield (
            f"{counted(len(torn), 'picture')} in two folds at once: {torn[0]}"
            f"{' and others' if len(torn) > 1 else ''}; the figures are too good by that. "
            "groups= keeps such pictures together"
        )


def feature_notes(features: Floats) -> Iterator[str]:
    """Yield what there is to say on features that tell nothing."""
    if not np.ptp(features, axis=0).any():
        yield "all pictures have the same features, so that nothing can be learned from them"


def _table(data: ImageDataset, folds: Ints) -> Ints:
    """Return how many pictures each fold has of each class, int64 ``(k, classes)``."""
    table = np.zeros((int(folds.max()) + 1, len(data.class_names)), np.int64)
    np.add.at(table, (folds, data.labels), 1)
    return table
