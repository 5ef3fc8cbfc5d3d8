"""A backbone in a model of raw images: layer by layer, or as one layer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tlkit.errors import BackboneError, ImageSizeError, TlkitError
from tlkit_keras_hub.backbone import first_line
from tlkit_keras_hub.facts import Channels
from tlkit_keras_hub.whole import WholeBackbone

Scaling = tuple[Channels, Channels] | None


def put_into_model(backbone: Any, image: Any, scaling: Scaling, layout: str) -> Any:
    """Put a backbone on an image.

    Args:
        backbone: A `keras_hub.models.Backbone`.
        image: Symbolic float32 tensor ``(None, height, width, 3)``, RGB. Where it is the input of
            a model, its range is 0..255; else it has been scaled by others.
        scaling: Factor and offset for each channel of an image in 0..255, or None.
        layout: ``"flat"``: fresh layers with the settings and weights of the backbone's own, so
            that the model can be cut between them. ``"whole"``: the backbone as one layer.

    Returns:
        A keras.Model from the source of ``image`` to features, ``(None, h, w, channels)`` or
        ``(None, channels)``.

    Raises:
        ImageSizeError: Images of that size do not go through the backbone.
        BackboneError: Its output is not one feature map or one vector.
    """
    (source,) = keras.utils.get_source_inputs(image)
    if image is source and scaling is not None:
        factor, offset = scaling
        image = keras.layers.Rescaling(factor, offset, name="preprocess")(image)
    layouts: dict[str, Callable[[Any, Any], Any]] = {"flat": _flat, "whole": _whole}
    try:
        outputs = keras.tree.flatten(layouts[layout](backbone, image))
        return keras.Model(source, _features(outputs, backbone, image), name=backbone.name)
    except TlkitError:
        raise
    except Exception as error:
        raise ImageSizeError(
            f"Images of {image.shape[1]} x {image.shape[2]} pixels do not go through "
            f"{type(backbone).__name__}: {first_line(error)} Ask for another size."
        ) from error


def own_layers(model: Any) -> tuple[str, ...]:
    """Return the classes of a model's layers that Keras does not ship."""
    kinds = {type(operation) for operation in model.operations}
    return tuple(sorted(k.__name__ for k in kinds if not k.__module__.startswith("keras.")))


def _whole(backbone: Any, image: Any) -> Any:
    return WholeBackbone(backbone, name="backbone")(image)


def _flat(backbone: Any, image: Any) -> Any:
    """Return the outputs of fresh layers on an image.

    The layers are fresh since one that is used in two models cannot be cut into trunk and tail.
    """
    graph = keras.Model(backbone.inputs[0], keras.tree.flatten(backbone.output))
    (source,) = keras.utils.get_source_inputs(image)
    pairs: list[tuple[Any, Any]] = []
    count: Counter[str] = Counter()

    def fresh(operation: Any) -> Any:
        config = {**operation.get_config(), "name": _lasting_name(operation, count)}
        pairs.append((operation, type(operation).from_config(config)))
        return pairs[-1][1]

    def fed(operation: Any, *given: Any, **named: Any) -> Any:
        # Keras clones a graph onto an input only; what reads that input gets the image instead.
        given, named = keras.tree.map_structure(
            lambda value: image if value is source else value, (given, named)
        )
        return operation(*given, **named)

    copy = keras.models.clone_model(
        graph, input_tensors=source, clone_function=fresh, call_function=fed
    )
    for operation, clone in pairs:
        if getattr(operation, "weights", None):
            clone.set_weights(operation.get_weights())
    return copy.outputs


def _features(outputs: Sequence[Any], backbone: Any, image: Any) -> Any:
    output = outputs[0] if len(outputs) == 1 else _deepest(outputs)
    if output is not None and len(output.shape) == 3:
        output = _one_vector(output, backbone, image)
    if output is None or len(output.shape) not in (2, 4) or None in output.shape[1:]:
        shapes = [tuple(each.shape) for each in outputs]
        raise BackboneError(
            f"{type(backbone).__name__} gives {shapes}, expected a feature map (None, h, w, "
            "channels), several of them, or tokens of patches. It is not a backbone for "
            "classifying images."
        )
    return output


def _deepest(outputs: Sequence[Any]) -> Any | None:
    """Return the smallest of several feature maps, or None where they are something else."""
    if any(len(output.shape) != 4 or None in output.shape[1:] for output in outputs):
        return None
    return min(outputs, key=lambda output: (math.prod(output.shape[1:3]), -output.shape[-1]))


def _one_vector(tokens: Any, backbone: Any, image: Any) -> Any:
    """Return one vector of the tokens, as KerasHub's own classifiers do.

    More tokens than patches: the first stands for the whole image. Else their mean.
    """
    patch, count = getattr(backbone, "patch_size", None), tokens.shape[1]
    if patch is None or count is None:
        return tokens
    height, width = (patch, patch) if isinstance(patch, int) else patch
    if count <= (image.shape[1] // height) * (image.shape[2] // width):
        return keras.layers.GlobalAveragePooling1D(name="mean_of_tokens")(tokens)
    first = keras.layers.Cropping1D((0, count - 1), name="class_token")(tokens)
    return keras.layers.Flatten(name="class_token_vector")(first)


def _lasting_name(operation: Any, count: Counter[str]) -> str:
    """Return a name that is the same in every process.

    Keras numbers layers without a name through, over all models of a process.
    """
    kind = re.sub(r"([a-z0-9])([A-Z][a-z])", r"\1_\2", type(operation).__name__).lower()
    numbered = rf"{kind.replace('_', '')}\d*"
    if not re.fullmatch(numbered, operation.name.replace("_", "")):
        return str(operation.name)
    count[kind] += 1
    return f"{kind}_{count[kind]}"
