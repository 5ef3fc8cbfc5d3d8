"""The model that callbacks of the user see: the whole one, which takes images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tlkit._keras.fit_types import CompiledModel
from tlkit._keras.types import Callback, Logs
from tlkit.training.loop._reports import StepReport
from tlkit.training.loop.callbacks import watches_batches

# Of the model, these use the optimizer, the weights that are trained and stop_training alone.
_WEIGHTS_ONLY = (
    keras.callbacks.CSVLogger,
    keras.callbacks.EarlyStopping,
    keras.callbacks.History,
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TerminateOnNaN,
    StepReport,
)


def sees_images(callback: Callback) -> bool:
    """Return whether a callback may want a model that takes images; a subclass may."""
    return type(callback) not in _WEIGHTS_ONLY


def follow_state(model: Any, tail: CompiledModel) -> None:
    """Let a model of the tail's variables have their values in the middle of an epoch.

    On JAX they are beside the variables until somebody asks for them, as ``Callback.model`` does.
    """
    if keras.backend.backend() != "jax":
        return
    own, of_tail = model.jax_state_sync, getattr(tail, "jax_state_sync", None)

    def both() -> None:
        if of_tail is not None:
            of_tail()
        own()

    model.jax_state_sync = both


class PassOnStop(keras.callbacks.Callback):  # type: ignore[misc]
    """End the training of the tail where a callback has asked the model that it sees to stop.

    Args:
        seen: The model that callbacks see.
    """

    def __init__(self, seen: Any) -> None:
        super().__init__()
        seen.stop_training = False
        self._seen = seen

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Pass it on."""
        if self._seen.stop_training:
            self.model.stop_training = True


class PassOnStopAtOnce(PassOnStop):
    """The same also between two batches, where a callback looks at them."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Pass it on."""
        if self._seen.stop_training:
            self.model.stop_training = True


def told(
    callbacks: Sequence[Callback],
    keeper: Callback,
    tail: CompiledModel,
    seen: Any | None,
    **params: int,
) -> Any:
    """Return a ``keras.callbacks.CallbackList`` for ``fit``.

    Args:
        callbacks: tlkit's own and those of the user, in order; used as they are.
        keeper: Comes last.
        tail: What is trained.
        seen: The whole model, for those that may want images; None where none does.
        **params: What ``fit`` tells callbacks: ``epochs``, ``steps``, ``verbose``.
    """
    listed = list(callbacks)
    if seen is not None:
        at_once = any(map(watches_batches, filter(sees_images, callbacks)))
        listed.append(PassOnStopAtOnce(seen) if at_once else PassOnStop(seen))
    made = keras.callbacks.CallbackList([*listed, keeper], add_history=True, **params)
    users = {id(one) for one in callbacks if sees_images(one) and not _is_own(one)}
    for callback in made.callbacks:
        callback.set_model(seen if id(callback) in users else tail)
    return made


def end_training(callbacks: Any) -> None:
    """Let callbacks do again what they do at the end, which an interruption may have cut off."""
    callbacks.on_train_begin()
    callbacks.on_train_end()


def _is_own(callback: Callback) -> bool:
    return type(callback).__module__.partition(".")[0] == "tlkit"
