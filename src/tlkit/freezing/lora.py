"""A freeze policy that trains a low-rank change of kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tlkit._keras.layers import inner_layers
from tlkit._numbers import is_whole
from tlkit._printing import code_of
from tlkit.errors import PolicyError
from tlkit.freezing.policies import Previewed, UnfreezeAll
from tlkit.freezing.policy import Policy


class LowRankLayers(list[Any]):
    """Layers of which a low-rank change is to be trained; nobody but `LoRA` means that."""


@dataclass(frozen=True, repr=False)
class LoRA(Previewed):
    """Train low-rank changes of kernels, and of the backbone nothing else but the biases there.

    To a kernel of ``(inputs, outputs)`` a product of ``(inputs, rank)`` and ``(rank, outputs)`` is
    added, and only the product is trained: Hu et al., LoRA: Low-Rank Adaptation of Large Language
    Models, 2021, https://arxiv.org/abs/2106.09685; of a convolution, ``(h, w, inputs, rank)`` and
    ``(rank, outputs)``, by Keras's own ``enable_lora``. The factor ``alpha / rank`` of the paper
    is 1. After every epoch the products are part of the kernels, so that the model that is
    validated, kept and saved has the layers and the number of weights that it always had.

    It makes the optimizer's memory small, not a step fast: all layers run in every step, from the
    lowest one that is trained. A learning rate ten times that of all weights is usual.

    Args:
        rank: Of the products, from 1.
        within: The policy that says which layers; of these it is those that have LoRA, which are
            ``Dense``, ``EinsumDense`` and the convolutions without the depthwise and separable
            ones, also inside layers that are made of others, as ``MultiHeadAttention`` is. All
            others stay frozen.

    Raises:
        PolicyError: No whole number from 1, or not a policy.
    """

    rank: int = 8
    within: Policy = field(default_factory=UnfreezeAll)

    def __post_init__(self) -> None:
        if not is_whole(self.rank, 1):
            raise PolicyError(f"LoRA(rank={self.rank!r}): expected a whole number from 1.")
        object.__setattr__(self, "rank", int(self.rank))
        if not callable(self.within) or isinstance(self.within, LoRA):
            raise PolicyError(
                f"LoRA(within={self.within!r}): expected a policy that trains whole layers, such "
                "as UnfreezeTop(layers=8)."
            )

    def __repr__(self) -> str:
        return f"LoRA({', '.join(code_of(self).values())})"

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:
        """Return the layers whose kernels change.

        Raises:
            PolicyError: None of the layers has LoRA.
        """
        answer = self.within(layers, epoch)
        if not isinstance(answer, Iterable):
            return answer  # the trainer's own error says what is wrong with it
        asked = list(answer)
        able = [layer for layer in asked if low_rank_layers(layer)]
        if able:
            return LowRankLayers(able)
        kinds = sorted({type(layer).__name__ for layer in asked if layer.weights}) or ["none"]
        raise PolicyError(
            f"{self!r}: none of the {len(asked)} layers that it may train has LoRA in Keras, "
            f"expected Dense, EinsumDense or Conv layers; with weights are {', '.join(kinds)}. "
            "Reach further down, or use UnfreezeTop or BatchNormOnly."
        )


def takes_low_rank(layer: Any) -> bool:
    """Return whether Keras can give a layer LoRA: it has a kernel, and that is free to change."""
    free = getattr(layer, "kernel_constraint", None) is None
    return hasattr(layer, "enable_lora") and hasattr(layer, "kernel") and free


def low_rank_layers(layer: Any) -> list[Any]:
    """Return what of a layer can be given LoRA: the layer itself, or layers that it holds.

    Example:
        >>> import keras
        >>> layer = keras.layers.MultiHeadAttention(2, 4)
        >>> layer.build((None, 3, 8), (None, 3, 8))
        >>> len(low_rank_layers(layer))
        4
    """
    return [layer] if takes_low_rank(layer) else list(filter(takes_low_rank, inner_layers(layer)))
