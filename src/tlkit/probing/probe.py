"""probe: how good a backbone's features are for some pictures, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from tlkit._progress import Reporter, reporter_for
from tlkit._regression.coefficients import Coefficients
from tlkit._regression.nested import CrossValidated, cross_validated, fitted
from tlkit._regression.regressions import Prepared
from tlkit._threads import usable_cores
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import Ints, deal_notes, deals
from tlkit.data.even_folds import even_folds
from tlkit.features.extraction import extract
from tlkit.features.settings import FrozenArguments, FrozenSettings
from tlkit.probing._pictures import (
    check_counts,
    check_pictures,
    evaluation_of,
    feature_notes,
)
from tlkit.probing.result import Probe

# About what one core does in a second, in floating-point operations, and how many steps of the
# regressions a probe takes, each over all pictures.
_SPEED, _STEPS = 3e10, 400
_LONG_H = 0.25


def probe(
    backbone: Backbone,
    data: ImageDataset,
    *,
    image_size: ImageSize | None = None,
    folds: int = 5,
    repeats: int = 1,
    groups: Sequence[object] | None = None,
    executor: Executor | None = None,
    seed: int = 0,
    verbose: int = 1,
    **settings: Unpack[FrozenArguments],
) -> Probe:
    """Measure how well a backbone's features tell pictures apart, without training it.

    A multinomial logistic regression with an L2 penalty, scikit-learn's ``LogisticRegression``, is
    brought to its optimum on the backbone's features, averaged over the picture and standardized.
    Each fold of a cross-validation is predicted by a regression on the others, whose penalty is
    chosen by a cross-validation among these others alone: no picture has a part in what predicts
    it. Features are those of `tlkit.extract`, computed once and shared with trainings.

    Args:
        backbone: As for `StagedTrainer`.
        data: The pictures, with one class each.
        image_size: As for `StagedTrainer`.
        folds: How many, at least 3, with the classes in proportion.
        repeats: How often pictures are dealt into folds anew; each gives an evaluation.
        groups: One value for each picture, such as its patient; pictures of one group are in one
            fold.
        executor: As for `tlkit.extract`.
        seed: The folds follow from it, and random weights where ``weights`` is None.
        verbose: 0 shows nothing, 1 a progress bar.
        **settings: ``weights``, ``preprocessing``, ``engine``, ``cache``, ``feature_dtype`` and
            ``trunk_precision``, as for `StagedTrainer`.

    Returns:
        The probe: its `evaluation <Probe.evaluation>` is of the pictures out of their folds, its
        `model <Probe.model>` is the backbone with a regression on all of them.

    Raises:
        DataError: Images of one class, with several labels each, or that cannot be read.
        SplitError: Fewer than 3 folds; fewer images or groups than folds, or no class that has so
            many; groups that leave a single class to learn from.
        EngineError: The backbone gives NaN or infinite features.

    Example:
        >>> import tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> found = tlkit.probe(
        ...     tlkit.testing.tiny_backbone(), data, weights=None, cache=False, verbose=0)
        >>> found.evaluation.accuracy > 0.8, found.model.output_shape
        (True, (None, 3))
    """
    check_pictures(data)
    check_counts(folds, repeats)
    frozen = FrozenSettings(backbone, image_size, seed=seed, **settings)
    dealt = deals(data, folds, repeats, groups, seed)
    features = extract(
        backbone,
        data,
        image_size=image_size,
        executor=executor,
        seed=seed,
        verbose=verbose,
        **settings,
    )
    rows = np.array(features, np.float32)
    reporter = reporter_for(verbose)
    low = (str(features.precision),) if features.precision else ()
    notes = (*deal_notes(data, dealt[0]), *feature_notes(rows), *low)
    for note in (*notes, *_time_note(rows.shape, len(data.class_names), repeats)):
        reporter.line(f"probe: {note}")
    pictures = Prepared.of(rows, data.labels, len(data.class_names))
    found = [_crossed(pictures, deal, reporter, number) for number, deal in enumerate(dealt)]
    first, scored = found[0], tuple(evaluation_of(data, each.probabilities) for each in found)
    learned = (pictures.optimum(first.penalty, first.near), first.penalty, first.losses)
    return Probe(frozen, features, scored, *learned, folds, data.depth, data.fit, notes)


def fitted_regression(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    *,
    folds: int,
    seed: int,
    show: Callable[[int, int], None],
) -> tuple[Coefficients, float]:
    """Return the regression of a probe, its penalty chosen by a cross-validation, and the penalty.

    Args:
        features: ``(n, d)``, changed in place.
        labels: Class numbers ``(n,)``.
        classes: How many there are; those without an image are never predicted.
        folds: Of the cross-validation, at least 2; fewer where no class has so many images. With
            one image of each class there is nothing to choose by, and the penalty is that of
            scikit-learn's ``C=1``.
        seed: The folds follow from it.
        show: Called with how much is done, and of how much.
    """
    pictures, k = Prepared.of(features, labels, classes), min(folds, int(np.bincount(labels).max()))
    if k < 2:
        penalty = 1 / len(labels)
        nothing = Coefficients.nothing(features.shape[1], classes)
        return pictures.optimum(penalty, nothing), penalty
    return fitted(pictures, even_folds(labels, k, seed=seed), show)


def _crossed(pictures: Prepared, folds: Ints, reporter: Reporter, number: int) -> CrossValidated:
    what = f"probe, deal {number + 1}" if number else "probe"
    return cross_validated(pictures, folds, partial(reporter.step, what))


def _time_note(shape: tuple[int, ...], classes: int, repeats: int) -> Iterator[str]:
    """Yield how long it will take, where that is long."""
    work = 4.0 * shape[0] * shape[1] * classes * _STEPS * repeats
    hours = work / (_SPEED * usable_cores()) / 3600
    if hours > _LONG_H:
        yield (
            f"{shape[0]:,} pictures, {shape[1]:,} features and {classes:,} classes will take about "
            f"{hours:.1f} hours; data.sample(n) takes some of the pictures"
        )
