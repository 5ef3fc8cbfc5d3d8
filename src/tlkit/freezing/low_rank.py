"""LoRA: of a kernel a product of two narrow matrices is trained, which is then part of the kernel.

The layers that learn are twins of the backbone's, with Keras's own ``enable_lora``, so that the
backbone itself keeps its layers and weights: a layer that Keras has given LoRA never loses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras

from tlkit._keras.types import Layer, Variable
from tlkit.errors import PolicyError


class LowRank:
    """Twins of layers, which train products of rank ``rank`` beside kernels that stay.

    Args:
        layers: To have twins, such as `LoRA` chooses. Without any, nothing is done.
        rank: Of the products.
    """

    def __init__(self, layers: Iterable[Layer] = (), rank: int = 1) -> None:
        self._rank = rank
        self._twins = {id(layer): (layer, _twin(layer)) for layer in layers}

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yield each layer and its twin."""
        return iter(self._twins.values())

    @property
    def variables(self) -> list[Variable]:
        """All that the twins hold: kernels without products, products, biases."""
        return [variable for _, twin in self for variable in twin.variables]

    def of(self, layer: Any) -> Any:
        """Return the twin of a layer; the layer itself where it has none."""
        return self._twins.get(id(layer), (layer, layer))[1]

    def within(self, tail: Any) -> Any:
        """Return a model with twins in the place of layers; the same where there are none."""
        if not self._twins:
            return tail
        made = keras.models.clone_model(tail, clone_function=self.of, recursive=True)
        for _, twin in self:
            twin.enable_lora(self._rank)
        self.take_over()
        return made

    def begin(self, start: Callable[[str], int]) -> None:
        """Draw where the products begin, which are nothing still: what the twins give stays.

        Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021,
        https://arxiv.org/abs/2106.09685, section 4.1: one factor is random, the other zero.

        Args:
            start: Gives what random numbers follow from, by the name of a layer.
        """
        for layer, twin in self:
            first = twin.lora_kernel_a
            draw = keras.initializers.HeUniform(seed=start(layer.name))
            first.assign(draw(first.shape, dtype=first.dtype))

    def hand_back(self) -> None:
        """Give the layers what the twins are, the products added to the kernels."""
        for layer, twin in self:
            _copy(twin, layer)

    def take_over(self) -> None:
        """Give the twins what the layers are, with products that are zero."""
        for layer, twin in self:
            _copy(layer, twin)


def _copy(source: Any, target: Any) -> None:
    """Copy weights as a file would: what Keras saves of a layer has its LoRA in the kernel."""
    weights: dict[str, Any] = {}
    source.save_own_variables(weights)
    target.load_own_variables(weights)


def _twin(layer: Any) -> Any:
    try:
        return type(layer).from_config(layer.get_config())
    except (TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise PolicyError(
            f"The layer {layer.name!r} cannot be copied, which LoRA needs: {reason} Give its class "
            "a get_config, or choose other layers with LoRA(within=...)."
        ) from error
