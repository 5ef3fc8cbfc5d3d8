"""Weights averaged, and the statistics of BatchNormalization that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import signature
from typing import Any

import keras
import numpy as np

from tlkit._keras._steps import run_through
from tlkit._keras.layers import inner_layers, is_batch_norm, leaf_layers
from tlkit._keras.types import Operation
from tlkit.combining.members import Member
from tlkit.data.batches import batch_slices
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import CombiningError

BATCH = 64


class Averages:
    """One model, of the members' architecture, that takes the mean weights of some of them.

    A mean of equal numbers is that number, bit for bit, so that what was frozen in all stays.
    Statistics of BatchNormalization that differ are re-estimated for each mean where there are
    images for it, as they are not the mean of the statistics; else they are averaged too. Source:
    P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI
    2018, https://arxiv.org/abs/1803.05407, section 3.2.

    Args:
        members: Of one architecture.
        train: Images from which statistics are re-estimated; None averages them.

    Raises:
        CombiningError: Statistics are to be re-estimated of a layer that lies in another layer.
    """

    def __init__(self, members: Sequence[Member], train: LabelledImages | None) -> None:
        first = members[0]
        self.model = keras.models.clone_model(first.model)
        self._size = first.contract.image_size
        self._weights = {member.name: member.model.get_weights() for member in members}
        self.differing = _differing(members, self.model)
        self._train = train if self.differing else None
        self._estimating: Any = None if self._train is None else self._as_in_training()

    def of(self, names: Sequence[str]) -> Any:
        """Return the model with the mean weights of some members; the same model every time."""
        columns = zip(*(self._weights[name] for name in names), strict=True)
        self.model.set_weights([_mean(arrays) for arrays in columns])
        if self._train is not None:
            self._re_estimate(self._train)
        return self.model

    def _as_in_training(self) -> Any:
        """Return the model, in which only the layers with statistics do what they do in training.

        So no dropout acts.
        """
        found: set[int] = set()
        counted = {id(layer) for layer in self.differing}

        def call(operation: Operation, *given: object, **settings: object) -> Any:
            found.add(id(operation))
            if "training" in signature(getattr(operation, "call")).parameters:  # noqa: B009
                settings["training"] = id(operation) in counted
            return operation(*given, **settings)

        source, _, output = run_through(self.model, inner=True, call=call)
        inside = [layer.name for layer in self.differing if id(layer) not in found]
        if inside:
            raise CombiningError(
                f"The BatchNormalization {inside[0]!r} lies inside another layer, where its "
                "statistics cannot be re-estimated. Leave train= out: they are averaged then."
            )
        return keras.Model(source, output)

    def _re_estimate(self, train: LabelledImages) -> None:
        """Set statistics to the mean of those of batches, as ``torch.optim.swa_utils.update_bn``.

        With momentum ``(k - 1) / k`` in batch k, Keras's moving average is the mean of all so far.
        """
        kept = [(layer, layer.momentum, layer.trainable) for layer in self.differing]
        try:
            for number, batch in enumerate(batch_slices(len(train), BATCH), 1):
                for layer in self.differing:
                    layer.trainable, layer.momentum = True, (number - 1) / number
                images = train.load(np.arange(len(train))[batch], self._size)
                self._estimating(images.astype("float32"))
        finally:
            for layer, momentum, trainable in kept:
                layer.momentum, layer.trainable = momentum, trainable


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    first = arrays[0]
    if first.dtype.kind in "biu":
        return first  # a counter has no mean
    return np.mean(np.stack(arrays), axis=0, dtype=np.float64).astype(first.dtype)


def _batch_norms(model: Any) -> Iterator[Any]:
    for leaf in leaf_layers(model):
        yield from filter(is_batch_norm, (leaf, *inner_layers(leaf)))


def _statistics(layer: Any) -> tuple[Any, Any]:
    return layer.moving_mean, layer.moving_variance


def _differing(members: Sequence[Member], model: Any) -> list[Any]:
    """Return the layers of a model of theirs whose statistics differ between members."""
    rows = zip(*(_batch_norms(member.model) for member in members), strict=True)
    same = [
        all(
            np.array_equal(np.asarray(a), np.asarray(b))
            for other in others
            for a, b in zip(_statistics(one), _statistics(other), strict=True)
        )
        for one, *others in rows
    ]
    return [layer for layer, equal in zip(_batch_norms(model), same, strict=True) if not equal]
