"""LRCurve: what a learning-rate search saw, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tlkit._printing import Printed
from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate._checked_series import check_rates, frozen, vector
from tlkit.learning_rate._curve_file import load_curve, save_curve
from tlkit.learning_rate._plots import plot_curve
from tlkit.learning_rate.selectors.builtin import BUILT_IN
from tlkit.learning_rate.selectors.selector import selector_name
from tlkit.learning_rate.selectors.smoothed_minimum import SmoothedMinimum
from tlkit.learning_rate.selectors.smoothing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Selector = Callable[["LRCurve"], float]


class LRCurve(Printed):
    """Loss against learning rate, sorted by rate and cut at the first loss that is not finite.

    Args:
        learning_rates: Shape (n,), n >= 1, positive, finite, all different, in any order.
        losses: Shape (n,). From the first NaN or infinite loss on, after sorting, every point is
            dropped; ``n_cut`` says how many.
        accuracies: Shape (n,) or None.
        selector: Chooses `suggestion`: any callable that takes the curve and returns a rate.
        validation_losses: Shape (n,) or None. Shown, never used for choosing.
        stop_reason: Why the search ended before its last rate; None if it did not.

    Raises:
        LearningRateError: If lengths differ, there is no point, or a rate is not positive and
            finite or occurs twice.

    Example:
        >>> from tlkit import LRCurve
        >>> rates = [1e-5 * 10 ** (i / 5) for i in range(21)]
        >>> curve = LRCurve(rates, [(i - 10) ** 2 for i in range(21)])
        >>> round(curve.suggestion, 6)
        0.001
    """

    def __init__(
        self,
        learning_rates: ArrayLike,
        losses: ArrayLike,
        accuracies: ArrayLike | None = None,
        *,
        selector: Selector | None = None,
        validation_losses: ArrayLike | None = None,
        stop_reason: str | None = None,
    ) -> None:
        rates = vector("learning_rates", learning_rates, None)
        check_rates(rates)
        loss = vector("losses", losses, len(rates))
        order = np.lexsort((loss, rates))
        bad = np.flatnonzero(~np.isfinite(loss[order]))
        keep = order[: bad[0]] if len(bad) else order

        def kept(name: str, values: ArrayLike | None) -> Floats | None:
            return None if values is None else frozen(vector(name, values, len(rates))[keep])

        self.learning_rates: Floats = frozen(rates[keep])
        self.losses: Floats = frozen(loss[keep])
        self.accuracies = kept("accuracies", accuracies)
        self.validation_losses = kept("validation_losses", validation_losses)
        self.n_cut = len(order) - len(keep)
        self.stop_reason = stop_reason
        self.selector: Selector = SmoothedMinimum() if selector is None else selector

    def __len__(self) -> int:
        return len(self.learning_rates)

    @cached_property
    def suggestion(self) -> float:
        """The selector's rate.

        Raises:
            SelectorError: If the selector refuses, with its reason.
        """
        return _ask(self.selector, self)

    @cached_property
    def _answers(self) -> dict[str, float | str]:
        return {name: _answer(chooser, self) for name, chooser in self._choosers().items()}

    @property
    def suggestions(self) -> dict[str, float]:
        """Rates of all built-in selectors, and of this curve's own, that could choose; by name."""
        return {name: a for name, a in self._answers.items() if isinstance(a, float)}

    @property
    def refusals(self) -> dict[str, str]:
        """Why the other selectors could not choose; by name."""
        return {name: a for name, a in self._answers.items() if isinstance(a, str)}

    @property
    def disagreement(self) -> float:
        """Decades between the smallest and the largest suggestion; 0 for fewer than two."""
        rates = self.suggestions.values()
        return math.log10(max(rates) / min(rates)) if rates else 0.0

    @property
    def reason(self) -> str:
        """Why this rate, or why none, on one line; it says if the selectors are a decade apart."""
        try:
            _ = self.suggestion
            text = _reason(self.selector, self)
        except SelectorError as refusal:
            text = str(refusal)
        if self.disagreement > 1:
            others = ", ".join(f"{name} {rate:.2g}" for name, rate in self.suggestions.items())
            text += f"; the selectors are {self.disagreement:.1f} decades apart: {others}"
        return text

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw loss and accuracy against log rate, volatile regions and every suggestion.

        Args:
            ax: Where to draw; None makes a figure of its own (``axes.figure.savefig(path)``).

        Returns:
            The Axes with the loss.

        Raises:
            LearningRateError: If matplotlib is not installed, or the curve has no point.
        """
        return plot_curve(self, ax)

    def to_dataframe(self) -> DataFrame:
        """Return a pandas table: learning_rate, loss and, where known, accuracy and val_loss.

        Raises:
            LearningRateError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise LearningRateError(
                'to_dataframe() needs pandas: python -m pip install "tlkit[table]"'
            ) from error
        columns = {
            "learning_rate": self.learning_rates,
            "loss": self.losses,
            "accuracy": self.accuracies,
            "val_loss": self.validation_losses,
        }
        return pd.DataFrame({name: v for name, v in columns.items() if v is not None})

    def save(self, path: str | Path) -> Path:
        """Write the curve as JSON, whole or not at all, and return the path."""
        return save_curve(self, Path(path))

    @classmethod
    def load(
        cls, path: str | Path, *, selector: Selector | None = None, as_recorded: bool = False
    ) -> LRCurve:
        """Read what `save` wrote.

        Args:
            path: The JSON file.
            selector: Replaces the saved selector; needed if that was none of tlkit's own.
            as_recorded: Whether the answer that the file holds will do in the place of a selector
                that was none of tlkit's own: enough to look at a search.

        Raises:
            LearningRateError: If the file is missing, is no saved curve, or needs ``selector``.
        """
        read = load_curve(Path(path), selector, as_recorded=as_recorded)
        curve = cls(
            read.learning_rates,
            read.losses,
            read.accuracies,
            selector=read.selector,
            validation_losses=read.validation_losses,
            stop_reason=read.stop_reason,
        )
        curve.n_cut = read.n_cut
        return curve

    def __repr__(self) -> str:
        return f"LRCurve({self._answer_line()})"

    def __str__(self) -> str:
        stop = f"; stopped early: {self.stop_reason}" if self.stop_reason else ""
        reason = f"{selector_name(self.selector)}: {self.reason}{stop}"
        return f"LRCurve of {self._answer_line()}\n{reason}"

    def _answer_line(self) -> str:
        span = (
            f" from {self.learning_rates[0]:.3g} to {self.learning_rates[-1]:.3g}"
            if len(self)
            else ""
        )
        try:
            answer = f"use {self.suggestion:.3g}"
        except SelectorError:
            answer = "no rate can be chosen"
        cut = f", {self.n_cut} more cut" if self.n_cut else ""
        return f"{len(self)} rates{span}{cut}: {answer}"

    def _choosers(self) -> dict[str, Selector]:
        built_in = (kind() for kind in BUILT_IN)
        return {selector_name(s): s for s in (*built_in, self.selector)}


def _ask(selector: Selector, curve: LRCurve) -> float:
    rate = float(selector(curve))
    if math.isfinite(rate) and rate > 0:
        return rate
    raise SelectorError(
        f"{selector_name(selector)} returned {rate!r}; a selector returns a positive rate, "
        "or raises SelectorError with its reason."
    )


def _answer(selector: Selector, curve: LRCurve) -> float | str:
    try:
        return _ask(selector, curve)
    except SelectorError as refusal:
        return str(refusal)


def _reason(selector: Selector, curve: LRCurve) -> str:
    explain = getattr(selector, "reason", None)
    return str(explain(curve)) if callable(explain) else "the selector's choice"
