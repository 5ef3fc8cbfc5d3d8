"""A regression for a training to start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tlkit.data.even_folds import even_folds
from tlkit.probing._nested import fitted
from tlkit.probing._regressions import Prepared
from tlkit.probing.coefficients import Coefficients


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
        nothing = Coefficients(np.zeros((features.shape[1], classes)), np.zeros(classes))
        return pictures.optimum(penalty, nothing), penalty
    return fitted(pictures, even_folds(labels, k, seed=seed), show)
