"""What can be stacked, and why the rest trains by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlkit._keras._steps import flat_steps
from tlkit._task import Task
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.whole_model import noise_start
from tlkit.training._figures import figure_of
from tlkit.training.stacking._updates import optimizer_shape
from tlkit.training.stacking.member import Dense, Dropout, Layer
from tlkit.training.stage import Stage

# Features of all images in memory, as `PixelCache` has for pixels.
MOST_BYTES = 2 * 2**30
# Where dropout's mask for fewer rows is known to be the first rows of that for more.
_BACKENDS = ("tensorflow",)
_FIGURES = (None, "loss", "accuracy", "val_loss", "val_accuracy")
_OF_DENSE = (
    *("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "bias_constraint", "lora_rank", "quantization_config"),
)


def alone_because(stages: Sequence[Stage]) -> str:
    """Return why stages cannot be stacked; an empty text where their settings allow it.

    Args:
        stages: Of a trainer.
    """
    if keras.backend.backend() not in _BACKENDS:
        return f"heads are not stacked on {keras.backend.backend()}"
    if len(stages) > 1:
        return f"it has {len(stages)} stages"
    (stage,) = stages
    if type(stage) is not Stage or stage.policy != FreezeAll():
        return f"stage {stage.name!r} is not one of a frozen backbone"
    asked = {
        "callbacks": stage.callbacks,
        "an augmentation": stage.augmentation is not None,
        "mix": stage.mix is not None,
        "a loss of its own": stage.loss is not None,
        "metrics of its own": stage.metrics,
        "layer_decay": stage.layer_decay is not None,
        "backbone_learning_rate": stage.backbone_learning_rate is not None,
        "ema": stage.ema is not None,
        "snapshots": stage.snapshots,
        "a search for the learning rate": stage.finder is not None,
        f"keep_best={stage.keep_best!r}": figure_of(stage.keep_best) not in _FIGURES,
    }
    for name, has in asked.items():
        if has:
            return f"stage {stage.name!r} has {name}"
    return (
        "" if optimizer_shape(stage) else f"stage {stage.name!r} has an optimizer of its own kind"
    )


@dataclass(frozen=True, eq=False)
class Chain:
    """The layers of a head that can be stacked.

    Args:
        made: Layers of Keras, from features to probabilities.
        places: Which of the head's layers each is.
    """

    made: tuple[Any, ...]
    places: tuple[int, ...]

    def layers(self, weights: Sequence[Any], seed: int, stage: str) -> tuple[Layer, ...]:
        """Return the layers of a member.

        Args:
            weights: Of each of the head's layers, at the member's seed.
            seed: What its dropout follows from.
            stage: Name of its stage.
        """
        return tuple(
            _dense(layer, weights[place])
            if isinstance(layer, keras.layers.Dense)
            else Dropout(layer.rate, noise_start(layer.name, seed, stage))
            for layer, place in zip(self.made, self.places, strict=True)
        )

    def assign(self, weights: Sequence[Any]) -> None:
        """Give the layers of Keras the weights of a member, in order."""
        variables = [variable for layer in self.made for variable in layer.weights]
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


def chain_of(tail: Any, head: Sequence[Any], task: Task) -> Chain | str:
    """Return the layers of a head that can be stacked, or why it cannot.

    Args:
        tail: From features to probabilities, a keras.Model.
        head: The head's layers.
        task: What is told of an image.
    """
    source, steps, _ = flat_steps(tail, inner=False)
    made = [step.operation for step in steps]
    places = {id(layer): place for place, layer in enumerate(head)}
    before = source
    for step in steps:
        in_row = len(step.inputs) == 1 and step.inputs[0] is before
        layer, before = step.operation, step.output
        if not (in_row and id(layer) in places and _is_plain(layer)):
            return f"layer {layer.name!r} of the head is no plain Dense or Dropout in a row of such"
    if not isinstance(made[-1], keras.layers.Dense) or len(source.shape) != 2:
        return "the head does not end with a Dense layer on features (n, inputs)"
    if keras.activations.serialize(made[-1].activation) != task.activation:
        return f"the head does not end with a {task.activation}"
    return Chain(tuple(made), tuple(places[id(layer)] for layer in made))


def _is_plain(layer: Any) -> bool:
    if getattr(getattr(layer, "dtype_policy", None), "name", None) != "float32":
        return False
    if type(layer) is keras.layers.Dropout:
        return layer.noise_shape is None and layer.rate > 0
    if type(layer) is not keras.layers.Dense:
        return False
    activation = keras.activations.serialize(layer.activation)
    config = layer.get_config()
    return isinstance(activation, str) and not any(config.get(name) for name in _OF_DENSE)


def _dense(layer: Any, weights: Sequence[np.ndarray]) -> Dense:
    bias = weights[1] if layer.use_bias else None
    return Dense(weights[0], bias, keras.activations.serialize(layer.activation))
