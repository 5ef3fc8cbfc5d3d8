"""A dataset from folders, tables or arrays: what is in it, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.data.conftest import WriteImage, noise, png_that_declares
from tlkit.data.dataset import ImageDataset
from tlkit.data.sources.files import FileStore
from tlkit.errors import DamagedImageError, DataError, TableError

NAMES = ("cat/a.jpg", "cat/bb.jpg", "cat/ccc.jpg", "dog/dddd.jpg", "dog/eeeee.jpg")


def from_table(root: Path, images: Any = NAMES, labels: Any = None) -> ImageDataset:
    kinds = [str(name)[:3] for name in images] if labels is None else labels
    return ImageDataset.from_dataframe(
        {"image": images, "label": kinds}, image="image", label="label", root=root
    )


def some_arrays(count: int = 6, side: int = 8) -> ImageDataset:
    images = np.stack([noise(side, side, seed) for seed in range(count)])
    return ImageDataset.from_arrays(images, [number % 2 for number in range(count)])


def test_importing_the_data_modules_loads_no_framework() -> None:
    code = (
        "import sys, tlkit.data.augmentation.geometric, tlkit.data.batches, tlkit.data.dataset\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Folders


def test_class_folders_become_classes_in_sorted_order(folders: Path) -> None:
    data = ImageDataset.from_directory(folders)
    assert data.class_names == ("cat", "dog")
    assert data.names == NAMES
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.labels.dtype == np.int64
    assert data.class_counts == {"cat": 3, "dog": 2}
    assert len(data) == 5
    assert repr(data) == "ImageDataset(5 images, 2 classes: cat 3, dog 2)"


def test_other_files_are_listed_and_hidden_ones_passed_over(folders: Path) -> None:
    for name in ("readme.txt", "cat/notes.md", "cat/.DS_Store", ".git/x.jpg"):
        (folders / name).parent.mkdir(exist_ok=True)
        (folders / name).write_text("x")
    data = ImageDataset.from_directory(folders)
    assert data.ignored == ("readme.txt", "cat/notes.md")
    assert "2 other files ignored (1 .txt, 1 .md)" in repr(data)
    assert "cat/notes.md" in str(data.check())
    assert len(data) == 5


def test_pictures_of_kinds_that_are_not_read_are_not_passed_over_in_silence(folders: Path) -> None:
    for name in ("a.JXL", "b.jxl", "c.cr2", "notes.txt"):
        (folders / "cat" / name).touch()
    told = r"3 pictures of kinds .* are left out: 2 \.jxl, 1 \.cr2, such as 'cat/a\.JXL'\. Convert"
    for read in (ImageDataset.from_directory, ImageDataset.from_files):
        with pytest.warns(UserWarning, match=told):
            assert len(read(folders)) == 5


def test_folders_inside_a_class_folder_belong_to_the_class(
    folders: Path, write_image: WriteImage
) -> None:
    write_image("cat/indoors/UPPER.JPG")
    data = ImageDataset.from_directory(folders)
    assert "cat/indoors/UPPER.JPG" in data.names
    assert data.class_counts["cat"] == 4


def test_a_linked_folder_that_leads_in_a_circle_is_listed_not_followed(folders: Path) -> None:
    (folders / "cat" / "again").symlink_to(folders, target_is_directory=True)
    data = ImageDataset.from_directory(folders)
    assert data.ignored == ("cat/again",)
    assert len(data) == 5


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"photos' is not a folder; expected one folder per class"):
        ImageDataset.from_directory(tmp_path / "photos")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no class folder; expected at least two"):
        ImageDataset.from_directory(tmp_path)


def test_a_folder_with_one_class_is_refused(tmp_path: Path, write_image: WriteImage) -> None:
    write_image("cat/a.jpg")
    with pytest.raises(DataError, match=r"one class folder \('cat'\); expected at least two"):
        ImageDataset.from_directory(tmp_path)


def test_an_empty_class_folder_is_named(folders: Path) -> None:
    (folders / "emu").mkdir()
    (folders / "emu" / "list.txt").write_text("none yet")
    with pytest.raises(DataError, match=r"class folders without an image: 'emu'"):
        ImageDataset.from_directory(folders)


# Tables


def test_a_pandas_table_and_a_mapping_give_the_same_dataset(folders: Path) -> None:
    table = pd.DataFrame(
        {"image": NAMES, "label": [name[:3] for name in NAMES]}, index=range(5, 10)
    )
    frame = ImageDataset.from_dataframe(table, image="image", label="label", root=folders)
    mapping = from_table(folders)
    assert frame.names == mapping.names == NAMES
    assert frame.labels.tolist() == mapping.labels.tolist()
    assert frame.fingerprint == mapping.fingerprint


def test_numbers_as_labels_are_sorted_by_value(folders: Path) -> None:
    data = from_table(folders, labels=pd.Series([2583, 40, 10, 2583, 1140]))
    assert data.class_names == ("10", "40", "1140", "2583")
    assert data.labels.tolist() == [3, 1, 0, 3, 2]


def test_a_path_object_and_a_path_that_stays_inside_are_fine(folders: Path) -> None:
    data = from_table(
        folders, [Path("cat/a.jpg"), "cat/../dog/dddd.jpg", str(folders / "cat/bb.jpg")], [0, 1, 0]
    )
    assert data.load([0, 1, 2], 4).shape == (3, 4, 4, 3)


def test_a_missing_column_lists_the_columns_and_the_near_miss(folders: Path) -> None:
    table = {"image": NAMES, "Lable": NAMES}
    with pytest.raises(
        TableError, match=r"No column 'label'; received columns 'image', 'Lable'.*mean 'Lable'"
    ):
        ImageDataset.from_dataframe(table, image="image", label="label", root=folders)


def test_a_column_that_comes_twice_is_refused(folders: Path) -> None:
    table = pd.DataFrame([[1, 2, 3]], columns=["image", "label", "label"])
    with pytest.raises(TableError, match="'label' appears 2 times"):
        ImageDataset.from_dataframe(table, image="image", label="label", root=folders)


@pytest.mark.parametrize("table", [None, 5, "table.csv", [1, 2]])
def test_something_that_is_no_table_is_named(table: Any) -> None:
    with pytest.raises(TableError, match=r"expected a pandas DataFrame|No column"):
        ImageDataset.from_dataframe(table, image="image", label="label", root=".")


def test_rows_whose_image_is_missing_are_named_and_counted(folders: Path) -> None:
    images = [*NAMES, *(f"cat/gone{number}.jpg" for number in range(7)), "dog"]
    with pytest.raises(
        TableError,
        match=r"8 of 13 rows .*row 5: cat/gone0\.jpg; row 6: cat/gone1\.jpg.*and 3 more",
    ):
        from_table(folders, images)


def test_of_a_hundred_missing_images_the_error_knows_every_row(folders: Path) -> None:
    images = [*NAMES, *(f"cat/gone{number}.jpg" for number in range(100))]
    with pytest.raises(
        TableError, match=r"100 of 105 rows .*row 9: cat/gone4\.jpg; and 95 more"
    ) as caught:
        from_table(folders, images)
    assert caught.value.missing == tuple(range(5, 105))


def test_reading_a_table_resolves_a_folder_once_however_many_pictures_it_holds(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[str] = []
    resolve = os.path.realpath

    def noted(path: Any, **settings: Any) -> str:
        resolved.append(os.fspath(path))
        return str(resolve(path, **settings))

    for number in range(100):
        (folders / "cat" / f"{number}.jpg").hardlink_to(folders / NAMES[0])
    monkeypatch.setattr(os.path, "realpath", noted)
    from_table(folders)
    few = len(resolved)
    resolved.clear()
    data = from_table(folders, [*NAMES, *(f"cat/{number}.jpg" for number in range(100))])
    assert len(data) == 105
    assert len(resolved) == few


@pytest.mark.parametrize(
    "path",
    ["../secret.jpg", "/etc/passwd", "cat/../../secret.jpg", "out.jpg", "far/secret.jpg", ".."],
)
def test_an_image_path_cannot_leave_its_root(
    tmp_path: Path, write_image: WriteImage, path: str
) -> None:
    root = tmp_path / "root"
    write_image("secret.jpg")
    write_image("root/cat/a.jpg")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "far").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(TableError, match=r"Row 1 \(counted from 0\): .*outside of root"):
        from_table(root, ["cat/a.jpg", path], [0, 1])


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, "", "  "])
def test_an_empty_label_names_its_row(folders: Path, value: Any) -> None:
    with pytest.raises(TableError, match=r"Row 2 \(counted from 0\) has an empty label"):
        from_table(folders, labels=["a", "b", value, "a", "b"])


@pytest.mark.parametrize("value", [None, float("nan"), ""])
def test_an_empty_image_path_names_its_row(folders: Path, value: Any) -> None:
    with pytest.raises(TableError, match=r"Row 1 .* has no image path"):
        from_table(folders, ["cat/a.jpg", value], ["a", "b"])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (NAMES, [1.0, 2.0, 1.0, 2.0, 1.0], r"Row 0 .*label 1.0 \(float\).*astype\(int\)"),
        (
            NAMES,
            [0.0, 1 / 3, 2 / 3, 1.0, 0.0],
            r"Row 0 .*0, 0\.3333, 0\.6667, 1 is a class, .*astype\(str\); whole numbers would make",
        ),
        (NAMES, [1, "a", 1, "a", 1], "mix of text and whole numbers"),
        (NAMES, ["a"] * 5, r"one class \('a'\); a classifier needs at least two"),
        (NAMES, ["a", "b"], "has 5 rows and column 'label' has 2"),
        ([], [], "no rows"),
        (["cat/a.jpg", 7], ["a", "b"], r"Row 1 .* has 7 \(int\) as image path"),
        (["cat/a.jpg", "x\0y"], ["a", "b"], "Row 1 .*null character"),
    ],
)
def test_a_table_that_makes_no_sense_says_why(
    folders: Path, images: Any, labels: Any, message: str
) -> None:
    with pytest.raises(TableError, match=message):
        from_table(folders, images, labels)


def test_a_root_that_is_no_folder_is_named(folders: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere' is not a folder"):
        from_table(folders / "nowhere")


# Arrays


def test_arrays_keep_their_pixels_and_name_images_by_number() -> None:
    data = some_arrays()
    np.testing.assert_array_equal(data.load([3], 8)[0], noise(8, 8, 3))
    assert data.load([5, 0, 5], (4, 6)).shape == (3, 4, 6, 3)
    assert data.load([], 4).shape == (0, 4, 4, 3)
    assert data.names[2] == "image 2"


def test_names_and_numbers_work_as_labels_with_and_without_class_names() -> None:
    images = np.zeros((3, 4, 4, 3), np.uint8)
    assert ImageDataset.from_arrays(images, ["b", "a", "b"]).labels.tolist() == [1, 0, 1]
    assert ImageDataset.from_arrays(images, ["b", "a", "b"], ["b", "a"]).labels.tolist() == [
        0,
        1,
        0,
    ]
    named = ImageDataset.from_arrays(images, np.array([0, 2, 0]), ["x", "y", "z"])
    assert named.labels.tolist() == [0, 2, 0]
    assert named.class_counts == {"x": 2, "y": 0, "z": 1}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), r"float32 from 0 to 0.*images \* 255"),
        (np.full((2, 4, 4, 3), 200.0), r"float64 from 200 to 200.*astype\('uint8'\)"),
        (np.full((2, 4, 4, 3), np.nan), "contain NaN"),
        (np.zeros((2, 4, 4, 3), np.int64), "type int64; expected raw pixels, uint8"),
        (np.zeros((4, 4, 3), np.uint8), r"shape \(4, 4, 3\); expected \(n, h, w, 3\)"),
        (np.zeros((2, 4, 4, 1), np.uint8), r"np\.repeat"),
        (np.zeros((2, 4, 4, 4), np.uint8), "alpha"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"np\.moveaxis"),
        (np.zeros((0, 4, 4, 3), np.uint8), "at least one image"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)], "different shapes"),
    ],
)
def test_arrays_that_are_no_raw_images_say_what_to_do(images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays(images, [0, 1])


@pytest.mark.parametrize(
    ("labels", "class_names", "message"),
    [
        ([0, 1, 0], None, r"2 images and labels of shape \(3,\)"),
        (np.eye(2), None, r"argmax\(axis=1\)"),
        ([0.5, 1.0], None, r"Image 0 has the label 0.5 \(float\)"),
        ([np.nan, 1.0], None, "empty label"),
        ([0, 0], None, "one class"),
        ([0, 2], ["a", "b"], "label of image 1 is 2; expected a whole number from 0 to 1"),
        (["a", "c"], ["a", "b"], "label of image 1 is 'c'"),
        ([0, 1], ["a", "a"], "more than once: 'a'"),
        ([0, 1], ["a", ""], "none of it empty"),
        ([0, 0], ["a"], "needs at least two"),
    ],
)
def test_labels_that_do_not_fit_say_why(labels: Any, class_names: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), labels, class_names)


# Reading, checking, choosing


def test_loading_a_damaged_image_names_the_file(folders: Path) -> None:
    (folders / "dog/dddd.jpg").write_bytes((folders / "dog/dddd.jpg").read_bytes()[:200])
    data = ImageDataset.from_directory(folders)
    with pytest.raises(DamagedImageError, match=r"dddd\.jpg cannot be decoded: .*[Tt]runcated"):
        data.load(range(5), 8)


def test_a_check_finds_all_damaged_images_and_the_rest_goes_on(folders: Path) -> None:
    (folders / "cat/a.jpg").write_bytes(b"")
    (folders / "cat/bb.jpg").write_bytes(png_that_declares(30_000, 30_000))
    data = ImageDataset.from_directory(folders)
    report = data.check()
    assert not report
    assert [(item.position, item.name) for item in report.damaged] == [
        (0, "cat/a.jpg"),
        (1, "cat/bb.jpg"),
    ]
    whole = data.without_damaged(report)
    assert whole.names == NAMES[2:]
    assert whole.check().ok


def test_a_class_never_vanishes_with_its_damaged_images(folders: Path) -> None:
    for name in NAMES[3:]:
        (folders / name).write_bytes(b"")
    data = ImageDataset.from_directory(folders)
    with pytest.raises(DataError, match="Every image of 'dog' is damaged"):
        data.without_damaged(data.check())


def test_a_report_of_other_images_is_refused(folders: Path) -> None:
    (folders / "cat/a.jpg").write_bytes(b"")
    data = ImageDataset.from_directory(folders)
    with pytest.raises(DataError, match="report is of 5 other images"):
        data.subset([1, 2, 3]).without_damaged(data.check())
    with pytest.raises(DataError, match="report is of 5 other images"):
        data.subset([4, 3, 2, 1, 0]).without_damaged(data.check())


def test_a_subset_keeps_order_names_labels_and_classes(folders: Path) -> None:
    data = ImageDataset.from_directory(folders)
    part = data.subset([4, 0]).subset([1, 0])
    assert part.names == ("cat/a.jpg", "dog/eeeee.jpg")
    assert part.labels.tolist() == [0, 1]
    assert data.subset(data.labels == 1).class_counts == {"cat": 0, "dog": 2}
    np.testing.assert_array_equal(part.load([1], 8), data.load([4], 8))


@pytest.mark.parametrize("indices", [[5], [-1], [0.5], [[0, 1]], "abc", [True, False]])
def test_an_index_that_is_not_in_the_dataset_is_refused(indices: Any) -> None:
    data = some_arrays(5)
    with pytest.raises(DataError, match=r"Received indices .* expected"):
        data.subset(indices)
    with pytest.raises(DataError, match="Received indices"):
        data.load(indices, 8)


def test_labels_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        some_arrays().labels[0] = 1


# Fingerprints


def test_the_fingerprint_is_of_the_images_and_not_of_labels_or_names(folders: Path) -> None:
    data = ImageDataset.from_directory(folders)
    relabelled = from_table(folders, labels=[1, 2, 3, 4, 5])
    digests = [hashlib.sha256((folders / name).read_bytes()).digest() for name in NAMES]
    assert data.fingerprint == relabelled.fingerprint
    assert data.image_digests.tobytes() == b"".join(digests)
    assert data.fingerprint == hashlib.sha256(b"".join(digests)).hexdigest()


def test_the_fingerprint_changes_with_content_and_order() -> None:
    data = some_arrays()
    assert data.fingerprint == some_arrays().fingerprint
    assert data.subset([1, 0, 2, 3, 4, 5]).fingerprint != data.fingerprint
    assert some_arrays(5).fingerprint != data.fingerprint
    one, other = np.zeros((2, 2, 8, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    prints = {ImageDataset.from_arrays(images, [0, 1]).fingerprint for images in (one, other)}
    assert len(prints) == 2


def test_a_split_hashes_no_image_again(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []
    digest = FileStore.digest

    def count(store: FileStore, index: int) -> bytes:
        hashed.append(index)
        return digest(store, index)

    monkeypatch.setattr(FileStore, "digest", count)
    data = ImageDataset.from_directory(folders)
    parts = data.split(0.4)
    assert data.image_digests.shape == (5, 32)
    assert sum(len(part.image_digests) for part in parts) == 5
    assert sorted(hashed) == [0, 1, 2, 3, 4]


def test_an_image_that_was_deleted_meanwhile_is_named(folders: Path) -> None:
    data = ImageDataset.from_directory(folders)
    (folders / "cat/a.jpg").unlink()
    with pytest.raises(DamagedImageError, match=r"a\.jpg cannot be read: No such file"):
        _ = data.fingerprint
