"""A regression for a training to start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tlkit.data.even_folds import even_folds
from tlkit.probing._nested import fitted
from tlkit.probing._regressions import Prepared
from tlkit.probing.coefficients import Coefficients

_FOLDS = 5


def fitted_regression(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    *,
    seed: int,
    show: Callable[[int, int], None],
) -> tuple[Coefficients, float]:
    """Return the regression of a probe, its penalty chosen by a cross-validation, and the penalty.

    Args:
        features: ``(n, d)``, changed in place.
        labels: Class numbers ``(n,)``.
        classes: How many there are; those without an image are never predicted.
        seed: The folds follow from it.
        show: Called with how much is done, and of how much.

    Raises:
        SplitError: No class has two images.
    """
    k = min(_FOLDS, max(2, int(np.bincount(labels).max())))
    folds = even_folds(labels, k, seed=seed)
    return fitted(Prepared.of(features, labels, classes), folds, show)
