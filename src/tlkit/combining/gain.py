"""What a soup or an ensemble adds over the best of its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tlkit._printing import Printed, one_line
from tlkit.evaluation.comparing.comparison import Comparison, PairResult


@dataclass(frozen=True, eq=False, repr=False)
class GainOverBest(Printed):
    """What a soup or an ensemble adds over the best of its members.

    Args:
        name: ``"soup"`` or ``"ensemble"``.
        best: Name of the member with the best score on the validation images.
        scores: The metric of each member and of the combination on the validation images.
        comparison: Of the combination and that member by `tlkit.compare`, on the test images;
            without any, on the validation images.
        tested: Whether it is on test images.
        is_loss: Whether less of the metric is better.
    """

    name: str
    best: str
    scores: Mapping[str, float]
    comparison: Comparison
    tested: bool
    is_loss: bool

    @property
    def metric(self) -> str:
        """What is compared."""
        return self.comparison.metric

    @property
    def pair(self) -> PairResult:
        """The two, the better one first; its ``sentence`` is the verdict in words."""
        return self.comparison.pairs[0]

    @property
    def difference(self) -> float:
        """By how much the combination is better than the best member; below 0 where it is worse."""
        return self._sign * self.pair.difference

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the difference; see `tlkit.compare`."""
        low, high = sorted(self._sign * end for end in self.pair.interval)
        return low, high

    @property
    def worse_on_validation(self) -> bool:
        """Whether the best member has the better score on the validation images."""
        single, together = self.scores[self.best], self.scores[self.name]
        return single < together if self.is_loss else single > together

    @property
    def _sign(self) -> int:
        return 1 if self.pair.better == self.name else -1

    def __repr__(self) -> str:
        low, high = self.interval
        told = f"{self.name} over {self.best!r} by {self.difference:.4f} [{low:.4f}, {high:.4f}]"
        return one_line(f"GainOverBest({told} {self.metric})")

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield what it says, for people."""
        yield f"{self.metric} on the validation images:"
        width = max(map(len, self.scores))
        for name, score in self.scores.items():
            yield f"  {name:<{width}}  {score:.4f}"
        if self.worse_on_validation:
            yield f"The {self.name} is worse there than {self.best!r} alone: use that."
        images, pair = self.comparison.images, self.pair
        yield f"On {images} {'test' if self.tested else 'validation'} images, {pair.sentence}."
        if not self.tested:
            yield (
                "These images chose the best member, and those of a greedy soup, which flatters "
                "both: test= takes images that chose nothing."
            )
