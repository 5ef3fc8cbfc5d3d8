"""probe: how good a backbone's features are for some pictures, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from tlkit._progress import Reporter, reporter_for
from tlkit._regression.coefficients import Coefficients
from tlkit._regression.nested import CrossValidated, cross_validated, fitted
from tlkit._regression.regressions import Prepared
from tlkit._threads import usable_cores
from tlkit.backbones.all_cuts import AllCuts
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import deal_notes, deals
from tlkit.data.even_folds import even_folds
from tlkit.errors import CutError
from tlkit.features.extraction import Features, extract
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
    discriminant: bool = True,
    cuts: Literal["last", "all"] = "last",
    executor: Executor | None = None,
    seed: int = 0,
    verbose: int = 1,
    **settings: Unpack[FrozenArguments],
) -> Probe:
    """Measure how well a backbone's features tell pictures apart, without training it.

    A multinomial logistic regression with an L2 penalty, scikit-learn's ``LogisticRegression``, is
    brought to its optimum on the backbone's features, averaged over the picture and standardized.
    Where a linear discriminant analysis with a shrunken covariance (scikit-learn's
    ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage=...)``), its logits divided by a
    temperature, gives pictures that it has not seen a better weighted F1 and a lower log loss, it
    takes the regression's place. Each fold of a cross-validation is predicted by what has learned
    from the others, and which of the two, and with which penalty or shrinkage, is chosen by a
    cross-validation among these others alone: no picture has a part in what predicts it. Features
    are those of `tlkit.extract`, computed once and shared with trainings.

    Args:
        backbone: As for `StagedTrainer`.
        data: The pictures, with one class each.
        image_size: As for `StagedTrainer`.
        folds: How many, at least 3, with the classes in proportion.
        repeats: How often pictures are dealt into folds anew; each gives an evaluation.
        groups: One value for each picture, such as its patient; pictures of one group are in one
            fold.
        discriminant: Whether a discriminant analysis is tried beside the regression.
        cuts: ``"all"`` reads averaged features of several depths of a convolutional backbone, those
            at the ends of its blocks, as `tlkit.fine_tune` does; ``"last"`` those of its output
            alone, as a `StagedTrainer` does with the usual head.
        executor: As for `tlkit.extract`.
        seed: The folds follow from it, and random weights where ``weights`` is None.
        verbose: 0 shows nothing, 1 a progress bar.
        **settings: ``weights``, ``preprocessing``, ``engine``, ``cache``, ``feature_dtype`` and
            ``trunk_precision``, as for `StagedTrainer`.

    Returns:
        The probe: its `evaluation <Probe.evaluation>` is of the pictures out of their folds, its
        `model <Probe.model>` is the backbone with what was learned from all of them.

    Raises:
        DataError: Images of one class, with several labels each, or that cannot be read.
        SplitError: Fewer than 3 folds; fewer images or groups than folds, or no class that has so
            many; groups that leave a single class to learn from.
        EngineError: The backbone gives NaN or infinite features.
        CutError: ``cuts="all"``, and the backbone has no feature maps before its last one; or
            ``cuts`` is something else.

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
    if cuts != "last":
        backbone, image_size, settings = _all_cuts(cuts, backbone, image_size, settings)
    frozen = FrozenSettings(backbone, image_size, seed=seed, **settings)
    dealt = deals(data, folds, repeats, groups, seed)
    asked = partial(extract, image_size=image_size, executor=executor, seed=seed, verbose=verbose)
    features = asked(backbone, data, **settings)
    rows = np.array(features, np.float32)
    reporter = reporter_for(verbose)
    low = (str(features.precision),) if features.precision else ()
    notes = (*deal_notes(data, dealt[0]), *feature_notes(rows), *low)
    for note in (*notes, *_time_note(rows.shape, len(data.class_names), repeats)):
        reporter.line(f"probe: {note}")
    pictures = Prepared.of(rows, data.labels, len(data.class_names))
    found = [
        cross_validated(
            pictures, deal, _shown(reporter, n), discriminant=discriminant, whole=n == 0
        )
        for n, deal in enumerate(dealt)
    ]
    return _probe_of(frozen, features, data, found, notes)


def _probe_of(
    frozen: FrozenSettings,
    features: Features,
    data: ImageDataset,
    found: Sequence[CrossValidated],
    notes: tuple[str, ...],
) -> Probe:
    first, chosen = found[0], found[0].choice.shrinkage
    assert first.whole is not None
    return Probe(
        settings=frozen,
        features=features,
        evaluations=tuple(evaluation_of(data, each.probabilities) for each in found),
        coefficients=first.whole,
        penalty=first.choice.penalty,
        losses=first.losses,
        folds=len(first.choices),
        depth=data.depth,
        fit=data.fit,
        notes=(*notes, *_choice_notes(first)),
        shrinkage=chosen.value if chosen else None,
        temperature=chosen.temperature if chosen else 1.0,
    )


def _choice_notes(found: CrossValidated) -> Iterator[str]:
    """Yield where a discriminant analysis was chosen, and why."""
    folds, analysis = len(found.choices), found.choice.discriminant
    times = sum(choice.shrinkage is not None for choice in found.choices)
    if found.choice.shrinkage and analysis:
        regression = found.choice.regression
        yield (
            "a discriminant analysis in place of a regression: on held-out pictures weighted F1 "
            f"{analysis.f1:.4f} against {regression.f1:.4f}, log loss {analysis.loss:.3f} against "
            f"{regression.loss:.3f}; chosen for {times} of {folds} folds"
        )
    elif times:
        yield f"for {times} of {folds} folds a discriminant analysis was chosen"


def fitted_reading(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    *,
    folds: int,
    seed: int,
    show: Callable[[int, int], None],
) -> tuple[Coefficients, str]:
    """Return what a probe learns, chosen by a cross-validation, and what that is, for people.

    Args:
        features: ``(n, d)``, changed in place.
        labels: Class numbers ``(n,)``.
        classes: How many there are; those without an image are never predicted.
        folds: Of the cross-validation, at least 2; fewer where no class has so many images. With
            one image of each class there is nothing to choose by, and it is a regression with
            scikit-learn's ``C=1``.
        seed: The folds follow from it.
        show: Called with how much is done, and of how much.
    """
    pictures, k = Prepared.of(features, labels, classes), min(folds, int(np.bincount(labels).max()))
    if k < 2:
        nothing = Coefficients.nothing(features.shape[1], classes)
        found, penalty, chosen = pictures.optimum(1 / len(labels), nothing), 1 / len(labels), None
    else:
        dealt = even_folds(labels, k, seed=seed)
        found, choice = fitted(pictures, dealt, show, discriminant=True)
        penalty, chosen = choice.penalty, choice.shrinkage
    if chosen:
        return found, f"linear discriminant analysis, {chosen}"
    return found, f"logistic regression, in scikit-learn C={1 / (penalty * len(labels)):.3g}"


def _all_cuts(
    cuts: str, backbone: Backbone, image_size: ImageSize | None, settings: FrozenArguments
) -> tuple[AllCuts, None, FrozenArguments]:
    if cuts != "all":
        raise CutError(f"cuts={cuts!r}, expected 'last' or 'all'.")
    own: dict[str, Any] = {x: settings[x] for x in ("weights", "preprocessing") if x in settings}
    return AllCuts(backbone, image_size, **own), None, {**settings, "preprocessing": "auto"}


def _shown(reporter: Reporter, number: int) -> Callable[[int, int], None]:
    return partial(reporter.step, f"probe, deal {number + 1}" if number else "probe")


def _time_note(shape: tuple[int, ...], classes: int, repeats: int) -> Iterator[str]:
    """Yield how long it will take, where that is long."""
    work = 4.0 * shape[0] * shape[1] * classes * _STEPS * repeats
    hours = work / (_SPEED * usable_cores()) / 3600
    if hours > _LONG_H:
        yield (
            f"{shape[0]:,} pictures, {shape[1]:,} features and {classes:,} classes will take about "
            f"{hours:.1f} hours; data.sample(n) takes some of the pictures"
        )
