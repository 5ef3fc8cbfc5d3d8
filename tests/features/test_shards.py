"""One file of features: whole or not at all, checked when read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tlkit.features.store.shards import read_ids, read_shard, write_shard

ROWS = np.arange(60, dtype="float32").reshape(10, 2, 3)


def ids(count: int, seed: int = 0) -> np.ndarray:
    """Digests of images that nobody has seen."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def batches(rows: np.ndarray = ROWS, size: int = 4) -> Iterator[np.ndarray]:
    """Rows in batches."""
    return (rows[i : i + size] for i in range(0, len(rows), size))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A shard of ten rows."""
    write_shard(tmp_path / "one.shard", ids(10), batches())
    return tmp_path / "one.shard"


@given(
    st.sampled_from(["float32", "float16", "float64"]),
    st.lists(st.integers(1, 4), max_size=3),
    st.integers(1, 12),
    st.integers(1, 5),
)
def test_any_shape_and_batch_size_come_back(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, shape: list[int], rows: int, size: int
) -> None:
    file = tmp_path_factory.mktemp("shards") / "one.shard"
    array = np.random.default_rng(0).normal(size=(rows, *shape)).astype(dtype)
    # In Fortran order too, whose bytes lie otherwise.
    write_shard(file, ids(rows), batches(np.asfortranarray(array), size))
    shard = read_shard(file)
    assert shard.rows.dtype == array.dtype
    assert np.array_equal(shard.rows, array)
    assert np.array_equal(read_ids(file), ids(rows))
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("everywhere", [True, False])
def test_some_rows_are_read(file: Path, everywhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not everywhere:
        monkeypatch.delattr(os, "preadv", raising=False)  # as on Windows
    shard = read_shard(file)
    rows = np.empty((3, 2, 3), "float32")
    shard.read(4, rows)
    assert np.array_equal(rows, ROWS[4:7])
    shard.close()
    shard.close()
    with pytest.raises(ValueError, match="closed file"):
        shard.read(4, rows)


@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    file = tmp_path_factory.mktemp("shards") / "one.shard"
    write_shard(file, ids(10), batches())
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_shard(file)


@given(st.integers(0, 800))
def test_any_cut_is_found(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    file = tmp_path_factory.mktemp("shards") / "one.shard"
    write_shard(file, ids(10), batches())
    whole = file.read_bytes()
    file.write_bytes(whole[: min(length, len(whole) - 1)])
    with pytest.raises(ValueError, match=r"."):
        read_shard(file)


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ValueError, match="does not begin as a shard does"):
        read_ids(tmp_path / "other")


def test_objects_are_never_read(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"<f4"', b'"|O" ', 1))
    with pytest.raises(ValueError, match="its numbers are object, expected floats"):
        read_ids(file)


@pytest.mark.parametrize("error", [ValueError("half way"), KeyboardInterrupt(), MemoryError()])
def test_nothing_is_left_when_the_work_stops_half_way(tmp_path: Path, error: BaseException) -> None:
    def stopping() -> Iterator[np.ndarray]:
        yield ROWS[:4]
        raise error

    with pytest.raises(type(error)):
        write_shard(tmp_path / "one.shard", ids(10), stopping())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [9, 11])
def test_wrong_number_of_rows_is_an_error_and_leaves_nothing(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"10 of {count} rows were computed; nothing was kept"):
        write_shard(tmp_path / "one.shard", ids(count), batches())
    assert list(tmp_path.iterdir()) == []


def test_disk_that_fills_up_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tlkit.features.store.shards.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_shard(tmp_path / "one.shard", ids(10), batches())
    assert list(tmp_path.iterdir()) == []
