"""What a user's own layers hold besides weights, as text: what their settings may not tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from dis import get_instructions
from functools import cache, cached_property
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from tlkit._keras.layers import inner_layers
from tlkit._keras.random_states import random_states
from tlkit._keras.user_code import collects, constant, function_code, is_own, with_inner

# Where Keras comes in when a layer is run.
_RUN = ("call", "compute_mask", "compute_output_shape", "compute_output_spec")
_CONTAINERS = (list, dict, set)


def own_state(parts: Iterable[Any]) -> Iterator[str]:
    """Yield the plain values, arrays and bound methods that objects hold in their attributes.

    A ``get_config`` need not tell all of what a layer was made with, and an attribute may have been
    given another value since. Those of Keras's own layers do and are told by their settings; of
    these only methods of other objects are looked at, which settings call by name. What a layer
    counts or collects while it is run is no part of what it computes, nor is what it is called.

    Args:
        parts: Operations and layers of a model, those inside them included.
    """
    for part in with_inner(parts):
        for name, value in sorted(vars(part).items()):
            if isinstance(value, MethodType) and not isinstance(value.__self__, type):
                yield from _method(name, value)
        if is_own(type(part)):
            yield type(part).__name__
            yield from _values(part, _common())


def settings_inside(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield the settings of Keras's own layers inside layers that are not, which may not tell them.

    Of one that does not tell its own, as where an activation is a `functools.partial`, what it
    holds.

    Args:
        parts: As for `own_state`.
    """
    import keras

    for part in with_inner(parts):
        for inner in inner_layers(part) if is_own(type(part)) else ():
            if is_own(type(inner)) or isinstance(inner, keras.Model):
                continue
            try:
                yield inner.get_config()
            except (TypeError, ValueError, NotImplementedError):  # works without, and may be saved
                yield [type(inner).__name__, *_values(inner, _common())]


def _values(part: Any, common: frozenset[str]) -> Iterator[str]:
    kind: Any = type(part)
    changing, collecting = _changed_by(kind)
    seeded = bool(random_states(part))  # its seed is that of noise, which inference is without
    for name, value in sorted(vars(part).items()):
        counted = name in changing or (collecting and isinstance(value, _CONTAINERS))
        counted = counted or isinstance(getattr(kind, name, None), cached_property)
        if name not in common and not counted and not (seeded and name == "seed"):
            yield f"{name} = {_text(value, str(getattr(part, 'name', '')))}"


def _method(name: str, method: MethodType) -> Iterator[str]:
    holder, function = method.__self__, method.__func__
    if isinstance(function, FunctionType) and is_own(function) and hasattr(holder, "__dict__"):
        yield name
        yield from function_code(function)
        if not hasattr(holder, "get_config"):  # a layer's is looked at as a part
            yield from _values(holder, frozenset())


def _text(value: Any, own: str) -> str:
    """Return a value as text, in which the number that Keras gave a layer's name plays no part."""
    import keras

    if is_dataclass(value) and not isinstance(value, type):
        value = {part.name: getattr(value, part.name, None) for part in fields(value)}
    if isinstance(value, dict):
        pairs = (f"{_text(key, own)}: {_text(x, own)}" for key, x in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(_text(x, own) for x in value)})"
    if not isinstance(value, (np.ndarray, keras.KerasTensor)) and keras.ops.is_tensor(value):
        return constant(np.asarray(keras.ops.convert_to_numpy(value)))
    return constant(value.replace(own, _unnumbered(own)) if isinstance(value, str) else value)


def _unnumbered(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


@cache
def _common() -> frozenset[str]:
    """Return the attributes that every layer and model of Keras has."""
    import keras

    image = keras.Input((2,))
    layer = keras.layers.Identity()
    model = keras.Model(image, layer(image))
    model.compile()
    return frozenset((*vars(layer), *vars(model)))


@cache
def _changed_by(kind: Any) -> tuple[frozenset[str], bool]:
    """Return the attributes that running an object sets, and whether it changes containers."""
    codes = list(_run_by(kind))
    stored = {
        str(step.argval)
        for code in codes
        for step in get_instructions(code)
        if step.opname == "STORE_ATTR"
    }
    return frozenset(stored), any(map(collects, codes))


def _run_by(kind: Any) -> Iterator[CodeType]:
    """Yield the code of the methods that are run, and of those that they name."""
    waiting, seen = [*_RUN, "__call__"], set()
    while waiting:
        name = waiting.pop()
        method = getattr(kind, name, None)
        method = method.fget if isinstance(method, property) else method
        if name in seen or not isinstance(method, FunctionType) or not is_own(method):
            continue
        seen.add(name)
        inner = [method.__code__]
        while inner:
            code = inner.pop()
            yield code
            waiting += code.co_names
            inner += [x for x in code.co_consts if isinstance(x, CodeType)]
