"""Images with any number of labels: read, checked, renamed, parted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from tlkit import ImageDataset, MultiLabelDataset
from tlkit.errors import DataError, SplitError, TableError

LISTS = [["dog", "cat"], ["dog"], [], ["owl"]]
MATRIX = [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]


def arrays(count: int) -> NDArray[np.uint8]:
    return np.arange(count * 48, dtype=np.uint8).reshape(count, 4, 4, 3)


def made(labels: Any = LISTS, class_names: Any = None) -> MultiLabelDataset:
    return MultiLabelDataset.from_arrays(arrays(len(labels)), labels, class_names)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        Image.new("RGB", (6, 5), (number, 0, 0)).save(path)
    return paths


@pytest.mark.parametrize(
    "labels",
    [LISTS, [tuple(x) for x in LISTS], [set(x) for x in LISTS], np.array(MATRIX, bool)],
    ids=["lists", "tuples", "sets", "matrix"],
)
def test_labels_may_come_in_several_forms(labels: Any, files: list[Path]) -> None:
    names = ["cat", "dog", "owl"]
    for data in (
        made(labels, names),
        MultiLabelDataset.from_files(files, labels, class_names=names),
    ):
        assert data.labels.tolist() == MATRIX
        assert data.labels.dtype == np.int64
        assert data.class_counts == {"cat": 1, "dog": 2, "owl": 1}


def test_a_table_has_lists_or_text_or_a_column_for_each_class(files: list[Path]) -> None:
    root, names = files[0].parent, [path.name for path in files]
    columns = dict(zip(("cat", "dog", "owl"), map(list, zip(*MATRIX, strict=True)), strict=True))
    table: dict[str, Any] = {
        "file": names,
        "lists": LISTS,
        "text": ["dog, cat", "dog", "", "owl"],
        **columns,
    }
    given: list[dict[str, Any]] = [
        {"labels": "lists"},
        {"labels": "text", "separator": ","},
        {"labels": ["cat", "dog", "owl"]},
        {"labels": ["owl", "dog", "cat"], "class_names": ["cat", "dog", "owl"]},
    ]
    for how in given:
        data = MultiLabelDataset.from_dataframe(table, image="file", root=root, **how)
        assert data.labels.tolist() == MATRIX, how
        assert data.class_names == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([["a"], "b", []], "has the text 'b'; expected the names of its labels in a list"),
        ([["a"], None, ["b"]], r"Image 1 \(counted from 0\) has no labels .None.*unknown or none"),
        ([[0, 1], [1, 1]], "could be read in two ways"),
        ([["a", " "], ["b"]], "empty label"),
        ([["a"], ["a"]], "one class"),
        (np.full((2, 2), 0.3), r"holds 0.3 in row 0, column 0 .*expected 0 or 1"),
        ("ab", "expected a list of labels for each"),
    ],
)
def test_labels_that_cannot_be_read_are_refused(labels: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        made(labels)


def test_an_unknown_label_and_another_number_of_labels_are_refused() -> None:
    with pytest.raises(DataError, match=r"label of image 3 .* is 'owl'.*class_names: 'cat', 'dog'"):
        made(LISTS, ["cat", "dog"])
    with pytest.raises(DataError, match="2 images and labels of 1"):
        MultiLabelDataset.from_arrays(arrays(2), [["a", "b"]])


def test_a_cell_that_is_empty_or_no_zero_or_one_is_refused(files: list[Path]) -> None:
    root, names = files[0].parent, [path.name for path in files]
    table: dict[str, Any] = {
        "file": names,
        "text": ["a", float("nan"), "b", "a"],
        "a": [0, 1, 2, 0],
        "b": [0] * 4,
    }
    told: list[tuple[Any, str]] = [
        ({"labels": "text", "separator": ","}, "Row 1 .*unknown or none.*fillna"),
        ({"labels": "text"}, "has the text 'a'.*separator"),
        ({"labels": ["a", "b"]}, "Row 2 .* has 2 in column 'a'; expected 1"),
        ({"labels": ["a", "c"]}, "No column 'c'"),
    ]
    for how, message in told:
        with pytest.raises(TableError, match=message):
            MultiLabelDataset.from_dataframe(table, image="file", root=root, **how)


@pytest.mark.parametrize("labels", [LISTS, np.array(MATRIX)], ids=["lists", "matrix"])
def test_an_image_dataset_says_where_several_labels_go(labels: Any) -> None:
    with pytest.raises(DataError, match="MultiLabelDataset"):
        ImageDataset.from_arrays(arrays(4), labels)


def test_it_prints_and_gives_images_with_their_labels() -> None:
    data = made()
    assert repr(data) == "MultiLabelDataset(4 images, 3 labels: cat 1, dog 2, owl 1; 1 without any)"
    pixels, labels = data[0]
    assert pixels.shape == (4, 4, 3)
    assert labels.tolist() == [1, 1, 0]
    assert len(list(data)) == 4
    assert data.subset(data.labels[:, 1] == 1).labels.tolist() == MATRIX[:2]


def test_classes_are_renamed_merged_ordered_and_united() -> None:
    data = made()
    assert data.rename_classes({"owl": "dog"}).labels.tolist() == [[1, 1], [0, 1], [0, 0], [0, 1]]
    wider = data.with_classes(["owl", "elk", "dog", "cat"])
    assert wider.class_counts == {"owl": 1, "elk": 0, "dog": 2, "cat": 1}
    with pytest.raises(DataError, match="not among class_names: 'owl'"):
        data.with_classes(["cat", "dog"])
    both = data + data.rename_classes({"owl": "elk"})
    assert both.class_counts == {"cat": 2, "dog": 4, "owl": 1, "elk": 1}
    assert len(both) == 8


def test_a_picture_with_two_lists_of_labels_is_told() -> None:
    data = MultiLabelDataset.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), [["a", "b"], []])
    assert str(data.check().duplicates[0]) == (
        "image 0 (a + b) = image 1 (no label): two classes for one picture"
    )


@settings(max_examples=25)
@given(
    labels=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=12, max_size=40),
    seed=st.integers(0, 5),
)
def test_parts_and_folds_hold_every_image_once_with_its_labels(
    labels: list[list[bool]], seed: int
) -> None:
    matrix = np.array(labels, np.int64)
    data = made(matrix)
    ways: list[Callable[[], Any]] = [
        lambda: data.split(0.25, seed, test=0.25),
        lambda: data.split(0.25, seed, stratify=False),
        lambda: [held_out for _, held_out in data.folds(3, seed=seed)],
        lambda: [data.sample(7, seed=seed), data.sample(7, seed=seed)],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # labels of few images, which is not what is tested here
        drawn = [way() for way in ways]
    for parts in drawn:
        for part in parts:
            places = [int(name.split()[1]) for name in part.names]
            assert (part.labels == matrix[places]).all()
    for parts in drawn[:3]:
        assert sorted(name for part in parts for name in part.names) == sorted(data.names)
    assert [len(part) for part in drawn[0]] == [len(part) for part in _of_one_class(len(matrix))]
    assert drawn[3][0].names == drawn[3][1].names
    assert len(drawn[3][0]) == 7


def _of_one_class(count: int) -> tuple[ImageDataset, ...]:
    data = ImageDataset.from_arrays(arrays(count), [0] * count, ["a", "b"])
    return data.split(0.25, test=0.25, stratify=False)


def test_each_part_gets_its_share_of_every_label() -> None:
    random = np.random.default_rng(0)
    data = made((random.random((300, 4)) < [0.5, 0.2, 0.05, 0.02]).astype(int))
    parts = data.split(0.2, test=0.1)
    for part, share in zip(parts, (0.7, 0.2, 0.1), strict=True):
        expected = share * np.array(list(data.class_counts.values()))
        assert np.abs(np.array(list(part.class_counts.values())) - expected).max() <= 2
        assert all(part.class_counts.values())


def test_a_part_that_lacks_a_label_is_told_and_groups_stay_together() -> None:
    data = made([["a"], ["a"], ["a"], ["a", "b"]])
    with pytest.warns(UserWarning, match="the validation part has no image of 'b'"):
        data.split(0.5)
    data = made(np.tile([[1, 0], [0, 1], [1, 1]], (8, 1)))
    groups = [place // 3 for place in range(24)]
    train, validation = data.split(0.25, groups=groups)
    of = dict(zip(data.names, groups, strict=True))
    assert not {of[name] for name in train.names} & {of[name] for name in validation.names}
    assert [len(held_out) for _, held_out in data.folds(4, groups=groups)] == [6] * 4
    with pytest.raises(SplitError, match=r"validation=1\.5"):
        data.split(1.5)
