"""How often `tlkit.compare` is wrong about recipes, and how often it finds what is there.

Heads of logistic regression are trained by stochastic gradient descent, on folds and seeds, for
pairs of recipes; each pair has pictures of its own. Beside the corrected resampled t-test of
cross-validations stand what `compare` says of one training of each on one split, and the usual
t-test, which takes trainings for independent.

* Equal, other seeds: one recipe, trained with two sets of seeds.
* Equal, other features: two recipes see features of their own, of the same worth: the same class
  means under independent noise. Their models agree as little as those of two backbones.
* Two points: the second recipe's features are so much noisier that its accuracy is two points less.

``--features FILE`` takes real features, an ``.npz`` of ``x`` (n, features) and ``y`` (n,), for a
fourth case: one recipe with two sets of seeds, on 800 pictures drawn anew for each pair.

Promised: of equal recipes at most 6 % are told apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tlkit import CrossValidation, Evaluation, compare

CLASSES, FEATURES, PICTURES, FOLDS = 5, 16, 1500, 5
EPOCHS, BATCH = 4, 32
DRAWN = 800
# Of the noise of the second recipe's features, for two points of accuracy.
NOISIER = 1.052

Rows = Any
Pair = tuple[Rows, Rows, Rows]


def head(x: Rows, y: Rows, seed: int) -> Callable[[Rows], Rows]:
    """Train a softmax regression by gradient descent; return what predicts."""
    random = np.random.default_rng(seed)
    classes = int(y.max()) + 1
    weights = random.normal(0, 0.1, (x.shape[1] + 1, classes))
    whole = np.hstack([x, np.ones((len(x), 1))])
    truth = np.eye(classes)[y]
    for epoch in range(EPOCHS):
        order = random.permutation(len(x))
        for start in range(0, len(x), BATCH):
            part = order[start : start + BATCH]
            errors = softmax(whole[part] @ weights) - truth[part]
            weights -= 0.1 / (1 + epoch) * whole[part].T @ errors / len(part)
    return lambda rows: softmax(np.hstack([rows, np.ones((len(rows), 1))]) @ weights)


def softmax(logits: Rows) -> Rows:
    """Return probabilities."""
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def crossed(x: Rows, y: Rows, deals: list[Rows], seed: int) -> CrossValidation:
    """Return a cross-validation of a recipe, one seed for each repeat."""
    found = []
    for repeat, deal in enumerate(deals):
        rows = np.empty((len(y), int(y.max()) + 1))
        for fold in range(FOLDS):
            out = deal == fold
            rows[out] = head(x[~out], y[~out], seed + repeat)(x[out])
        found.append(Evaluation.from_predictions(y, rows))
    return CrossValidation(tuple(found), tuple(deals))


def generated(random: np.random.Generator, noisier: float, pictures: int = PICTURES) -> Pair:
    """Return features of two recipes, and classes."""
    means = random.normal(0, 0.45, (CLASSES, FEATURES))
    y = random.integers(0, CLASSES, pictures)
    first, second = random.normal(0, 1, (2, pictures, FEATURES))
    return means[y] + first, means[y] + noisier * second, y


def of_seeds(random: np.random.Generator) -> Pair:
    """Return the same features for both recipes."""
    x, _, y = generated(random, 1.0)
    return x, x, y


def drawn(file: Path) -> Callable[[np.random.Generator], Pair]:
    """Return what draws some pictures with real features."""
    given = np.load(file)
    x, y = given["x"], given["y"]
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)
    _, _, turn = np.linalg.svd(x, full_matrices=False)
    x = x @ turn[:64].T
    x /= x.std()

    def draw(random: np.random.Generator) -> Pair:
        some = random.choice(len(x), min(DRAWN, len(x) * 2 // 3), replace=False)
        return x[some], x[some], y[some]

    return draw


def verdicts(pair: Pair, random: np.random.Generator, repeats: int) -> Iterator[bool]:
    """Yield whether a difference is claimed: by one split, naively, and by `compare` of both."""
    first, second, y = pair
    deals = [random.permutation(len(y)) % FOLDS for _ in range(repeats)]
    seeds = random.integers(0, 2**31, 2)
    both = [crossed(x, y, deals, int(s)) for x, s in zip((first, second), seeds, strict=True)]
    (out,) = np.nonzero(deals[0] == 0)
    single = [
        Evaluation.from_predictions(y[out], each.evaluation.probabilities[out]) for each in both
    ]
    yield compare(single, "accuracy").pairs[0].claimed
    scores = [each.fold_scores("accuracy") for each in both]
    apart = (scores[0] - scores[1]).ravel()
    yield bool(apart.any()) and float(stats.ttest_1samp(apart, 0).pvalue) < 0.05
    yield compare(both, "accuracy").pairs[0].claimed


def measured(make: Callable[[np.random.Generator], Pair], pairs: int, repeats: int) -> Rows:
    """Return in what share of pairs each way claims a difference."""
    random = np.random.default_rng(repeats)
    return np.mean([list(verdicts(make(random), random, repeats)) for _ in range(pairs)], axis=0)


def true_difference(noisier: float) -> float:
    """Return how much more often the first recipe is right on pictures without end."""
    random, apart = np.random.default_rng(7), []
    for seed in range(40):
        first, second, y = generated(random, noisier, PICTURES * 4 // 5 + 20_000)
        train, test = np.arange(len(y)) < PICTURES * 4 // 5, np.arange(len(y)) >= PICTURES * 4 // 5
        right = [
            (head(x[train], y[train], seed)(x[test]).argmax(axis=1) == y[test]).mean()
            for x in (first, second)
        ]
        apart.append(right[0] - right[1])
    return float(np.mean(apart))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200, help="simulated pairs of recipes")
    parser.add_argument("--features", type=Path, nargs="*", default=[], help=".npz of x and y")
    asked = parser.parse_args()
    cases = {
        "equal, other seeds": of_seeds,
        "equal, other features": lambda random: generated(random, 1.0),
        f"{100 * true_difference(NOISIER):.1f} points apart": lambda r: generated(r, NOISIER),
        **{f"{file.stem}, other seeds": drawn(file) for file in asked.features},
    }
    print(f"claims among {asked.pairs} pairs, {PICTURES} pictures, {FOLDS} folds, level 0.95\n")
    print(f"{'':<24} repeats  one split  usual t-test  compare of cross-validations")
    for name, make in cases.items():
        for repeats in (1, 3):
            one, naive, corrected = measured(make, asked.pairs, repeats)
            print(
                f"{name:<24} {repeats:>7}  {one:9.1%}  {naive:12.1%}  {corrected:.1%}", flush=True
            )


if __name__ == "__main__":
    main()
