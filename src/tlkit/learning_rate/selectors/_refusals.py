"""When a curve cannot answer: the checks that selectors share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_whole
from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate.selectors._scatter import stands_out
from tlkit.learning_rate.selectors._start_up import start_up
from tlkit.learning_rate.selectors.selector import Curve
from tlkit.learning_rate.selectors.smoothing import Floats, centred_mean, despiked

TIE = 1e-9  # values closer than this share of their scale are the same value
WIDER = "Sweep with a larger max_lr"
LOWER = "Sweep with a smaller min_lr"
_ROUNDING = 1e-12  # differences below this share of the values are rounding


def check_window(window: int) -> None:
    """Refuse a smoothing window that has no middle."""
    if not is_whole(window, 3) or window % 2 == 0:
        raise LearningRateError(
            f"window={window!r}: expected an odd number of points, 3 or more, such as 5."
        )


def enough(curve: Curve, points: int) -> Curve:
    """Give back ``curve``; refuse one with fewer than ``points`` points."""
    found = len(curve.losses)
    if found >= points:
        return curve
    cut = f" ({curve.n_cut} were cut off, from the first loss that was not finite)"
    raise SelectorError(
        f"the curve has {found} points with a finite loss{cut if curve.n_cut else ''}; "
        f"at least {points} are needed. Use more steps or a smaller max_lr."
    )


@dataclass(frozen=True)
class Readable:
    """The part of a curve from which a rate may be read: what a `Curve` is, without its start-up.

    Args:
        n_started: How many points of the start-up were left out.
    """

    learning_rates: Floats
    losses: Floats
    n_cut: int
    n_started: int


def readable(curve: Curve, points: int) -> Readable:
    """Leave out the start-up; refuse a curve that says nothing.

    Raises:
        SelectorError: There are fewer than ``points`` points, or the loss never falls by more than
            its own scatter.
    """
    losses = enough(curve, points).losses
    refuse_flat(losses)
    started = start_up(losses)
    started = started if len(losses) - started >= points else 0
    rest = losses[started:]
    if not stands_out(rest):
        total_fall(despiked(rest))
        after = f" after its first {started} points" if started else ""
        if stands_out(rest[::-1]):
            raise SelectorError(
                f"the loss never falls clearly below the {rest[0]:.4g} where it begins{after}, and "
                f"rises to {rest[-1]:.4g}: little is left to learn. Search before the model is "
                "trained on these images, or take a rate at which the loss does not rise."
            )
        raise SelectorError(
            f"the loss never falls by more than its own scatter{after}: it is noise around "
            f"{np.median(rest):.4g}, and as good as flat. Check that the model trains at all; then "
            "sweep from a smaller min_lr to a larger max_lr, or over more data per rate."
        )
    return Readable(curve.learning_rates[started:], rest, curve.n_cut, started)


def smoothed(curve: Curve, window: int) -> Floats:
    """Return the centred mean of the losses without spikes; refuse short and flat curves."""
    clean = despiked(enough(curve, window + 4).losses)
    refuse_flat(clean)
    return centred_mean(clean, window)


def refuse_flat(losses: Floats) -> None:
    """Refuse losses that differ by no more than rounding."""
    if not losses.any():
        raise SelectorError(
            "the loss is 0 at every rate: nothing was measured, or nothing is left to learn. Check "
            "what the model returns as its loss."
        )
    if np.ptp(losses) <= _ROUNDING * np.abs(losses).max():
        raise SelectorError(
            f"the loss is {losses[0]:.4g} at every rate: the curve is flat. "
            "Check that the model trains at all, then sweep over larger rates."
        )


def total_fall(smooth: Floats) -> float:
    """Return first minus smallest smoothed loss; refuse a curve that never falls."""
    full = smooth[np.isfinite(smooth)]
    fall = float(full[0] - full.min())
    if fall <= _ROUNDING * max(abs(full[0]), abs(full.min())):
        raise SelectorError(
            "the loss never falls below where it starts: it is smallest at the smallest rate. "
            f"{LOWER}, or train each rate for longer."
        )
    return fall


def first_minimum(values: Floats, scale: float) -> int:
    """Return the index of the first value that equals the smallest, up to a tie at ``scale``."""
    return int(np.argmax(values <= np.nanmin(values) + TIE * scale))


def refuse_edges(curve: Curve, index: int, allowed: NDArray[np.intp]) -> None:
    """Refuse a choice at either end of ``allowed``: beyond it the loss may be smaller still."""
    rate = f"{curve.learning_rates[index]:.3g}"
    if index == allowed[-1]:
        end = "where it stops being finite" if curve.n_cut else "the end of the curve"
        raise SelectorError(
            f"the loss is still falling at rate {rate}, {end}. {WIDER}, or in smaller steps."
        )
    if index == allowed[0]:
        raise SelectorError(f"the smallest calm loss is at the start, rate {rate}. {LOWER}.")
