"""learning_curve: what more pictures would bring."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Unpack

import numpy as np

from tlkit._numbers import is_whole
from tlkit._progress import reporter_for
from tlkit._regression.regressions import Prepared
from tlkit._seeds import stream_seed
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import deals
from tlkit.errors import SplitError
from tlkit.features.extraction import extract
from tlkit.features.settings import FrozenArguments
from tlkit.probing._curve_fit import fitted_curve
from tlkit.probing._pictures import check_counts, check_pictures
from tlkit.probing._subsets import Deal, curve_of, shares
from tlkit.probing.curve import LearningCurve


def learning_curve(
    backbone: Backbone,
    data: ImageDataset,
    *,
    image_size: ImageSize | None = None,
    points: int = 6,
    folds: int = 5,
    repeats: int = 3,
    groups: Sequence[object] | None = None,
    executor: Executor | None = None,
    seed: int = 0,
    verbose: int = 1,
    **settings: Unpack[FrozenArguments],
) -> LearningCurve:
    """Measure what ever more pictures bring, and foretell what further ones would.

    Each picture is predicted by logistic regressions on frozen features that have not seen it, as
    in `tlkit.probe`, which learn from ever larger parts of the others; a larger part holds the
    smaller one, and keeps the classes in proportion. A power law through the weighted F1 says how
    it will go on; resampled pictures and deals say how sure that is.

    Args:
        backbone: As for `StagedTrainer`.
        data: The pictures, with one class each.
        image_size: As for `StagedTrainer`.
        points: How many sizes are measured, at least 4, from a sixteenth on, or three pictures of
            a class on average.
        folds: As for `tlkit.probe`.
        repeats: How often pictures are dealt anew into folds and parts.
        groups: As for `tlkit.probe`.
        executor: As for `tlkit.extract`.
        seed: All deals follow from it.
        verbose: 0 shows nothing, 1 a progress bar.
        **settings: As for `tlkit.probe`.

    Returns:
        The curve; it prints as advice.

    Raises:
        DataError: As for `tlkit.probe`.
        SplitError: As for `tlkit.probe`; or too few pictures of each class.

    Example:
        >>> import tlkit, tlkit.testing
        >>> tiny, data = tlkit.testing.tiny_backbone(), tlkit.testing.tiny_dataset(60)
        >>> curve = tlkit.learning_curve(
        ...     tiny, data, weights=None, cache=False, repeats=1, verbose=0)
        >>> curve.sizes[-1], len(curve.sizes)
        (48, 6)
    """
    check_pictures(data)
    check_counts(folds, repeats)
    if not is_whole(points, 4):
        raise SplitError(f"points={points!r}; expected a whole number, at least 4.")
    wanted = shares(data.labels, folds, points)
    seeds = [stream_seed(seed, "learning curve", sample=number) for number in range(repeats)]
    parted = deals(data, folds, repeats, groups, seed)
    features = extract(
        backbone,
        data,
        image_size=image_size,
        executor=executor,
        seed=seed,
        verbose=verbose,
        **settings,
    )
    pictures = Prepared.of(np.array(features, np.float32), data.labels, len(data.class_names))
    dealt = [Deal(pictures, *each) for each in zip(parted, seeds, strict=True)]
    show = partial(reporter_for(verbose).step, "learning curve")
    found, sizes = curve_of(dealt, wanted, show)
    predictions = np.array([[rows.argmax(axis=1) for rows in each] for each in found])
    return fitted_curve(data.labels, predictions, np.array(sizes), data.class_names, seed=seed)
