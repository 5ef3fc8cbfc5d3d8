"""A schedule that begins later, or at another height."""

from __future__ import annotations

from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule, deserialize, serialize

from tlkit.learning_rate.schedules import Schedule, Step


@keras.saving.register_keras_serializable("tlkit")
class Adjusted(LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """A schedule from a later step on, times a factor.

    The models that tlkit saves hold no optimizer; those of a ModelCheckpoint do.

    Args:
        schedule: A Keras schedule.
        start: Steps that have been taken before the first.
        factor: What the rate is multiplied by.
    """

    def __init__(self, schedule: Schedule, *, start: int = 0, factor: float = 1.0) -> None:
        super().__init__()
        self._schedule, self._start, self._factor = schedule, start, factor

    def __call__(self, step: Step) -> Any:
        """Return the rate of a step."""
        return self._schedule(step + self._start) * self._factor

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras asks of every schedule."""
        return {"schedule": serialize(self._schedule), "start": self._start, "factor": self._factor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Adjusted:
        """Return the schedule that `get_config` described."""
        return cls(**{**config, "schedule": deserialize(config["schedule"])})
