"""Data sets of Hugging Face: their pictures as they are stored, with the classes that they name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import encoded, noise
from tlkit import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.errors import DamagedImageError, DataError

datasets = pytest.importorskip("datasets", reason="Hugging Face's library is not a part of tlkit")

PICTURES = [Image.fromarray(noise(9 + seed, 7, seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Pictures of PIL, bytes that need turning, a file by its path; and labels."""
    file = tmp_path_factory.mktemp("images") / "c.png"
    PICTURES[2].save(file)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(PICTURES[1], "JPEG", exif=exif)
    features = datasets.Features(
        image=datasets.Image(),
        label=datasets.ClassLabel(names=["dog", "cat"]),
        text=datasets.Value("string"),
    )
    images = [PICTURES[0], {"bytes": turned, "path": None}, str(file), PICTURES[3]]
    columns = {"image": images, "label": [1, 0, 1, 0], "text": ["x", "y", "y", "x"]}
    return datasets.Dataset.from_dict(columns, features=features)


def test_pictures_are_those_that_are_stored_and_classes_those_of_the_column(rows: Any) -> None:
    data = ImageDataset.from_huggingface(rows)
    assert data.class_names == ("dog", "cat")
    np.testing.assert_array_equal(data.labels, [1, 0, 1, 0])
    np.testing.assert_array_equal(data[0][0], np.asarray(PICTURES[0]))
    assert data[1][0].shape == (7, 10, 3)
    assert data.check().ok
    again = pickle.loads(pickle.dumps(data.subset([2, 1])))  # noqa: S301
    np.testing.assert_array_equal(again.image_digests, data.image_digests[[2, 1]])
    np.testing.assert_array_equal(again.load([0], 8), data.load([2], 8))


def test_rows_that_were_chosen_and_columns_that_are_named_are_followed(rows: Any) -> None:
    chosen = rows.select([3, 0]).rename_column("image", "photo")
    data = ImageDataset.from_huggingface(
        chosen, image="photo", label="text", class_names=["y", "x"], fit="crop"
    )
    assert data.class_counts == {"y": 0, "x": 2}
    np.testing.assert_array_equal(data[1][0], np.asarray(PICTURES[0]))
    without = ImageDataset.from_huggingface(chosen, image="photo", label=None)
    assert without.names == ("row 0", "row 1")
    assert data.fit == "crop"


def test_a_row_without_an_image_is_damaged_by_its_name() -> None:
    images = [PICTURES[0], None]
    broken = datasets.Dataset.from_dict(
        {"image": images}, features=datasets.Features(image=datasets.Image())
    )
    data = ImageDataset.from_huggingface(broken, label=None)
    assert [x.reason for x in data.check().damaged] == ["holds no image"]
    with pytest.raises(DamagedImageError, match="row 1 holds no image"):
        data.load([1], 8)


def test_what_is_no_such_data_set_says_what_to_give(rows: Any) -> None:
    unlabelled = datasets.Dataset.from_dict(
        {"image": PICTURES[:2], "label": [-1, 0]},
        features=rows.features.__class__(
            image=rows.features["image"], label=rows.features["label"]
        ),
    )
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (datasets.DatasetDict(train=rows), {}, r"parts 'train'.*dataset\['train'\]"),
        (rows.to_iterable_dataset(), {}, "streaming=True"),
        ([1, 2], {}, "Received a list; expected a datasets.Dataset"),
        (rows, {"image": "imag"}, "No column 'imag'.*Did you mean 'image'"),
        (rows, {"image": "text"}, r"Column 'text' holds .*cast_column\('text'"),
        (rows, {"label": "lable"}, "No column 'lable'.*datasets.ClassLabel is in 'label'"),
        (rows.rename_column("image", "a"), {}, r"No column 'image'.*datasets\.Image is in 'a'"),
        (rows, {"class_names": ["cat", "cow"]}, "is 'dog'; expected one of"),
        (unlabelled, {}, r"Row 0 .* has no label \(-1\).*label=None"),
    ]
    for given, options, message in wrong:
        with pytest.raises(DataError, match=message):
            ImageDataset.from_huggingface(given, **options)
    with pytest.raises(DataError, match=r"from_huggingface\(dataset, image="):
        require_dataset(rows, "train")


def test_a_path_that_is_gone_is_damaged(tmp_path: Path) -> None:
    data = ImageDataset.from_huggingface(
        datasets.Dataset.from_dict(
            {"image": [{"bytes": None, "path": str(tmp_path / "gone.png")}]},
            features=datasets.Features(image=datasets.Image()),
        ),
        label=None,
    )
    assert "No such file" in data.check().damaged[0].reason
