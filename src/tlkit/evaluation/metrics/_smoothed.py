"""Counts with a few images lent to each class, and the standard error of a score of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics.scores import Counts

_DRAWN_BY = 2  # images of the mean share of hits, by which each class's share is drawn to it


@dataclass(frozen=True)
class Smoothed:
    """The counts of a confusion matrix, smoothed; the matrix itself is never made.

    A wrong image that is lent is predicted as the wrong ones of all classes were, and one more of
    them is spread evenly, so that each class can be mistaken for each.

    Args:
        truth: Class numbers, shape (n,).
        predictions: Predicted class numbers, shape (n,).
        observed: Their counts, of shape (classes,).
        members: Numbers of the k classes that take part.
        lent: Right images, and as many wrong ones, that are lent in all.
    """

    truth: Ints
    predictions: Ints
    observed: Counts
    members: Ints
    lent: float

    @cached_property
    def counts(self) -> Counts:
        """With what is lent, shape (k,), for the centre of the interval."""
        each = np.full(len(self.members), self.lent / len(self.members))
        hits, truth, predicted = self._of_members
        return Counts(hits + each, truth + 2 * each, predicted + each + self._spread(each))

    @cached_property
    def pooled(self) -> Counts:
        """Those again, each class's share of hits drawn to their mean, for the error."""
        scale, right, wrong = self._parts
        moved = np.bincount(self.predictions, self._scales[self.truth], self._classes)
        predicted = moved[self.members] + scale * right + self._spread(scale * wrong)
        hits = scale * (self._of_members[0] + right)
        return Counts(hits, self.counts.truth, predicted)

    def standard_error(self, by_hits: Floats, by_truth: Floats, by_predicted: Floats) -> float:
        """Return the standard error of a score with these slopes, each (k,), by the delta method.

        An image of class i that is predicted as j moves the score by ``g = truth_i + predicted_j``,
        and by ``hits_i`` more where they are equal; the variance of n such images is ``sum of
        counts * g^2 - (sum of counts * g)^2 / images``, with the counts scaled to n images.
        """
        hits, truth, predicted = self.pooled.hits, self.pooled.truth, self.pooled.predicted
        more = by_hits**2 + 2 * by_hits * (by_truth + by_predicted)
        squares = (truth * by_truth**2).sum() + (predicted * by_predicted**2).sum()
        squares += (hits * more).sum() + 2 * self._products(by_truth, by_predicted)
        total = (hits * by_hits).sum() + (truth * by_truth).sum() + (predicted * by_predicted).sum()
        images = truth.sum()
        variance = (squares - total**2 / images) * images / len(self.truth)
        return float(np.sqrt(max(variance, 0.0)))

    @property
    def _classes(self) -> int:
        return len(self.observed.truth)

    @cached_property
    def _of_members(self) -> tuple[Floats, Floats, Floats]:
        found = (self.observed.hits, self.observed.truth, self.observed.predicted)
        hits, truth, predicted = (row[self.members].astype(np.float64) for row in found)
        return hits, truth, predicted

    @cached_property
    def _parts(self) -> tuple[Floats, Floats, Floats]:
        """Of each class its scale back to its size, and the right and wrong images lent to it."""
        each, truth = self.lent / len(self.members), self.counts.truth
        share = (self.counts.hits / truth).mean()
        right, wrong = each + _DRAWN_BY * share, each + _DRAWN_BY * (1 - share)
        ones = np.ones_like(truth)
        return truth / (truth + _DRAWN_BY), right * ones, wrong * ones

    @cached_property
    def _scales(self) -> Floats:
        """The scale of each class; 0 for those that do not take part."""
        scales = np.zeros(self._classes)
        scales[self.members] = self._parts[0]
        return scales

    @cached_property
    def _mistaken_for(self) -> Floats:
        """Share of the wrong predictions that go to each class."""
        hits, _, predicted = self._of_members
        wrong = predicted - hits + 1 / len(self.members)
        return np.asarray(wrong / wrong.sum())

    @cached_property
    def _by_others(self) -> Floats:
        """One over the share of wrong predictions that is left for a class's own images."""
        left = 1 - self._mistaken_for
        return np.divide(1, left, out=np.zeros_like(left), where=left > 0)

    def _spread(self, wrong: Floats) -> Floats:
        """Return what wrong images of each class are predicted as: never as their own class."""
        sent = wrong * self._by_others
        return np.asarray(self._mistaken_for * (sent.sum() - sent))

    def _products(self, by_truth: Floats, by_predicted: Floats) -> float:
        """Sum ``by_truth_i * by_predicted_j`` over the pooled matrix."""
        scale, right, wrong = self._parts
        rows, columns = np.zeros((2, self._classes))
        rows[self.members], columns[self.members] = scale * by_truth, by_predicted
        seen = (rows[self.truth] * columns[self.predictions]).sum()
        away = self._mistaken_for * by_predicted
        lent = right * by_predicted + wrong * self._by_others * (away.sum() - away)
        return float(seen + (scale * by_truth * lent).sum())
