"""One trial of a search: its settings, how good they were, and how far they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Any, Literal

from tlkit._printing import Printed, code_of, one_line
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.training.run_dir.encoding import encoded, shown

Status = Literal["finished", "out", "stopped", "failed", "not tried"]


@dataclass(frozen=True)
class TrialRound:
    """What a trial did in one round.

    Args:
        epochs: Of its last stage.
        seconds: For training and scoring; what a stage shares with other trials counts once.
        evaluation: On the images that did not train; None where it failed.
        error: Why it failed; empty where it did not.
    """

    epochs: int
    seconds: float
    evaluation: AnyEvaluation | None = None
    error: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Trial(Printed):
    """A trial of `tlkit.tune`.

    Args:
        number: From 1, in the order in which they were drawn.
        settings: What was tried.
        status: ``"finished"`` where it ran the last round, ``"out"`` where others were better
            before, ``"stopped"`` where time ended before it could go on, ``"failed"``, or
            ``"not tried"``.
        rounds: What it did in each round that it ran.
        metric: By which it is scored.
        is_default: Whether its settings are those of `tlkit.fine_tune`.
    """

    number: int
    settings: Mapping[str, Any]
    status: Status
    rounds: tuple[TrialRound, ...]
    metric: str
    is_default: bool = False

    @property
    def evaluation(self) -> AnyEvaluation | None:
        """Of its longest training that did not fail; None where there is none."""
        return next((x.evaluation for x in reversed(self.rounds) if x.evaluation is not None), None)

    @property
    def score(self) -> float | None:
        """By the metric, on images that did not train."""
        return None if self.evaluation is None else self.evaluation.score(self.metric)

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """In which the score lies with 95 %, for other images; chance in training is not in it."""
        return None if self.evaluation is None else self.evaluation.interval(self.metric)

    @property
    def epochs(self) -> int:
        """Of the last stage of its longest training."""
        return max((each.epochs for each in self.rounds if not each.error), default=0)

    @property
    def seconds(self) -> float:
        """Of all its trainings."""
        return sum(each.seconds for each in self.rounds)

    @property
    def reason(self) -> str:
        """Why it failed; empty where it did not."""
        return next((each.error for each in self.rounds if each.error), "")

    @property
    def texts(self) -> dict[str, str]:
        """Its settings as the code that makes them."""
        return {name: _code(value) for name, value in self.settings.items()}

    @property
    def told(self) -> str:
        """Its settings in one line."""
        return ", ".join(f"{name}={text}" for name, text in self.texts.items())

    def __repr__(self) -> str:
        score = "" if self.score is None else f", {self.metric} {self.score:.4f}"
        return one_line(f"Trial({self.number}, {self.status}{score}: {self.told})")

    def __str__(self) -> str:
        score = "" if self.score is None else f", {self.metric} {self.score:.4f}"
        return one_line(f"trial {self.number} {self.status}{score}: {self.told}", 400)


def _code(value: Any) -> str:
    """Return a setting as code, what is as by default left out."""
    if is_dataclass(value):
        return f"{type(value).__name__}({', '.join(code_of(value).values())})"
    return shown(encoded(value))
