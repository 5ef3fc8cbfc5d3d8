"""The code of a user's functions, layers and augmentations as text: has it been edited since?

Settings name a function or a class and no more. Somebody who edits the ``call`` of a layer of
their own would otherwise find the features that it gave before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from dis import get_instructions
from functools import partial
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np

from tlkit._keras.layers import inner_layers, operations_of

PLAIN = (int, float, bool, str, type(None))
_EMPTY = CellType()  # of a name that has no value yet
_CHANGING = {"append", "extend", "insert", "pop", "remove", "clear", "update", "add", "setdefault"}


def function_code(function: FunctionType) -> Iterator[str]:
    """Yield a function's code and the plain values that it was made with.

    Two lambdas share a name, and so do the functions that one factory makes. Comments and line
    numbers play no part; the Python version does, since each compiles to other code. Globals and
    functions that it calls are known by name only.
    """
    made_with = [cell.cell_contents for cell in function.__closure__ or () if cell != _EMPTY]
    made_with += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    if collects(function.__code__):
        made_with = [x for x in made_with if not isinstance(x, (list, dict, set))]
    yield from _instructions(function.__code__)
    yield from map(constant, made_with)


def class_code(kind: type) -> Iterator[str]:
    """Yield the code of a class's own methods and the values that are written in it."""
    for name, value in sorted(vars(kind).items()):
        if isinstance(value, property):
            value = value.fget
        value = getattr(value, "__func__", value)  # of class methods and static ones
        if isinstance(value, FunctionType):
            yield name
            yield from function_code(value)
        elif not name.startswith("_") and isinstance(value, (*PLAIN, tuple, list, np.ndarray)):
            yield f"{name} = {constant(value)}"


def own_code(parts: Iterable[Any]) -> Iterator[str]:
    """Yield the code of objects but for Keras's and tlkit's, each class and function once.

    That is the methods of their classes and of what those inherit, functions that are attributes,
    such as an activation, and plain values that are written in a class. Functions that these call
    are not followed.

    Args:
        parts: Operations and layers of a model, those inside them included; other callables.
    """
    seen: set[Any] = set()
    for part in with_inner(parts):
        found: list[type | FunctionType] = list(_classes(type(part)))
        found += [x for x in vars(part).values() if isinstance(x, FunctionType)]
        for own in filter(is_own, found):
            if own not in seen:
                seen.add(own)
                yield from class_code(own) if isinstance(own, type) else function_code(own)


def _instructions(code: CodeType) -> Iterator[str]:
    yield repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars))
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _instructions(value)
        else:
            yield constant(value)


def collects(code: CodeType) -> bool:
    """Return whether code may change a list, dict or set: what that holds is no setting then."""
    inner = (value for value in code.co_consts if isinstance(value, CodeType))
    return (
        not _CHANGING.isdisjoint(code.co_names)
        or any(step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR") for step in get_instructions(code))
        or any(map(collects, inner))
    )


def constant(value: object) -> str:
    """Return a value as text if it is plain, else its kind: it may be as big as a model."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(constant, value))})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(constant, value.items()))}}}"
    if isinstance(value, (set, frozenset)):
        # A set's order differs from process to process.
        return f"{{{', '.join(sorted(map(constant, value)))}}}"
    if isinstance(value, np.ndarray) and value.dtype.hasobject:  # whose bytes are addresses
        return constant(value.tolist())
    if isinstance(value, np.ndarray):
        return f"array {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, FunctionType):
        return "\n".join(_instructions(value.__code__))
    if isinstance(value, partial):
        called = getattr(value.func, "__name__", "")
        return constant(("partial", called, value.func, value.args, value.keywords))
    if is_dataclass(value) and not isinstance(value, type):
        held = [(part.name, getattr(value, part.name, None)) for part in fields(value)]
        return f"{type(value).__name__}{constant(held)}"
    plain = isinstance(value, (*PLAIN, bytes, complex, np.generic))
    return repr(value) if plain else type(value).__name__


def with_inner(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield objects and the layers inside them, but not what Keras's own layers are made of."""
    import keras

    for part in parts:
        if isinstance(part, keras.Model) and not is_own(type(part)):
            yield from with_inner(operations_of(part))
        elif hasattr(part, "__dict__"):
            yield part
            if is_own(type(part)):
                yield from inner_layers(part)


def _classes(kind: type) -> Iterator[type]:
    """Yield a class and its bases, but for what Keras's are made of."""
    import keras

    common = {*keras.Model.__mro__, *keras.layers.Layer.__mro__}
    return (base for base in kind.__mro__ if base not in common)


def is_own(part: type | FunctionType) -> bool:
    """Return whether a class or a function is neither Keras's nor tlkit's nor Python's."""
    return str(part.__module__).partition(".")[0] not in ("keras", "tlkit", "builtins")
