"""The figures of an epoch, and whether each is good when it is large."""

from __future__ import annotations

import re
from typing import Literal

from tlkit.errors import TrainingError

# How the figures that every stage has are called, without the "val_" of validation images.
OWN = ("loss", "accuracy")
_LARGER = (
    "accuracy acc auc precision recall score io_u sensitivity specificity correlation positives "
    "negatives"
)
_SMALLER = "loss error crossentropy divergence hinge logcosh log_cosh poisson mse mae mape msle"

Mode = Literal["auto", "max", "min"]
MODES: tuple[Mode, ...] = ("auto", "max", "min")


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


def check_kept(stage: str, figure: str | None, mode: Mode) -> None:
    """Raise where a stage cannot tell which of its epochs is best.

    Args:
        stage: Its name.
        figure: Its ``keep_best``.
        mode: Its ``keep_best_mode``.

    Raises:
        TrainingError: One of both is something else, or the figure's direction is not known.
    """
    if figure is not None and not isinstance(figure, str):
        raise TrainingError(
            f"Stage {stage!r}: keep_best={figure!r}, expected the name of a figure of its "
            "history, such as 'val_accuracy', or None."
        )
    if mode not in MODES:
        raise TrainingError(
            f"Stage {stage!r}: keep_best_mode={mode!r}, expected one of "
            f"{', '.join(map(repr, MODES))}."
        )
    if figure is not None and mode == "auto" and is_larger_better(figure) is None:
        raise TrainingError(
            f"Stage {stage!r}: keep_best={figure!r}, whose name does not tell whether it should "
            "be large or small. Give keep_best_mode='max' or keep_best_mode='min'."
        )
