"""Three parts, groups that stay together, folds, and a sample: every image once, as was asked."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from tests.data.conftest import noise
from tests.data.test_splits import class_sizes, dataset, labels_of, seeds
from tlkit import ImageDataset
from tlkit.data._splits import split_indices
from tlkit.errors import SplitError

Ints = np.ndarray[Any, np.dtype[np.int64]]
parts_of_a_whole = st.tuples(st.floats(0.01, 0.6), st.floats(0.01, 0.39))
larger_classes = st.lists(st.integers(3, 30), min_size=2, max_size=6)
# How many images each group has, and of which class they are: as of many cameras or patients.
grouped = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), min_size=2, max_size=30)


def names_of(labels: Any) -> list[str]:
    return [f"class {number}" for number in range(int(np.max(labels)) + 1)]


def numbered(sizes: list[int]) -> ImageDataset:
    """Images that tell their positions by their pixels."""
    labels = labels_of(sizes)
    images = np.zeros((len(labels), 1, 1, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))
    return ImageDataset.from_arrays(images, labels, names_of(labels))


def positions(part: ImageDataset) -> list[int]:
    return [int(name.split()[1]) for name in part.names]


def of_groups(given: list[tuple[int, int]]) -> tuple[ImageDataset, Ints]:
    """A data set and the group of each image; each group has one class."""
    labels = [kind for size, kind in given for _ in range(size)]
    groups = np.repeat(np.arange(len(given)), [size for size, _ in given])
    return dataset(labels, ["ant", "bee", "cow"]), groups


# Three parts


@given(sizes=larger_classes, fractions=parts_of_a_whole, seed=seeds, stratify=st.booleans())
def test_three_parts_hold_every_image_once_and_have_the_sizes_asked(
    sizes: list[int], fractions: tuple[float, float], seed: int, stratify: bool
) -> None:
    data = numbered(sizes)
    parts = data.split(fractions[0], test=fractions[1], seed=seed, stratify=stratify)
    assert sorted(place for part in parts for place in positions(part)) == list(range(len(data)))
    assert all(map(len, parts))
    least = len(sizes) if stratify else 1
    most = len(data) - 2 * least
    validation = min(max(round(len(data) * fractions[0]), least), most)
    test = min(max(round(len(data) * fractions[1]), least), most + least - validation)
    assert [len(part) for part in parts[1:]] == [validation, test]
    if stratify:
        assert all(min(part.class_counts.values()) >= 1 for part in parts)


@given(sizes=st.lists(st.integers(9, 30), min_size=2, max_size=4), seed=seeds)
def test_a_test_takes_no_image_of_the_validation_away(sizes: list[int], seed: int) -> None:
    data = numbered(sizes)
    _, validation, _ = data.split(0.2, test=0.2, seed=seed)
    assert positions(validation) == positions(data.split(0.2, seed=seed)[1])


@pytest.mark.parametrize(
    ("validation", "test", "told"),
    [
        (0.5, 0.5, r"validation=0\.5 and test=0\.5 sum to 1 and leave nothing to train on"),
        (0.7, 0.4, "sum to 1.1"),
        (0.9, 0.1, "sum to 1"),
        (0.2, 0, r"test=0; expected a fraction between 0 and 1"),
        (0.2, 20, "test=20; expected a fraction"),
        (0.2, True, "test=True; expected a fraction"),
        (2, 0.2, "validation=2; expected a fraction"),
    ],
)
def test_fractions_that_make_no_sense_are_refused(validation: Any, test: Any, told: str) -> None:
    data = dataset([0, 1] * 9)
    for groups in (None, range(18)):
        with pytest.raises(SplitError, match=told):
            data.split(validation, test=test, groups=groups)


def test_a_class_that_is_too_small_for_three_parts_is_named() -> None:
    data = dataset([0, 0, 0, 1, 1, 2, 2, 2], ["ant", "bee", "cow"])
    with pytest.raises(
        SplitError, match=r"fewer than 3 images: 'bee'.*three of each, one to train"
    ):
        data.split(0.3, test=0.3)
    assert len(data.split(0.3)) == 2
    with pytest.raises(SplitError, match="a split needs at least three"):
        dataset([0, 1]).split(0.3, test=0.3, stratify=False)


# Groups


@given(given=grouped, fractions=parts_of_a_whole, seed=seeds, stratify=st.booleans())
def test_no_group_is_in_two_parts_and_every_image_in_one(
    given: list[tuple[int, int]], fractions: tuple[float, float], seed: int, stratify: bool
) -> None:
    data, groups = of_groups(given)
    test = fractions[1] if len(given) > 2 and fractions[0] > 0.3 else None
    settings: Any = {"seed": seed, "stratify": stratify, "groups": groups, "test": test}
    of_each = np.bincount([kind for _, kind in given])
    few = np.count_nonzero(of_each) < 2 or of_each[of_each > 0].min() < (2 if test is None else 3)
    if stratify and few:
        with pytest.raises(SplitError, match="stratify=False"):
            data.split(fractions[0], **settings)
        return
    parts = data.split(fractions[0], **settings)
    assert len(parts) == (2 if test is None else 3)
    found = [positions(part) for part in parts]
    assert sorted(chain(*found)) == list(range(len(data)))
    assert all(found)
    sides = [set(groups[places].tolist()) for places in found]
    assert sum(map(len, sides)) == len(given), "no group is on two sides"
    if stratify:
        present = {name for name, count in data.class_counts.items() if count}
        for part in parts:
            assert {name for name, count in part.class_counts.items() if count} == present
    again = data.split(fractions[0], **settings)
    assert [positions(part) for part in again] == found


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize(("validation", "test"), [(0.2, None), (0.3, None), (0.15, 0.15)])
def test_fractions_and_proportions_are_near_where_groups_are_small(
    stratify: bool, validation: float, test: float | None
) -> None:
    random = np.random.default_rng(0)
    labels = random.choice(3, 900, p=[0.6, 0.3, 0.1])
    groups = random.integers(0, 150, 900)
    data = dataset(labels.tolist(), ["ant", "bee", "cow"])
    settings: Any = {} if test is None else {"test": test}
    parts = data.split(validation, groups=groups, stratify=stratify, **settings)
    for part, fraction in zip(parts[1:], (validation, test), strict=False):
        assert len(part) / 900 == pytest.approx(fraction, abs=0.03)
        if stratify:
            for name, count in part.class_counts.items():
                assert count / len(part) == pytest.approx(
                    data.class_counts[name] / 900, abs=0.03
                ), name


@pytest.mark.parametrize("stratify", [True, False])
def test_a_group_that_is_larger_than_a_part_stays_in_training(stratify: bool) -> None:
    labels = [0, 1] * 100
    groups = [0] * 80 + [1 + place // 4 for place in range(120)]
    train, validation = dataset(labels).split(0.3, groups=groups, stratify=stratify)
    assert "image 0" in train.names
    assert 0.2 < len(validation) / 200 < 0.35


def test_groups_are_read_as_people_have_them() -> None:
    data = dataset([0, 1] * 6)
    numbers = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    texts = [f"patient {number}" for number in numbers]
    floats = pd.Series([float(number) for number in numbers])
    ways: list[Any] = [numbers, np.array(numbers), pd.Series(numbers), floats, texts]
    ways += [pd.Categorical(texts), iter(texts), np.array(texts), pd.Series(texts, dtype="string")]
    found = {tuple(data.split(0.3, groups=groups)[1].names) for groups in ways}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([1, 2], r"Received 2 groups for 4 images; expected one value for each"),
        ("patient", r"groups='patient'; expected one value .*table\['patient'\]"),
        (5, r"groups=5; expected one value"),
        ([1, 2, None, 3], r"Image 2 \(counted from 0\) has no group \(None\)"),
        ([1, 2, float("nan"), 3], "Image 2 .* has no group"),
        (["a", "b", " ", "c"], "Image 2 .* has no group"),
        ([1, 2, "2", 3], "mix of text and whole numbers"),
        (["a", "b", "a ", "c"], r"Groups 'a', 'a ' look alike and would be on two sides"),
        ([1, 2, (3, 4), 3], r"has the group \(3, 4\) \(tuple\).*together as text"),
        ([1, 2, 2.5, 3], r"has the group 2\.5 \(float\)"),
        ([1, 1, 1, 1], r"Received 1 group\(s\) for 2 parts|Received 1 groups for 2 folds"),
    ],
)
def test_groups_that_do_not_fit_say_why(groups: Any, told: str) -> None:
    data = dataset([0, 1, 0, 1])
    with pytest.raises(SplitError, match=told):
        data.split(0.5, groups=groups)
    with pytest.raises(SplitError, match=told):
        data.folds(2, groups=groups)


def test_a_class_of_one_group_cannot_be_on_both_sides() -> None:
    data = dataset([0, 0, 1, 1, 1, 1], ["ant", "bee"])
    with pytest.raises(SplitError, match=r"1 class\(es\) with one group: 'ant'.*stratify=False"):
        data.split(0.3, groups=[7, 7, 1, 2, 3, 4])
    assert sum(map(len, data.split(0.3, groups=[7, 7, 1, 2, 3, 4], stratify=False))) == 6


def test_groups_that_cannot_be_dealt_so_that_each_part_has_each_class_are_refused() -> None:
    # Groups 1 and 2 have all ants, 2 and 3 all bees, 1 and 3 all cows: three, for two sides.
    data = dataset([0, 2, 0, 1, 1, 2], ["ant", "bee", "cow"])
    with pytest.raises(SplitError, match=r"each left a part without an image of a class.*another"):
        data.split(0.5, groups=[1, 1, 2, 2, 3, 3])


# Folds


@given(
    sizes=class_sizes,
    k=st.integers(2, 6),
    seed=st.integers(-(2**70), 2**70),
    stratify=st.booleans(),
)
def test_validation_parts_of_folds_hold_every_image_once(
    sizes: list[int], k: int, seed: int, stratify: bool
) -> None:
    data = numbered(sizes)
    if len(data) < k or (stratify and min(sizes) < k):
        with pytest.raises(SplitError, match=r"[Tt]ake fewer"):
            data.folds(k, seed=seed, stratify=stratify)
        return
    pairs = data.folds(k, seed=seed, stratify=stratify)
    assert len(pairs) == k
    held_out = [positions(validation) for _, validation in pairs]
    assert sorted(chain(*held_out)) == list(range(len(data)))
    assert max(map(len, held_out)) - min(map(len, held_out)) <= (len(sizes) if stratify else 1)
    for train, validation in pairs:
        assert sorted(positions(train) + positions(validation)) == list(range(len(data)))
        if stratify:
            for name, count in data.class_counts.items():
                assert abs(validation.class_counts[name] - count / k) < 1
    assert [positions(part) for _, part in data.folds(k, seed=seed, stratify=stratify)] == held_out


@given(given=grouped, k=st.integers(2, 5), seed=seeds, stratify=st.booleans())
def test_folds_keep_groups_together(
    given: list[tuple[int, int]], k: int, seed: int, stratify: bool
) -> None:
    data, groups = of_groups(given)
    of_each = np.bincount([kind for _, kind in given])
    few = np.count_nonzero(of_each) < 2 or of_each[of_each > 0].min() < k
    if len(given) < k or (stratify and few):
        with pytest.raises(SplitError, match=r"[Tt]ake fewer|one class"):
            data.folds(k, groups=groups, seed=seed, stratify=stratify)
        return
    pairs = data.folds(k, groups=groups, seed=seed, stratify=stratify)
    assert sorted(chain(*(positions(part) for _, part in pairs))) == list(range(len(data)))
    for train, validation in pairs:
        assert len(train) + len(validation) == len(data)
        assert len(validation)
        assert not set(groups[positions(train)]) & set(groups[positions(validation)])
        if stratify:
            assert {n for n, count in validation.class_counts.items() if count} == {
                n for n, count in data.class_counts.items() if count
            }


def test_other_seeds_give_other_folds() -> None:
    data = numbered([20, 20])
    found = {tuple(positions(data.folds(4, seed=seed)[0][1])) for seed in range(10)}
    assert len(found) == 10


@pytest.mark.parametrize("k", [1, 0, -3, 2.0, "5", True, None])
def test_what_is_no_number_of_folds_is_refused(k: Any) -> None:
    with pytest.raises(SplitError, match="expected a whole number of folds, at least 2"):
        dataset([0, 1] * 6).folds(k)


def test_more_folds_than_a_class_or_all_images_or_groups_have_are_refused() -> None:
    data = dataset([0, 0, 0, 1, 1, 1, 1], ["ant", "bee"])
    with pytest.raises(SplitError, match=r"fewer than 4 images: 'ant'\. 4 folds .*take fewer"):
        data.folds(4)
    with pytest.raises(SplitError, match="Received 7 images for 8 folds"):
        data.folds(8, stratify=False)
    with pytest.raises(SplitError, match="Received 3 groups for 4 folds"):
        data.folds(4, groups=[0, 1, 2, 0, 1, 2, 0])
    with pytest.raises(SplitError, match=r"fewer than 3 groups: 'ant'"):
        data.folds(3, groups=[0, 0, 1, 2, 3, 4, 5])


# Pictures on both sides


def test_every_pair_of_parts_and_every_fold_tells_of_a_picture_on_both_sides(
    folders: Path,
) -> None:
    Image.fromarray(noise(9, 9, 1)).save(folders / "same.png")
    table = {"image": ["same.png"] * 12, "label": ["cat"] * 6 + ["dog"] * 6}
    data = ImageDataset.from_dataframe(table, image="image", label="label", root=folders)
    with pytest.warns(UserWarning, match="figures will be too good") as caught:
        data.split(0.25, test=0.25)
    told = [str(warning.message) for warning in caught]
    assert [("second part" in x, "third part" in x) for x in told] == [
        (True, False),
        (False, True),
        (True, True),
    ]
    assert all(warning.filename == __file__ for warning in caught)
    with pytest.warns(UserWarning, match="in its training part too") as caught:
        data.folds(3)
    assert [f"validation part of fold {n}" in str(x.message) for n, x in enumerate(caught, 1)] == [
        True
    ] * 3


# Samples


@given(sizes=class_sizes, seed=seeds, draw=st.data())
def test_a_sample_has_the_size_asked_and_every_class(
    sizes: list[int], seed: int, draw: st.DataObject
) -> None:
    data = numbered(sizes)
    n = draw.draw(st.integers(len(sizes), len(data)))
    part = data.sample(n, seed=seed)
    assert len(part) == len(set(part.names)) == n
    assert min(part.class_counts.values()) >= 1
    assert positions(part) == sorted(positions(part))
    assert positions(part) == positions(data.sample(n, seed=seed))
    shares = np.array(sizes) * n / len(data)
    if (shares >= 1).all():
        assert (np.abs(np.array(list(part.class_counts.values())) - shares) < 1).all()


@pytest.mark.parametrize("n", [0, 1, 13, -1, 0.5, "3", True, None])
def test_a_sample_that_cannot_be_is_refused(n: Any) -> None:
    with pytest.raises(SplitError, match=r"expected a whole number from 2, .* to 12"):
        dataset([0, 1] * 6).sample(n)


def test_a_split_without_groups_is_what_it_was() -> None:
    """Figures of earlier versions hold."""
    labels = labels_of([9, 11, 13])
    settings: Any = {"validation": 0.2, "seed": 5}
    found = split_indices(labels, names_of(labels), **settings, stratify=True)[1].tolist()
    others = split_indices(labels, names_of(labels), **settings, stratify=False)[1].tolist()
    assert (found, others) == ([9, 12, 21, 22, 25, 26, 31], [6, 12, 13, 18, 23, 28, 29])
