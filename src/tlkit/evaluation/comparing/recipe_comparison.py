"""What a comparison of recipes says: pairs of them, their ranking, and the verdicts in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tlkit._printing import html_table, one_line, paragraph
from tlkit.evaluation.comparing._verdicts import Pair, Ranked, headline, rounded
from tlkit.evaluation.comparing.significance import error_to_show, further_images


@dataclass(frozen=True, repr=False)
class RecipePair(Pair):
    """Two recipes, trained on the same folds; the one with the better mean comes first.

    Args:
        better: Name of the recipe with the better (or equal) mean score.
        worse: Name of the other.
        metric: What is compared.
        difference: How much better ``better`` is in the mean over trainings, 0 or more; for a
            loss, how much lower.
        interval: Of the difference of the recipes, over new images and new seeds.
        p_value: Two-sided p of "no difference", by the corrected resampled t-test.
        p_adjusted: The same after Holm's correction for all pairs compared.
        level: Level of the interval; a difference is claimed if ``p_adjusted < 1 - level``.
        standard_error: Of the difference, Nadeau and Bengio's.
        ahead: In how many trainings ``better`` was better.
        folds: Number of folds.
        repeats: Number of repeats.
        images: Number of images.
        pairs: Number of pairs compared together.
    """

    better: str
    worse: str
    metric: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    level: float
    standard_error: float
    ahead: int
    folds: int
    repeats: int
    images: int
    pairs: int

    @property
    def trainings(self) -> int:
        """How often each recipe was trained."""
        return self.folds * self.repeats

    @property
    def repeats_needed(self) -> int | None:
        """About how many repeats, in all, would show this difference in 80 of 100 comparisons.

        As many as there were if it is claimed already; None if no number would, since what remains
        is chance in the choice of images. A rough size, as ``PairResult.further_images`` is.
        """
        if self.claimed:
            return self.repeats
        wanted = error_to_show(self.difference, self._error)
        ratio = 1 / (self.folds - 1)
        variance = self.standard_error**2 / (1 / self.trainings + ratio)
        if wanted**2 <= variance * ratio:
            return None
        needed = 1 / (wanted**2 / variance - ratio) if variance else self.trainings
        return max(self.repeats + 1, math.ceil(needed / self.folds))

    @property
    def further_images(self) -> int | None:
        """About how many more images would show this difference, with as many trainings.

        0 if it is claimed already; None if the scores are equal. As ``PairResult.further_images``.
        """
        if self.claimed:
            return 0
        return further_images(self.difference, self.standard_error, self.images, self._error)

    @property
    def sentence(self) -> str:
        """The verdict in words; shares in points, hundredths of the metric, and losses as such."""
        if self.claimed:
            return (
                f"{self.better} is better than {self.worse} by {self._size}, ahead in {self.ahead} "
                f"of {self.trainings} trainings"
            )
        which = f"no difference can be claimed between {self.better} and {self.worse}"
        more = self.further_images
        if more is None:
            return f"{which}: their scores are equal"
        why = " after correction for all pairs" if self.p_value < 1 - self.level else ""
        needed = f"about {rounded(more)} more images"
        if self.repeats_needed is not None:
            needed = f"about {rounded(self.repeats_needed)} repeats in all, or {needed},"
        return (
            f"{which}, each trained {self.trainings} times{why} (difference {self._size}); "
            f"{needed} would be needed"
        )

    def __repr__(self) -> str:
        claimed = "" if self.claimed else ", not claimed"
        pair = f"{self.better!r} over {self.worse!r}"
        return one_line(f"RecipePair({pair} by {self.difference:.4f} {self.metric}{claimed})")

    def __str__(self) -> str:
        return f"{self.sentence}; p {self.p_adjusted:.2g}"

    @property
    def _error(self) -> float:
        """Error allowed for this pair, by the strictest of Holm's steps."""
        return (1 - self.level) / self.pairs


@dataclass(frozen=True, repr=False)
class RecipeComparison(Ranked):
    """All recipes compared with each other on the same folds.

    Args:
        metric: What is compared.
        scores: Name and mean score of each recipe, best first.
        spreads: Standard deviation of its trainings, in the same order.
        pairs: One result per pair of recipes, in the order of the ranking.
        images: Number of images.
        folds: Number of folds.
        repeats: Number of repeats.
    """

    metric: str
    scores: tuple[tuple[str, float], ...]
    spreads: tuple[float, ...]
    pairs: tuple[RecipePair, ...]
    images: int
    folds: int
    repeats: int

    def __repr__(self) -> str:
        scores = ", ".join(f"{name!r} {score:.4f}" for name, score in self.scores)
        return one_line(f"RecipeComparison({self.metric} on {self.images} images: {scores})")

    def __str__(self) -> str:
        width = max(len(name) for name in self.ranking)
        rows = (
            f"  {name:<{width}}  {score}  spread {spread}" for name, score, spread in self._rows()
        )
        return "\n".join([self._headline, *rows, *self._verdicts()])

    def _repr_html_(self) -> str:
        table = html_table(("recipe", f"mean {self.metric}", "spread"), self._rows())
        return "".join([paragraph(self._headline), table, *map(paragraph, self._verdicts())])

    @property
    def _headline(self) -> str:
        trainings = self.folds * self.repeats
        told = f"{self.images} images, each recipe trained {trainings} times"
        return f"{headline(self.metric)} on {told}"

    def _rows(self) -> list[tuple[str, str, str]]:
        pairs = zip(self.scores, self.spreads, strict=True)
        return [(name, f"{score:.4f}", f"{spread:.4f}") for (name, score), spread in pairs]
