"""What each single image adds to a score, from probabilities (n, classes) and labels (n,)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tlkit.evaluation.arrays import Floats, Ints

_AT_ONCE = 4_000_000  # numbers; bounds the memory of what is computed on the way


def in_blocks(probabilities: Floats, of_rows: Callable[[Floats], Floats]) -> Floats:
    """Apply a function of each row, called with some rows at a time; shape (n,)."""
    step = max(1, _AT_ONCE // probabilities.shape[1])
    starts = range(0, len(probabilities), step)
    return np.concatenate([of_rows(probabilities[start : start + step]) for start in starts])


def true_probability(probabilities: Floats, labels: Ints) -> Floats:
    """Return the probability of the true class, shape (n,)."""
    return np.asarray(probabilities[np.arange(len(labels)), labels])


def log_losses(probabilities: Floats, labels: Ints) -> Floats:
    """Return ``-log(probability of the true class)``, clipped at the float64 epsilon, shape (n,).

    The clipping is that of scikit-learn's ``log_loss``.
    """
    tiny = np.finfo(np.float64).eps
    given = true_probability(probabilities, labels)
    return np.asarray(-np.log(np.clip(given, tiny, 1 - tiny)))


def brier_scores(probabilities: Floats, labels: Ints) -> Floats:
    """Return the squared distance between the probabilities and the truth, shape (n,).

    ``sum over classes c of (p_c - [c is true])^2``, in 0..2; half of that, in 0..1, for two
    classes. The convention is that of scikit-learn's ``brier_score_loss`` (1.7 and later). Source:
    G. W. Brier, Monthly Weather Review 78, 1950.
    """
    squares = in_blocks(probabilities, lambda rows: np.einsum("nc,nc->n", rows, rows))
    given = true_probability(probabilities, labels)
    # The rounding of the first difference can be below zero where all is certain.
    distance = np.maximum(squares - given**2, 0) + (1 - given) ** 2
    return np.asarray(distance / 2 if probabilities.shape[1] == 2 else distance)


def ranks(probabilities: Floats, labels: Ints) -> Ints:
    """Return how many classes are ahead of the true one, 0 for the most probable, shape (n,).

    Of equally probable classes the later one is ahead, as in scikit-learn's
    ``top_k_accuracy_score``.
    """
    classes, found = np.arange(probabilities.shape[1]), np.empty(len(labels), np.int64)
    step = max(1, _AT_ONCE // len(classes))
    for start in range(0, len(labels), step):
        rows, true = probabilities[start : start + step], labels[start : start + step, None]
        given = np.take_along_axis(rows, true, axis=1)
        ahead = (rows > given) | ((rows == given) & (classes > true))
        found[start : start + step] = ahead.sum(axis=1)
    return found


def margins(probabilities: Floats) -> Floats:
    """Return the largest probability minus the second largest, 0..1, shape (n,)."""

    def of_rows(rows: Floats) -> Floats:
        second, first = np.partition(rows, (-2, -1), axis=1)[:, -2:].T
        return np.asarray(first - second)

    return in_blocks(probabilities, of_rows)


def entropies(probabilities: Floats) -> Floats:
    """Return ``-sum over classes of p log p`` in nats, 0..log(classes), shape (n,)."""

    def of_rows(rows: Floats) -> Floats:
        logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
        return np.asarray(-np.einsum("nc,nc->n", rows, logs))

    return np.maximum(in_blocks(probabilities, of_rows), 0)


def calibration_error(sure: Floats, right: Floats, bins: int) -> float:
    """Return the error ``sum over bins of |B| / n * |accuracy(B) - confidence(B)|``.

    Bin m of M holds the images whose probability of the predicted class is in
    ``((m - 1) / M, m / M]``. Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On
    Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        sure: Probability of the predicted class, shape (n,).
        right: 1 where the prediction is right, else 0, shape (n,).
        bins: Number of bins of equal width.
    """
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))
