"""What tlkit's own recipe decides for some images: the one place that does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from tlkit._numbers import is_whole
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError
from tlkit.freezing.head import Head
from tlkit.freezing.own_head import GivenHead
from tlkit.freezing.policies import UnfreezeAll
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import LearningRate, Rate
from tlkit.learning_rate.schedules import WarmupCosine
from tlkit.training._starting import head_of_file
from tlkit.training.planning._planner import Planner
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.recipes.budget import Budget
from tlkit.training.recipes.changes import SUGGESTED, Asked, Changes
from tlkit.training.recipes.extent import Clock, Extent, Fitting, in_steps
from tlkit.training.stage import Stage

FINE_TUNE = "fine-tune"
# What the probe, and what is trained from it, reads of a backbone where no head is given.
HEAD = Head(cuts="auto")
# About so many training steps, in so many epochs.
STEPS, FEWEST, MOST = 300, 4, 30
# A budget takes away epochs down to so many steps, or to so much of the epochs.
_FLOOR_STEPS, _FLOOR_SHARE = 100, 1 / 3
# To find out which augmentation fits takes about half a minute; of a budget below this, in
# seconds, that would be more than a tenth.
_SHORT = 300
# Of labels, where images have one each.
_SMOOTHING = 0.1


def default_head(start_from: str | PathLike[str] | None) -> Head:
    """Return the head where none is given: it reads all depths, or what that of a file does."""
    return head_of_file(start_from) or HEAD


@dataclass(frozen=True)
class Wishes:
    """What the caller said of fine-tuning, and what is taken where nothing was said."""

    epochs: int | None = None
    learning_rate: LearningRate = 5e-4
    policy: Policy | None = None
    batch_size: int = 32
    augmentation: Asked = SUGGESTED
    label_smoothing: float | None = None
    budget: Budget | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if not (is_whole(value, 1) or (name == "epochs" and value is None)):
                raise TrainingError(f"{name}={value!r}, expected a whole number from 1.")
        if isinstance(self.augmentation, str) and self.augmentation != SUGGESTED:
            raise TrainingError(
                f"augmentation={self.augmentation!r}; expected {SUGGESTED!r}, None, or what a "
                "Stage takes, such as tlkit.Augmentation(rotation=10)."
            )

    @property
    def seconds(self) -> float | None:
        """The budget, where it is a time."""
        return None if self.budget is None else self.budget.seconds


@dataclass(frozen=True)
class Deciding:
    """What is decided on.

    Args:
        train: Training images.
        validation: Validation images, or None.
        wishes: Of the caller.
        head: Of the model.
        random: Whether the backbone's weights are.
        begun: Whether there are weights to start from, the head's among them.
        changes: What is done to images in fine-tuning.
    """

    train: LabelledImages
    validation: LabelledImages | None
    wishes: Wishes
    head: GivenHead | None = None
    random: bool = False
    begun: bool = False
    changes: Changes = field(default_factory=Changes)

    def stages(self, extent: Extent) -> tuple[Stage, ...]:
        """Return the stages, where so much of fine-tuning is run."""
        first = self.first()
        before = () if first is None else (first,)
        return (*before, self.fine(extent)) if extent.epochs else before

    def in_time(self, planner: Planner, validation: LabelledImages | None, begun: float) -> Extent:
        """Return what the time allows that the caller gave.

        Args:
            planner: Of the training.
            validation: Validation images with the classes of the training images, or None.
            begun: When the caller began, by ``time.perf_counter``.

        Raises:
            TlkitError: As for ``StagedTrainer.plan``.
        """
        budget, epochs, full = self.wishes.budget, self.wishes.epochs, self.full()
        assert budget is not None
        assert budget.seconds is not None
        only = self.random or self.wishes.policy is not None
        floor = self._floor(full) if epochs is None else epochs
        with planner.costs(self.train, validation) as costs:
            clock = Clock(begun, budget.seconds)
            return Fitting(costs, clock, self.first(), self.fine, full, floor, only).extent()

    def without_time(self) -> Extent:
        """Return what is run without a budget, or with one in steps.

        Raises:
            TrainingError: As for `in_steps`.
        """
        budget, full = self.wishes.budget, self.full()
        if budget is None or budget.steps is None:
            return full
        return in_steps(full, self.steps, budget.steps, fixed=self.wishes.epochs is not None)

    def full(self) -> Extent:
        """Return what is run where time does not matter."""
        given = self.wishes
        epochs = given.epochs
        if epochs is None:
            by_steps = round(STEPS / self.steps)
            epochs = MOST if self.random else min(MOST, max(FEWEST, by_steps))
        policy = given.policy
        if policy is None:
            policy = UnfreezeAll(batch_norm="train") if self.random else UnfreezeAll()
        return Extent(epochs, policy)

    def first(self) -> Stage | None:
        """Return the stage before fine-tuning."""
        if self.begun:
            return None
        if self.several or not self.plain:
            size = self.wishes.batch_size
            return Stage("head", epochs=20, learning_rate=1e-3, batch_size=size)
        return ProbeStage("probe")

    def why_unseen(self) -> str:
        """Return why it cannot be found out which augmentation fits; an empty text where it can."""
        if self.several:
            return "images have several labels, of which probes do not tell which changes fit"
        if self.random:
            return "random features do not tell which changes fit"
        if self.begun:
            return "start_from has weights of its own: give the augmentation that fits them"
        if (self.wishes.seconds or _SHORT) < _SHORT:
            return f"less than {_SHORT} s are too short to find out which changes fit"
        return ""

    def fine(self, extent: Extent) -> Stage:
        """Return the stage of fine-tuning."""
        wishes = self.wishes
        rate = Rate.of(wishes.learning_rate).given
        settings: dict[str, Any] = {
            "policy": extent.policy,
            "learning_rate": WarmupCosine(rate)
            if isinstance(rate, float | ExponentialLRFinder)
            else rate,
            "augmentation": self.changes.augmentation,
            "label_smoothing": self.smoothing,
            "ema": round(max(1 - 3 / (self.steps * extent.epochs), 0.5), 5),
        }
        size = wishes.batch_size
        return Stage(
            FINE_TUNE, epochs=extent.epochs, batch_size=size, optimizer="adamw", **settings
        )

    @property
    def steps(self) -> int:
        """Training steps of an epoch."""
        return -(-len(self.train) // self.wishes.batch_size)

    @property
    def smoothing(self) -> float:
        """Of the labels in fine-tuning: what was asked for, else what is usual."""
        asked = self.wishes.label_smoothing
        return (0.0 if self.several else _SMOOTHING) if asked is None else asked

    @property
    def several(self) -> bool:
        """Whether an image may have several labels."""
        return self.train.labels.ndim > 1

    @property
    def plain(self) -> bool:
        """Whether the head is one softmax layer, which a probe gives the weights of."""
        return self.head is None or (isinstance(self.head, Head) and not self.head.units)

    def _floor(self, full: Extent) -> int:
        share = math.ceil(full.epochs * _FLOOR_SHARE)
        return min(share, max(1, math.ceil(_FLOOR_STEPS / self.steps)))
