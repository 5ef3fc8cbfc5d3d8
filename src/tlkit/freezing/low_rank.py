"""LoRA: of a kernel a product of two narrow matrices is trained, which is then part of the kernel.

The layers that learn are twins of the backbone's, with Keras's own ``enable_lora``, so that the
backbone itself keeps its layers and weights: a layer that Keras has given LoRA never loses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from tlkit._keras.layers import inner_layers
from tlkit._keras.random_states import random_states
from tlkit._keras.types import Layer, Variable
from tlkit.errors import PolicyError
from tlkit.freezing.lora import low_rank_layers, takes_low_rank


class LowRank:
    """Twins of layers, which train products of rank ``rank`` beside kernels that stay.

    Of a layer that is made of others, as attention is, the twin holds twins of these; the products
    are beside their kernels, and all else of it stays.

    Args:
        layers: To have twins, such as `LoRA` chooses. Without any, nothing is done.
        rank: Of the products.
    """

    def __init__(self, layers: Iterable[Layer] = (), rank: int = 1) -> None:
        self._rank = rank
        self._twins = {id(layer): (layer, _twin(layer)) for layer in layers}
        # What learns of them, each with its twin.
        self._learning: list[tuple[Any, Any]] = []

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yield each layer that learns, and its twin."""
        return iter(self._learning)

    @property
    def variables(self) -> list[Variable]:
        """All that the twins hold: kernels without products, products, biases, random states."""
        return [variable for _, twin in self._twins.values() for variable in twin.variables]

    def of(self, layer: Any) -> Any:
        """Return the twin of a layer; the layer itself where it has none."""
        return self._twins.get(id(layer), (layer, layer))[1]

    def within(self, tail: Any) -> Any:
        """Return a model with twins in the place of layers; the same where there are none.

        Raises:
            PolicyError: What a layer makes of its settings does not hold what it holds.
        """
        if not self._twins:
            return tail
        made = keras.models.clone_model(tail, clone_function=self.of, recursive=True)
        for layer, twin in self._twins.values():
            able = {id(each) for each in low_rank_layers(layer)}
            for one, other in _pairs(layer, twin):
                if id(one) in able:
                    self._learning.append((one, other))
                else:
                    _copy(one, other)
            _hold(twin)
        for _, twin in self:
            twin.trainable = True
            twin.enable_lora(self._rank)
        self.take_over()
        return made

    def begin(self, start: Callable[[str], int]) -> None:
        """Draw where the products begin, which are nothing still: what the twins give stays.

        Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021,
        https://arxiv.org/abs/2106.09685, section 4.1: one factor is random, the other zero.

        Args:
            start: Gives what random numbers follow from, by the name of a layer; of one inside
                another, whose own name may be made up, by the outer one's and its place.
        """
        for layer, twin in self._twins.values():
            for place, inner in enumerate(low_rank_layers(twin)):
                first = inner.lora_kernel_a
                name = layer.name if inner is twin else f"{layer.name}/{place}"
                draw = keras.initializers.HeUniform(seed=start(name))
                first.assign(draw(first.shape, dtype=first.dtype))

    def hand_back(self) -> None:
        """Give the layers what the twins are, the products added to the kernels."""
        for layer, twin in self:
            _copy(twin, layer)
        for layer, twin in self._twins.values():
            _copy_states(twin, layer)

    def take_over(self) -> None:
        """Give the twins what the layers are, with products that are zero."""
        for layer, twin in self:
            _copy(layer, twin)
        for layer, twin in self._twins.values():
            _copy_states(layer, twin)


def _pairs(layer: Any, twin: Any) -> list[tuple[Any, Any]]:
    """Return a layer and all that it holds, each with its part of the twin.

    Raises:
        PolicyError: The twin holds something else.
    """
    both = [[each, *inner_layers(each)] for each in (layer, twin)]
    shapes = [[(type(x), [w.shape for w in x.weights]) for x in each] for each in both]
    if shapes[0] != shapes[1]:
        raise _uncopied(layer, "what is made of its settings holds other layers.")
    return list(zip(*both, strict=True))


def _hold(twin: Any) -> None:
    """Freeze what a layer is made of, and not the layer, which holds what is trained."""
    if takes_low_rank(twin):
        return
    for layer in inner_layers(twin):
        layer.trainable = False
    for variable in twin.trainable_variables:
        variable.trainable = False


def _copy(source: Any, target: Any) -> None:
    """Copy weights as a file would: what Keras saves of a layer has its LoRA in the kernel."""
    import keras

    def copied(value: Any) -> np.ndarray:
        # A copy: on JAX both would share an array, and training gives the twin's away.
        return np.array(keras.ops.convert_to_numpy(value))

    weights: dict[str, Any] = {}
    source.save_own_variables(weights)
    target.load_own_variables({name: copied(value) for name, value in weights.items()})


def _copy_states(source: Any, target: Any) -> None:
    """Copy where the random numbers of a layer, and of those in it, are."""
    for one, other in zip(random_states(source), random_states(target), strict=True):
        other.assign(np.array(np.asarray(one)))


def _twin(layer: Any) -> Any:
    try:
        return type(layer).from_config(layer.get_config())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise _uncopied(layer, str(error).strip().split("\n")[0]) from error


def _uncopied(layer: Any, reason: str) -> PolicyError:
    return PolicyError(
        f"The layer {layer.name!r} cannot be copied, which LoRA needs: {reason} Give its class "
        "a get_config, or leave it out: LoRA(within=UnfreezeTop(from_layer=...)) begins behind it."
    )
