"""The store of features: where it is, what it holds, how much it may take."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.features.test_shards import ids
from tlkit.errors import CacheError
from tlkit.features.store.places import default_limit, default_root
from tlkit.features.store.store import FeatureStore

IDS = ids(4)
ROWS = np.ones((4, 250), "float32")
ABOUT = {"model": "tiny", "engine": "keras", "hash": "abc"}


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """An empty store."""
    return FeatureStore(tmp_path / "store")


def fill(store: FeatureStore, key: str, *, age: float = 0.0, images: slice = slice(4)) -> Path:
    """Store some features, last used so many days ago."""
    rows = ROWS[images]
    store.table(key, ABOUT).add(IDS[images], lambda: [rows], rows.nbytes)
    newest = max((store.root / key).glob("*.shard"), key=lambda file: file.stat().st_mtime_ns)
    used = time.time() - age * 86400
    os.utime(newest, (used, used))
    return newest


def test_looking_leaves_no_trace(store: FeatureStore) -> None:
    assert store.table("a", ABOUT).rows(IDS) is None
    assert list(store.root.iterdir()) == []


def test_each_table_says_what_it_holds(store: FeatureStore) -> None:
    fill(store, "a")
    assert json.loads((store.root / "a" / "about.json").read_text()) == ABOUT
    assert sorted(path.suffix for path in (store.root / "a").iterdir()) == [".json", ".shard"]


def test_info_lists_what_was_used_last_first(store: FeatureStore) -> None:
    fill(store, "old", age=3)
    size = fill(store, "new").stat().st_size
    info = tlkit.cache.info(store.root.parent)
    assert [table.bytes for table in info.tables] == [size, size]
    assert info.bytes > 2 * size
    first, second, third = str(info).splitlines()
    assert first.startswith(f"{store.root}: 0.0 MB of at most 50,000 MB")
    assert second.split()[-4:] == ["model", "tiny", "engine", "keras"]
    assert second.split()[4] > third.split()[4]


def test_clear_removes_everything_and_says_how_much(store: FeatureStore) -> None:
    fill(store, "a")
    older = store.root.parent / "v1" / "key"
    older.mkdir(parents=True)
    (older / "features.npy").write_bytes(bytes(100))
    (store.root.parent / "own.txt").write_text("not ours")
    held = tlkit.cache.info(store.root.parent).bytes
    assert tlkit.cache.clear(store.root.parent) == held + 100
    assert [path.name for path in store.root.parent.rglob("*") if path.is_file()] == ["own.txt"]
    assert tlkit.cache.clear(store.root.parent) == 0


def test_clear_can_spare_what_was_used_lately(store: FeatureStore) -> None:
    old, new = fill(store, "old", age=3), fill(store, "new", age=1)
    size = old.stat().st_size
    assert tlkit.cache.clear(store.root.parent, unused_days=2) == size
    assert new.is_file()
    assert not old.exists()


def test_clear_spares_what_is_being_written(store: FeatureStore) -> None:
    fresh, left = (store.root / name for name in (".part-1-a-x", ".part-1-b-x"))
    for file in (fresh, left):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    tlkit.cache.clear(store.root.parent)
    assert (fresh.is_file(), left.exists()) == (True, False)


def test_what_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    size = fill(FeatureStore(tmp_path / "other"), "a").stat().st_size
    store = FeatureStore(tmp_path / "store", limit=3 * size)
    files = [fill(store, key, age=age) for key, age in (("a", 2), ("b", 3), ("c", 1))]
    fill(store, "d")
    assert [file.is_file() for file in files] == [True, False, True]


def test_a_table_in_the_making_is_not_removed_to_make_room_for_itself(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, limit=1)
    first = fill(store, "a", age=2, images=slice(2))
    second = fill(store, "a", images=slice(2, 4))
    assert first.is_file()
    assert second.is_file()
    assert store.table("a", ABOUT).rows(IDS) is not None


def test_exports_that_were_not_used_for_the_longest_time_go_too(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, limit=13_000)
    exports = {}
    for name, age in (("abc", 9), ("old", 3), ("new", 1)):
        exports[name] = store.trunk_stem(name).with_suffix(".onnx")
        exports[name].write_bytes(bytes(4_000))
        used = time.time() - age * 86400
        os.utime(exports[name], (used, used))
    fill(store, "a")  # of the trunk "abc"
    assert {name: file.is_file() for name, file in exports.items()} == {
        "abc": True,
        "old": False,
        "new": True,
    }
    assert store.info().bytes <= store.limit


def test_an_export_in_use_is_not_the_oldest(store: FeatureStore) -> None:
    files = [store.trunk_stem("abc").with_suffix(suffix) for suffix in (".onnx", ".x.decision")]
    for file in files:
        file.write_bytes(b"export")
        os.utime(file, (0, 0))
    store.note_use("abc")
    assert all(file.stat().st_mtime > time.time() - 60 for file in files)


def test_what_a_killed_process_left_makes_room(store: FeatureStore) -> None:
    fresh, left = (store.root / name for name in (".part-1-a-trunk.onnx", ".part-1-b-x.keras"))
    for file in (fresh, left):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    fill(store, "a")
    assert (fresh.is_file(), left.exists()) == (True, False)


def test_versions_of_tlkit_share_a_folder_and_leave_each_other_alone(tmp_path: Path) -> None:
    others = [tmp_path / "v1" / "a" / "old.shard", tmp_path / "v9" / "a" / "new.shard"]
    for file in others:
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(2000))
        os.utime(file, (0, 0))
    store = FeatureStore(tmp_path, limit=1)
    fill(store, "a")
    fill(store, "b")
    assert all(file.is_file() for file in others), "used long ago, and still not ours to remove"
    assert [len(table.about) for table in store.info().tables if table.shards] == [len(ABOUT)]
    rows = store.table("b", ABOUT).rows(IDS)
    assert rows is not None
    assert np.array_equal(np.asarray(rows), ROWS)


def test_user_says_how_much_a_store_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_limit() == 50e9
    monkeypatch.setenv("TLKIT_CACHE_LIMIT_GB", "0.5")
    assert default_limit() == 5e8
    for wrong in ("much", "-1", "nan", "0"):
        monkeypatch.setenv("TLKIT_CACHE_LIMIT_GB", wrong)
        with pytest.raises(CacheError, match=f"TLKIT_CACHE_LIMIT_GB='{wrong}', expected how many"):
            default_limit()


def test_full_disk_is_seen_before_writing(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(CacheError, match=r"The features need .* GB more and .* free. Free some"):
        fill(store, "a")
    assert not list(store.root.rglob("*.shard"))


def test_folder_that_cannot_be_made_is_named_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"file/v2 cannot be written: .*cache=PATH or TLKIT_CACHE"):
        FeatureStore(tmp_path / "file")


def test_store_for_reading_only_gives_what_it_has(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, "a", images=slice(2))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    again = FeatureStore(store.root.parent)
    assert again.table("a", ABOUT).rows(IDS[:2]) is not None
    with pytest.raises(CacheError, match=r"cannot be written: .*Read-only.*or keep nothing with"):
        again.table("a", ABOUT).add(IDS[2:], lambda: [ROWS[2:]], 8)


def test_user_says_where_features_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "named"))
    assert default_root() == tmp_path / "named"
    monkeypatch.delenv("TLKIT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_root() == tmp_path / "xdg" / "tlkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == Path.home() / ".cache" / "tlkit"


@pytest.mark.parametrize("apart_s", [-3700, 3700])
def test_a_wrong_clock_of_this_machine_neither_ages_features_nor_takes_what_is_being_written(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch, apart_s: int
) -> None:
    old, new = fill(store, "old"), fill(store, "new")
    begun = store.root / ".part-1-a-x"
    begun.write_bytes(b"half")
    hours_ago = time.time() - 2 * 3600
    for file in (old, old.with_name("about.json")):
        os.utime(file, (hours_ago, hours_ago))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + apart_s)
    # Used 0 and 2 hours ago by the clock that dates the files; this machine's says 1 and 3, or 1
    # hour ahead and 1 ago.
    tlkit.cache.clear(store.root.parent, unused_days=1.5 / 24)
    assert (old.exists(), new.exists(), begun.exists()) == (False, True, True)
    monkeypatch.setattr(time, "time", lambda: real() + 2 * apart_s)
    tlkit.cache.clear(store.root.parent, unused_days=1.5 / 24)
    assert new.exists(), "used just now"


def test_what_was_used_in_the_future_is_cleared_too(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    fill(store, "a")
    for file in (*store.root.rglob("*.shard"), *store.root.rglob("about.json")):
        os.utime(file, (time.time() + 10**7, time.time() + 10**7))
    assert tlkit.cache.clear(tmp_path, unused_days=1) == 0
    assert tlkit.cache.clear(tmp_path) > 0
    assert not list(tmp_path.rglob("*.shard"))
