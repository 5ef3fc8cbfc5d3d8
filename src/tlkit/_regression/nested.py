"""How good a reading of features is on unseen pictures, its settings chosen on unseen ones too.

Each fold is predicted by a regression on the others, whose penalty is chosen by a cross-validation
among these others alone. What validates there and here is the same regression on all but two folds,
so that k folds take k (k - 1) / 2 of them and not k (k - 1). A shrunken linear discriminant
analysis is tried beside it in the same way, and takes its place where held-out pictures say so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.discriminant import Discriminants, Shrinkage
from tlkit._regression.folds import Folds, side_by_side
from tlkit._regression.logistic import Ints
from tlkit._regression.regressions import PREDICTING, Prepared
from tlkit._regression.search import STEPS, Search, Show
from tlkit._regression.standardized import Doubles
from tlkit._regression.standing import Standing


@dataclass(frozen=True)
class Choice:
    """Which reading of the features held-out pictures chose.

    Args:
        penalty: The best of the logistic regressions.
        regression: How this stands.
        shrinkage: Of the discriminant analysis that is better; None where none is.
        discriminant: How the best discriminant analysis stands; None where none was tried.
    """

    penalty: float
    regression: Standing
    shrinkage: Shrinkage | None = None
    discriminant: Standing | None = None

    def optimum(self, pictures: Prepared, near: Coefficients) -> Coefficients:
        """Return the reading of all pictures, for features as they came.

        Args:
            pictures: What is learned.
            near: From where a regression begins, of standardized features.
        """
        if self.shrinkage:
            return self.shrinkage.optimum(pictures)
        return pictures.optimum(self.penalty, near)


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What a nested cross-validation gives.

    Args:
        probabilities: Of each picture by a reading that has not seen it, float64 ``(n, classes)``.
        choices: What was chosen for each fold.
        choice: What all folds together chose.
        losses: Mean held-out log loss by the penalties that were tried, the strongest first, of
            regressions without two folds.
        whole: The reading of all pictures, for features as they came; None where it was not asked
            for.
    """

    probabilities: Doubles
    choices: tuple[Choice, ...]
    choice: Choice
    losses: dict[float, float]
    whole: Coefficients | None


class _Trial:
    """Logistic regressions, and discriminant analyses beside them, without a fold or two.

    Args:
        parted: The pictures.
        left_out: What each leaves out.
        discriminant: Whether there are the latter.
        show: Called with how much was tried.
    """

    def __init__(
        self, parted: Folds, left_out: list[tuple[int, ...]], *, discriminant: bool, show: Show
    ) -> None:
        self.search, self.analyses = Search(parted, left_out), None
        self.search.run(show)
        if discriminant:
            self.analyses = Discriminants.beside(parted, left_out, self.search.standing)

    def choice(self, penalty: float, folds: slice = slice(None)) -> Choice:
        """Return what some folds choose, of which the best penalty is known."""
        regression = self.search.standing(folds)
        if self.analyses is None:
            return Choice(penalty, regression)
        analysis = self.analyses.standing(folds)
        better = regression.beaten_by(analysis)
        return Choice(
            penalty, regression, self.analyses.chosen(folds) if better else None, analysis
        )


def cross_validated(
    pictures: Prepared,
    folds: Ints,
    show: Show,
    *,
    discriminant: bool = False,
    whole: bool = False,
) -> CrossValidated:
    """Predict each picture by a reading that has not seen it.

    Args:
        pictures: What is predicted.
        folds: Number of each picture's fold, ``(n,)``, from 0; at least 3 folds.
        show: Called with how many penalties were tried, and how many there are about.
        discriminant: Whether a discriminant analysis may be chosen in place of a regression.
        whole: Whether one of all pictures is wanted; it is found beside those of the folds.
    """
    parted = Folds(pictures, folds)
    k = parted.count
    pairs: list[tuple[int, ...]] = list(itertools.combinations(range(k), 2))
    trial = _Trial(parted, pairs, discriminant=discriminant, show=show)
    search, analyses = trial.search, trial.analyses
    choices = [trial.choice(p, slice(n, n + 1)) for n, p in enumerate(search.penalties)]

    chosen = trial.choice(search.penalty)

    def reading(fold: int | None) -> Coefficients:
        if fold is None:
            return chosen.optimum(pictures, search.near())
        shrinkage = choices[fold].shrinkage
        if analyses and shrinkage:
            return analyses.without(fold, shrinkage)
        held = parted.without([fold]).begin(search.near(fold))
        return held.at(choices[fold].penalty, PREDICTING)

    asked: list[int | None] = [*([None] if whole else []), *range(k)]  # what takes longest first
    found = dict(zip(asked, side_by_side(reading, asked), strict=True))
    probabilities = np.empty((len(folds), pictures.classes))
    for fold in range(k):
        probabilities[folds == fold] = found[fold].probabilities(parted.blocks[fold])
    show(STEPS, STEPS)
    shares = (k - 1) * len(folds)  # each picture was held out by k - 1 regressions
    losses = {10.0**n: float(tally.losses.sum()) / shares for n, tally in search.tried.items()}
    return CrossValidated(probabilities, tuple(choices), chosen, losses, found.get(None))


def fitted(
    pictures: Prepared, folds: Ints, show: Show, *, discriminant: bool = False
) -> tuple[Coefficients, Choice]:
    """Return a reading of all pictures, and how the folds choose it.

    Args:
        pictures: What is learned.
        folds: As for `cross_validated`; at least 2.
        show: As for `cross_validated`.
        discriminant: As for `cross_validated`.
    """
    parted = Folds(pictures, folds)
    left_out: list[tuple[int, ...]] = [(fold,) for fold in range(parted.count)]
    trial = _Trial(parted, left_out, discriminant=discriminant, show=show)
    choice = trial.choice(trial.search.penalty)
    found = choice.optimum(pictures, trial.search.near())
    show(STEPS, STEPS)
    return found, choice
