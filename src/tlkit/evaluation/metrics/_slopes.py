"""How fast a score of counts moves with each count, and how far few images push it down.

The slopes are what the delta method needs; K. Takahashi, K. Yamamoto, A. Kuchiba and T. Koyama,
"Confidence interval for micro-averaged F1 and macro-averaged F1 scores", Applied Intelligence 52,
2022, derive them for F1. The counts have images in every class, and need not be whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics.scores import Counts


@dataclass(frozen=True)
class Slopes:
    """Derivatives of a score by the counts of each class, each of shape (k,).

    Args:
        hits: By the rightly predicted images.
        truth: By the images.
        predicted: By the predictions.
        bias: What the score of so many images lacks on average, at or below 0: half the sum of
            second derivatives times variances, for counts that scatter like Poisson's.
    """

    hits: Floats
    truth: Floats
    predicted: Floats
    bias: float = 0.0


def macro_f1(counts: Counts) -> Slopes:
    """Return those of the mean ``2 hits / (truth + predicted)``; bias ``-F (1 - F) / (t + p)``."""
    hits, truth, predicted = counts.hits, counts.truth, counts.predicted
    both = truth + predicted
    f1, share = 2 * hits / both, 1 / (both * len(hits))
    bias = -float((f1 * (1 - f1) * share).sum())
    return Slopes(2 * share, -f1 * share, -f1 * share, bias)


def weighted_f1(counts: Counts) -> Slopes:
    """Return those of ``sum of F1 * truth / images``; its bias is F1's with the weights held."""
    hits, truth, predicted = counts.hits, counts.truth, counts.predicted
    both, images = truth + predicted, truth.sum()
    f1, share = 2 * hits / both, truth / (both * images)
    mean = (f1 * truth).sum() / images
    bias = -float((f1 * (1 - f1) * share).sum())
    return Slopes(2 * share, (f1 - mean) / images - f1 * share, -f1 * share, bias)


def balanced_accuracy(counts: Counts) -> Slopes:
    """Return those of the mean of ``hits / truth``, which has no bias."""
    share = 1 / (counts.truth * len(counts.truth))
    return Slopes(share, -counts.hits / counts.truth * share, np.zeros_like(share))


def cohen_kappa(counts: Counts) -> Slopes:
    """Return those of ``(a - e) / (1 - e)``; ``e`` is the sum of ``truth * predicted / images^2``.

    Source: J. L. Fleiss, J. Cohen and B. S. Everitt, Psychological Bulletin 72, 1969.
    """
    hits, truth, predicted = counts.hits, counts.truth, counts.predicted
    images = truth.sum()
    right, chance = hits.sum() / images, (truth * predicted).sum() / images**2
    fall = (1 - right) / (1 - chance) ** 2 / images**2
    rise = np.full(hits.shape, 1 / (1 - chance) / images)
    return Slopes(rise, -fall * predicted, -fall * truth)


SLOPES: dict[str, Callable[[Counts], Slopes]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
    "cohen_kappa": cohen_kappa,
}
