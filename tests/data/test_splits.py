"""A split parts the images fairly, and the same way every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from tlkit.data._splits import split_indices
from tlkit.data.dataset import ImageDataset
from tlkit.errors import SplitError

fractions = st.floats(0.01, 0.99)
seeds = st.integers(-(2**70), 2**70)
class_sizes = st.lists(st.integers(2, 40), min_size=2, max_size=8)


def labels_of(sizes: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(0).permutation(labels)


def split(labels: Any, **settings: Any) -> tuple[list[int], list[int]]:
    names = [f"class {number}" for number in range(int(max(labels)) + 1)]
    train, validation = split_indices(np.asarray(labels), names, **settings)
    return train.tolist(), validation.tolist()


def dataset(labels: list[int], names: list[str] | None = None) -> ImageDataset:
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    return ImageDataset.from_arrays(images, labels, names)


@given(sizes=class_sizes, validation=fractions, seed=seeds, stratify=st.booleans())
def test_every_image_is_in_exactly_one_part(
    sizes: list[int], validation: float, seed: int, stratify: bool
) -> None:
    labels = labels_of(sizes)
    train, held_out = split(labels, validation=validation, seed=seed, stratify=stratify)
    assert sorted(train + held_out) == list(range(len(labels)))
    assert train
    assert held_out


@given(sizes=class_sizes, validation=fractions, seed=seeds)
def test_parts_have_the_size_asked_and_every_class_is_in_both(
    sizes: list[int], validation: float, seed: int
) -> None:
    labels = labels_of(sizes)
    train, held_out = split(labels, validation=validation, seed=seed, stratify=True)
    count, classes = len(labels), len(sizes)
    assert len(held_out) == min(max(round(count * validation), classes), count - classes)
    for part in (train, held_out):
        assert set(labels[part]) == set(range(classes))


@given(sizes=class_sizes, validation=fractions)
def test_a_class_gets_its_share_to_within_one_image_where_it_has_enough(
    sizes: list[int], validation: float
) -> None:
    shares = np.array(sizes) * validation
    assume(((shares >= 1) & (np.array(sizes) - shares >= 1)).all())
    labels = labels_of(sizes)
    _, held_out = split(labels, validation=validation, seed=0, stratify=True)
    assert (np.abs(np.bincount(labels[held_out], minlength=len(sizes)) - shares) < 1).all()


@given(seed=seeds, stratify=st.booleans())
def test_a_seed_always_gives_the_same_split(seed: int, stratify: bool) -> None:
    settings = {"validation": 0.3, "seed": seed, "stratify": stratify}
    labels = labels_of([9, 11, 13])
    assert split(labels, **settings) == split(labels, **settings)


def test_other_seeds_give_other_splits() -> None:
    labels = labels_of([50, 50])
    parts = {tuple(split(labels, validation=0.2, seed=s, stratify=True)[1]) for s in range(20)}
    assert len(parts) == 20


def test_the_split_of_the_study_has_the_studys_sizes() -> None:
    labels = np.arange(84_916) % 27
    train, held_out = split(labels, validation=0.2, seed=0, stratify=False)
    assert (len(train), len(held_out)) == (67_933, 16_983)


def test_a_dataset_splits_with_its_labels_and_classes() -> None:
    data = dataset([0, 1] * 10)
    train, validation = data.split()
    assert (len(train), len(validation)) == (16, 4)
    assert train.class_names == validation.class_names == data.class_names
    assert validation.class_counts == {"0": 2, "1": 2}


def test_a_class_with_one_image_is_named() -> None:
    data = dataset([0, 0, 1, 2, 2], ["ant", "bee", "cow"])
    with pytest.raises(SplitError, match=r"one image: 'bee'.*subset.*stratify=False"):
        data.split()
    assert sum(map(len, data.split(stratify=False))) == 5


def test_one_class_cannot_be_stratified() -> None:
    part = dataset([0, 0, 0, 1], ["ant", "bee"]).subset([0, 1, 2])
    with pytest.raises(SplitError, match=r"one class \('ant'\)"):
        part.split()


@pytest.mark.parametrize("validation", [0, 1, -0.2, 1.5, 20, "0.2", None, float("nan"), True])
def test_a_part_that_is_no_fraction_is_refused(validation: Any) -> None:
    with pytest.raises(SplitError, match="expected a fraction between 0 and 1"):
        dataset([0, 1, 0, 1]).split(validation)


def test_one_image_cannot_be_split() -> None:
    with pytest.raises(SplitError, match="Received 1 images"):
        dataset([0, 1]).subset([0]).split(stratify=False)
