"""What callbacks count and collect, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tlkit._keras.types import Callback

_PLAIN = (int, float, bool, str, type(None))
# What ``fit`` tells a callback anew.
_TOLD = "params"
# JSON has no tuples and sets, and its dicts only texts as keys.
_MARK = " kind"
_MARKED: Mapping[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}


def callback_state(callback: Callback) -> dict[str, Any]:
    """Return the plain attributes of a callback: counters, best values, cooldowns.

    Lists, tuples, sets and dicts of such are among them. What else it holds, such as a lock or a
    file, stays with the object.
    """
    # A Keras callback that watches a figure turns the sign of min_delta at its first look, and
    # looks for the first time again after a resumption. CSVLogger looks into its file for the
    # header when training begins.
    found_anew = {"min_delta" if hasattr(callback, "monitor_op") else "append_header", _TOLD}
    return {
        name: _plain(value)
        for name, value in vars(callback).items()
        if name not in found_anew and _is_plain(value)
    }


def callback_arrays(callbacks: Sequence[Callback]) -> dict[str, list[np.ndarray]]:
    """Return the lists of arrays that callbacks hold, such as the best weights of EarlyStopping."""
    return {
        f"callback {number} {name}": value
        for number, callback in enumerate(callbacks)
        for name, value in vars(callback).items()
        if isinstance(value, list) and value and all(isinstance(x, np.ndarray) for x in value)
    }


def restore_callback(callback: Callback, state: Mapping[str, Any]) -> None:
    """Put the attributes of `callback_state` back; what can be changed stays the object it is."""
    for name, kept in state.items():
        known, value = getattr(callback, name, None), _as_it_was(kept)
        if isinstance(value, list) and isinstance(known, list):
            known[:] = value
        elif isinstance(value, (dict, set)) and isinstance(known, type(value)):
            known.clear()
            known.update(value)
        else:
            setattr(callback, name, value)


def restore_arrays(callbacks: Sequence[Callback], groups: Mapping[str, list[np.ndarray]]) -> None:
    """Put the lists of `callback_arrays` back; other groups are passed over."""
    for group, arrays in groups.items():
        kind, _, rest = group.partition(" ")
        if kind == "callback":
            number, _, name = rest.partition(" ")
            setattr(callbacks[int(number)], name, arrays)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (*_PLAIN, np.generic)):
        return True
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if not isinstance(value, (list, *_MARKED)) or hasattr(value, "_fields"):
        return False
    items: Any = value
    return all(map(_is_plain, items))


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is no list or dict of texts is marked."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if _MARK not in value and all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return {_MARK: "dict", "items": [[_plain(key), _plain(x)] for key, x in value.items()]}
    name = next((name for kind, name in _MARKED.items() if isinstance(value, kind)), "")
    if name:
        return {_MARK: name, "items": [_plain(item) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _as_it_was(value: Any) -> Any:
    """Return what `_plain` was given."""
    if isinstance(value, list):
        return [_as_it_was(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {key: _as_it_was(item) for key, item in value.items()}
    items = _as_it_was(value["items"])
    if value[_MARK] == "dict":
        return dict(items)
    return next(kind for kind, name in _MARKED.items() if name == value[_MARK])(items)
