"""Reading tensors from PyTorch's legacy (non-zip) files without torch.

Such a file is five pickles and then raw storages:

1. a magic number,
2. the version of the format,
3. facts about the machine that wrote it,
4. the tensors by name, each pointing at a storage by its key,
5. the keys, in the order in which the storages follow.

A storage is its number of elements as int64, and its elements. What the pickles may do is
limited in `tlkit_efficientnet_lite.restricted_pickle`. Arrays are views of the file's bytes, so
that no file can make the reader allocate much more than its own size.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tlkit.errors import WeightsError
from tlkit_efficientnet_lite.restricted_pickle import StateDict, Storage, Tensor, load_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_FORMAT_VERSION = 1001
_COUNT_BYTES = 8


def read_legacy(data: bytes, source: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a legacy PyTorch state dict, by name.

    Args:
        data: Content of the file.
        source: Name of the file, for messages.

    Returns:
        Read-only float32 or int64 arrays of any shape and range that share the memory of ``data``.

    Raises:
        WeightsError: The file is damaged, is of another format, or asks for anything but tensors.

    Example:
        >>> from tlkit_efficientnet_lite.legacy_torch import read_legacy
        >>> read_legacy(b"", "empty.pth")
        Traceback (most recent call last):
        tlkit.errors.WeightsError: empty.pth: ValueError: pickle exhausted before seeing STOP...
    """
    try:
        return _read(io.BytesIO(data), data)
    except WeightsError as error:
        raise _refused(source, str(error)) from error
    except Exception as error:
        # The pickle module documents that damaged input may raise nearly anything.
        raise _refused(source, f"{type(error).__name__}: {error}") from error


def _refused(source: str, problem: str) -> WeightsError:
    return WeightsError(
        f"{source}: {problem}. Expected a state dict of float32 and int64 tensors in PyTorch's "
        "legacy format. Reinstall the package that the file belongs to."
    )


def _read(stream: io.BytesIO, data: bytes) -> dict[str, NDArray[Any]]:
    magic, _ = load_pickle(stream)
    _expect("magic number", magic, _MAGIC)
    version, _ = load_pickle(stream)
    _expect("format version", version, _FORMAT_VERSION)
    machine, _ = load_pickle(stream)
    _expect("little_endian", machine["little_endian"], True)
    tensors, declared = load_pickle(stream)
    keys, _ = load_pickle(stream)
    storages = _read_storages(keys, declared, data, stream.tell())
    if not isinstance(tensors, StateDict):
        raise WeightsError(f"a {type(tensors).__name__} instead of a state dict")
    return {name: _array(tensor, storages) for name, tensor in tensors.items()}


def _expect(what: str, found: object, expected: object) -> None:
    if type(found) is not type(expected) or found != expected:
        raise WeightsError(f"{what} {found!r} instead of {expected!r}")


def _read_storages(
    keys: Any, declared: dict[str, Storage], data: bytes, position: int
) -> dict[str, NDArray[Any]]:
    """Return each storage as a flat array; together they must fill the rest of the file."""
    if not isinstance(keys, list) or sorted(keys) != sorted(declared):
        raise WeightsError("the list of storages differs from those that the tensors use")
    arrays = {}
    for key in keys:
        storage = declared[key]
        dtype = np.dtype(storage.dtype)
        begin = position + _COUNT_BYTES
        position = begin + storage.size * dtype.itemsize
        count = int.from_bytes(data[begin - _COUNT_BYTES : begin], "little", signed=True)
        if count != storage.size or position > len(data):
            raise WeightsError(f"storage {key!r} is cut short or not of {storage.size} elements")
        arrays[key] = np.frombuffer(data, dtype, storage.size, begin)
    _expect("length of the file", len(data), position)
    return arrays


def _array(tensor: object, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    if not isinstance(tensor, Tensor):
        raise WeightsError(f"a {type(tensor).__name__} where a tensor was expected")
    flat = storages[tensor.storage.key]
    strides = tuple(stride * flat.itemsize for stride in tensor.strides)
    return as_strided(flat[tensor.offset :], tensor.shape, strides, writeable=False)
