"""The regressions of a probe are those of scikit-learn at their optimum."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from tests.conftest import few
from tlkit._regression.discriminant import Shrinkage
from tlkit._regression.nested import cross_validated, fitted
from tlkit._regression.regressions import Prepared
from tlkit.probing import Coefficients

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def features(n: int, d: int, classes: int, seed: int = 0) -> tuple[Floats, Ints]:
    """Features of very different scales, some constant, some the same; classes of all sizes."""
    random = np.random.default_rng(seed)
    labels = np.minimum(random.geometric(1.6 / classes, n) - 1, classes - 1)
    centres = random.normal(size=(classes, d))
    x = centres[labels] + d**0.5 * random.normal(size=(n, d))
    x = x * np.exp(random.normal(0, 2, d)) + 10 * random.normal(size=d)
    x[:, 0], x[:, -1] = 3, x[:, 1]
    return x.astype("float32"), labels


def folds_of(n: int, k: int = 4) -> Ints:
    return np.random.default_rng(1).permutation(np.arange(n) % k)


def silent(done: int, total: int) -> None:
    """Show nothing."""


def objective(found: Coefficients, x: Floats, y: Ints, penalty: float) -> float:
    scaler = StandardScaler().fit(x.astype("float64"))
    right = np.log(found.probabilities(x)[np.arange(len(y)), y])
    weights = found.weights * scaler.scale_[:, None]
    if weights.shape[1] == 2:  # one row of weights in scikit-learn
        weights = weights[:, 1] - weights[:, 0]
    return float(-right.mean() + penalty / 2 * np.square(weights).sum())


SHAPES = ((200, 20, 4), (60, 90, 3), (300, 150, 12), (150, 12, 2), (40, 400, 5))


@pytest.mark.parametrize(("n", "d", "classes"), few(SHAPES, 2))
def test_the_optimum_is_that_of_scikit_learn(n: int, d: int, classes: int) -> None:
    x, y = features(n, d, classes)
    found, choice = fitted(Prepared.of(x.copy(), y, classes), folds_of(n), silent)
    penalty = choice.penalty
    scaled = StandardScaler().fit_transform(x.astype("float64"))
    theirs = LogisticRegression(C=1 / (penalty * n), tol=1e-8, max_iter=9999).fit(scaled, y)
    shown = found.probabilities(x).argmax(axis=1)
    assert np.mean(shown == theirs.predict(scaled)) > 0.995
    right = theirs.predict_log_proba(scaled)[np.arange(n), np.searchsorted(theirs.classes_, y)]
    least = -right.mean() + penalty / 2 * np.square(theirs.coef_).sum()
    assert objective(found, x, y, penalty) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize(("n", "d", "classes"), few(SHAPES))
def test_a_fold_is_predicted_with_a_penalty_that_the_others_chose(
    n: int, d: int, classes: int
) -> None:
    """The pairs of folds give what a cross-validation within each fold gives."""
    x, y = features(n, d, classes)
    folds = folds_of(n)
    found = cross_validated(Prepared.of(x.copy(), y, classes), folds, silent)
    for fold, choice in enumerate(found.choices):
        outer, chosen = folds != fold, choice.penalty
        chosen *= outer.sum() / (n / 2)  # scikit-learn's C is the same for all regressions
        losses = dict.fromkeys((*found.losses, chosen), 0.0)
        named: dict[float, list[int]] = {p: [] for p in losses}
        seen: list[int] = []
        for inner in set(range(4)) - {fold}:
            learned, held_out = outer & (folds != inner), folds == inner
            scaler = StandardScaler().fit(x[learned])
            for p in losses:
                model = LogisticRegression(C=1 / (p * learned.sum()), tol=1e-6, max_iter=9999)
                model.fit(scaler.transform(x[learned]), y[learned])
                rows = np.full((held_out.sum(), classes), 1e-14)
                rows[:, model.classes_] = model.predict_proba(scaler.transform(x[held_out]))
                losses[p] -= np.log(rows[np.arange(len(rows)), y[held_out]]).sum()
                named[p] += rows.argmax(axis=1).tolist()
            seen += y[held_out].tolist()
        powers = sorted(found.losses, reverse=True)
        best = min(range(len(powers)), key=lambda place: losses[powers[place]])
        f1 = [f1_score(seen, named[p], average="weighted") for p in powers[best : best + 2]]
        lead = f1[-1] - f1[0] - np.sqrt(f1[0] * (1 - f1[0]) / len(seen))
        weaker = chosen == pytest.approx(powers[min(best + 1, len(powers) - 1)])
        least = losses[chosen] == pytest.approx(min(losses.values()), rel=0.01)
        # Regressions that choose are near their optimum: a picture or two may be named otherwise.
        assert weaker if lead > 0.03 else least if lead < -0.03 else weaker or least


@pytest.mark.parametrize("penalty", [1e-2, 1e-4, 1e-6])
def test_rows_that_are_nearly_certain_have_their_optimum(penalty: float) -> None:
    """More features than rows and hardly a penalty: losses and errors are tiny, and count."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 300)).astype("float32"), np.arange(40) % 3
    pictures = Prepared.of(x.copy(), y, 3)
    found = pictures.optimum(penalty, Coefficients.nothing(300, 3))
    scaled = StandardScaler().fit_transform(x.astype("float64"))
    theirs = LogisticRegression(C=1 / (penalty * 40), tol=1e-10, max_iter=9999).fit(scaled, y)
    right = theirs.predict_log_proba(scaled)[np.arange(40), y]
    least = -right.mean() + penalty / 2 * np.square(theirs.coef_).sum()
    assert objective(found, x, y, penalty) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("below", [3, 30, 2000])
def test_a_start_that_is_far_off_ends_at_the_optimum(below: float) -> None:
    """A class that has not been seen before: its probability is 0, and hardly changes."""
    x, y = features(120, 12, 3)
    pictures, nothing = Prepared.of(x.copy(), y, 3), Coefficients.nothing(12, 3)
    near = pictures.optimum(0.1, nothing)
    unseen = Coefficients(nothing.weights, np.array([0.0, 0.0, -below]))
    far = pictures.optimum(0.1, unseen)
    least = objective(near, x, y, 0.1)
    assert objective(far, x, y, 0.1) == pytest.approx(least, rel=1e-8)


@pytest.mark.parametrize("discriminant", [False, True])
def test_labels_by_chance_are_predicted_by_chance(discriminant: bool) -> None:
    """As many features as one likes, and no figure above what guessing gives."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(120, 300)).astype("float32"), random.integers(0, 4, 120)
    found = cross_validated(Prepared.of(x, y, 4), folds_of(120), silent, discriminant=discriminant)
    assert np.mean(found.probabilities.argmax(axis=1) == y) < 0.4
    loss = -np.log(found.probabilities[np.arange(120), y]).mean()
    assert loss == pytest.approx(np.log(4), abs=0.1)


@pytest.mark.parametrize(("n", "d", "classes"), few(SHAPES))
def test_the_discriminant_analysis_is_that_of_scikit_learn(n: int, d: int, classes: int) -> None:
    x, y = features(n, d, classes)
    found = Shrinkage(0.3, 1.0).optimum(Prepared.of(x.copy(), y, classes))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(x.astype("float64"), y)
    ours = found.probabilities(x)[:, theirs.classes_]
    np.testing.assert_allclose(ours, theirs.predict_proba(x), atol=2e-3)


def normal(n: int) -> tuple[Floats, Ints]:
    """Normal classes with a common spread: made for discriminant analyses."""
    random = np.random.default_rng(0)
    y, centres = random.integers(0, 4, n), 0.35 * random.normal(size=(4, 60))
    return (centres[y] + random.normal(size=(n, 60))).astype("float32"), y


def far_out(n: int) -> tuple[Floats, Ints]:
    """Two classes either side of a line, some of one class very far from it."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(n, 8)).astype("float32"), np.zeros(n, np.int64)
    y[x[:, 0] + 0.3 * random.normal(size=n) > 0] = 1
    x[y == 1] *= np.where(random.random((y == 1).sum()) < 0.1, 30, 1)[:, None].astype("float32")
    return x, y


def test_a_discriminant_analysis_is_chosen_where_it_is_better() -> None:
    x, y = normal(200)
    chosen = cross_validated(Prepared.of(x.copy(), y, 4), folds_of(200), silent, discriminant=True)
    alone = cross_validated(Prepared.of(x.copy(), y, 4), folds_of(200), silent)
    assert chosen.choice.shrinkage
    assert sum(choice.shrinkage is not None for choice in chosen.choices) > 2
    f1 = [f1_score(y, x.probabilities.argmax(axis=1), average="weighted") for x in (chosen, alone)]
    losses = [-np.log(x.probabilities[np.arange(200), y]).mean() for x in (chosen, alone)]
    assert f1[0] > f1[1]
    assert losses[0] < losses[1]
    found, choice = fitted(Prepared.of(x.copy(), y, 4), folds_of(200), silent, discriminant=True)
    assert choice.shrinkage
    assert np.mean(found.probabilities(x).argmax(axis=1) == y) > f1[0]


def test_a_regression_stays_where_it_is_better() -> None:
    x, y = far_out(200)
    found = cross_validated(Prepared.of(x.copy(), y, 2), folds_of(200), silent, discriminant=True)
    assert found.choice.shrinkage is None
    assert not any(choice.shrinkage for choice in found.choices)
    assert found.choice.discriminant
    alone = cross_validated(Prepared.of(x.copy(), y, 2), folds_of(200), silent)
    np.testing.assert_array_equal(found.probabilities, alone.probabilities)


def test_the_labels_of_a_fold_have_no_part_in_what_predicts_it() -> None:
    x, y = normal(200)
    folds, other = folds_of(200), y.copy()
    other[folds == 2] = np.random.default_rng(3).integers(0, 4, (folds == 2).sum())
    one, two = (
        cross_validated(Prepared.of(x.copy(), labels, 4), folds, silent, discriminant=True)
        for labels in (y, other)
    )
    assert (one.choices[2].shrinkage is None) == (two.choices[2].shrinkage is None)
    held_out = folds == 2
    np.testing.assert_allclose(one.probabilities[held_out], two.probabilities[held_out], atol=1e-3)


@pytest.mark.parametrize("n", [6, 12])
def test_nothing_varies_within_classes(n: int) -> None:
    """No discriminant analysis: pictures of a class are all the same, or one of each."""
    y = np.arange(n) % 6
    x = np.random.default_rng(0).normal(size=(6, 9)).astype("float32")[y]
    found = cross_validated(Prepared.of(x, y, 6), folds_of(n, 3), silent, discriminant=True)
    assert found.choice.discriminant is None
