"""What comparisons have in common: which of two is better, and groups that cannot be told apart."""

from __future__ import annotations

from tlkit._printing import Printed

_LOSSES = ("log_loss", "brier_score", "hamming_loss")


class Pair(Printed):
    """Two of what is compared; a dataclass that is one has these fields, and a sentence."""

    better: str
    worse: str
    metric: str
    difference: float
    interval: tuple[float, float]
    p_adjusted: float
    level: float

    @property
    def claimed(self) -> bool:
        """Whether the data bear out that ``better`` is better."""
        return self.p_adjusted < 1 - self.level

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        raise NotImplementedError

    @property
    def _size(self) -> str:
        """The difference with its interval."""
        low, high = self.interval
        if self.metric in _LOSSES:
            words = self.metric.replace("_", " ")
            return f"{self.difference:.4f} of {words} [{low:.4f}, {high:.4f}]"
        return f"{100 * self.difference:.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


class Ranked(Printed):
    """All that is compared, best first; a dataclass that is one has these fields."""

    scores: tuple[tuple[str, float], ...]
    pairs: tuple[Pair, ...]

    @property
    def ranking(self) -> tuple[str, ...]:
        """Names of the models, best score first."""
        return tuple(name for name, _ in self.scores)

    @property
    def best_group(self) -> tuple[str, ...]:
        """The best model and those that cannot be told from it, in the order of the ranking."""
        best = self.ranking[0]
        beaten = {pair.worse for pair in self.pairs if pair.better == best and pair.claimed}
        return tuple(name for name in self.ranking if name not in beaten)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Neighbours in the ranking with no claimed difference among them; groups may overlap.

        The bars of a critical-difference diagram. Source: J. Demsar, "Statistical Comparisons of
        Classifiers over Multiple Data Sets", JMLR 7, 2006. There the ranks come from many data
        sets, and Nemenyi's test on them gives one critical difference. Here is one data set, whose
        resamples or folds give no such test, so a difference is claimed by the pair's own p value
        after Holm's correction.
        """
        apart = {(pair.better, pair.worse) for pair in self.pairs if pair.claimed}
        groups: list[tuple[str, ...]] = []
        reached = 0
        for start in range(len(self.ranking)):
            end = start + 1
            while end < len(self.ranking) and not any(
                (name, self.ranking[end]) in apart for name in self.ranking[start:end]
            ):
                end += 1
            if end > reached:  # else it is part of the group before
                groups.append(self.ranking[start:end])
                reached = end
        return tuple(groups)

    @property
    def sentences(self) -> tuple[str, ...]:
        """One verdict per pair of models."""
        return tuple(pair.sentence for pair in self.pairs)

    def _verdicts(self) -> list[str]:
        alike = "; ".join(", ".join(group) for group in self.groups if len(group) > 1)
        return [
            f"no difference claimed among: {alike or 'none'}",
            *map(str, self.pairs),
            f"(p values after Holm's correction for {len(self.pairs)} comparisons)",
        ]


def headline(metric: str) -> str:
    """Return a metric's name for people."""
    return metric.replace("_", " ").replace("f1", "F1")


def rounded(number: int) -> str:
    """Round to two digits, as more would promise what a guess cannot keep."""
    return f"{int(float(f'{number:.1e}')):,}"
