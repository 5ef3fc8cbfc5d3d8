"""Training of members at once: those of one shape are stacked, and trained by one ``fit``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlkit._keras.compiled_updates import compile_updates
from tlkit._keras.for_fit import for_fit
from tlkit._keras.optimizers import on_one_device
from tlkit._keras.types import Logs
from tlkit._progress import Reporter
from tlkit.data.batches import Passes, epoch_order
from tlkit.errors import LossNotFiniteError
from tlkit.training._figures import figure_of
from tlkit.training.feeding.feed import Feed, own_errors
from tlkit.training.loop.callbacks import better, not_finite, steps_at_once
from tlkit.training.stacking._heads import StackedHeads
from tlkit.training.stacking._updates import optimizer_shape, stacked_optimizer
from tlkit.training.stacking.member import Member, Trained

# Rows that validate at once.
_VALIDATED = 256
# Weights, their gradients and an optimizer's moments may take about so many bytes.
_MOST_BYTES = 2**30
_COPIES = 6

Ints = NDArray[np.int64]


def train_members(
    members: Sequence[Member],
    features: NDArray[np.float32],
    labels: NDArray[Any],
    reporter: Reporter,
) -> list[Trained]:
    """Train heads at once, as many as fit together, each with the result of its own training.

    Args:
        members: Of one task; settings, seeds, rows and shapes may differ. Those of different
            shapes, lengths or kinds of optimizer are trained one group after the other.
        features: float32 ``(n, inputs)``, of all images.
        labels: Class numbers ``(n,)``, or 0 or 1 for each label ``(n, labels)``.
        reporter: Shows progress.

    Returns:
        What each gave, in order; weights are those of its own training to float32 rounding.

    Raises:
        LossNotFiniteError: The loss of one became NaN or infinite.
    """
    groups: dict[Any, list[int]] = {}
    for number, member in enumerate(members):
        groups.setdefault(_shape(member), []).append(number)
    found: dict[int, Trained] = {}
    for group in groups.values():
        size = _at_most(members[group[0]])
        for start in range(0, len(group), size):
            some = group[start : start + size]
            stack = _Stack([members[number] for number in some], features, labels, reporter)
            found |= zip(some, stack.train(), strict=True)
    return [found[number] for number in range(len(members))]


def _shape(member: Member) -> tuple[Any, ...]:
    """Return what members that are stacked have in common."""
    stage, targets = member.stage, member.targets
    layers = tuple(layer.shape for layer in member.layers)
    weighted, validated = targets.weights is not None, len(member.validation) > 0
    length = (stage.epochs, stage.batch_size, member.steps)
    return (layers, optimizer_shape(stage), *length, weighted, validated)


def _at_most(member: Member) -> int:
    """Return how many members of a size are stacked."""
    size = sum(weight.nbytes for layer in member.layers for weight in layer.weights)
    return max(1, _MOST_BYTES // (_COPIES * size))


class _Stack:
    """Members that are trained at once."""

    def __init__(
        self, members: Sequence[Member], features: Any, labels: Any, reporter: Reporter
    ) -> None:
        self._members, self._reporter = members, reporter
        self._heads = StackedHeads(members, features, labels)

    def train(self) -> list[Trained]:
        one, heads = self._members[0], self._heads
        epochs, steps = one.stage.epochs, one.steps
        optimizer = stacked_optimizer(self._members)
        on_one_device(optimizer)
        heads.compile(optimizer, steps_per_execution=steps_at_once(steps, epochs, ()))
        compile_updates(optimizer, heads.trainable_variables)
        keeper = _Keeper(self._members, heads.stacked, self._show)
        train, held_out = self._batches(), self._held_out()
        with own_errors(train, held_out):
            heads.fit(
                for_fit(train),
                epochs=epochs,
                steps_per_epoch=steps,
                validation_data=None if held_out is None else for_fit(held_out),
                shuffle=False,
                verbose=0,
                callbacks=[keeper],
            )
        return keeper.trained()

    def _show(self, done: int, loss: float) -> None:
        total = self._members[0].stage.epochs
        self._reporter.step(f"{len(self._members)} heads", done, total, f"loss {loss:.4f}")

    def _batches(self) -> _Rows:
        passes = [_passes(member) for member in self._members]
        size = min(self._members[0].stage.batch_size, max(len(m.train) for m in self._members))
        rows = [member.train for member in self._members]

        def made(batch: int) -> list[Ints]:
            return [row[each[batch]] for row, each in zip(rows, passes, strict=True)]

        one = self._members[0]
        return _Rows(made, size, one.steps, one.stage.epochs)

    def _held_out(self) -> _Rows | None:
        rows = [member.validation for member in self._members]
        most = max(map(len, rows))
        size = min(most, _VALIDATED)

        def made(batch: int) -> list[Ints]:
            return [row[batch * size : (batch + 1) * size] for row in rows]

        return _Rows(made, size, -(-most // size), 1) if most else None


def _passes(member: Member) -> Passes:
    def order(epoch: int) -> Ints:
        seed, stage = member.seed, member.stage.name
        return epoch_order(len(member.train), seed=seed, stage=stage, epoch=epoch)

    return Passes(len(member.train), member.stage.batch_size, order)


class _Rows(Feed):
    """Batches of row numbers, one column for each member.

    Args:
        made: Gives the rows of each member in a batch, by its number.
        size: Rows of a batch; shorter ones are filled up with -1.
        steps: Batches of an epoch.
        epochs: How many epochs.
    """

    def __init__(
        self, made: Callable[[int], list[Ints]], size: int, steps: int, epochs: int
    ) -> None:
        places = np.arange(size * steps)
        super().__init__(lambda rows, _: rows, places, batch_size=size, epochs=epochs)
        self._made, self._size = made, size

    def _batch(self, index: int) -> tuple[Any, ...]:
        columns = self._made(index)
        rows = np.full((self._size, len(columns)), -1, "int32")
        for number, column in enumerate(columns):
            rows[: len(column), number] = column
        return (rows,)


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the best weights of each member, and stop at a loss that is not finite."""

    def __init__(
        self, members: Sequence[Member], stacked: Sequence[Any], show: Callable[[int, float], None]
    ) -> None:
        super().__init__()
        self._members, self._stacked, self._show = members, stacked, show
        self._watched = [_watched(member) for member in members]
        self._best: list[Any] = [None] * len(members)
        self._kept: list[list[NDArray[np.float32]]] = [[] for _ in members]
        self._epochs = [0] * len(members)
        self._history: list[dict[str, list[float]]] = [{} for _ in members]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the figures of each member, and keep its weights where they are the best so far."""
        figures = {name: np.asarray(value) for name, value in (logs or {}).items()}
        self._check(figures["loss"], epoch)
        arrays: list[Any] = []
        for number in range(len(self._members)):
            own = {name: float(each[number]) for name, each in figures.items()}
            for name, value in own.items():
                self._history[number].setdefault(name, []).append(value)
            if self._improved(number, own):
                arrays = arrays or [np.asarray(weight) for weight in self._stacked]
                self._kept[number] = [np.array(each[number]) for each in arrays]
                self._epochs[number] = epoch
        self._show(epoch + 1, float(figures["loss"].mean()))

    def trained(self) -> list[Trained]:
        """Return what each member ended with."""
        return [
            Trained(_as_given(member, kept), history, epoch)
            for member, kept, history, epoch in zip(
                self._members, self._kept, self._history, self._epochs, strict=True
            )
        ]

    def _improved(self, number: int, figures: dict[str, float]) -> bool:
        watched = self._watched[number]
        if watched is None:
            return True
        larger = self._members[number].stage.larger_is_better
        if not better(figures[watched], self._best[number], larger=larger):
            return False
        self._best[number] = figures[watched]
        return True

    def _check(self, losses: NDArray[Any], epoch: int) -> None:
        for member, loss in zip(self._members, losses, strict=True):
            if not math.isfinite(loss):
                raise LossNotFiniteError(not_finite(float(loss), epoch, member.stage.name))


def _watched(member: Member) -> str | None:
    """Return the figure by which the best weights of a member are known; None for the last."""
    watched = figure_of(member.stage.keep_best)
    held_out = watched is not None and watched.startswith("val_")
    return None if held_out and not len(member.validation) else watched


def _as_given(member: Member, kept: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return weights in the shapes of the member's own layers."""
    given = [weight for layer in member.layers for weight in layer.weights]
    return [value.reshape(weight.shape) for value, weight in zip(kept, given, strict=True)]
