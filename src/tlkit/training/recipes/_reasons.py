"""Why a recipe is as it is, decision by decision."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tlkit._printing import counted
from tlkit.training.recipes.changes import SUGGESTED
from tlkit.training.recipes.decision import Decision
from tlkit.training.recipes.extent import Extent
from tlkit.training.recipes.recipe import FEWEST, HEAD, MOST, STEPS, Deciding, Wishes
from tlkit.training.stage import Stage

# A standard error of an accuracy above this is noise that chooses.
_NOISY = 0.05


def decisions(made: Deciding, extent: Extent) -> tuple[Decision, ...]:
    """Return what was decided, in the order of what happens.

    Args:
        made: What was decided on.
        extent: How much of fine-tuning is run.
    """
    told = [_start(made, made.first()), *_head(made), *_lengths(made, extent)]
    if extent.epochs:
        told += _rates(made, made.fine(extent))
    return (*told, _validation(made))


def _start(made: Deciding, first: Stage | None) -> Decision:
    if first is None:
        return Decision("start", "start_from", "its weights hold a head already")
    if made.several:
        why = "images have several labels, which a probe does not tell: the head is trained"
    elif not made.plain:
        why = "a probe gives one softmax layer alone, and this head is another: it is trained"
    elif made.random:
        why = "it sees random features, as the weights are: what fine-tuning has to beat"
    else:
        why = "a head at its optimum does not distort the pretrained features (Kumar 2022)"
    return Decision("start", first.name, why)


def _head(made: Deciding) -> Iterator[Decision]:
    if made.head is not None:
        why = "where a backbone has feature maps at several depths, averages of all tell more"
        yield Decision("head", made.head, why, made.head != HEAD)


def _lengths(made: Deciding, extent: Extent) -> Iterator[Decision]:
    given, full = made.wishes, made.full()
    if given.budget is not None:
        yield Decision("budget", str(given.budget), extent.why)
    why = f"about {STEPS} steps, in {FEWEST} to {MOST} epochs: {_count(made, extent)}"
    if made.random and not given.epochs:
        why = f"everything is to be learned: {_count(made, extent)}"
    if extent.epochs < full.epochs:
        why = f"what the budget allows of {full.epochs}: {_count(made, extent)}"
        if not extent.epochs:
            why = "no time for fine-tuning"
    mine = given.epochs is not None and extent.epochs == full.epochs
    yield Decision("epochs", extent.epochs, why, mine)
    if extent.epochs:
        yield from _layers(made, extent, full)


def _count(made: Deciding, extent: Extent) -> str:
    return f"{extent.epochs} x {made.steps:,} = {counted(extent.epochs * made.steps, 'step')}"


def _layers(made: Deciding, extent: Extent, full: Extent) -> Iterator[Decision]:
    why = "all layers: more to gain than the top alone, and the probe is there if it fails"
    if extent.policy != full.policy:
        why = "fits into the budget: what lies below is frozen, and runs once for each image"
    yield Decision("policy", extent.policy, why, made.wishes.policy is not None)
    norm = getattr(extent.policy, "batch_norm", None)
    if norm == "train":
        why = "random weights have no statistics of a pretraining to keep"
    else:
        why = "statistics of the pretraining are better than those of small batches"
    if norm is not None:
        yield Decision("batch_norm", norm, why, made.wishes.policy is not None)


def _rates(made: Deciding, fine: Stage) -> Iterator[Decision]:
    given, usual = made.wishes, Wishes()
    mine = given.learning_rate != usual.learning_rate
    why = "its peak, warmed up to and left on a cosine, by AdamW"
    yield Decision("learning_rate", fine.learning_rate, why, mine)
    mine = given.batch_size != usual.batch_size
    why = f"the usual one: {counted(made.steps, 'step')} an epoch"
    yield Decision("batch_size", fine.batch_size, why, mine)
    mine = given.augmentation != SUGGESTED
    yield Decision("augmentation", fine.augmentation, made.changes.why, mine)
    mine = given.label_smoothing is not None
    why = "several labels have none" if made.several else "against too sure answers"
    yield Decision("label_smoothing", fine.label_smoothing, why, mine)
    share = 1 / (1 - (fine.ema or 0.0))
    why = f"the model ends with weights averaged over about the last {share:,.0f} steps"
    yield Decision("ema", fine.ema, why)


def _validation(made: Deciding) -> Decision:
    count = len(made.validation or ())
    if not count:
        why = "no images are held out: nothing is chosen, the last epoch is kept"
        return Decision("validation", 0, why)
    error = 0.5 / math.sqrt(count)
    figure = "accuracy" if made.several else "weighted F1"
    why = (
        f"choose the epoch, and the stage by {figure}, whose standard error is at most about "
        f"{100 * error:.1f} points"
    )
    if error > _NOISY:
        why += ": so few that noise chooses. Folds tell more: tlkit.cross_validate"
    return Decision("validation", count, why)
