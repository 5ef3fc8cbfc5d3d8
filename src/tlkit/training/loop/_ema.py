"""Averaged weights in the model wherever it is judged or kept, the trained ones while it learns."""

from __future__ import annotations

import keras
import numpy as np

from tlkit._keras.types import Logs
from tlkit.training.loop.optimizers import averages
from tlkit.training.run_dir.checkpoint import assign, values


class Averaging(keras.callbacks.Callback):  # type: ignore[misc]
    """Put the optimizer's moving average into the model for validation and at an epoch's end.

    It comes first in the list of callbacks, so that all others see the averaged weights. Keras's
    own ``SwapEMAWeights`` swaps by adding and subtracting, which rounds the trained weights each
    time, and does not survive a resumption. It does nothing where the optimizer averages nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        # What training goes on with, while the averages are in the model; kept in checkpoints.
        self.trained: list[np.ndarray] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Forget the phase before, which ended with its averages."""
        self.trained = []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on with the trained weights."""
        self._put_back()

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Validate the averages."""
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on with the trained weights."""
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Show the averages to all that look at the model between epochs."""
        self._put_averages()

    def _put_averages(self) -> None:
        variables = self.model.trainable_variables
        if not self.trained and averages(self.model.optimizer):
            self.trained = values(variables)
            self.model.optimizer.finalize_variable_values(variables)
            # On JAX each weight would now share its array with its average, and validation gives
            # the arrays of the weights away.
            assign(variables, values(variables))

    def _put_back(self) -> None:
        if self.trained:
            assign(self.model.trainable_variables, self.trained)
            self.trained = []
