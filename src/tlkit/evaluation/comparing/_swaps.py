"""How two models would differ if it were chance which of them gave which answer.

If neither is better, their two answers to an image could as well have been swapped. So a fair coin
for each image swaps them or not, and the differences of the scores that come out are those of
chance, with however few images in a class; resamples within classes do not scatter there at all.
Sources: E. W. Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989, chapter 2; A. Yeh,
"More accurate tests for the statistical significance of result differences", COLING 2000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics.scores import Counts

_AT_ONCE = 4_000_000  # numbers; bounds the memory


def swapped_scores(
    score: Callable[[Counts], Floats],
    truth: Ints,
    guesses: tuple[Ints, Ints],
    classes: int,
    swaps: int,
    seed: int,
) -> Floats:
    """Return differences of a score of counts, first minus second, of shape (swaps,).

    Images of the same class with the same two answers are alike: how many of them are swapped is
    drawn from a binomial distribution.

    Args:
        score: The score.
        truth: Class numbers, shape (n,).
        guesses: The classes that each model predicted, each of shape (n,).
        classes: Number of classes.
        swaps: How often to swap.
        seed: Start of the random numbers.
    """
    first, second = (Counts.of_predictions(truth, guess, classes) for guess in guesses)
    apart = guesses[0] != guesses[1]
    rows = np.stack([truth, *guesses])[:, apart]
    cells, sizes = np.unique(rows, axis=1, return_counts=True)
    to_predicted, to_hits = _what_a_swap_moves(cells, classes)
    random, found = np.random.default_rng(seed), np.empty(swaps)
    for part in _parts(swaps, max(len(sizes), classes)):
        drawn = random.binomial(sizes, 0.5, (part.stop - part.start, len(sizes)))
        predicted, hits = drawn @ to_predicted, drawn @ to_hits
        scores = (score(_moved(first, hits, predicted)), score(_moved(second, -hits, -predicted)))
        found[part] = np.subtract(*scores)
    return found


def swapped_means(values: tuple[Floats, Floats], swaps: int, seed: int) -> Floats:
    """Return differences of means over images, first minus second, of shape (swaps,).

    Args:
        values: Of each model, shape (n,).
        swaps: How often to swap.
        seed: Start of the random numbers.
    """
    apart = values[0] - values[1]
    random, found = np.random.default_rng(seed), np.empty(swaps)
    for part in _parts(swaps, len(apart)):
        signs = random.integers(0, 2, (part.stop - part.start, len(apart)), np.int8)
        found[part] = (2.0 * signs - 1) @ apart / len(apart)
    return found


def _what_a_swap_moves(cells: Ints, classes: int) -> tuple[Any, Any]:
    """Return what a swap adds to the first one's predictions and hits, sparse (cells, classes)."""
    from scipy.sparse import coo_array

    truth, first, second = cells
    places, ones = np.arange(len(truth)), np.ones(len(truth), np.int64)
    twice, shape = np.concatenate([places, places]), (len(truth), classes)
    signs = np.concatenate([-ones, ones])
    predicted = coo_array((signs, (twice, np.concatenate([first, second]))), shape).tocsr()
    gained = (second == truth).astype(np.int64) - (first == truth)
    return predicted, coo_array((gained, (places, truth)), shape).tocsr()


def _parts(swaps: int, numbers: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // max(numbers, 1))
    for start in range(0, swaps, step):
        yield slice(start, min(start + step, swaps))


def _moved(counts: Counts, hits: Ints, predicted: Ints) -> Counts:
    truth = np.broadcast_to(counts.truth, hits.shape).astype(np.int64)
    moved = (np.add(counts.hits, hits), np.add(counts.predicted, predicted))
    return Counts(np.asarray(moved[0], np.float64), truth, np.asarray(moved[1], np.float64))
