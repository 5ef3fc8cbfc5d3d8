"""A backbone as a keras.Model that eats raw RGB 0..255, preprocessing inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tlkit._keras.graph import Graph
from tlkit._keras.types import Model, Tensor
from tlkit._numbers import is_whole
from tlkit.backbones._own_models import warn_of_mistakes
from tlkit.backbones.preprocessing import preprocess
from tlkit.backbones.registry import get_backbone
from tlkit.backbones.spec import PREPROCESSING, BackboneSpec
from tlkit.backbones.weights import download_of, load_file, unreachable, weights_file
from tlkit.errors import BackboneError, ImageSizeError, PluginError

ImageSize = int | tuple[int, int]
Backbone = str | BackboneSpec | Callable[[], Model]


def build_backbone(
    name: Backbone,
    *,
    image_size: ImageSize | None = None,
    weights: str | Path | None = "imagenet",
    preprocessing: str = "auto",
) -> Any:
    """Build a backbone without its classification top.

    Args:
        name: A backbone's name (``"distribution:name"`` where several have it), a
            `BackboneSpec`, or a function without arguments that returns a keras.Model of raw
            images; such a model is checked and returned as it is.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: A name that the backbone knows (usually ``"imagenet"``), None for random
            weights, or a path to a ``.weights.h5``, ``.h5`` or ``.keras`` file, of the network or
            of a model that holds it as one layer. A function brings weights of its own.
        preprocessing: ``"auto"`` for what the network was trained on; ``"unit"`` for [0, 1]
            whatever it was trained on; or another mode of `BackboneSpec`.

    Returns:
        A keras.Model from raw RGB images, ``(n, height, width, 3)``, 0..255, uint8 or float, to
        a feature map ``(n, h, w, feature_count)`` float32. Stock Keras layers only.

    Raises:
        UnknownBackboneError: Nothing has that name; near misses are offered.
        ImageSizeError: The size is not one that the backbone can take.
        WeightsError: The weights are missing, unreachable or do not fit.
        PluginError: The plugin's builder returned something else.

    Example:
        >>> import tlkit
        >>> tlkit.build_backbone("mobilenet_v2", image_size=64, weights=None).output_shape
        (None, 2, 2, 1280)
    """
    if not isinstance(name, (str, BackboneSpec)):
        return _own_model(name, image_size, preprocessing)
    spec = get_backbone(name) if isinstance(name, str) else name
    height, width = checked_size(spec, image_size)
    mode = _mode(spec, preprocessing)
    file = weights_file(spec, weights)

    import keras

    image = keras.Input((height, width, 3), name="image")
    prepared = preprocess(image, mode)
    model = _run_builder(spec, prepared, None if file or weights is None else str(weights))
    _require_start_at(image, _checked(model, spec.name), spec.name)
    model = keras.Model(image, model.outputs[0], name=spec.name)
    _require_preprocessed(image, prepared, model)
    if file:
        load_file(model, file, inside=True)
    return model


def checked_size(spec: BackboneSpec, image_size: ImageSize | None) -> tuple[int, int]:
    """Return (height, width) in pixels for a backbone.

    Raises:
        ImageSizeError: Not an integer or a pair of integers, or below the backbone's smallest.
    """
    size = spec.default_size if image_size is None else image_size
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(map(is_whole, pair)):
        raise ImageSizeError(
            f"image_size={image_size!r}, expected a number of pixels or a pair (height, width) "
            f"of integers; {spec.name!r} was trained at {spec.default_size}."
        )
    if min(pair) < spec.min_size:
        raise ImageSizeError(
            f"image_size={image_size!r} is below the smallest that {spec.name!r} accepts, "
            f"{spec.min_size} pixels. Ask for at least that; it was trained at "
            f"{spec.default_size}."
        )
    return int(pair[0]), int(pair[1])


def _own_model(build: Callable[[], Model], image_size: ImageSize | None, preprocessing: str) -> Any:
    name = getattr(build, "__name__", "function")
    model = _checked(build(), name)
    size = model.input_shape[1:3]
    asked = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if image_size is not None and None in size and _fits(size, asked):
        model, size = _at_size(model, asked), asked
    if image_size is not None and size != tuple(asked):
        raise ImageSizeError(
            f"image_size={image_size!r}, and the model that {name!r} returned takes images of "
            f"{_size_in_words(size)}. Leave image_size out, or let the function build it on "
            f"keras.Input(({', '.join(map(str, asked))}, 3))."
        )
    if preprocessing != "auto":
        raise BackboneError(
            f"preprocessing={preprocessing!r}, and {name!r} returns a model that does its own. "
            "Leave preprocessing out, or change it in the function."
        )
    warn_of_mistakes(model, name)
    return model


def _fits(size: Sequence[int | None], asked: Sequence[int | None]) -> bool:
    """Return whether a model that leaves a side open takes images of a size."""
    whole = len(asked) == 2 and all(is_whole(side, 1) for side in asked)
    return whole and all(s in (None, a) for s, a in zip(size, asked, strict=True))


def _at_size(model: Model, size: Sequence[int | None]) -> Any:
    import keras

    image = keras.Input((*size, 3), name="image", dtype=model.inputs[0].dtype)
    given = keras.tree.pack_sequence_as(model.input, [image])
    return keras.Model(image, model(given), name=model.name)


def _mode(spec: BackboneSpec, preprocessing: str) -> str:
    if preprocessing == "auto":
        return spec.preprocessing
    if preprocessing not in PREPROCESSING:
        raise BackboneError(
            f"preprocessing={preprocessing!r}, expected 'auto' (for {spec.name!r} that is "
            f"{spec.preprocessing!r}) or one of {', '.join(map(repr, PREPROCESSING))}."
        )
    return preprocessing


def _run_builder(spec: BackboneSpec, image: Tensor, weights: str | None) -> Any:
    try:
        return spec.build(image, weights)
    except Exception as error:
        wanted = download_of(error)
        failed = wanted is not None or isinstance(error, (OSError, HTTPException))
        if weights is not None and failed:
            raise unreachable(spec, weights, error, wanted) from error
        raise


def _require_start_at(image: Tensor, model: Model, name: str) -> None:
    given = model.inputs[0]
    if given is image:
        return
    size, asked = tuple(given.shape[1:3]), tuple(image.shape[1:3])
    fixed = (
        ""
        if size in (asked, (None, None))
        else (
            f" It takes images of {_size_in_words(size)}, whatever size is asked for: here "
            f"{_size_in_words(asked)}."
        )
    )
    raise PluginError(
        f"The builder of {name!r} returned a model that does not start at the source of "
        f"input_tensor.{fixed} Build on input_tensor, and end with "
        "keras.Model(keras.utils.get_source_inputs(input_tensor), x)."
    )


def _require_preprocessed(image: Tensor, prepared: Tensor, model: Model) -> None:
    """Raise where a network reads raw pixels beside, or in the place of, the prepared ones."""
    import keras

    if prepared is image:
        return
    own = {id(x.operation) for x in Graph.of(keras.Model(image, prepared), inner=False).steps}
    for step in Graph.of(model, inner=False).steps:
        if any(x is image for x in step.inputs) and id(step.operation) not in own:
            raise PluginError(
                f"The builder of {model.name!r} goes around its preprocessing: "
                f"{step.operation.name!r} reads the source of input_tensor, raw pixels, 0..255, "
                "and not input_tensor. Put the first layer on input_tensor itself; "
                "keras.utils.get_source_inputs(input_tensor) is for keras.Model(...) alone."
            )


def _size_in_words(size: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in size)


def _checked(model: object, name: str) -> Any:
    import keras

    if not isinstance(model, keras.Model):
        raise PluginError(
            f"The builder of {name!r} returned {type(model).__name__}, expected a keras.Model."
        )
    if not getattr(model, "inputs", None):
        raise PluginError(
            f"The builder of {name!r} returned {type(model).__name__}, a model without a graph of "
            "layers, as a class with a call of its own is. Put it into one: image = keras.Input("
            "(height, width, 3)); keras.Model(image, model(image))."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise PluginError(
            f"The builder of {name!r} returned a model with {len(model.inputs)} inputs and "
            f"{len(model.outputs)} outputs, expected one of each."
        )
    if len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] != 3:
        raise PluginError(
            f"The builder of {name!r} returned a model of input {model.inputs[0].shape}, "
            "expected (None, height, width, 3)."
        )
    return model
