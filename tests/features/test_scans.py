"""What the store remembers of image files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlkit.data.scans import Scan, file_key
from tlkit.features.store._scans import RememberedScans
from tlkit.features.store.store import FeatureStore


def key(number: int) -> bytes:
    """What some file is known by."""
    return number.to_bytes(16, "little")


def scan(number: int, *, whole: bool = True) -> Scan:
    """What was found in it."""
    return Scan(number.to_bytes(32, "little"), whole)


def filled(file: Path, numbers: range, **settings: Any) -> RememberedScans:
    """Scans that were written."""
    scans = RememberedScans(file, **settings)
    for number in numbers:
        scans.add(key(number), scan(number, whole=number % 2 == 0))
    scans.save()
    return scans


def test_another_process_finds_what_was_written(tmp_path: Path) -> None:
    filled(tmp_path / "scans", range(5))
    again = RememberedScans(tmp_path / "scans")
    assert [again.get(key(n)) for n in range(6)] == [
        *(scan(n, whole=n % 2 == 0) for n in range(5)),
        None,
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["scans"]


def test_processes_that_write_in_turn_keep_what_the_other_found(tmp_path: Path) -> None:
    one, other = (RememberedScans(tmp_path / "scans") for _ in range(2))
    one.add(key(1), scan(1))
    other.add(key(2), scan(2))
    one.save()
    other.save()
    again = RememberedScans(tmp_path / "scans")
    assert (again.get(key(1)), again.get(key(2))) == (scan(1), scan(2))


def test_a_later_scan_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    scans = filled(tmp_path / "scans", range(2))
    scans.add(key(1), scan(7))
    assert scans.get(key(1)) == scan(7)
    scans.save()
    assert RememberedScans(tmp_path / "scans").get(key(1)) == scan(7)


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    for start in range(0, 100, 10):
        filled(tmp_path / "scans", range(start, start + 10), most=25)
    again = RememberedScans(tmp_path / "scans")
    assert [n for n in range(100) if again.get(key(n))] == list(range(75, 100))
    assert (tmp_path / "scans").stat().st_size == 16 + 25 * 49 + 32


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda content: content[:-1],
    "one entry less": lambda content: content[:-49],
    "empty": lambda _: b"",
    "another digit": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "something else": lambda _: b"x" * 1000,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_told_and_images_are_read_again(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "scans"
    filled(file, range(5))
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    again = RememberedScans(file)
    assert [again.get(key(n)) for n in range(5)] == [None] * 5
    assert f"{file} is damaged; images are read again" in caplog.text
    filled(file, range(5))
    assert RememberedScans(file).get(key(4)) == scan(4)


def test_a_store_for_reading_only_gives_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "scans", range(2))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    scans = filled(tmp_path / "scans", range(3))
    assert scans.get(key(2)) == scan(2)
    filled(tmp_path / "scans", range(0))


def test_what_is_of_use_is_not_the_oldest(tmp_path: Path) -> None:
    filled(tmp_path / "scans", range(2))
    os.utime(tmp_path / "scans", (0, 0))
    RememberedScans(tmp_path / "scans").save()
    assert (tmp_path / "scans").stat().st_mtime > 0


def test_a_store_has_its_own(tmp_path: Path) -> None:
    scans = FeatureStore(tmp_path).scans()
    scans.add(key(1), scan(1))
    scans.save()
    assert FeatureStore(tmp_path).scans().get(key(1)) == scan(1)
    assert FeatureStore(tmp_path / "other").scans().get(key(1)) is None


def test_a_file_is_known_by_its_path_size_and_times(tmp_path: Path) -> None:
    file, other = tmp_path / "a.jpg", tmp_path / "b.jpg"
    file.write_bytes(b"one")
    before, times = file_key(file), file.stat()
    assert before == file_key(file)
    other.write_bytes(b"one")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_key(other) not in (None, before)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert file_key(file) != before
    file.unlink()
    assert file_key(file) is None
