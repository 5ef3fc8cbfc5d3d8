"""From the names and axes of PyTorch to those of Keras, each written out and each checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import WeightsError
from tlkit_efficientnet_lite.variants import Variant

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Source:
    """Where one variable of a Keras layer comes from.

    Args:
        variable: Attribute of the Keras layer.
        tensor: Last part of the tensor's name in the file.
        axes: Order of the file's axes in Keras; empty where the order is the same.
    """

    variable: str
    tensor: str
    axes: tuple[int, ...] = ()


# PyTorch keeps (out, in, h, w), Keras (h, w, in, out), and for depthwise (h, w, in, 1).
CONVOLUTION = (Source("kernel", "weight", (2, 3, 1, 0)),)
DEPTHWISE = (Source("kernel", "weight", (2, 3, 0, 1)),)
DENSE = (Source("kernel", "weight", (1, 0)), Source("bias", "bias"))
NORMALIZATION = (
    Source("gamma", "weight"),
    Source("beta", "bias"),
    Source("moving_mean", "running_mean"),
    Source("moving_variance", "running_var"),
)

Rule = tuple[str, str, tuple[Source, ...]]
"""Name of a Keras layer, prefix of its tensors in the file, and its variables."""


def layer_rules(variant: Variant) -> Iterator[Rule]:
    """Yield a rule for each layer that has weights, without the classification top."""
    yield "stem_conv", "_conv_stem", CONVOLUTION
    yield "stem_bn", "_bn0", NORMALIZATION
    for index, block in enumerate(variant.blocks()):
        prefix = f"_blocks.{index}"
        if block.expand != 1:
            yield f"{block.name}_expand_conv", f"{prefix}._expand_conv", CONVOLUTION
            yield f"{block.name}_expand_bn", f"{prefix}._bn0", NORMALIZATION
        yield f"{block.name}_depthwise_conv", f"{prefix}._depthwise_conv", DEPTHWISE
        yield f"{block.name}_depthwise_bn", f"{prefix}._bn1", NORMALIZATION
        yield f"{block.name}_project_conv", f"{prefix}._project_conv", CONVOLUTION
        yield f"{block.name}_project_bn", f"{prefix}._bn2", NORMALIZATION
    yield "head_conv", "_conv_head", CONVOLUTION
    yield "head_bn", "_bn1", NORMALIZATION


TOP: Rule = ("logits", "_fc", DENSE)


def port_weights(
    model: keras.Model, tensors: Mapping[str, NDArray[Any]], variant: Variant, *, top: bool
) -> None:
    """Fill a model from the tensors of a file, each of which must be used exactly once.

    Args:
        model: Built by `tlkit_efficientnet_lite.models`.
        tensors: All tensors of the file: float32, and int64 counters of training batches.
        variant: The member of the family that both belong to.
        top: Whether the model has the classification top; without it, its two tensors are left.

    Raises:
        WeightsError: A tensor is missing, left over or of another shape, or a variable of a
            layer got no value.
    """
    left = dict(tensors)
    for rule in layer_rules(variant):
        _fill_layer(model, rule, left)
    if top:
        _fill_layer(model, TOP, left)
    else:
        for source in TOP[2]:
            _take(left, f"{TOP[1]}.{source.tensor}")
    if left:
        raise _misfit(f"the file has tensors that no layer takes: {sorted(left)[:5]}")


def _fill_layer(model: keras.Model, rule: Rule, left: dict[str, NDArray[Any]]) -> None:
    name, prefix, sources = rule
    layer = model.get_layer(name)
    filled = set()
    for source in sources:
        variable = getattr(layer, source.variable)
        array = _take(left, f"{prefix}.{source.tensor}")
        _assign(variable, array, source, f"{prefix}.{source.tensor}")
        filled.add(variable.path)
    if sources is NORMALIZATION:
        # The number of batches seen in training; Keras keeps no such counter.
        _take(left, f"{prefix}.num_batches_tracked")
    empty = {variable.path for variable in layer.weights} - filled
    if empty:
        raise _misfit(f"no tensor for {sorted(empty)}")


def _assign(variable: Any, array: NDArray[Any], source: Source, name: str) -> None:
    fits_axes = not source.axes or array.ndim == len(source.axes)
    value = array.transpose(source.axes) if source.axes and fits_axes else array
    if not fits_axes or value.shape != tuple(variable.shape) or value.dtype != np.float32:
        raise _misfit(
            f"tensor {name!r} is {array.dtype} of shape {array.shape}, which does not become "
            f"float32 of shape {tuple(variable.shape)} for {variable.path}"
        )
    variable.assign(np.ascontiguousarray(value))


def _take(left: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in left:
        raise _misfit(f"the file has no tensor {name!r}")
    return left.pop(name)


def _misfit(problem: str) -> WeightsError:
    return WeightsError(
        f"weights and network do not fit: {problem}; expected one tensor for each variable. "
        "Reinstall tlkit-efficientnet-lite."
    )
