"""The weights that are judged and kept, in the model wherever it is looked at."""

from __future__ import annotations

import keras
import numpy as np

from tlkit._keras.types import Logs
from tlkit.freezing.low_rank import LowRank
from tlkit.training.loop.optimizers import averages
from tlkit.training.run_dir.checkpoint import assign, values


class JudgedWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Put into the model what is judged, and go on with what is trained.

    * The optimizer's moving average, for validation and at an epoch's end. Keras's own
      ``SwapEMAWeights`` swaps by adding and subtracting, which rounds the trained weights each
      time, and does not survive a resumption.
    * What low-rank products make of kernels, at an epoch's end.

    It comes first in the list of callbacks, so that all others see these weights. It does nothing
    where the optimizer averages nothing and no layer has a twin.
    """

    def __init__(self) -> None:
        super().__init__()
        # What training goes on with, while the averages are in the model; kept in checkpoints, as
        # are the twins.
        self.trained: list[np.ndarray] = []
        self.twins: list[np.ndarray] = []
        self._low_rank = LowRank()

    def follow(self, low_rank: LowRank) -> None:
        """Look after the twins of a phase that begins."""
        self._low_rank = low_rank

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Forget the phase before, which ended with its averages."""
        self.trained, self.twins = [], []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on with the trained weights; after an interruption, with twins as they were."""
        if self.twins:
            assign(self._low_rank.variables, self.twins)
            self.twins = []
        self._put_back()

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Validate the averages."""
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on with the trained weights."""
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Show the averages, and kernels with their products, to all that look at the model."""
        self._put_averages()
        self._low_rank.hand_back()
        self.twins = values(self._low_rank.variables)

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
