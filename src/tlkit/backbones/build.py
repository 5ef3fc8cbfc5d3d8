"""A backbone as a keras.Model that eats raw RGB 0..255, preprocessing inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlkit.backbones.preprocessing import preprocess
from tlkit.backbones.registry import get_backbone
from tlkit.backbones.spec import PREPROCESSING, BackboneSpec
from tlkit.backbones.weights import load_file, unreachable, weights_file
from tlkit.errors import BackboneError, ImageSizeError, PluginError

ImageSize = int | tuple[int, int]
Backbone = str | BackboneSpec | Callable[[], Any]


def build_backbone(
    name: Backbone,
    *,
    image_size: ImageSize | None = None,
    weights: str | Path | None = "imagenet",
    preprocessing: str = "auto",
) -> Any:
    """Build a backbone without its classification top.

    Args:
        name: A backbone's name, a `BackboneSpec`, or a function without arguments that returns
            a keras.Model of raw images; such a model is checked and returned as it is.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: A name that the backbone knows (usually ``"imagenet"``), None for random
            weights, or a path to a ``.weights.h5``, ``.h5`` or ``.keras`` file.
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
        return _checked(name(), getattr(name, "__name__", "function"))
    spec = get_backbone(name) if isinstance(name, str) else name
    height, width = checked_size(spec, image_size)
    mode = _mode(spec, preprocessing)
    file = weights_file(spec, weights)

    import keras

    image = keras.Input((height, width, 3), name="image")
    model = _run_builder(spec, preprocess(image, mode), None if file else weights)
    model = keras.Model(image, _checked(model, spec.name).outputs[0], name=spec.name)
    if file:
        load_file(model, file)
    return model


def checked_size(spec: BackboneSpec, image_size: ImageSize | None) -> tuple[int, int]:
    """Return (height, width) in pixels for a backbone.

    Raises:
        ImageSizeError: Not an integer or a pair of integers, or below the backbone's smallest.
    """
    size = spec.default_size if image_size is None else image_size
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or any(not isinstance(side, int) or isinstance(side, bool) for side in pair):
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
    return pair[0], pair[1]


def _mode(spec: BackboneSpec, preprocessing: str) -> str:
    if preprocessing == "auto":
        return spec.preprocessing
    if preprocessing not in PREPROCESSING:
        raise BackboneError(
            f"preprocessing={preprocessing!r}, expected 'auto' (for {spec.name!r} that is "
            f"{spec.preprocessing!r}) or one of {', '.join(map(repr, PREPROCESSING))}."
        )
    return preprocessing


def _run_builder(spec: BackboneSpec, image: Any, weights: Any) -> Any:
    try:
        return spec.build(image, weights)
    except Exception as error:
        if weights is not None and "URL fetch failure" in str(error):
            raise unreachable(spec, weights, error) from error
        raise


def _checked(model: Any, name: str) -> Any:
    import keras

    if not isinstance(model, keras.Model):
        raise PluginError(
            f"The builder of {name!r} returned {type(model).__name__}, expected a keras.Model."
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
