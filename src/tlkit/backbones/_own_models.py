"""Models of a user's own function that are likely to be a mistake: told, with the way out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from tlkit._keras.graph import Graph, Step
from tlkit._keras.types import Model
from tlkit.backbones.registry import folded, installed_registry
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import CutError

# Layers that leave the range of the pixels as it is.
_KEEP_THE_RANGE = ("ZeroPadding2D", "Cropping2D", "Resizing", "CenterCrop", "Dropout", "Identity")
_IMAGENET_CLASSES = 1000


def warn_of_mistakes(model: Model, name: str) -> None:
    """Warn of a network without its preprocessing, and of probabilities in the place of features.

    Args:
        model: What a function returned, a keras.Model of raw images.
        name: Of the function.
    """
    try:
        steps = Graph.of(model).steps
    except CutError:  # a class with a call of its own: nobody can look inside
        return
    for told in (*_without_preprocessing(model, steps, name), *_with_top(steps, name)):
        warnings.warn(told, UserWarning, stacklevel=2)


def _without_preprocessing(model: Model, steps: tuple[Step, ...], name: str) -> Iterator[str]:
    known = next((spec for each in _models(model) for spec in [_network(each.name)] if spec), None)
    if known is None or known.preprocessing == "raw":
        return
    first = next((x for x in steps if type(x.operation).__name__ not in _KEEP_THE_RANGE), None)
    if first is not None and _has_kernel(first):
        yield (
            f"{name!r} returned {known.aliases[0]} without its preprocessing: raw pixels, 0..255, "
            f"go into {first.operation.name!r}, and its published weights were trained on "
            f"{_RANGES[known.preprocessing]}. Give backbone={known.name!r}, which brings its "
            "preprocessing, or put keras.applications' preprocess_input before it in the function."
        )


_RANGES = {
    "caffe": "BGR minus the ImageNet mean",
    "tf": "[-1, 1]",
    "torch": "ImageNet's mean and standard deviation",
    "unit": "[0, 1]",
}


def _with_top(steps: tuple[Step, ...], name: str) -> Iterator[str]:
    import keras

    last = steps[-1].operation if steps else None
    shape = tuple(getattr(steps[-1].output, "shape", ())) if steps else ()
    softmax = isinstance(last, keras.layers.Softmax) or (
        getattr(last, "activation", None) is keras.activations.softmax
    )
    if len(shape) == 2 and (softmax or shape[-1] == _IMAGENET_CLASSES):
        what = "probabilities" if softmax else "logits"
        yield (
            f"{name!r} returned a model that ends in {what} of {shape[-1]} classes, and a head on "
            "them learns from these alone. Return the features before them: include_top=False in "
            "keras.applications, or keras.Model(model.input, model.layers[-2].output)."
        )


def _models(model: Model) -> Iterator[Model]:
    import keras

    yield model
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _models(layer)


def _network(name: str) -> BackboneSpec | None:
    """Return the network of keras.applications that a model is called after."""
    asked = folded(name)
    ours = [x for x in installed_registry().discovery.specs if x.distribution == "tlkit"]
    found = [spec for spec in ours if asked.startswith(folded(spec.aliases[0]))]
    if asked == "nasnet":  # both of them are called so
        return next((spec for spec in ours if spec.name == "nasnet_mobile"), None)
    return max(found, key=lambda spec: len(spec.aliases[0]), default=None)


def _has_kernel(step: Step) -> bool:
    return hasattr(step.operation, "kernel") or hasattr(step.operation, "depthwise_kernel")
