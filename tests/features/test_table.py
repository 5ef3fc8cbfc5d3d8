"""Features by the content of the image, shared by all who work on them."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.features.test_shards import ids
from tlkit._disk.atomic import whole_file
from tlkit.errors import CacheError
from tlkit.features.store.rows import FeatureRows
from tlkit.features.store.table import FeatureTable

IDS = ids(50)
ROWS = np.arange(100, dtype="float32").reshape(50, 2)


def table(folder: Path) -> FeatureTable:
    """A table in a folder that is there."""
    return FeatureTable(folder, lambda _: None)


def rows_of(*positions: int) -> Callable[[], Iterator[np.ndarray]]:
    """What computes the rows of some images."""
    return lambda: iter([ROWS[list(positions)]])


def add(to: FeatureTable, *positions: int) -> bool:
    """Compute and store some images."""
    return to.add(IDS[list(positions)], rows_of(*positions), 100)


def read(rows: FeatureRows | None) -> np.ndarray:
    """All rows."""
    assert rows is not None
    return np.asarray(rows)


def test_features_come_back_in_any_order_and_number(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, 3, 1, 4)
    add(one, 9, 2)
    for wanted in ([1], [9, 3, 2, 1, 4], [4, 4, 2, 4]):
        rows = one.rows(IDS[wanted])
        assert np.array_equal(read(rows), ROWS[wanted])
        assert np.array_equal(rows[np.array([0, 0])], ROWS[[wanted[0]] * 2])  # type: ignore[index]
    assert one.rows(IDS[[1, 5]]) is None
    assert one.missing(IDS[[7, 3, 5, 7, 5, 1]]).tolist() == [0, 2]


def test_empty_table_misses_everything(tmp_path: Path) -> None:
    assert table(tmp_path / "none").missing(IDS).tolist() == list(range(50))
    assert table(tmp_path / "none").rows(IDS[:1]) is None


@given(st.lists(st.lists(st.integers(0, 49), min_size=1), min_size=1, max_size=6), st.booleans())
def test_each_image_is_computed_once_whatever_is_asked(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[int]], on_disk: bool
) -> None:
    folder = tmp_path_factory.mktemp("table")
    computed: list[int] = []
    for request in requests:
        one = table(folder)
        missing = one.missing(IDS[request])
        if len(missing):
            positions = np.array(request)[missing].tolist()
            computed += positions
            assert add(one, *positions)
        rows = one.rows(IDS[request], in_memory=0 if on_disk else 2**20)
        assert np.array_equal(read(rows), ROWS[request])
    assert len(computed) == len(set(computed))
    assert set(computed) == {position for request in requests for position in request}


def test_large_features_are_read_from_disk_as_an_array_is_from_memory(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, *range(30))
    add(one, *range(30, 50))
    rows = one.rows(IDS, in_memory=0)
    assert rows is not None
    assert rows._kept is None
    for wanted in ([5, 0, 49], [28, 29, 30, 31], [7, 7, 8], [-1, 0], [], slice(3, 40, 2), 4):
        chosen = wanted if isinstance(wanted, (int, slice)) else np.array(wanted, int)
        assert np.array_equal(rows[chosen], ROWS[chosen])
    assert np.array_equal(rows[ROWS[:, 0] > 50], ROWS[ROWS[:, 0] > 50])
    with pytest.raises(IndexError):
        rows[[50]]
    assert (len(rows), rows.shape, rows.nbytes) == (50, (50, 2), 400)


def test_features_that_are_cut_off_while_in_use_are_told(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, *range(50))
    rows = one.rows(IDS, in_memory=0)
    assert rows is not None
    (file,) = tmp_path.glob("*.shard")
    with file.open("r+b") as stream:
        stream.truncate(1900)
    with pytest.raises(CacheError, match=r"cannot be read any more: .* cut off while .* Run this"):
        rows[[49]]


def test_features_that_are_removed_while_in_use_are_still_there(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, *range(50))
    rows = one.rows(IDS, in_memory=0)
    for file in tmp_path.glob("*.shard"):
        file.unlink()
    assert np.array_equal(read(rows), ROWS)


def test_flipped_byte_is_reported_and_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(table(tmp_path), 1, 2)
    (file,) = tmp_path.glob("*.shard")
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)
    other = table(tmp_path)
    assert len(other.missing(IDS[[1, 2]])) == 0, "the ids alone are not checked"
    with caplog.at_level(logging.WARNING, "tlkit"):
        assert other.rows(IDS[[1, 2]]) is None
    assert f"stored features {file} are damaged (its checksum does not fit)" in caplog.text
    assert other.missing(IDS[[1, 2]]).tolist() == [0, 1]
    add(other, 1, 2)
    assert np.array_equal(read(other.rows(IDS[[1, 2]])), ROWS[[1, 2]])


def test_damage_that_cannot_be_removed_is_computed_again_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table(tmp_path), 1, 2)
    (file,) = tmp_path.glob("*.shard")
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Operation not permitted")

    other = table(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert other.rows(IDS[[1, 2]]) is None
    assert file.exists()
    assert other.missing(IDS[[1, 2]]).tolist() == [0, 1]
    assert add(other, 1, 2)
    assert np.array_equal(read(other.rows(IDS[[1, 2]])), ROWS[[1, 2]])


@pytest.mark.parametrize("why", [errno.EACCES, errno.EMFILE])
def test_features_that_cannot_be_opened_are_named_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    add(table(tmp_path), 1, 2)
    (file,) = tmp_path.glob("*.shard")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CacheError, match=rf"cannot be opened: {os.strerror(why)}\. Put that right"):
        table(tmp_path).missing(IDS[[1, 2]])
    monkeypatch.undo()
    assert file.exists()


def test_shard_that_is_cut_off_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    add(table(tmp_path), 1, 2)
    (file,) = tmp_path.glob("*.shard")
    file.write_bytes(file.read_bytes()[:30])
    assert table(tmp_path).missing(IDS[[1, 2]]).tolist() == [0, 1]
    assert "damaged" in caplog.text
    assert not file.exists()


def test_shard_that_another_process_removes_is_missing(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, 1, 2)
    assert not len(one.missing(IDS[[1, 2]]))
    for file in tmp_path.glob("*.shard"):
        file.unlink()
    assert one.rows(IDS[[1, 2]]) is None


def test_use_is_noted_for_those_who_make_room(tmp_path: Path) -> None:
    one = table(tmp_path)
    add(one, 1)
    (file,) = tmp_path.glob("*.shard")
    os.utime(file, (0, 0))
    one.rows(IDS[[1]])
    assert file.stat().st_mtime > 0


def test_what_another_is_computing_is_left_to_it(tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[np.ndarray]:
        inside.set()
        assert go_on.wait(10)
        yield ROWS[[1, 2]]

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(table(tmp_path).add, IDS[[1, 2]], slow, 100)
        assert inside.wait(10)
        assert not add(table(tmp_path), 1, 2)
        assert add(table(tmp_path), 3)
        go_on.set()
        assert first.result()
    assert not list(tmp_path.glob("*.lock"))


def test_what_another_has_just_computed_is_not_computed_again(tmp_path: Path) -> None:
    add(table(tmp_path), 1, 2)

    def never() -> Iterator[np.ndarray]:
        raise AssertionError("computed twice")

    assert table(tmp_path).add(IDS[[1, 2]], never, 100)


WORK = """
import sys
from pathlib import Path
import numpy as np
from tlkit.features.store.table import FeatureTable

folder, log = map(Path, sys.argv[1:])
ids = np.load(folder.parent / "ids.npy")
table = FeatureTable(folder, lambda size: None)
while len(missing := table.missing(ids)):
    for start in range(0, len(missing), 5):
        part = missing[start : start + 5]

        def compute(part=part):
            with log.open("a") as file:
                file.write("".join(f"{position}\\n" for position in part))
            yield np.stack([2 * part, 2 * part + 1], 1).astype("float32")

        table.add(ids[part], compute, 100)
"""


def test_a_shard_that_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    table = FeatureTable(tmp_path, lambda _: None)
    with whole_file(tmp_path / "a.shard") as part:
        part.write_bytes(b"half of it")
        assert len(table.missing(IDS)) == len(IDS)
        assert part.exists()


def test_several_processes_compute_each_image_once(tmp_path: Path) -> None:
    folder, log = tmp_path / "table", tmp_path / "log"
    folder.mkdir()
    np.save(tmp_path / "ids.npy", IDS)
    command = [sys.executable, "-c", WORK, str(folder), str(log)]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert sorted(map(int, log.read_text().split())) == list(range(50))
    assert np.array_equal(read(table(folder).rows(IDS)), ROWS)


def test_without_file_locks_work_may_be_done_twice_and_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("tlkit.features.store.table.take", none)

    def overtaken() -> Iterator[np.ndarray]:
        assert add(table(tmp_path), 1, 2)
        yield ROWS[[1, 2]]

    one = table(tmp_path)
    assert one.add(IDS[[1, 2]], overtaken, 100)
    assert np.array_equal(read(one.rows(IDS[[1, 2]])), ROWS[[1, 2]])


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"could not be written to .*none: .*cache=PATH"):
        add(table(tmp_path / "none"), 1)
