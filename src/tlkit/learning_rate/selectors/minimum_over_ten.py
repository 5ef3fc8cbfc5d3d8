"""MinimumOverTen: a tenth of the rate with the smallest loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlkit.errors import SelectorError
from tlkit.learning_rate.selectors._refusals import LOWER, readable, refuse_edges
from tlkit.learning_rate.selectors.selector import Curve


@dataclass(frozen=True)
class MinimumOverTen:
    """A tenth of the rate with the smallest loss.

    ``rate[argmin_i y_i] / 10`` on the raw losses. One wild point can move it: use it to compare.

    Source: fastai's suggestion "minimum" ("one-tenth the minimum before divergence").

    Raises:
        SelectorError: If the curve is flat or still falling at its end, or if a tenth of the rate
            lies below the curve.
    """

    def __call__(self, curve: Curve) -> float:
        """Return the rate that this rule chooses."""
        settled = readable(curve, 3)
        index = int(np.argmin(settled.losses))
        refuse_edges(settled, index, np.arange(len(settled.losses)))
        index += settled.n_started
        rate = float(curve.learning_rates[index]) / 10
        if rate < curve.learning_rates[0]:
            raise SelectorError(
                f"a tenth of the best rate {curve.learning_rates[index]:.3g} lies below the curve, "
                f"which begins at {curve.learning_rates[0]:.3g}. {LOWER}."
            )
        return rate

    def reason(self, curve: Curve) -> str:
        """Say why this rate was chosen."""
        return f"a tenth of the rate with the smallest loss {curve.losses.min():.4g}"
