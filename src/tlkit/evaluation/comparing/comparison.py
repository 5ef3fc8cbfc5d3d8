"""What a comparison says: pairs of models, their ranking, and the verdicts in words."""

from __future__ import annotations

from dataclasses import dataclass

from tlkit._printing import html_table, one_line, paragraph
from tlkit.evaluation.comparing._verdicts import Pair, Ranked, headline, rounded
from tlkit.evaluation.comparing.significance import further_images


@dataclass(frozen=True, repr=False)
class PairResult(Pair):
    """Two models on the same images; the one with the better score comes first.

    Args:
        better: Name of the model with the better (or equal) score.
        worse: Name of the other.
        metric: What is compared.
        difference: How much better ``better`` is, 0 or more; for a loss, how much lower.
        interval: Bootstrap interval of the difference, lower and upper end; it holds 0 where
            ``p_value`` is not below 1 - level.
        p_value: Two-sided p of "no difference" in the metric, by swaps of the two answers.
        p_adjusted: The same after Holm's correction for all pairs compared.
        mcnemar_p: Exact McNemar p of "both are right equally often".
        mcnemar_adjusted: The same after Holm's correction.
        level: Level of the interval; a difference is claimed if ``p_adjusted < 1 - level``.
        standard_error: Of the difference: that of resamples or of swaps, whichever is larger.
        images: Number of images compared on.
        pairs: Number of pairs compared together.
    """

    better: str
    worse: str
    metric: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    mcnemar_p: float
    mcnemar_adjusted: float
    level: float
    standard_error: float
    images: int
    pairs: int

    @property
    def further_images(self) -> int | None:
        """About how many more images would show this difference in 80 of 100 such comparisons.

        0 if it is claimed already; None if the scores are equal, where no number of images helps.
        The function of this name in ``comparing.significance`` gives the formula. It assumes that
        the true difference is the observed one, which is uncertain itself: read it as a rough size.
        """
        if self.claimed:
            return 0
        # The strictest of Holm's steps: each pair alone must pass level / pairs to be sure.
        error = (1 - self.level) / self.pairs
        return further_images(self.difference, self.standard_error, self.images, error)

    @property
    def sentence(self) -> str:
        """The verdict in words; shares in points, hundredths of the metric, and losses as such."""
        if self.claimed:
            return f"{self.better} is better than {self.worse} by {self._size}"
        which = f"no difference can be claimed between {self.better} and {self.worse}"
        more = self.further_images
        if more is None:
            return f"{which}: their scores are equal, and no number of images would help"
        why = " after correction for all pairs" if self.p_value < 1 - self.level else ""
        return (
            f"{which} at this size{why} (difference {self._size}); "
            f"about {rounded(more)} more images would be needed"
        )

    def __repr__(self) -> str:
        claimed = "" if self.claimed else ", not claimed"
        pair = f"{self.better!r} over {self.worse!r}"
        return one_line(f"PairResult({pair} by {self.difference:.4f} {self.metric}{claimed})")

    def __str__(self) -> str:
        return f"{self.sentence}; p {self.p_adjusted:.2g}, McNemar p {self.mcnemar_adjusted:.2g}"


@dataclass(frozen=True, repr=False)
class Comparison(Ranked):
    """All models compared with each other on the same images.

    Args:
        metric: What is compared.
        scores: Name and score of each model, best first.
        pairs: One result per pair of models, in the order of the ranking.
        images: Number of images.
        average_ranks: Name and mean rank over the resamples of each model, in the order of the
            ranking; 1 is best, equal scores share their ranks.
    """

    metric: str
    scores: tuple[tuple[str, float], ...]
    pairs: tuple[PairResult, ...]
    images: int
    average_ranks: tuple[tuple[str, float], ...]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name!r} {score:.4f}" for name, score in self.scores)
        return one_line(f"Comparison({self.metric} on {self.images} images: {scores})")

    def __str__(self) -> str:
        width = max(len(name) for name in self.ranking)
        ranks = dict(self.average_ranks)
        rows = (
            f"  {name:<{width}}  {score:.4f}  average rank {ranks[name]:.2f}"
            for name, score in self.scores
        )
        return "\n".join([self._headline, *rows, *self._verdicts()])

    def _repr_html_(self) -> str:
        ranks = dict(self.average_ranks)
        rows = ((name, f"{score:.4f}", f"{ranks[name]:.2f}") for name, score in self.scores)
        table = html_table(("model", self.metric, "average rank"), rows)
        return "".join([paragraph(self._headline), table, *map(paragraph, self._verdicts())])

    @property
    def _headline(self) -> str:
        return f"{headline(self.metric)} on {self.images} images"
