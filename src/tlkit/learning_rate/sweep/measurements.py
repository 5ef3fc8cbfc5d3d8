"""What a sweep measured so far, and whether it should go on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tlkit.errors import LearningRateError


@dataclass
class Measurements:
    """What was measured so far, and whether to go on.

    With first loss ``f``, smallest loss ``b`` and the range ``w`` of the losses of the first tenth
    of the rates (at least 3), the sweep stops where ``loss - b > stop_factor * max(f - b, w)``, but
    not within that first tenth. Only differences of losses enter: losses below zero work too.

    Args:
        rates: All rates of the sweep, in order.
        stop_factor: See above; None never stops for a finite loss.
    """

    rates: Sequence[float]
    stop_factor: float | None
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    stop_reason: str | None = None

    def add(self, logs: Mapping[str, Any]) -> None:
        """Take the logs of one rate, and note in ``stop_reason`` if the sweep should end."""
        if "loss" not in logs:
            raise LearningRateError(
                f"the model's training step reports {sorted(logs)}, but no 'loss' to go by."
            )
        self.losses.append(float(logs["loss"]))
        self.accuracies.append(float(logs.get(_accuracy_key(logs), math.nan)))
        self.validation_losses.append(float(logs.get("val_loss", math.nan)))
        self.stop_reason = self._divergence()

    @property
    def complete(self) -> bool:
        """Whether there is no rate left to measure."""
        return self.stop_reason is not None or len(self.losses) == len(self.rates)

    def go_on(
        self,
        losses: Sequence[float],
        accuracies: Sequence[float],
        validation_losses: Sequence[float],
    ) -> None:
        """Take what a sweep that was interrupted had measured, one value for each rate."""
        self.losses, self.accuracies = list(losses), list(accuracies)
        self.validation_losses = list(validation_losses)
        self.stop_reason = self._divergence() if self.losses else None

    def stop_short(self, why: str) -> None:
        """Note that the sweep ended for another reason, unless it was complete."""
        if self.stop_reason is None and len(self.losses) < len(self.rates):
            self.stop_reason = f"{why} after {len(self.losses)} of {len(self.rates)} rates"

    def _divergence(self) -> str | None:
        loss, count = self.losses[-1], len(self.losses)
        place = f"at rate {self.rates[count - 1]:.3g}, {count} of {len(self.rates)}"
        if not math.isfinite(loss):
            return f"the loss became {loss} {place}"
        warm = max(3, len(self.rates) // 10)
        if self.stop_factor is None or count <= warm:
            return None
        best, start = min(self.losses), self.losses[:warm]
        limit = self.stop_factor * max(start[0] - best, max(start) - min(start))
        if loss - best <= limit:
            return None
        return (
            f"the loss {loss:.4g} rose {loss - best:.3g} above the best, limit {limit:.3g}, {place}"
        )


def _accuracy_key(logs: Mapping[str, Any]) -> str:
    named = [key for key in logs if "acc" in key and not key.startswith("val_")]
    return named[0] if named else ""
