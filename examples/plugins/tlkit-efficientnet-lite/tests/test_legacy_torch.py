"""Reading the legacy format: what is well formed is read exactly, all else is refused."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc

import legacy_writer as writer
import numpy as np
import pytest
from hypothesis import given, strategies as st
from tlkit_efficientnet_lite.legacy_torch import read_legacy
from tlkit_efficientnet_lite.variants import VARIANTS, Variant
from tlkit_efficientnet_lite.weights import load_tensors

from tlkit.errors import WeightsError

SMALL = writer.small_file()
FLOATS = np.arange(1, 7, dtype=np.float32)


def one_tensor(opcodes: bytes) -> bytes:
    return writer.legacy_file(writer.state_dict({"w": opcodes}), {"0": FLOATS})


def refusal(data: bytes) -> str:
    with pytest.raises(WeightsError) as caught:
        read_legacy(data, "some.pth")
    return str(caught.value)


def test_tensors_are_read_with_their_strides_and_offsets() -> None:
    tensors = read_legacy(SMALL, "small.pth")
    assert list(tensors) == ["w", "row", "n"]
    np.testing.assert_array_equal(tensors["w"], np.array([[1, 4], [2, 5], [3, 6]], np.float32))
    np.testing.assert_array_equal(tensors["row"], np.array([4, 5, 6], np.float32))
    assert tensors["n"] == 7
    assert [array.dtype for array in tensors.values()] == [np.float32, np.float32, np.int64]


def test_tensors_are_read_only_views_of_the_file() -> None:
    assert not any(array.flags.writeable for array in read_legacy(SMALL, "small.pth").values())


def test_a_refusal_names_the_file_and_the_next_step() -> None:
    message = refusal(SMALL[:-1])
    assert message.startswith("some.pth: storage '0' is cut short")
    assert "Expected a state dict of float32 and int64 tensors" in message
    assert message.endswith("Reinstall the package that the file belongs to.")


@pytest.mark.parametrize("length", range(0, len(SMALL), 7))
def test_a_truncated_file_is_refused_wherever_it_ends(length: int) -> None:
    refusal(SMALL[:length])


def test_bytes_after_the_last_storage_are_refused() -> None:
    assert "length of the file" in refusal(SMALL + b"\0")


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_arrays_or_a_refusal_and_never_a_crash(
    place: int, change: int
) -> None:
    data = bytearray(SMALL)
    data[place] ^= change
    with contextlib.suppress(WeightsError):
        assert sum(array.size for array in read_legacy(bytes(data), "x").values()) <= 24


@given(st.binary(max_size=300))
def test_any_bytes_where_the_tensors_belong_are_refused(noise: bytes) -> None:
    refusal(writer.MAGIC + writer.VERSION + writer.machine() + noise)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((7,), (1,), 0),
        ((6,), (1,), 1),
        ((2,), (6,), 0),
        ((2**31 - 1, 2**31 - 1), (0, 0), 0),
        ((7,), (0,), 0),
        ((0,), (1,), 0),
        ((-1,), (1,), 0),
        ((2,), (-1,), 3),
        ((2,), (1,), -1),
        ((2, 2), (1,), 0),
        ((1,) * 9, (1,) * 9, 0),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    reference = writer.storage("0", "FloatStorage", 6)
    refusal(one_tensor(writer.tensor(reference, shape, strides, offset)))


def test_a_storage_larger_than_the_file_is_refused_without_allocating_it() -> None:
    huge = 2**31 - 1
    reference = writer.storage("0", "FloatStorage", huge)
    data = one_tensor(writer.tensor(reference, (huge,), (1,)))
    tracemalloc.start()
    message = refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "cut short or not of 2147483647 elements" in message
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pickle.dumps(1, 2), "magic number 1 instead of"),
        (writer.MAGIC + b"\x80\x02M\xea\x03.", "format version 1002 instead of 1001"),
        (writer.MAGIC + writer.VERSION + writer.machine(False), "little_endian False"),
        (b"PK\x03\x04", "ValueError"),
        (b"", "pickle exhausted"),
    ],
    ids=["magic", "version", "big endian", "zip", "empty"],
)
def test_another_format_is_refused_by_name(data: bytes, problem: str) -> None:
    assert problem in refusal(data)


def test_storages_that_no_tensor_uses_are_refused() -> None:
    one = writer.tensor(writer.storage("0", "FloatStorage", 6), (6,), (1,))
    state = writer.state_dict({"w": one})
    data = writer.legacy_file(state, {"0": FLOATS, "1": FLOATS})
    assert "list of storages differs" in refusal(data)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_installed_weights_are_finite_and_no_variance_is_negative(variant: Variant) -> None:
    tensors = load_tensors(variant.weights)
    floats = {name: array for name, array in tensors.items() if array.dtype == np.float32}
    variances = [array for name, array in floats.items() if name.endswith("running_var")]
    assert all(np.isfinite(array).all() for array in floats.values())
    assert min(array.min() for array in variances) >= 0
