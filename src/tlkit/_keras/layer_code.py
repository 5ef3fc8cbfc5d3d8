"""The code of layers and augmentations that come neither with Keras nor with tlkit.

Their settings name a class and no more. Somebody who edits the ``call`` of a layer of their own
would otherwise find the features that it gave before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

from tlkit._keras.layers import inner_layers
from tlkit._keras.user_code import class_code, function_code


def own_code(parts: Iterable[Any]) -> Iterator[str]:
    """Yield the code of objects but for Keras's and tlkit's, each class and function once.

    That is the methods of their classes and of what those inherit, functions that are attributes,
    such as an activation, and plain values that are written in a class. Functions that these call
    are not followed.

    Args:
        parts: Operations and layers of a model, those inside them included; other callables.
    """
    seen: set[Any] = set()
    for part in _all(parts):
        found: list[type | FunctionType] = list(_classes(type(part)))
        found += [x for x in vars(part).values() if isinstance(x, FunctionType)]
        for own in filter(_is_own, found):
            if own not in seen:
                seen.add(own)
                yield from class_code(own) if isinstance(own, type) else function_code(own)


def _all(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield objects and the layers inside them, but not what Keras's own layers are made of."""
    import keras

    for part in parts:
        if isinstance(part, keras.Model) and not _is_own(type(part)):
            yield from _all(getattr(part, "operations", part.layers))
        elif hasattr(part, "__dict__"):
            yield part
            if _is_own(type(part)):
                yield from inner_layers(part)


def _classes(kind: type) -> Iterator[type]:
    """Yield a class and its bases, but for what Keras's are made of."""
    import keras

    common = {*keras.Model.__mro__, *keras.layers.Layer.__mro__}
    return (base for base in kind.__mro__ if base not in common)


def _is_own(part: Any) -> bool:
    return str(part.__module__).partition(".")[0] not in ("keras", "tlkit", "builtins")
