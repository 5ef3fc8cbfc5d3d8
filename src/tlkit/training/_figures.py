"""The figures of an epoch, and whether each is good when it is large."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, cast

from tlkit.errors import TrainingError

# How the figures that every stage has are called, without the "val_" of validation images.
OWN = ("loss", "accuracy")
_LARGER = (
    "accuracy acc auc precision recall score io_u sensitivity specificity correlation positives "
    "negatives"
)
_SMALLER = "loss error crossentropy divergence hinge logcosh log_cosh poisson mse mae mape msle"

Mode = Literal["max", "min"]
# A figure of a stage's history by which the best epoch is known, alone or with its direction.
KeepBest = str | tuple[str, Mode] | None


def is_larger_better(figure: str) -> bool | None:
    """Return whether a figure is best where it is largest; None where its name does not tell.

    The names that Keras gives to its metrics tell, such as ``"val_auc_1"`` and
    ``"mean_squared_error"``, and those that end as they do.

    Example:
        >>> is_larger_better("val_top_5_accuracy"), is_larger_better("val_loss")
        (True, False)
        >>> is_larger_better("val_f1") is None
        True
    """
    name = re.sub(r"_\d+$", "", figure.removeprefix("val_"))
    if name in ("false_positives", "false_negatives"):
        return False
    for ends, larger in ((_LARGER, True), (_SMALLER, False)):
        if any(f"_{name}".endswith(f"_{end}") for end in ends.split()):
            return larger
    return None


def figure_of(keep_best: KeepBest) -> str | None:
    """Return the figure that a stage's ``keep_best`` names."""
    return keep_best[0] if isinstance(keep_best, tuple) else keep_best


def checked_kept(given: Any, stage: str) -> KeepBest:
    """Return a stage's ``keep_best``.

    Raises:
        TrainingError: It is no figure, or no figure with its direction.
    """
    pair = isinstance(given, (list, tuple))
    named = given[0] if pair and len(given) == 2 else given
    if not (isinstance(named, str) or (named is None and not pair)):
        raise TrainingError(
            f"Stage {stage!r}: keep_best={given!r}, expected the name of a figure of its history, "
            "such as 'val_accuracy', this with its direction, such as ('val_f1', 'max'), or None."
        )
    if pair and given[1] not in ("max", "min"):
        raise TrainingError(
            f"Stage {stage!r}: keep_best={given!r}, expected 'max' or 'min' behind the figure: "
            "whether it is best where it is largest or smallest."
        )
    return cast(KeepBest, (named, given[1]) if pair else named)


def larger_kept(keep_best: KeepBest, metrics: Iterable[Any], stage: str) -> bool:
    """Return whether a stage keeps the largest value of its figure.

    Args:
        keep_best: Of the stage.
        metrics: Its metrics: those of Keras know their direction.
        stage: Its name.

    Raises:
        TrainingError: Nothing tells the figure's direction.
    """
    if keep_best is None:
        return False
    if isinstance(keep_best, tuple):
        return keep_best[1] == "max"
    known = {metric.name: getattr(metric, "_direction", None) for metric in metrics}
    told = known.get(keep_best.removeprefix("val_"))
    larger = is_larger_better(keep_best) if told is None else told == "up"
    if larger is None:
        raise TrainingError(
            f"Stage {stage!r}: keep_best={keep_best!r}, and nothing tells whether it should be "
            f"large or small. Give keep_best=({keep_best!r}, 'max') or keep_best=({keep_best!r}, "
            "'min')."
        )
    return larger
