"""The reader takes the sample and the challenge's own files, and says what is wrong with others."""

from __future__ import annotations

import csv
import importlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlkit import ImageDataset
from tlkit.errors import DamagedImageError, SplitError, TableError

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"
PRODUCTS, TYPES = "X_train_update.csv", "Y_train_CVw08PX.csv"
IMAGES = "images/image_train"
CODES = ["2583", "10", "2583", "10", "40", "40"]

Read = Callable[[Path], ImageDataset]
Change = Callable[[str], str]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """The example's ``read_challenge``."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module("challenge").read_challenge  # type: ignore[no-any-return]


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def image_path(root: Path, row: int) -> Path:
    return root / IMAGES / f"image_{100 + row}_product_{200 + row}.jpg"


def write_rows(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six products in the challenge's layout, with its awkward descriptions."""
    (tmp_path / IMAGES).mkdir(parents=True)
    awkward = ['<p>Lot de 2, "neuf"<br />\n\nétat: très bon</p>', "", "a,b;c\r\nd", "x" * 20_000]
    products: list[list[Any]] = [["", "designation", "description", "productid", "imageid"]]
    for row in range(len(CODES)):
        products.append([row, f"produit {row}", awkward[row % 4], 200 + row, 100 + row])
        image_path(tmp_path, row).write_bytes(jpeg(row))
    write_rows(tmp_path / PRODUCTS, products)
    write_rows(tmp_path / TYPES, [["", "prdtypecode"], *enumerate(CODES)])  # type: ignore[list-item]
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


def test_the_sample_has_27_classes_of_25_to_150_images(read: Read) -> None:
    data = read(EXAMPLE / "sample")
    counts = data.class_counts
    assert len(counts) == 27
    assert all(25 <= count <= 150 for count in counts.values())
    assert 1_400 <= len(data) <= 1_700
    assert {"birds", "road signs"} <= set(data.class_names)


def test_the_sample_is_whole_without_duplicates_and_under_10_mb(read: Read) -> None:
    data = read(EXAMPLE / "sample")
    assert data.check().ok
    assert len(np.unique(data.image_digests, axis=0)) == len(data)
    files = [path for path in (EXAMPLE / "sample").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10e6


def test_every_class_of_the_sample_is_in_both_parts_of_a_split(read: Read) -> None:
    train, validation = read(EXAMPLE / "sample").split()
    assert min(train.class_counts.values()) >= 20
    assert min(validation.class_counts.values()) >= 5


def test_the_challenges_files_are_read_with_codes_as_classes(read: Read, root: Path) -> None:
    data = read(root)
    assert data.class_names == ("10", "40", "2583")
    assert data.labels.tolist() == [2, 0, 2, 0, 1, 1]
    assert data.names[0] == f"{IMAGES}/image_100_product_200.jpg"
    assert data.check().ok


def test_rows_are_joined_by_index_and_not_by_position(read: Read, root: Path) -> None:
    rows = [["", "prdtypecode"], *reversed(list(enumerate(CODES)))]
    write_rows(root / TYPES, rows)  # type: ignore[arg-type]
    assert read(root).labels.tolist() == [2, 0, 2, 0, 1, 1]


def test_classes_csv_names_the_classes(read: Read, root: Path) -> None:
    (root / "classes.csv").write_text("prdtypecode,category\n10,books\n40,games\n2583,pools\n")
    data = read(root)
    assert data.class_names == ("books", "games", "pools")
    assert data.labels.tolist() == [2, 0, 2, 0, 1, 1]


def test_a_byte_order_mark_does_no_harm(read: Read, root: Path) -> None:
    for name in (PRODUCTS, TYPES):
        (root / name).write_bytes(b"\xef\xbb\xbf" + (root / name).read_bytes())
    assert len(read(root)) == 6


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (PRODUCTS, "imageid", "image_id", r"X_train.*: No column 'imageid'; .*mean 'image_id'"),
        (PRODUCTS, "productid", "article", r"X_train.*: No column 'productid'; received columns"),
        (TYPES, "prdtypecode", "prdtypcode", r"Y_train.*: No column 'prdtypecode'; .*'prdtypcode'"),
        (TYPES, ",prdtypecode", "id,prdtypecode", r"first column should have no name"),
        (TYPES, "5,40\r\n", "", r"X_train.* has 6 rows and Y_train.* has 5: 1 .* index 5"),
        (
            TYPES,
            "5,40\r\n",
            "5,40\r\n6,40\r\n",
            r"Y_train.* has 7: 1 are missing in X_train.*index 6",
        ),
        (TYPES, "5,40", "4,40", r"index '4' comes twice \(row 5\)"),
        (TYPES, "1,10", "1,ten", r"index 1 has prdtypecode 'ten'; expected a whole number"),
        (TYPES, "1,10", "1,", r"index 1 has prdtypecode ''; expected a whole number"),
        (TYPES, "1,10", "1,10,7", r"Y_train.*: row 1 \(counted from 0\) has 3 cells"),
        (
            PRODUCTS,
            ",203,103",
            ",203,../../../secret",
            r"index 3 has imageid '\.\./\.\./\.\./secret'",
        ),
        (PRODUCTS, ",203,103", ",/etc/passwd,103", r"index 3 has productid '/etc/passwd'"),
        (
            PRODUCTS,
            ",203,103",
            ",203,999",
            r"1 of 6 images .*\n  index 3: .*image_999_product_203\.jpg",
        ),
    ],
)
def test_a_table_that_is_wrong_says_where(
    read: Read, root: Path, name: str, old: str, new: str, message: str
) -> None:
    change(root / name, old, new)
    with pytest.raises(TableError, match=message):
        read(root)


def test_a_missing_table_names_the_near_miss(read: Read, root: Path) -> None:
    (root / TYPES).rename(root / "Y_train_CVw08PX (1).csv")
    with pytest.raises(TableError, match=r"No Y_train_CVw08PX\.csv in .*mean 'Y_train_CVw08PX \(1"):
        read(root)


def test_a_folder_that_is_not_there_or_empty_is_named(read: Read, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"rakuten' is not a folder"):
        read(tmp_path / "rakuten")
    with pytest.raises(TableError, match=r"No X_train_update\.csv in .*; it holds nothing"):
        read(tmp_path)


def test_text_that_is_not_utf8_is_named(read: Read, root: Path) -> None:
    (root / PRODUCTS).write_bytes((root / PRODUCTS).read_bytes().replace("é".encode(), b"\xe9"))
    with pytest.raises(TableError, match=r"X_train_update\.csv cannot be read: .*UTF-8"):
        read(root)


def test_missing_images_are_counted_and_all_named(
    read: Read, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_path(root, 1).unlink()
    image_path(root, 4).rename(image_path(root, 4).with_suffix(".jpeg"))
    with pytest.raises(TableError, match=r"2 of 6 images") as caught:
        read(root)
    named = [row for row in range(6) if image_path(root, row).name in str(caught.value)]
    assert named == [1, 4]
    shutil.rmtree(root / IMAGES)
    with pytest.raises(TableError, match=r"6 of 6 images") as caught:
        read(root)
    assert str(caught.value).count(".jpg") == 6
    monkeypatch.setattr(importlib.import_module("challenge"), "LISTED", 4)
    with pytest.raises(TableError, match=r"index 3: .*\n  and 2 more"):
        read(root)


def test_a_hundred_missing_images_are_all_named(read: Read, root: Path) -> None:
    gone = range(6, 106)
    for name, cells in ((PRODUCTS, ["x", ""]), (TYPES, [])):
        with (root / name).open("a", encoding="utf-8", newline="") as file:
            rows = ([row, *cells, 200 + row, 100 + row] if cells else [row, 10] for row in gone)
            csv.writer(file).writerows(rows)
    with pytest.raises(TableError, match=r"100 of 106 images") as caught:
        read(root)
    said = str(caught.value)
    assert [row for row in range(106) if image_path(root, row).name in said] == [*gone]
    assert caught.value.missing == tuple(gone)


def test_a_link_out_of_the_folder_is_refused(
    read: Read, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.jpg"
    elsewhere.write_bytes(jpeg(9))
    image_path(root, 2).unlink()
    image_path(root, 2).symlink_to(elsewhere)
    with pytest.raises(TableError, match=r"Row 2 .*outside of root"):
        read(root)


def test_codes_without_a_category_are_named(read: Read, root: Path) -> None:
    (root / "classes.csv").write_text("prdtypecode,category\n10,books\n40,books\n")
    with pytest.raises(TableError, match=r"classes\.csv names 2 codes and 1 categories.*\[2583\]"):
        read(root)


def test_damaged_images_are_all_found_and_named(read: Read, root: Path) -> None:
    image_path(root, 0).write_bytes(b"")
    image_path(root, 1).write_bytes(jpeg(1)[:150])
    data = read(root)
    report = data.check()
    assert [item.position for item in report.damaged] == [0, 1]
    with pytest.raises(DamagedImageError, match=r"2 of 6 .*image_100.* is empty.*image_101"):
        report.raise_if_any()


def test_one_product_type_is_refused(read: Read, root: Path) -> None:
    write_rows(root / TYPES, [["", "prdtypecode"], *([row, 10] for row in range(6))])
    with pytest.raises(TableError, match=r"one class \('10'\); a classifier needs at least two"):
        read(root)


def test_a_product_type_with_one_image_is_named_by_the_split(read: Read, root: Path) -> None:
    change(root / TYPES, "5,40", "5,10")
    with pytest.raises(SplitError, match="one image: '40'"):
        read(root).split()
