"""Settings as text: readable, and the same in every process, so that two runs can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from functools import partial
from types import FunctionType
from typing import Any

from tlkit._keras.user_code import PLAIN, function_code


def described(value: object) -> str:
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
    if isinstance(value, PLAIN):
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
    return hashlib.sha256("\n".join(function_code(function)).encode()).hexdigest()[:12]


def _attributes(value: object) -> Mapping[str, Any]:
    if is_dataclass(value):
        return {
            part.name: getattr(value, part.name) for part in fields(value) if _is_told(value, part)
        }
    if hasattr(value, "get_config"):
        config: Mapping[str, Any] = value.get_config()
        return config
    own = sorted(getattr(value, "__dict__", {}).items())
    return {name: item for name, item in own if isinstance(item, PLAIN) or callable(item)}


def _is_told(value: object, part: Field[Any]) -> bool:
    """Return whether a field is part of a setting's text.

    One that has come since texts were kept is marked "unsaid" and left out while it has its
    default, so that the text of older settings stays what it was.
    """
    return not part.metadata.get("unsaid") or getattr(value, part.name) != part.default


def _call(name: str, settings: Mapping[str, Any], *positional: object) -> str:
    named = (f"{key}={described(setting)}" for key, setting in settings.items())
    return f"{name}({', '.join([*map(described, positional), *named])})"
