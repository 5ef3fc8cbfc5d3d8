"""Keras schedules, optimizers, callbacks, losses and metrics as plain settings, and back."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Any

from tlkit._keras.scoring import arguments_of, public_space
from tlkit._keras.types import Layer

_PLAIN = (int, float, bool, str, type(None))
# Of these parts of Keras, some classes only. The callbacks neither write files nor send anything:
# settings may come from somebody else.
_MIXING = ("CutMix", "MixUp")
_PREPROCESSING = re.compile(
    "Random[A-Z].*|RandAugment|AutoContrast|Equalization|Solarization|Rescaling|GaussianNoise"
)
_CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN")
# A stage is given what makes these, and makes them anew.
_MADE_LATER = ("optimizers", "layers")
# What Keras counts or draws by itself, and what an augmentation's layers do not use.
_NOT_SETTINGS = ("name", "seed", "trainable", "dtype", "build_config")


def keras_settings(value: object) -> tuple[str, dict[str, Any]] | None:
    """Return a Keras object as its public name and plain arguments.

    Args:
        value: A schedule, a callback, a loss, a metric, a preprocessing layer; or what makes an
            optimizer or a mixing layer: its class, with or without ``functools.partial``.

    Returns:
        For example ``("keras.callbacks.EarlyStopping", {"monitor": "loss", ...})``. None for
        anything else, a user's subclass, and arguments that are not plain.
    """
    import keras

    if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
        found = _named("optimizers.schedules", type(value), value.get_config())
    elif isinstance(value, keras.callbacks.Callback):
        found = _callback(value)
    elif isinstance(value, (keras.losses.Loss, keras.metrics.Metric)):
        space = public_space(type(value)).removeprefix("keras.")
        found = _named(space, type(value), arguments_of(value)) if space else None
    elif isinstance(value, keras.Layer):
        found = _preprocessing(value)
    elif isinstance(value, partial):
        found = None if value.args else _maker(value.func, value.keywords)
    else:
        found = _maker(value, {})
    return found


def keras_object(name: str, settings: Mapping[str, object]) -> Any:
    """Return what `keras_settings` described.

    Raises:
        KeyError: A name that is not on the list.
        TypeError: The class does not take these settings.
    """
    space, _, kind = name.removeprefix("keras.").rpartition(".")
    if not name.startswith("keras.") or kind not in _classes(space):
        raise KeyError(name)
    made = _classes(space)[kind]
    if space in _MADE_LATER and not _PREPROCESSING.fullmatch(kind):
        return partial(made, **settings) if settings else made
    if space in ("losses", "metrics"):  # which tell lists from tuples
        settings = {x: list(v) if isinstance(v, tuple) else v for x, v in settings.items()}
    return made(**settings)


def _maker(kind: object, settings: Mapping[str, object]) -> tuple[str, dict[str, Any]] | None:
    if _PREPROCESSING.fullmatch(getattr(kind, "__name__", "")):
        return None  # the class, where a layer is expected
    found = (_named(space, kind, settings) for space in _MADE_LATER)
    return next((name for name in found if name), None)


def _classes(space: str) -> dict[str, Any]:
    """Return the classes of a part of Keras that may be built, by name."""
    import keras

    bases = {
        "optimizers.schedules": keras.optimizers.schedules.LearningRateSchedule,
        "optimizers": keras.optimizers.Optimizer,
        "callbacks": keras.callbacks.Callback,
        "layers": keras.layers.Layer,
        "losses": keras.losses.Loss,
        "metrics": keras.metrics.Metric,
    }
    if space not in bases:
        return {}
    return {
        name: kind
        for name, kind in vars(attrgetter(space)(keras)).items()
        if isinstance(kind, type) and issubclass(kind, bases[space]) and _may_be_built(space, name)
    }


def _may_be_built(space: str, name: str) -> bool:
    if space == "layers":
        return name in _MIXING or _PREPROCESSING.fullmatch(name) is not None
    return space != "callbacks" or name in _CALLBACKS


def _named(
    space: str, kind: object, settings: Mapping[str, object]
) -> tuple[str, dict[str, Any]] | None:
    name = getattr(kind, "__name__", "")
    if _classes(space).get(name) is not kind or not all(map(_is_plain, settings.values())):
        return None
    return f"keras.{space}.{name}", dict(settings)


def _callback(value: object) -> tuple[str, dict[str, Any]] | None:
    """Return a callback's arguments; those on the list keep them under their own names."""
    names = list(inspect.signature(type(value)).parameters)
    settings = {name: getattr(value, name) for name in names if hasattr(value, name)}
    found = _named("callbacks", type(value), settings)
    if found is None:
        return None
    made = type(value)(**settings)
    return found if all(getattr(made, name) == item for name, item in settings.items()) else None


def _preprocessing(value: Layer) -> tuple[str, dict[str, Any]] | None:
    config = value.get_config()
    settings = {name: item for name, item in config.items() if name not in _NOT_SETTINGS}
    found = _named("layers", type(value), {**settings, "dtype": value.dtype_policy.name})
    return None if type(value).__name__ in _MIXING else found


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
