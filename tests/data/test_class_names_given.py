"""Class names that are given: a test set may lack classes, and nothing else passes for one."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.data.conftest import WriteImage
from tests.data.test_class_names import NAMES
from tlkit import ImageDataset
from tlkit.data.given_classes import GivenClasses
from tlkit.errors import DataError, TableError

CLASSES = ("dog", "cat", "emu")


def table(root: Path, labels: list[Any], names: Any) -> ImageDataset:
    images = ["cat/a.jpg", "cat/bb.jpg", "cat/ccc.jpg"][: len(labels)]
    return ImageDataset.from_dataframe(
        {"image": images, "label": labels},
        image="image",
        label="label",
        root=root,
        class_names=names,
    )


def arrays(labels: Any, names: Any) -> ImageDataset:
    return ImageDataset.from_arrays(np.zeros((len(labels), 2, 2, 3), np.uint8), labels, names)


# Folders


def test_a_folder_may_lack_a_class_and_keeps_the_order_that_is_given(folders: Path) -> None:
    data = ImageDataset.from_directory(folders, class_names=CLASSES)
    assert data.class_names == CLASSES
    assert data.class_counts == {"dog": 2, "cat": 3, "emu": 0}
    assert data.labels.tolist() == [1, 1, 1, 0, 0]


def test_a_folder_may_hold_one_class_and_empty_ones(
    tmp_path: Path, write_image: WriteImage
) -> None:
    write_image("cat/a.jpg")
    (tmp_path / "dog").mkdir()
    data = ImageDataset.from_directory(tmp_path, class_names=CLASSES)
    assert data.class_counts == {"dog": 0, "cat": 1, "emu": 0}


def test_a_folder_without_any_image_is_refused(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=r"holds no image in a class folder.*one of 'dog'"):
            ImageDataset.from_directory(tmp_path, class_names=CLASSES)
        (tmp_path / "dog").mkdir(exist_ok=True)


@pytest.mark.parametrize("name", ["Cat", "cat_", "cat "])
def test_a_folder_that_is_not_among_the_names_is_told_with_its_near_miss(
    tmp_path: Path, write_image: WriteImage, name: str
) -> None:
    write_image(f"{name}/a.jpg")
    with pytest.raises(DataError) as caught:
        ImageDataset.from_directory(tmp_path, class_names=CLASSES)
    assert f"not among class_names: {name!r}. {name!r} is written 'cat' there." in str(caught.value)
    assert "Rename the folders" in str(caught.value)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_the_same_however_a_system_stores_its_accents(
    tmp_path: Path, write_image: WriteImage, form: Any
) -> None:
    stored = unicodedata.normalize(form, "caf\u00e9")
    write_image(f"{stored}/a.jpg")
    given_form: Any
    for given_form in ("NFC", "NFD"):
        names = (unicodedata.normalize(given_form, "caf\u00e9"), "tea")
        data = ImageDataset.from_directory(tmp_path, class_names=names)
        assert data.class_names == names
        assert data.labels.tolist() == [0]
        assert arrays([stored], names).labels.tolist() == [0]


def test_two_folders_that_look_alike_are_not_put_together(
    tmp_path: Path, write_image: WriteImage
) -> None:
    form: Any
    for form in ("NFC", "NFD"):
        write_image(unicodedata.normalize(form, "caf\u00e9/a.jpg"))
    if len(list(tmp_path.iterdir())) == 2:
        with pytest.raises(DataError, match="has folders that look alike"):
            ImageDataset.from_directory(tmp_path, class_names=["caf\u00e9", "tea"])


def test_where_classes_lack_the_way_out_for_a_test_set_is_named(
    folders: Path, write_image: WriteImage
) -> None:
    write_image("one/cat/a.jpg")
    for root in (folders / "one", folders):
        (folders / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=r"pass class_names=train\.class_names"):
            ImageDataset.from_directory(root)
    with pytest.raises(TableError, match=r"pass class_names=train\.class_names"):
        table(folders, ["cat", "cat"], None)


# Parts


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (("test", "train"), r"train = .*\(root / 'train'\), then .*\(root / 'test', class_names=t"),
        (("Train", "VAL", "test"), r"root / 'Train'.*root / '(VAL|test)', .*and so on with each"),
        (("valid", "test"), r"first = .*class_names=first\.class_names"),
        (("train",), r"train = ImageDataset\.from_directory\(root / 'train'\)\. If"),
    ],
)
def test_a_root_of_parts_says_how_to_read_each(
    tmp_path: Path, write_image: WriteImage, parts: tuple[str, ...], told: str
) -> None:
    for part in parts:
        for kind in ("cat", "dog"):
            write_image(f"{part}/{kind}/a.jpg")
    for names in (None, ["cat", "dog"]):
        with pytest.raises(DataError, match=told) as caught:
            ImageDataset.from_directory(tmp_path, class_names=names)
        assert "class folders inside ('cat', 'dog')" in str(caught.value)


def test_classes_that_are_called_like_parts_can_be_named(
    tmp_path: Path, write_image: WriteImage
) -> None:
    for part in ("test", "train"):
        write_image(f"{part}/front/a.jpg")
    data = ImageDataset.from_directory(tmp_path, class_names=["train", "test"])
    assert data.class_counts == {"train": 1, "test": 1}


def test_a_train_beside_a_bus_is_a_class(tmp_path: Path, write_image: WriteImage) -> None:
    for name in ("train/front/a.jpg", "bus/b.jpg"):
        write_image(name)
    assert ImageDataset.from_directory(tmp_path).class_names == ("bus", "train")


# Labels in tables and arrays


def test_a_table_may_hold_one_class(folders: Path) -> None:
    data = table(folders, ["cat", "cat"], CLASSES)
    assert data.class_counts == {"dog": 0, "cat": 2, "emu": 0}


def test_a_label_that_is_not_among_the_names_tells_its_row_and_the_near_miss(folders: Path) -> None:
    with pytest.raises(TableError) as caught:
        table(folders, ["cat", "Dog", "cow"], CLASSES)
    told = str(caught.value)
    assert "The label of row 1 (counted from 0) is 'Dog'; expected one of the 3" in told
    assert "'Dog' is written 'dog' there. 2 labels are not among them" in told


def test_numbers_in_a_table_are_names_where_classes_are_called_by_numbers(folders: Path) -> None:
    train = table(folders, [3, 1, 2], None)
    assert train.class_names == ("1", "2", "3")
    assert table(folders, [2, 1], train.class_names).labels.tolist() == [1, 0]
    with pytest.raises(TableError, match=r"row 0 .* is 0; expected one of the 3"):
        table(folders, [0, 1], train.class_names)
    assert table(folders, [2, 1], CLASSES).labels.tolist() == [2, 1], "positions"


def test_numbers_that_can_be_read_in_two_ways_are_refused() -> None:
    with pytest.raises(DataError, match=r"can be read in two ways.*astype\(str\)"):
        arrays([1, 2], ("1", "2", "3"))
    assert arrays([1, 2, 3], ("1", "2", "3")).labels.tolist() == [0, 1, 2]
    assert arrays([0, 1], ("1", "2", "3")).labels.tolist() == [0, 1]
    assert arrays([0, 3, 2], ("0", "1", "10", "2")).labels.tolist() == [0, 3, 2]
    assert arrays(["1", "2"], ("1", "2", "3")).labels.tolist() == [0, 1]


@given(NAMES, st.data())
def test_every_name_finds_its_class(names: list[str], draw: st.DataObject) -> None:
    if any(not name.strip() for name in names):
        return
    chosen = draw.draw(st.lists(st.sampled_from(names), max_size=8))
    numbers = GivenClasses(names).number_labels(chosen)
    assert [names[number] for number in numbers] == chosen
    if len(set(chosen)) == len(chosen):
        assert GivenClasses(names).number_folders(chosen, "x").tolist() == numbers.tolist()


@pytest.mark.parametrize(
    "names", ["cat", b"cat", 3, {"cat", "dog"}, {"cat": 0, "dog": 1}, arrays(["a", "b"], None)]
)
def test_what_is_no_list_of_names_is_refused(folders: Path, names: Any) -> None:
    with pytest.raises(DataError, match=r"expected a list of the names of all classes"):
        ImageDataset.from_directory(folders, class_names=names)
    with pytest.raises(TableError, match=r"expected a list of the names of all classes"):
        table(folders, ["cat"], names)
