"""What is decoded is what was hashed; pictures that are there twice; files that are no images."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.data.conftest import encoded, noise
from tests.data.test_dataset import some_arrays
from tlkit import ImageDataset
from tlkit.data.decoding.contents import MAX_BYTES
from tlkit.data.decoding.looks import find_damage
from tlkit.errors import DamagedImageError, DataError


@pytest.mark.parametrize("first", ["digests", "load", "check"])
def test_a_file_that_changes_after_it_was_read_is_named(folders: Path, first: str) -> None:
    data = ImageDataset.from_directory(folders)
    _ = {"digests": lambda: data.image_digests, "load": lambda: data.load([1], 8)}.get(
        first, data.check
    )()
    (folders / "cat" / "bb.jpg").write_bytes(encoded(Image.fromarray(noise(9, 9, 77)), "JPEG"))
    with pytest.raises(DataError, match=r"cat/bb\.jpg has changed since the data set was made"):
        data.load([1], 8)
    assert [x.position for x in data.check().damaged] == [1]
    assert len(data.load([0, 2], 8)) == 2


def test_an_array_that_changes_after_it_was_hashed_is_named() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    data = ImageDataset.from_arrays(images, [0, 1, 0, 1])
    _ = data.fingerprint
    images[2] += 1
    for size in (8, 4):
        with pytest.raises(DataError, match="image 2 has changed"):
            data.load([0, 1, 2], size)


def test_nothing_of_a_changed_image_is_stored(folders: Path, tmp_path: Path) -> None:
    data = ImageDataset.from_directory(folders)
    load, cache = data.load, tmp_path / "cache"

    def changing(*arguments: Any, **settings: Any) -> Any:
        (folders / "cat" / "a.jpg").write_bytes(encoded(Image.fromarray(noise(9, 9, 5)), "JPEG"))
        return load(*arguments, **settings)

    data.load = changing  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"cat/a\.jpg has changed"):
        tlkit.extract(
            tlkit.testing.tiny_backbone(),
            data,
            weights=None,
            cache=cache,
            engine="keras",
            verbose=0,
        )
    assert not list(cache.rglob("*.shard"))


def test_a_huge_file_is_named_and_not_read(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folders / "cat" / "huge.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    data = ImageDataset.from_directory(folders)
    monkeypatch.setattr(Path, "read_bytes", _only_small(Path.read_bytes))
    damaged = data.check().damaged
    assert [x.name for x in damaged] == ["cat/huge.png"]
    assert "has 536,870,913 bytes, more than the 536,870,912" in damaged[0].reason
    with pytest.raises(DamagedImageError, match=r"huge\.png has 536,870,913 bytes"):
        _ = data.image_digests


def _only_small(read: Any) -> Any:
    def reading(path: Path) -> Any:
        assert path.stat().st_size <= MAX_BYTES
        return read(path)

    return reading


def test_memory_that_is_not_enough_names_the_file(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", full)
    with pytest.raises(DamagedImageError, match=r"a\.jpg needs more memory"):
        ImageDataset.from_directory(folders).load([0], 8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of Unix")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    assert find_damage(tmp_path / "x.png") == "cannot be read: it is no ordinary file"


def test_a_check_lists_pictures_that_are_there_twice_contradictions_first(folders: Path) -> None:
    (folders / "cat" / "copy.jpg").write_bytes((folders / "cat" / "a.jpg").read_bytes())
    (folders / "dog" / "cat.jpg").write_bytes((folders / "cat" / "bb.jpg").read_bytes())
    report = ImageDataset.from_directory(folders).check()
    assert report.ok
    assert [x.classes for x in report.duplicates] == [("cat", "dog"), ("cat", "cat")]
    assert "cat/bb.jpg (cat) = dog/cat.jpg (dog): two classes for one picture" in str(report)
    assert "2 pictures are there more than once, 1 of them in two classes" in str(report)
    assert "2 duplicated" in repr(report)


def test_one_row_twice_with_two_labels_is_found(folders: Path) -> None:
    table = {"image": ["cat/a.jpg", "cat/bb.jpg", "cat/a.jpg"], "label": ["x", "y", "y"]}
    data = ImageDataset.from_dataframe(table, image="image", label="label", root=folders)
    (found,) = data.check().duplicates
    assert (found.positions, found.contradicts) == ((0, 2), True)


def test_without_duplicates_nothing_is_said() -> None:
    images = np.stack([noise(8, 8, seed) for seed in range(6)])
    data = ImageDataset.from_arrays(images, [0, 1] * 3)
    assert not data.check().duplicates
    assert len(ImageDataset.from_arrays(images[[0, 0]], [0, 1]).check().duplicates) == 1


def test_arrays_still_give_their_pixels() -> None:
    data = some_arrays()
    assert builtins.len(data.load([], 8)) == 0
    np.testing.assert_array_equal(data.load([3, 1], 8)[0], data.load([3], 8)[0])


@pytest.mark.parametrize("looked", ["checked before", "a file listed twice"])
def test_a_split_tells_of_a_picture_on_both_sides(folders: Path, looked: str) -> None:
    names = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(6)]
    for place, name in enumerate(names):
        Image.fromarray(noise(9, 9, 50 + place % 6)).save(folders / name)
    listed = names[:6] * 2 if looked == "a file listed twice" else names
    table = {"image": listed, "label": ["cat"] * 6 + ["dog"] * 6}
    data = ImageDataset.from_dataframe(table, image="image", label="label", root=folders)
    if looked == "checked before":
        assert not any(data.known_digests.ravel()), "nothing is read for a split"
        data.check()
    with pytest.warns(UserWarning, match=r"second part, such as (cat|dog)/"):
        data.split(0.25, seed=1)


def test_a_split_of_different_pictures_says_nothing() -> None:
    data = some_arrays()
    data.check()
    data.split(0.5)  # a warning is an error in these tests
