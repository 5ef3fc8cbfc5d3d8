"""Settings as text: readable, and the same in every process, so that two runs can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np

_EMPTY = CellType()  # of a name that has no value yet
_PLAIN = (int, float, bool, str, type(None))


def described(value: Any) -> str:
    """Return a setting as text that says what it is, without addresses in memory.

    Dataclasses print their fields, functions their module, name and a hash of what they do, Keras
    objects such as a learning-rate schedule their ``get_config()``, and other objects, such as
    callbacks, their plain attributes.

    Args:
        value: A setting.

    Example:
        >>> from tlkit import UnfreezeTop
        >>> described(UnfreezeTop(layers=8))
        "UnfreezeTop(layers=8, fraction=None, from_layer=None, batch_norm='frozen')"
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(described, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(described, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {described(value[key])}' for key in sorted(value))}}}"
    if isinstance(value, partial):
        return _call(described(value.func), value.keywords, *value.args)
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__} (code {_code_hash(value)})"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _call(type(value).__name__, _attributes(value))


def _code_hash(function: FunctionType) -> str:
    """Return a hash of a function's code and of the plain values that it was made with.

    Two lambdas share a name, and so do the functions that one factory makes. Comments and line
    numbers play no part; the Python version does, since each compiles to other code. Globals and
    functions that it calls are known by name only.
    """
    made_with = [cell.cell_contents for cell in function.__closure__ or () if cell != _EMPTY]
    made_with += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    parts = [*_instructions(function.__code__), *map(_constant, made_with)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _instructions(code: CodeType) -> Iterator[str]:
    yield repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        else:
            yield _constant(constant)


def _constant(value: Any) -> str:
    """Return a value as text if it is plain, else its kind: it may be as big as a model."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(_constant, value.items()))}}}"
    if isinstance(value, (set, frozenset)):
        # A set's order differs from process to process.
        return f"{{{', '.join(sorted(map(_constant, value)))}}}"
    if isinstance(value, np.ndarray):
        return f"array {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, FunctionType):
        return "\n".join(_instructions(value.__code__))
    plain = isinstance(value, (*_PLAIN, bytes, complex, np.generic)) or is_dataclass(value)
    return repr(value) if plain else type(value).__name__


def _attributes(value: Any) -> Mapping[str, Any]:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(value, "get_config"):
        config: Mapping[str, Any] = value.get_config()
        return config
    own = sorted(getattr(value, "__dict__", {}).items())
    return {name: item for name, item in own if isinstance(item, _PLAIN) or callable(item)}


def _call(name: str, settings: Mapping[str, Any], *positional: Any) -> str:
    named = (f"{key}={described(setting)}" for key, setting in settings.items())
    return f"{name}({', '.join([*map(described, positional), *named])})"
