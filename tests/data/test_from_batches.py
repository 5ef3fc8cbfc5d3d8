"""Images and labels that come in batches: taken once, each image as it came, or refused."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.data.conftest import noise
from tlkit import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.errors import DataError

IMAGES = np.stack([noise(9, 7, seed) for seed in range(5)])
LABELS = np.array([0, 1, 1, 0, 1])
HOT = np.eye(2)[LABELS]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Keras's own kind of batches."""

    class_names = ("cat", "dog")

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        part = slice(2 * index, 2 * index + 2)
        return IMAGES[part].astype("float32"), HOT[part]


class Endless(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches that go on for ever."""

    num_batches = None

    def __getitem__(self, index: int) -> Any:
        return IMAGES, LABELS


def taken(batches: Any, *names: Any) -> ImageDataset:
    return ImageDataset.from_batches(batches, *names, verbose=0)


def tf_data(*parts: Any) -> Any:
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(parts)


def test_each_kind_of_batches_gives_the_images_of_the_arrays() -> None:
    expected = ImageDataset.from_arrays(IMAGES, LABELS, ["cat", "dog"])
    plain, text = tf_data(IMAGES, LABELS), np.array(["cat", "dog"])[LABELS]
    named = [
        plain,
        plain.batch(2).prefetch(1),
        tf_data(IMAGES.astype("float32"), HOT).batch(2),
        tf_data(IMAGES, text),
        zip(IMAGES, LABELS, strict=True),
        [(IMAGES[:3], LABELS[:3, None].astype(float)), (IMAGES[3:], LABELS[3:, None])],
    ]
    for data in (taken(Batches()), *(taken(each, ["cat", "dog"]) for each in named)):
        assert data.class_names == ("cat", "dog")
        np.testing.assert_array_equal(data.labels, LABELS)
        np.testing.assert_array_equal(data.image_digests, expected.image_digests)
        np.testing.assert_array_equal(data.load([4, 0], 5), expected.load([4, 0], 5))


def test_what_image_dataset_from_directory_returns_knows_its_classes(folders: Any) -> None:
    pytest.importorskip("tensorflow")
    batches = keras.utils.image_dataset_from_directory(
        folders, image_size=(8, 8), batch_size=2, shuffle=False, verbose=False
    )
    data = taken(batches)
    assert data.class_counts == {"cat": 3, "dog": 2}
    assert data.load([0], 8).shape == (1, 8, 8, 3)


def test_images_of_several_sizes_shuffled_and_changed_are_taken_once() -> None:
    random = np.random.default_rng(0)

    def images() -> Iterator[Any]:
        for label in random.permutation(6):
            yield random.integers(0, 256, (4 + label, 9 - label, 3)), label % 2

    data = taken(images())
    assert sorted(pixels.shape[0] for pixels, _ in data) == [4, 5, 6, 7, 8, 9]
    before = data.load(range(6), 8)
    part = pickle.loads(pickle.dumps(data.subset([5, 2])))  # noqa: S301
    np.testing.assert_array_equal(part.load([0, 1], 8), before[[5, 2]])
    both = data + ImageDataset.from_arrays(IMAGES, LABELS)
    np.testing.assert_array_equal(both.load([5], 8), before[[5]])
    assert len(both) == 11


def test_ragged_batches_are_taken_too() -> None:
    tf = pytest.importorskip("tensorflow")
    images = [noise(4, 6), noise(7, 5)]
    data = taken([(tf.ragged.stack([tf.constant(x) for x in images]), [0, 1])])
    for (pixels, _), expected in zip(data, images, strict=True):
        np.testing.assert_array_equal(pixels, expected)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 255), min_size=12, max_size=12))
def test_numbers_are_rounded_and_no_further_changed(values: list[float]) -> None:
    image = np.array([*values[:11], 255.0]).reshape(2, 2, 3)
    data = taken([(image, 0), (image, 1)])
    assert np.abs(data[0][0] - image).max() <= 0.5


GREY = (IMAGES[..., :1], LABELS)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([(IMAGES / 255, LABELS)], r"floats from 0 to \d\S*: .*scaled.*x \* 255"),
        ([((IMAGES > 99).astype("float32"), LABELS)], "floats from 0 to 1: they look scaled"),
        ([(IMAGES / 127.5 - 1, LABELS)], r"from -\S+ to \S+; expected raw pixels.*preprocessing"),
        ([(IMAGES * np.nan, LABELS)], "from nan to nan"),
        ([(IMAGES > 9, LABELS)], "type bool"),
        ([(IMAGES.astype(int) * 256, LABELS)], "0 to 255"),
        ([GREY], r"image of shape \(5, 9, 7, 1\).*Grey"),
        ([(np.moveaxis(IMAGES, -1, 1), LABELS)], "Channels come last"),
        ([(IMAGES[0, ..., 0], 1)], r"shape \(9, 7\)"),
        ([([IMAGES[0], noise(3, 3)], [0, 1])], "several shapes in one batch"),
        ([IMAGES[0]], "no label; expected a pair"),
        ([(IMAGES,)], "1 part; expected a pair"),
        ([(IMAGES, LABELS, LABELS)], "3 parts.*Sample weights"),
        ([{"image": IMAGES, "label": LABELS}], "dictionary with 'image', 'label'.*as_supervised"),
        ([(IMAGES, LABELS[:4])], r"5 images and labels of shape \(4,\)"),
        ([({"a": IMAGES}, LABELS)], "has a dict of 1 as image; expected one array"),
        ([((IMAGES, IMAGES), LABELS)], "has a tuple of 2 as image; expected one array"),
        ([(IMAGES, HOT * 0.9)], "not one-hot"),
        ([(IMAGES, HOT * 0 + 1)], "not one-hot.*MultiLabelDataset"),
        ([(IMAGES, HOT), (IMAGES, LABELS)], "labels of another kind"),
        ([(IMAGES, LABELS), (IMAGES, HOT)], "labels of another kind"),
        ([(IMAGES, LABELS / 2)], r"the label 0\.5"),
        ([(IMAGES, LABELS * 7)], "label of image 1 .* is 7; expected a position among the 2"),
        ([(IMAGES, np.eye(3)[LABELS])], "3 columns; expected a position among the 2"),
        ([(IMAGES, ["cat", "dog", "cow", "cat", "dog"])], "image 2 .* is 'cow'; expected one of"),
        ([], "Received no image"),
        ("pictures", "Received a str; expected a tf.data.Dataset.*from_directory"),
        ({"a": 1}, "Received a dict"),
        ((IMAGES, LABELS), "Received a tuple; .*arrays with from_arrays"),
        (IMAGES, "Received a ndarray; .*arrays with from_arrays"),
        (keras.Sequential(), "Received a Sequential"),
        (7, "Received a int"),
    ],
)
def test_what_is_no_image_with_a_label_says_what_and_why(batches: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        taken(batches, ["cat", "dog"])


def test_what_has_no_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(DataError, match=r"has no end.*take"):
        taken(tf_data(IMAGES, LABELS).repeat())
    with pytest.raises(DataError, match="has no end"):
        taken(Endless())


def test_a_full_disk_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(DataError, match=r"takes no more: No space left.*TMPDIR"):
        taken([(IMAGES, LABELS)])


def test_what_needs_a_data_set_says_what_to_call() -> None:
    for batches in (tf_data(IMAGES, LABELS).batch(2), Batches()):
        with pytest.raises(DataError, match=r"train is a stream.*ImageDataset\.from_batches\("):
            require_dataset(batches, "train")
