"""Classes are the same where their names are, whatever their order; all else is refused by name."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tlkit import ImageDataset
from tlkit.data._text import as_seen
from tlkit.data.class_names import (
    is_numbering,
    known_names,
    near_misses,
    numbered_as,
    positions,
    shared_classes,
)
from tlkit.errors import DataError, EvaluationError

# Names that differ to the eye: others are refused.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=4)
NAMES = st.lists(TEXT, min_size=2, max_size=8, unique_by=as_seen)


def dataset(names: list[str]) -> ImageDataset:
    """One image of each class."""
    images = np.zeros((len(names), 4, 4, 3), np.uint8)
    return ImageDataset(
        ImageDataset.from_arrays(images, list(range(len(names))))._store,
        np.arange(len(names)),
        tuple(names),
    )


@given(NAMES, st.data())
def test_every_label_and_every_column_keeps_its_name(model: list[str], draw: st.DataObject) -> None:
    known = draw.draw(st.permutations(model))
    data = known[: draw.draw(st.integers(1, len(known)))]
    labels = np.array(draw.draw(st.lists(st.sampled_from(range(len(data))), min_size=1)))
    shared = shared_classes(model, data, labels)
    assert sorted(shared.names) == sorted(model)
    assert list(shared.names[: len(data)]) == data, "numbers of the data set hold"
    assert [model[column] for column in shared.columns] == list(shared.names)
    assert [shared.names[n] for n in shared.numbers[labels]] == [data[n] for n in labels]


@given(NAMES, st.data())
def test_an_unknown_class_matters_where_it_has_an_image(
    names: list[str], draw: st.DataObject
) -> None:
    left_out = draw.draw(st.sampled_from(names))
    model = [name for name in names if name != left_out]
    labels = np.array([names.index(name) for name in model])
    shared = shared_classes(model, names, labels)
    assert [shared.names[n] for n in shared.numbers[labels]] == model
    with pytest.raises(DataError, match=r"(?s)have different classes.*Unknown to the model: "):
        shared_classes(model, names, np.arange(len(names)))


@given(NAMES, st.data())
def test_positions_put_one_order_into_the_other(names: list[str], draw: st.DataObject) -> None:
    known = draw.draw(st.permutations(names))
    found = positions(names, known, words=("this", "that"), way_out="")
    assert [known[place] for place in found] == names
    with pytest.raises(EvaluationError, match=r"(?s)In this: .*In that: .*Only in that: .*Mend it"):
        positions(
            names[1:], known, words=("this", "that"), way_out="Mend it.", error=EvaluationError
        )


def test_without_names_columns_are_the_data_set_s_classes() -> None:
    shared = shared_classes(None, ["b", "a"], np.array([0]))
    assert (shared.names, shared.columns.tolist()) == (("b", "a"), [0, 1])


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("Cherry", "cherry", "'Cherry' is written 'cherry' there"),
        (
            unicodedata.normalize("NFC", "café"),
            unicodedata.normalize("NFD", "café"),
            r"'caf\xe9' is written 'cafe\u0301' there",
        ),
        ("cat ", "cat", "'cat ' is written 'cat' there"),
        ("sea lion", "sea_lion", "'sea lion' is written 'sea_lion' there"),
        ("07", "7", "'07' is written '7' there"),
        ("7.0", "7", "'7.0' is written '7' there"),
        ("STRASSE", "straße", "'STRASSE' is written 'straße' there"),
        ("a\u00a0b", "a b", r"'a\xa0b' is written 'a b' there"),
    ],
)
def test_a_near_miss_is_refused_and_named(name: str, other: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        shared_classes([other, "dog"], ["dog", name], np.array([0, 1]))
    assert said in str(caught.value)
    with pytest.raises(DataError) as caught:
        positions(["dog", name], [other, "dog"], words=("one", "two"), way_out="")
    assert said in str(caught.value)


def test_names_that_only_look_alike_to_nobody_are_not_hinted_at() -> None:
    assert near_misses(["cat"], ["dog", "cats"]) == ""


def test_a_long_list_is_cut_short() -> None:
    many = [f"class {number}" for number in range(1000)]
    with pytest.raises(DataError) as caught:
        positions(many, [f"x{number}" for number in range(999)], words=("a", "b"), way_out="")
    assert "In a: 1000, " in str(caught.value)
    assert len(str(caught.value)) < 700


def test_who_knows_names() -> None:
    class Model:
        class_names = ("a", "b")

    class Result:
        model = Model()

    assert known_names(Model()) == known_names(Result()) == ("a", "b")
    for nothing in (None, 3, np.zeros(3)):
        assert known_names(nothing) is None


def test_only_numbers_from_zero_are_no_names() -> None:
    assert is_numbering(["0", "1", "2"])
    assert not is_numbering(["1", "2", "3"])
    assert not is_numbering(["0", "1", "10", "2"])


@given(NAMES.filter(lambda names: all(name.strip() for name in names)), st.data())
def test_a_data_set_in_another_order_keeps_the_name_of_every_image(
    names: list[str], draw: st.DataObject
) -> None:
    data = dataset(names)
    order = draw.draw(st.permutations([*names, "\N{SNOWMAN} more than there is"]))
    other = data.with_classes(order)
    assert other.class_names == tuple(order)
    assert [other.class_names[n] for n in other.labels] == names
    assert other.labels.tolist() == numbered_as(order, data).tolist()
    assert np.array_equal(other.image_digests, data.image_digests)
    with pytest.raises(DataError, match="The list and the dataset have different classes"):
        data.with_classes([*names[1:], "\N{SNOWMAN}"])
