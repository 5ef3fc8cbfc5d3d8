"""Files appear whole or not at all, in one way, and nothing is left behind."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import tlkit
from tlkit._disk.atomic import PART, remove_parts, whole_file, why_unwritable

SOURCES = Path(tlkit.__file__).parent


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that is there already."""
    file = tmp_path / "notes.txt"
    file.write_text("old")
    return file


def replace(file: Path, text: str = "new", error: BaseException | None = None) -> None:
    """Write half of a file, and the rest unless an error comes."""
    with whole_file(file) as part:
        part.write_text(text[: len(text) // 2])
        if error is not None:
            raise error
        part.write_text(text)


def only(file: Path) -> str:
    """What is in a file that is alone in its folder."""
    assert list(file.parent.iterdir()) == [file]
    return file.read_text()


def test_new_content_takes_the_place_of_the_old_at_the_end_of_the_block(old: Path) -> None:
    with whole_file(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
    assert only(old) == "new"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left"), ValueError(), KeyboardInterrupt(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_any_error_leaves_the_old_file_and_nothing_else(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        replace(old, error=error)
    assert only(old) == "old"


@pytest.mark.parametrize(("of", "step"), [(os, "fsync"), (Path, "replace")])
def test_an_error_at_the_last_moment_leaves_the_old_file_too(
    old: Path, monkeypatch: pytest.MonkeyPatch, of: object, step: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(of, step, fail)
    with pytest.raises(OSError, match="Input/output error"):
        replace(old)
    assert only(old) == "old"


def test_a_block_that_writes_nothing_is_an_error(old: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(old):
        pass
    assert only(old) == "old"


def test_a_folder_in_the_way_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").mkdir()
    with pytest.raises(OSError, match="notes"):
        replace(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace(tmp_path / "none" / "notes.txt")
    assert list(tmp_path.iterdir()) == []


def test_content_is_on_the_disk_before_its_name_and_the_name_when_it_returns(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def syncing(handle: int) -> None:
        folder = os.path.samestat(os.fstat(handle), old.parent.stat())
        steps.append("folder" if folder else "content")
        fsync(handle)

    def renaming(self: Path, target: Path) -> Path:
        steps.append("name")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)
    replace(old)
    assert steps[:2] == ["content", "name"]
    assert steps[2:] == ([] if os.name == "nt" else ["folder"])


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_folder_that_cannot_be_synced_is_no_error(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def files_only(handle: int) -> None:
        if os.path.samestat(os.fstat(handle), old.parent.stat()):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    replace(old)
    assert only(old) == "new"


NAMES = st.text(
    st.characters(exclude_characters='/\\:*?"<>|\0', exclude_categories=["Cc", "Cs"]), min_size=1
).filter(lambda name: name not in (".", ".."))
SUFFIXES = st.sampled_from([".keras", ".weights.h5", ".onnx", ".json", ".npz", ""])


@given(NAMES, SUFFIXES)
def test_any_name_that_a_file_may_have_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, name: str, suffix: str
) -> None:
    while len((name + suffix).encode()) > 255:
        name = name[:-1]
    file = tmp_path_factory.mktemp("names") / (name + suffix)
    with whole_file(file) as part:
        assert part.parent == file.parent
        assert part.name.startswith(PART)
        assert part.name.endswith(suffix)
        part.write_text("all")
    assert only(file) == "all"


def test_threads_that_write_one_file_leave_one_of_them_whole(tmp_path: Path) -> None:
    file, texts = tmp_path / "notes.txt", [str(digit) * 10_000 for digit in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: replace(file, text), texts))
    assert only(file) in texts


PROGRAM = """
import sys, time
from pathlib import Path
from tlkit._disk.atomic import whole_file

with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def killed(old: Path) -> Path:
    """What a process that was killed while it was writing has left."""
    command = [sys.executable, "-c", PROGRAM, str(old)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"writing"
        process.kill()
    (left,) = old.parent.glob(f"{PART}*")
    return left


def test_what_a_killed_process_left_is_removed(old: Path, killed: Path) -> None:
    assert killed.read_text() == "half"
    remove_parts(old.parent)
    assert only(old) == "old"


def test_what_was_written_to_lately_is_spared(old: Path, killed: Path) -> None:
    remove_parts(old.parent, unused_s=600)
    assert killed.exists()
    hour_ago = time.time() - 3600
    os.utime(killed, (hour_ago, hour_ago))
    remove_parts(old.parent, unused_s=600)
    assert only(old) == "old"


@pytest.mark.parametrize("apart_s", [-3700, 3700])
def test_what_is_being_written_is_spared_where_this_machines_clock_is_wrong(
    old: Path, monkeypatch: pytest.MonkeyPatch, apart_s: int
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + apart_s)
    with whole_file(old) as part:
        part.write_text("half")
        remove_parts(old.parent, unused_s=3600)
        part.write_text("whole")
    assert only(old) == "whole"


def test_what_is_dated_in_the_future_is_removed_where_nobody_else_writes(old: Path) -> None:
    left = old.with_name(f"{PART}1-a-x")
    left.touch()
    os.utime(left, (time.time() + 3700,) * 2)
    remove_parts(old.parent)
    assert only(old) == "old"


def test_only_temporary_files_are_removed_and_none_below(tmp_path: Path) -> None:
    kept = [tmp_path / ".gitignore", tmp_path / "part-x", tmp_path / "below" / f"{PART}1-a-x"]
    for file in (*kept, tmp_path / f"{PART}1-a-x"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    remove_parts(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_a_folder_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    remove_parts(tmp_path / "none")


def _writes_by_itself(call: ast.Call) -> bool:
    """Whether a call is one that only a writing of files of its own needs."""
    if not isinstance(call.func, ast.Attribute):
        return False
    # str.replace takes two arguments, Path.replace one.
    renames = call.func.attr in ("replace", "rename") and len(call.args) == 1
    return renames or call.func.attr in ("fsync", "mkstemp", "NamedTemporaryFile")


def test_no_module_of_tlkit_has_a_way_of_its_own_to_write_a_file() -> None:
    own = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and _writes_by_itself(node)
    }
    assert own == {str(Path("_disk", "atomic.py"))}


def test_a_place_that_cannot_be_looked_at_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "too long" in why_unwritable(tmp_path / ("x" * 300))

    def refused(_: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr(Path, "is_dir", refused)
    assert "Permission denied" in why_unwritable(tmp_path / "notes.txt")
