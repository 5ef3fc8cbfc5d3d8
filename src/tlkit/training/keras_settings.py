"""Keras schedules, optimizers and callbacks as plain settings, and back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Any

_PLAIN = (int, float, bool, str, type(None))
# Of these parts of Keras, some classes only. The callbacks neither write files nor send anything:
# settings may come from somebody else.
_SOME = {
    "callbacks": ("EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN"),
    "layers": ("CutMix", "MixUp"),
}
# A stage is given what makes these, and makes them anew.
_MADE_LATER = ("optimizers", "layers")


def keras_settings(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Return a Keras object as its public name and plain arguments.

    Args:
        value: A schedule, a callback; or what makes an optimizer or a mixing layer: its class, with
            or without ``functools.partial``.

    Returns:
        For example ``("keras.callbacks.EarlyStopping", {"monitor": "loss", ...})``. None for
        anything else, a user's subclass, and arguments that are not plain.
    """
    import keras

    if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
        found = _named("optimizers.schedules", type(value), value.get_config())
    elif isinstance(value, keras.callbacks.Callback):
        found = _callback(value)
    elif isinstance(value, partial):
        found = None if value.args else _maker(value.func, value.keywords)
    else:
        found = _maker(value, {})
    return found


def keras_object(name: str, settings: Mapping[str, Any]) -> Any:
    """Return what `keras_settings` described.

    Raises:
        KeyError: A name that is not on the list.
        TypeError: The class does not take these settings.
    """
    space, _, kind = name.removeprefix("keras.").rpartition(".")
    if not name.startswith("keras.") or kind not in _classes(space):
        raise KeyError(name)
    made = _classes(space)[kind]
    if space in _MADE_LATER:
        return partial(made, **settings) if settings else made
    return made(**settings)


def _maker(kind: Any, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
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
    }
    if space not in bases:
        return {}
    return {
        name: kind
        for name, kind in vars(attrgetter(space)(keras)).items()
        if isinstance(kind, type)
        and issubclass(kind, bases[space])
        and name in _SOME.get(space, (name,))
    }


def _named(space: str, kind: Any, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    name = getattr(kind, "__name__", "")
    if _classes(space).get(name) is not kind or not all(map(_is_plain, settings.values())):
        return None
    return f"keras.{space}.{name}", dict(settings)


def _callback(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Callbacks have no ``get_config``; those on the list keep arguments under their own names."""
    names = list(inspect.signature(type(value)).parameters)
    settings = {name: getattr(value, name) for name in names if hasattr(value, name)}
    found = _named("callbacks", type(value), settings)
    if found is None:
        return None
    made = type(value)(**settings)
    return found if all(getattr(made, name) == item for name, item in settings.items()) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
