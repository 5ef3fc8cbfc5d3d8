"""The store of features: whole or not at all, checked when read."""

from __future__ import annotations

import errno
import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlkit.errors import CacheError
from tlkit.features.cache import FeatureStore, default_root

ROWS = np.arange(60, dtype="float32").reshape(10, 2, 3)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """An empty store."""
    return FeatureStore(tmp_path / "store")


def batches(rows: np.ndarray = ROWS, size: int = 4) -> Iterator[np.ndarray]:
    """Rows in batches."""
    return (rows[i : i + size] for i in range(0, len(rows), size))


def files(store: FeatureStore) -> list[str]:
    """Everything that lies in the store."""
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*"))


def test_features_come_back_as_they_were(store: FeatureStore) -> None:
    for array in (store.put("key", batches(), 10, {"a": 1}), store.get("key")):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
        assert array.dtype == np.float32
        assert np.array_equal(array, ROWS)
    assert files(store) == ["key", "key/features.npy", "key/meta.json"]
    assert json.loads((store.root / "key/meta.json").read_text())["a"] == 1


def test_what_was_never_stored_is_none(store: FeatureStore) -> None:
    assert store.get("key") is None


@given(
    st.sampled_from(["float32", "float16", "float64"]),
    st.lists(st.integers(1, 4), max_size=3),
    st.integers(1, 12),
    st.integers(1, 5),
)
def test_any_shape_and_batch_size_come_back(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, shape: list[int], rows: int, size: int
) -> None:
    store = FeatureStore(tmp_path_factory.mktemp("store"))
    array = np.random.default_rng(0).normal(size=(rows, *shape)).astype(dtype)
    # In Fortran order too, whose bytes lie otherwise.
    stored = store.put("key", batches(np.asfortranarray(array), size), rows, {})
    assert stored.dtype == array.dtype
    assert np.array_equal(stored, array)


@pytest.mark.parametrize("error", [ValueError("half way"), KeyboardInterrupt(), MemoryError()])
def test_nothing_is_left_when_the_work_stops_half_way(
    store: FeatureStore, error: BaseException
) -> None:
    def stopping() -> Iterator[np.ndarray]:
        yield ROWS[:4]
        raise error

    with pytest.raises(type(error)):
        store.put("key", stopping(), 10, {})
    assert files(store) == []
    assert store.get("key") is None


@pytest.mark.parametrize("count", [9, 11])
def test_wrong_number_of_rows_is_an_error_and_leaves_nothing(
    store: FeatureStore, count: int
) -> None:
    with pytest.raises(CacheError, match=f"10 of {count} rows were computed; nothing was kept"):
        store.put("key", batches(), count, {})
    assert files(store) == []


def test_no_rows_at_all_is_an_error(store: FeatureStore) -> None:
    with pytest.raises(CacheError, match="0 of 10 rows"):
        store.put("key", iter(()), 10, {})
    assert files(store) == []


def flip_a_byte(entry: Path) -> None:
    """Change one byte of the numbers."""
    content = bytearray((entry / "features.npy").read_bytes())
    content[-5] ^= 1
    (entry / "features.npy").write_bytes(content)


def cut_off(entry: Path) -> None:
    """Lose the end of the file."""
    content = (entry / "features.npy").read_bytes()
    (entry / "features.npy").write_bytes(content[:-8])


DAMAGES: dict[str, Any] = {
    "byte": flip_a_byte,
    "cut": cut_off,
    "empty": lambda entry: (entry / "features.npy").write_bytes(b""),
    "no-array": lambda entry: (entry / "features.npy").unlink(),
    "no-meta": lambda entry: (entry / "meta.json").unlink(),
    "bad-meta": lambda entry: (entry / "meta.json").write_text("{"),
    "other-meta": lambda entry: (entry / "meta.json").write_text("[]"),
    "binary-meta": lambda entry: (entry / "meta.json").write_bytes(b"\xff\xfe"),
    "poor-meta": lambda entry: (entry / "meta.json").write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_features_are_reported_and_computed_again(
    store: FeatureStore, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    store.put("key", batches(), 10, {})
    damage(store.root / "key")
    with caplog.at_level(logging.WARNING, "tlkit"):
        assert store.get("key") is None
    assert "stored features key are damaged" in caplog.text
    assert "computing them again" in caplog.text
    assert np.array_equal(store.put("key", batches(), 10, {}), ROWS)
    assert np.array_equal(store.get("key"), ROWS)  # type: ignore[arg-type]


def test_pickled_objects_are_never_loaded(store: FeatureStore) -> None:
    import hashlib

    entry = store.root / "key"
    entry.mkdir()
    np.save(entry / "features.npy", np.array([{}], object), allow_pickle=True)
    digest = hashlib.sha256((entry / "features.npy").read_bytes()).hexdigest()
    (entry / "meta.json").write_text(json.dumps({"sha256": digest}))
    assert store.get("key") is None


def test_folder_that_cannot_be_made_is_named_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"file/v1 cannot be written: .*cache=PATH or TLKIT_CACHE"):
        FeatureStore(tmp_path / "file")


def test_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(CacheError, match=r"cannot be written: .*Permission denied.*cache=False"):
        FeatureStore(tmp_path)


def test_full_disk_is_seen_before_writing(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(
        CacheError, match=r"The features need 0.00 GiB and .* free. Free some space"
    ):
        store.put("key", batches(), 10, {})
    assert files(store) == []


def test_disk_that_fills_up_while_writing_leaves_nothing(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tlkit.features.cache.os.fsync", full)
    with pytest.raises(CacheError, match=r"could not be written.*No space left.*Free some space"):
        store.put("key", batches(), 10, {})
    assert files(store) == []


def test_of_two_writers_of_one_key_the_first_stays(store: FeatureStore) -> None:
    def overtaken() -> Iterator[np.ndarray]:
        yield ROWS[:5]
        store.put("key", batches(), 10, {"writer": "fast"})
        yield ROWS[5:]

    assert np.array_equal(store.put("key", overtaken(), 10, {"writer": "slow"}), ROWS)
    assert json.loads((store.root / "key/meta.json").read_text())["writer"] == "fast"
    assert files(store) == ["key", "key/features.npy", "key/meta.json"]


def test_many_writers_at_once_agree(store: FeatureStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda _: store.put("key", batches(), 10, {}), range(24)))
    assert all(np.array_equal(array, ROWS) for array in arrays)
    assert files(store) == ["key", "key/features.npy", "key/meta.json"]


def test_user_says_where_features_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "named"))
    assert default_root() == tmp_path / "named"
    monkeypatch.delenv("TLKIT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_root() == tmp_path / "xdg" / "tlkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == Path.home() / ".cache" / "tlkit"
