"""The layers of a model, those inside models and inside other layers included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tlkit._keras.types import Layer, Model


def leaf_layers(model: Model) -> Iterator[Any]:
    """Yield a model's layers in order, those of models inside it in their place."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def inner_layers(layer: Layer) -> Iterator[Any]:
    """Yield the layers that a layer holds in its attributes, and those inside them."""
    import keras

    seen, waiting = {id(layer)}, list(vars(layer).values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, keras.Layer) and id(value) not in seen:
            seen.add(id(value))
            yield value
            waiting += vars(value).values()


def operations_of(model: Model) -> list[Any]:
    """Return the layers of a model, and where it knows them the functions of keras.ops between.

    A Sequential model knows only its layers.
    """
    return list(getattr(model, "operations", None) or model.layers)


def is_batch_norm(layer: Any) -> bool:
    """Return whether a layer is a BatchNormalization."""
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def _with_models(model: Model) -> Iterator[Any]:
    """Yield all layers of a model, the models among them too, and those inside other layers."""
    import keras

    for layer in model.layers:
        yield layer
        yield from _with_models(layer) if isinstance(layer, keras.Model) else inner_layers(layer)


def foreign_layers(model: Model) -> list[str]:
    """Return what plain Keras cannot load of a saved model: classes of layers that it has not.

    Args:
        model: A keras.Model.

    Returns:
        Their names with their modules, sorted; those inside other layers too.
    """
    import keras

    kinds = {type(layer) for layer in _with_models(model)}
    return sorted(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in kinds
        if kind.__module__.partition(".")[0] != "keras" or issubclass(kind, keras.layers.Lambda)
    )


def made_from(layer: Layer, config: dict[str, Any] | None = None) -> Any:
    """Return a new layer of the kind and with the settings of another.

    Keras makes no ``Lambda`` from its settings unless told that its code is safe; that of a layer
    which is there runs in any case.

    Args:
        layer: The other.
        config: What the new one is to be made with where that differs.
    """
    import keras

    known: Any = layer
    kind: Any = type(layer)
    asked = known.get_config() if config is None else config
    if isinstance(layer, keras.layers.Lambda):
        shape = asked.get("output_shape")
        own = {"function": known.function, "mask": getattr(known, "mask", None)}
        own["output_shape"] = None if isinstance(shape, dict) else shape  # found by a call
        return kind(**{**asked, **own})
    return kind.from_config(asked)
