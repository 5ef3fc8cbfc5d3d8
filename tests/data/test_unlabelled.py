"""Images without labels: found, named, loaded, checked, and refused where labels are needed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tlkit
from tests.data.conftest import WriteImage
from tlkit import ImageDataset, UnlabelledImages
from tlkit.data.expected import require_dataset
from tlkit.errors import DamagedImageError, DataError, TableError

NAMES = ("cat/a.jpg", "cat/bb.jpg", "cat/ccc.jpg", "dog/dddd.jpg", "dog/eeeee.jpg")


def test_a_folder_is_read_with_all_below_it_and_what_is_left_out_is_listed(
    folders: Path, write_image: WriteImage
) -> None:
    for name in ("top.jpg", "dog/deep/er/x.jpg", ".hidden/x.jpg", "cat/.x.jpg", "@eaDir/a.jpg"):
        write_image(name)
    (folders / "notes.txt").touch()
    (folders / "cat" / "again").symlink_to(folders, target_is_directory=True)
    (folders / "out.jpg").symlink_to(Path(__file__))
    images = ImageDataset.from_files(folders)
    assert images.names == (*NAMES[:3], "dog/dddd.jpg", "dog/deep/er/x.jpg", NAMES[4], "top.jpg")
    assert set(images.ignored) == {"notes.txt", "cat/again", "out.jpg", "@eaDir"}
    assert "(7 images; 4 other files ignored (2 without ending, " in repr(images)
    assert not hasattr(images, "labels")
    assert not hasattr(images, "class_names")


def test_images_are_those_of_the_same_files_with_labels(folders: Path) -> None:
    images, data = ImageDataset.from_files(folders), ImageDataset.from_directory(folders)
    assert images.fingerprint == data.fingerprint
    assert len(images) == len(data) == 5
    np.testing.assert_array_equal(images.load([4, 0], 8), data.load([4, 0], 8))
    assert images.depth is None


def test_a_list_keeps_its_order_and_its_names(
    folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(folders)
    given: list[str | Path] = ["dog/dddd.jpg", folders / "cat/a.jpg", "dog/dddd.jpg"]
    files: Any
    for files in (given, iter(given), tuple(given), pd.Series(list(map(str, given)))):
        images = ImageDataset.from_files(files)
        assert images.names == ("dog/dddd.jpg", str(folders / "cat/a.jpg"), "dog/dddd.jpg")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert images.load([0, 1, 2], 8).shape == (3, 8, 8, 3)
    assert ImageDataset.from_files(folders / "cat/a.jpg").names == (str(folders / "cat/a.jpg"),)


def test_a_table_without_labels(folders: Path) -> None:
    table = {"image": list(reversed(NAMES))}
    images = ImageDataset.from_dataframe(table, image="image", label=None, root=folders)
    assert isinstance(images, UnlabelledImages)
    assert images.names == tuple(reversed(NAMES))
    with pytest.raises(TableError, match="no rows"):
        ImageDataset.from_dataframe({"image": []}, image="image", label=None, root=folders)
    with pytest.raises(TableError, match="class_names with label=None"):
        ImageDataset.from_dataframe(  # type: ignore[call-overload]
            table, image="image", label=None, root=folders, class_names=["a", "b"]
        )


def test_damage_is_found_by_a_check_and_not_before(folders: Path) -> None:
    (folders / "cat/a.jpg").write_bytes(b"")
    (folders / "cat/copy.jpg").write_bytes((folders / "cat/bb.jpg").read_bytes())
    images = ImageDataset.from_files(folders)
    report = images.check()
    assert [x.name for x in report.damaged] == ["cat/a.jpg"]
    assert [(x.names, x.classes) for x in report.duplicates] == [
        (("cat/bb.jpg", "cat/copy.jpg"), ())
    ]
    assert "  cat/bb.jpg = cat/copy.jpg\n" in f"{report}\n"
    whole = images.without_damaged(report)
    assert len(whole) == 5
    assert whole.check().ok
    with pytest.raises(DamagedImageError, match=r"a\.jpg is empty"):
        images.load([0], 8)


def test_a_part_keeps_order_and_goes_to_another_process_alone(folders: Path) -> None:
    images = ImageDataset.from_files(folders)
    part = images.subset([4, 0, 1]).subset([True, False, True])
    assert part.names == (NAMES[4], NAMES[1])
    sent = pickle.loads(pickle.dumps(part))  # noqa: S301 - our own
    assert (len(sent._store), sent.names) == (2, part.names)
    assert sent.fingerprint == part.fingerprint
    with pytest.raises(DataError, match="Received indices"):
        images.subset([5])


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "Received no files; expected at least one"),
        ("nowhere", r"1 of 1 paths lead to no file: 'nowhere'.*Correct the paths"),
        (["cat/a.jpg", "gone.jpg"], r"1 of 2 paths lead to no file: 'gone\.jpg'"),
        ([f"{x}.jpg" for x in range(9)], r"9 of 9 paths .*'4\.jpg', and 4 more"),
        ("cat/*.jpg", r"Patterns are not expanded here: give sorted\(pathlib\.Path"),
        (["cat/a.jpg", "cat"], r"'cat' is a folder: read each folder by itself"),
        (["x\0y"], "lead to no file"),
        (["cat/a.jpg", None], r"File 1 .* is None \(NoneType\); expected the path"),
        ([""], r"File 0 .* is ''"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"File 0 .*Pixels in memory.*from_arrays"),
        (7, "Received 7; expected a folder, or a list"),
        ({"image": NAMES}, r"Received a table \(dict\).*label=None"),
        (pd.DataFrame({"image": NAMES}), r"Received a table \(DataFrame\)"),
    ],
)
def test_what_leads_to_no_image_says_why(
    folders: Path, monkeypatch: pytest.MonkeyPatch, files: Any, told: str
) -> None:
    monkeypatch.chdir(folders)
    with pytest.raises(DataError, match=told):
        ImageDataset.from_files(files)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"holds no image, nor .*Found 1 other file or link"):
        ImageDataset.from_files(tmp_path)


def test_where_labels_are_needed_one_sentence_says_so(folders: Path) -> None:
    images: Any = ImageDataset.from_files(folders)
    with pytest.raises(DataError) as caught:
        require_dataset(images, "train")
    told = "train is a set of images without labels, expected an ImageDataset. Labels are needed"
    assert told in str(caught.value)
    with pytest.raises(DataError, match="without labels"):
        tlkit.fine_tune(images)
