"""Data sets put together, classes renamed: each image keeps its pixels and its class by name."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.data.conftest import WriteImage, noise
from tlkit import ImageDataset
from tlkit.errors import DataError

CLASSES = ("ant", "bee", "cow", "doe")


def arrays(labels: Any, names: Any = CLASSES, first: int = 0, side: int = 4) -> ImageDataset:
    images = np.stack([noise(side, side, first + place) for place in range(len(labels))])
    return ImageDataset.from_arrays(images, labels, names)


def kinds(data: ImageDataset) -> list[str]:
    return [data.class_names[label] for label in data.labels]


some_labels = st.lists(st.sampled_from(CLASSES), min_size=1, max_size=6)
orders = st.permutations(CLASSES)


# Put together


@given(one=some_labels, other=some_labels, order=orders)
def test_every_image_keeps_its_pixels_and_its_class(
    one: list[str], other: list[str], order: list[str]
) -> None:
    first = arrays(one, ["cow", "zoo", "ant", "bee", "doe"])
    second = arrays(other, order, first=50)
    both = first + second
    assert kinds(both) == one + other
    assert both.class_names == first.class_names
    assert both.image_digests.tobytes() == (
        first.image_digests.tobytes() + second.image_digests.tobytes()
    )
    np.testing.assert_array_equal(
        both.load(range(len(both)), 4),
        np.concatenate([part.load(range(len(part)), 4) for part in (first, second)]),
    )


def test_classes_of_the_first_come_first_then_what_only_the_second_has() -> None:
    first, second = arrays(["b", "a"], ["b", "a"]), arrays(["d", "a", "c"], ["d", "c", "a"])
    assert (first + second).class_names == ("b", "a", "d", "c")
    assert (first + second).class_counts == {"b": 1, "a": 2, "d": 1, "c": 1}


def test_parts_of_folders_are_put_together_and_known_digests_with_them(
    folders: Path, write_image: WriteImage
) -> None:
    for name in ("more/emu/a.jpg", "more/cat/zz.jpg"):
        write_image(name)
    first = ImageDataset.from_dataframe(
        {"image": ["cat/a.jpg", "dog/dddd.jpg"], "label": ["cat", "dog"]},
        image="image",
        label="label",
        root=folders,
    )
    second = ImageDataset.from_directory(folders / "more")
    first.check()
    both = first.subset([1, 0]) + second.subset([1])
    assert both.names == ("dog/dddd.jpg", "cat/a.jpg", "emu/a.jpg")
    assert kinds(both) == ["dog", "cat", "emu"]
    assert both.known_digests.any(axis=1).tolist() == [True, True, False]
    assert both.load([0, 1, 2], 8).shape == (3, 8, 8, 3)


def test_files_of_one_name_are_told_apart(tmp_path: Path, write_image: WriteImage) -> None:
    for root, size in (("one", 9), ("two", 11)):
        for name in ("cat/a.jpg", "dog/a.jpg"):
            write_image(f"{root}/{name}", (size, size))
    one, two = (ImageDataset.from_directory(tmp_path / root) for root in ("one", "two"))
    both = one + two
    assert len(set(both.names)) == 4
    assert both.names[0] == str((tmp_path / "one/cat/a.jpg").resolve())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both.split(0.5)
    with pytest.warns(UserWarning, match="in the first part too"):
        (one + one).split(0.5, seed=2)


def test_names_that_are_nearly_the_same_are_refused_until_they_are_one() -> None:
    first, second = arrays(["cat", "dog"], None), arrays(["Cat", "dog"], None)
    with pytest.raises(DataError, match=r"'Cat' is written 'cat' there.*rename_classes"):
        first + second
    both = first + second.rename_classes({"Cat": "cat"})
    assert both.class_counts == {"cat": 2, "dog": 2}


def test_arrays_of_two_sizes_go_together() -> None:
    small, large = arrays(["cat", "dog"], None), arrays(["cat", "dog"], None, side=8)
    both = pickle.loads(pickle.dumps((large + small).subset([3, 0])))  # noqa: S301
    assert [pixels.shape for pixels, _ in both] == [(4, 4, 3), (8, 8, 3)]
    np.testing.assert_array_equal(both.load([0], 4), small.load([1], 4))


def test_what_cannot_be_put_together_says_why(folders: Path) -> None:
    files = ImageDataset.from_directory(folders)
    with pytest.raises(DataError, match="files and pixels to put together"):
        files + arrays(["cat", "dog"], None)
    with pytest.raises(DataError, match=r"depth=12 and depth=None; expected one depth"):
        files + ImageDataset.from_directory(folders, depth=12)
    with pytest.raises(TypeError, match="unsupported operand"):
        files + ImageDataset.from_files(folders)  # type: ignore[operator]


# Renamed


@given(labels=some_labels, new=st.lists(st.sampled_from("vwxyz"), min_size=4, max_size=4))
def test_each_image_gets_the_new_name_of_its_class(labels: list[str], new: list[str]) -> None:
    data, names = arrays(labels), dict(zip(CLASSES, new, strict=True))
    if len(set(new)) < 2:
        with pytest.raises(DataError, match="needs at least two"):
            data.rename_classes(names)
        return
    renamed = data.rename_classes(names)
    assert kinds(renamed) == [names[name] for name in labels]
    assert renamed.class_names == tuple(dict.fromkeys(new))
    assert renamed.fingerprint == data.fingerprint
    assert kinds(data) == labels, "what is renamed stays as it was"


def test_two_classes_can_swap_their_names() -> None:
    data = arrays(["ant", "bee"], ("ant", "bee")).rename_classes({"ant": "bee", "bee": "ant"})
    assert (kinds(data), data.class_names) == (["bee", "ant"], ("bee", "ant"))


def test_a_class_that_is_not_there_cannot_be_renamed() -> None:
    with pytest.raises(DataError, match=r"No classes 'Ant' to rename.* is written 'ant' there"):
        arrays(["ant"]).rename_classes({"Ant": "x"})
    with pytest.raises(DataError, match="look alike"):
        arrays(["ant"]).rename_classes({"ant": "bee "})
    new: Any = 3
    with pytest.raises(DataError, match="expected text"):
        arrays(["ant"]).rename_classes({"ant": new})
