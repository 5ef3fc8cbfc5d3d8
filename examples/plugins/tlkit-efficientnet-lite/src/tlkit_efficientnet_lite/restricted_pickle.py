"""Unpickling that can record storages and tensors, and can do nothing else.

A pickle can name any function for its reader to call. Three fences keep these from doing so:
only the few opcodes that state dicts contain are let through, only four global names are known,
and these stand for inert objects of this module.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any, NamedTuple, NoReturn

from tlkit.errors import WeightsError

_MAX_AXES = 8
_MAX_TUPLES = 5_000
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_OPCODES = _TUPLES | {
    *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
}


class Storage(NamedTuple):
    """What a pickle says of a storage: its key, NumPy dtype and number of elements."""

    key: str
    dtype: str
    size: int


class Tensor(NamedTuple):
    """What a pickle says of a tensor, checked to lie inside its storage; counts elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class StateDict(dict[str, Any]):
    """Stands for ``collections.OrderedDict``; refuses a second value for a name."""

    __slots__ = ()

    def __setitem__(self, name: str, value: Any) -> None:
        if type(name) is not str or name in self:
            raise WeightsError(f"the name {name!r} occurs twice or is no text")
        super().__setitem__(name, value)

    def __setstate__(self, state: object) -> None:
        """Drop the versions of modules that PyTorch attaches; they hold no tensors."""


def load_pickle(stream: io.BytesIO) -> tuple[Any, dict[str, Storage]]:
    """Load the next pickle of a stream, which is left at the byte after it.

    Args:
        stream: All bytes of the file, at the first byte of a pickle.

    Returns:
        The object, and the storages that it refers to, by key.

    Raises:
        WeightsError: The pickle asks for what is not allowed.
        Exception: The pickle is damaged; the pickle module documents no list of what it raises.
    """
    unpickler = _Unpickler(io.BytesIO(_checked_pickle(stream)))
    return unpickler.load(), unpickler.storages


def _checked_pickle(stream: io.BytesIO) -> bytes:
    """Return the bytes of the next pickle once all its opcodes are known to be harmless."""
    start = stream.tell()
    tuples = 0
    for opcode, argument, place in pickletools.genops(stream):
        position = place or 0
        if opcode.name not in _OPCODES:
            raise WeightsError(f"opcode {opcode.name} at byte {position} is not allowed")
        if opcode.name == "LONG_BINPUT" and (argument or 0) > position:
            # A pickler numbers its memo from 0; a far slot would make pickle allocate up to it.
            raise WeightsError(f"memo slot {argument} at byte {position} is too far")
        tuples += opcode.name in _TUPLES
    if tuples > _MAX_TUPLES:
        # Hashing a tuple that is nested a million times deep overflows the stack of CPython.
        raise WeightsError(f"{tuples} tuples, where at most {_MAX_TUPLES} are allowed")
    end = stream.tell()
    return stream.getbuffer()[start:end].tobytes()


class _StorageType:
    """Stands for a class such as ``torch.FloatStorage``; can only be told from others."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __setstate__(self, state: object) -> NoReturn:
        raise WeightsError("the file tries to change a storage type")


class _RebuildTensor:
    """Stands for ``torch._utils._rebuild_tensor_v2``; records a tensor and makes none."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Tensor:
        storage, offset, shape, strides, _requires_grad, hooks = arguments
        if not isinstance(storage, Storage) or hooks != {}:
            raise WeightsError("a tensor without a storage, or with hooks")
        _check_extent(storage, offset, shape, strides)
        return Tensor(storage, offset, shape, strides)


_GLOBALS = {
    ("collections", "OrderedDict"): StateDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch", "FloatStorage"): _StorageType("<f4"),
    ("torch", "LongStorage"): _StorageType("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows four names and one kind of persistent object."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a global name, or refuse it."""
        if (module, name) not in _GLOBALS:
            raise WeightsError(f"the file asks for {module}.{name}, which is not allowed")
        return _GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        """Return the record of a storage; nothing is read yet."""
        if not (isinstance(pid, tuple) and len(pid) == 6):
            raise WeightsError(f"a persistent object {pid!r}")
        word, kind, key, device, size, view = pid
        if (word, device, view) != ("storage", "cpu", None):
            raise WeightsError(f"a persistent object {pid!r}")
        if not (isinstance(kind, _StorageType) and type(key) is str and _is_count(size)):
            raise WeightsError(f"a storage {key!r} of {size!r} elements")
        storage = Storage(key, kind.dtype, size)
        if self.storages.setdefault(key, storage) != storage:
            raise WeightsError(f"two storages with the key {key!r}")
        return storage


def _check_extent(storage: Storage, offset: Any, shape: Any, strides: Any) -> None:
    """Refuse a tensor that is not wholly inside its storage."""
    for numbers in (shape, strides, (offset,)):
        if not (isinstance(numbers, tuple) and all(_is_count(number) for number in numbers)):
            raise WeightsError(f"{numbers!r} where whole numbers from 0 were expected")
    if len(shape) != len(strides) or len(shape) > _MAX_AXES:
        raise WeightsError(f"a tensor of shape {shape} with strides {strides}")
    elements = math.prod(shape)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if elements == 0 or elements > storage.size or last >= storage.size:
        raise WeightsError(
            f"a tensor of shape {shape}, strides {strides} and offset {offset} in a storage of "
            f"{storage.size} elements"
        )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
