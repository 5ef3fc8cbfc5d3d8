"""Writes small files in PyTorch's legacy format, opcode by opcode and without torch."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
DICT = b"ccollections\nOrderedDict\n)R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    """Return the opcodes that push a string."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def integer(value: int) -> bytes:
    """Return the opcodes that push an integer of 32 bits."""
    return b"J" + struct.pack("<i", value)


def integers(values: Sequence[int]) -> bytes:
    """Return the opcodes that push a tuple of integers."""
    return b"(" + b"".join(integer(value) for value in values) + b"t"


def storage(key: str, kind: str, size: int, device: str = "cpu") -> bytes:
    """Return the opcodes that push a reference to a storage."""
    return (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text(device)
        + integer(size)
        + b"NtQ"
    )


def tensor(
    reference: bytes, shape: Sequence[int], strides: Sequence[int], offset: int = 0
) -> bytes:
    """Return the opcodes that push a tensor."""
    arguments = reference + integer(offset) + integers(shape) + integers(strides)
    return REBUILD + b"(" + arguments + b"\x89" + DICT + b"tR"


def state_dict(tensors: Mapping[str, bytes]) -> bytes:
    """Return the pickle of a state dict from the opcodes of its tensors."""
    items = b"".join(text(name) + opcodes for name, opcodes in tensors.items())
    return b"\x80\x02" + DICT + b"(" + items + b"u."


def machine(little_endian: bool = True) -> bytes:
    """Return the pickle that tells of the machine."""
    flag = b"\x88" if little_endian else b"\x89"
    return b"\x80\x02}(" + text("little_endian") + flag + b"u."


def storages(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the list of keys and the storages themselves."""
    keys = b"\x80\x02](" + b"".join(text(key) for key in arrays) + b"e."
    body = (struct.pack("<q", array.size) + array.tobytes() for array in arrays.values())
    return keys + b"".join(body)


def legacy_file(state: bytes, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a whole file from the pickle of its state dict and its flat storages."""
    return MAGIC + VERSION + machine() + state + storages(arrays)


def small_file() -> bytes:
    """Return a file with a transposed matrix ``w``, its last row ``row`` and a counter ``n``."""
    floats = storage("0", "FloatStorage", 6)
    state = state_dict(
        {
            "w": tensor(floats, (3, 2), (1, 3)),
            "row": tensor(floats, (3,), (1,), offset=3),
            "n": tensor(storage("1", "LongStorage", 1), (), ()),
        }
    )
    return legacy_file(
        state, {"1": np.array([7], np.int64), "0": np.arange(1, 7, dtype=np.float32)}
    )
