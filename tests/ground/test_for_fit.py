"""Batches made in Python reach ``fit`` whole and in order, and without tf.data's tuning."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tlkit._keras.for_fit import for_fit

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends read a PyDataset as it is"
)


class Numbered(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of three samples that tell their number; the last has one."""

    def __init__(self, weight: Any = None) -> None:
        super().__init__()
        self.weight = weight

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        size = 1 if index == 3 else 3
        return np.full((size, 2), index, "float16"), np.full(size, index, "int64"), self.weight


@on_tensorflow
def test_batches_come_whole_and_in_order() -> None:
    given = Numbered(weight=np.ones(3, "float32"))
    read = list(for_fit(given))
    assert len(read) == 4
    for index, (x, y, _) in enumerate(read):
        expected = given[index]
        assert np.array_equal(x, expected[0])
        assert np.array_equal(y, expected[1])
        assert (x.dtype, y.dtype) == ("float16", "int64")


@on_tensorflow
def test_nothing_tunes_and_fit_knows_the_length() -> None:
    stream = for_fit(Numbered(weight=np.ones(3, "float32")))
    assert stream.options().autotune.enabled is False
    assert int(stream.cardinality()) == 4


def test_batch_with_a_part_that_is_none_is_left_to_keras() -> None:
    given = Numbered()
    assert for_fit(given) is given
