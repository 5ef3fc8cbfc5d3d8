"""Valley: fastai's default, half-way down the longest fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlkit.errors import SelectorError
from tlkit.learning_rate.selectors._refusals import LOWER, readable
from tlkit.learning_rate.selectors.selector import Curve
from tlkit.learning_rate.selectors.smoothing import Floats


@dataclass(frozen=True)
class Valley:
    """fastai's default: a point half-way down the longest valley.

    The longest strictly falling subsequence of the losses has ``L`` points and first reaches that
    length at index ``e``; with ``b = e - L`` the answer is the rate at ``b + int(L/3) + int(L/6)``.
    fastai's prose speaks of two thirds through the valley; its code, which this follows, takes the
    middle of the middle third. fastai runs it on losses averaged with factor 0.98 and without the
    first tenth and the last five points; here it sees the curve as it is. A loss that falls all
    the way is one long valley, whose middle is the answer.

    Source: fastai 2, ``fastai.callback.schedule.valley`` (after ESRI's ``arcgis.learn``).

    Raises:
        SelectorError: If no three losses fall one after the other.
    """

    def __call__(self, curve: Curve) -> float:
        """Return the rate that this rule chooses."""
        curve = readable(curve, 3)
        length, end = _longest_fall(curve.losses)
        if length < 3:
            raise SelectorError(
                "the loss has no valley: no three of its points fall one after the other. "
                f"{LOWER}, or train longer."
            )
        return float(curve.learning_rates[end - length + length // 3 + length // 6])

    def reason(self, curve: Curve) -> str:
        """Say why this rate was chosen."""
        return (
            f"middle of the longest valley ({_longest_fall(readable(curve, 3).losses)[0]} points)"
        )


def _longest_fall(losses: Floats) -> tuple[int, int]:
    """Return length and last index, the earliest, of the longest strictly falling subsequence."""
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        lengths[i] += np.max(lengths[:i], where=losses[:i] > losses[i], initial=0)
    end = int(np.argmax(lengths))
    return int(lengths[end]), end
