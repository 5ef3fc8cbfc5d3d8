"""A backbone in a ranking: how good it is, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from tlkit._printing import Printed, one_line
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.evaluation import Evaluation
from tlkit.probing.candidate import Candidate


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Args:
        ms: Milliseconds that Keras takes for a picture on this machine, in a batch.
        parameters: Its weights, without a head.
        feature_bytes: What the features of one picture take.
    """

    ms: float
    parameters: int
    feature_bytes: int


@dataclass(frozen=True, eq=False, repr=False)
class RankedBackbone(Printed):
    """A candidate in a `tlkit.Ranking`.

    Args:
        name: What it is called there.
        candidate: Its settings; ``tlkit.probe(data=data, **row.candidate.arguments)`` goes on.
        evaluation: Of a probe of the pictures that it was tried on, out of their folds.
        cost: Of its network.
        estimate: Its weighted F1. Where it was tried on some of the pictures, about what all would
            give: that of the best, less the difference on those.
        behind: The comparison by which it went out; None where it was tried on all pictures.
    """

    name: str
    candidate: Candidate
    evaluation: Evaluation
    cost: Cost
    estimate: float
    behind: PairResult | None = None

    def __repr__(self) -> str:
        return one_line(f"RankedBackbone({self.name}, weighted_f1={self.estimate:.4f})")

    def __str__(self) -> str:
        told = "" if self.behind is None else f", about: {self.behind.sentence}"
        return f"{self.name}: weighted F1 {self.estimate:.4f}{told}"


@dataclass(frozen=True, repr=False)
class Unranked(Printed):
    """A backbone that was not ranked.

    Args:
        name: What it is called.
        reason: Why not, and what it needs.
    """

    name: str
    reason: str

    def __repr__(self) -> str:
        return one_line(f"Unranked({self.name}: {self.reason})")

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
