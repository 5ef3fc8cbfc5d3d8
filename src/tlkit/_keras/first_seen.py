"""Callbacks as they were made: what they count since is no setting of theirs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from tlkit._keras.types import Callback

_MADE: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def note_as_made(callback: Callback) -> None:
    """Remember the attributes of a callback that a stage is given for the first time.

    A stage uses its callbacks as they are. Their counters change while it is trained, and a resumed
    run has to know the same settings again.
    """
    if isinstance(callback, Hashable) and callback not in _MADE:
        twin = object.__new__(type(callback))
        vars(twin).update(vars(callback))
        _MADE[callback] = twin


def as_made(callback: object) -> object:
    """Return an object with the attributes that a callback had when a stage was given it."""
    return _MADE.get(callback, callback) if isinstance(callback, Hashable) else callback
