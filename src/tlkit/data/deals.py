"""Labelled images dealt into folds, once or again and again, and what there is to say of a deal.

A probe and a cross-validation of the same images, folds, groups and seed have the same deals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted
from tlkit._seeds import stream_seed
from tlkit.data._groups import group_numbers
from tlkit.data._label_splits import label_folds
from tlkit.data.class_names import shown_names
from tlkit.data.duplicates import find_duplicates
from tlkit.data.even_folds import even_folds
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import SplitError

Ints = NDArray[np.int64]


def deals(
    data: LabelledImages, k: int, repeats: int, groups: Iterable[object] | None, seed: int
) -> tuple[Ints, ...]:
    """Return the number of each image's fold for each repeat, int64 ``(n,)``, from 0.

    Args:
        data: The images, with one class each or any number of labels.
        k: Number of folds.
        repeats: How often images are dealt.
        groups: One value for each image; images of one group are in one fold.
        seed: Any integer; the first deal is that of the seed.

    Raises:
        SplitError: They cannot be dealt so; or without one fold a single class is left.
    """
    seeds = [stream_seed(seed, "probe", sample=r) if r else seed for r in range(repeats)]
    known = None if groups is None else group_numbers(groups, len(data))
    return tuple(_dealt(data, k, known, each) for each in seeds)


def _dealt(data: LabelledImages, k: int, groups: Ints | None, seed: int) -> Ints:
    if data.labels.ndim == 2:
        folds = np.zeros(len(data), np.int64)
        parts = label_folds(data.labels, k, groups, seed=seed, stratify=groups is None)
        for number, (_, held_out) in enumerate(parts):
            folds[held_out] = number
        return folds
    folds = even_folds(data.labels, k, groups=groups, seed=seed)
    table = _table(data, folds)
    if ((table.sum(axis=0) - table) > 0).sum(axis=1).min() < 2:
        raise SplitError(
            "Without one of the folds a single class is left to learn from: groups, or pictures, "
            "of the others are too few. Take other groups, or add pictures."
        )
    return folds


def deal_notes(data: LabelledImages, folds: Ints) -> Iterator[str]:
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


def _table(data: LabelledImages, folds: Ints) -> Ints:
    """Return how many pictures each fold has of each class, int64 ``(k, classes)``."""
    table = np.zeros((int(folds.max()) + 1, len(data.class_names)), np.int64)
    if data.labels.ndim == 2:
        np.add.at(table, folds, data.labels)
    else:
        np.add.at(table, (folds, data.labels), 1)
    return table
