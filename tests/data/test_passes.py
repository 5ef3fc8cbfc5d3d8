"""Batches of several passes in a row: of samples, of a search's arrays, of a stage's images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tlkit.data.batches import Passes
from tlkit.learning_rate.sweep.batches import ArrayBatches
from tlkit.training.feeding.feed import Feed

# Each gives the samples of a batch of three passes.
Made = Callable[[int], list[int]]


def plain(n: int, batch_size: int, *, shuffle: bool) -> Made:
    orders = [np.random.default_rng(k).permutation(n) for k in range(3)]
    passes = Passes(n, batch_size, orders.__getitem__ if shuffle else None)
    return lambda batch: passes[batch].tolist()


def arrays(n: int, batch_size: int, *, shuffle: bool) -> Made:
    made = ArrayBatches((np.arange(n),), batch_size, shuffle, seed=3)
    return lambda batch: made[batch][0].tolist()


def feed(n: int, batch_size: int, *, shuffle: bool) -> Made:
    given: dict[str, Any] = {"epochs": 3, "shuffle": (3, "stage") if shuffle else None}
    made = Feed(lambda samples, _: samples, np.zeros(n), batch_size=batch_size, **given)
    return lambda batch: made[batch][0].tolist()


every_kind = pytest.mark.parametrize("make", [plain, arrays, feed])
sizes = given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    asked=st.randoms(use_true_random=False),
)


@every_kind
@sizes
def test_every_pass_holds_every_sample_once_however_batches_are_asked_for(
    make: Any, n: int, batch_size: int, shuffle: bool, asked: Any
) -> None:
    made = make(n, batch_size, shuffle=shuffle)
    steps = -(-n // batch_size)
    wanted = [*range(3 * steps), *range(3 * steps)]
    asked.shuffle(wanted)
    seen: dict[int, list[int]] = {}
    for batch in wanted:
        assert seen.setdefault(batch, made(batch)) == made(batch)
    for number in range(3):
        batches = [seen[number * steps + step] for step in range(steps)]
        together = [sample for batch in batches for sample in batch]
        assert sorted(together) == list(range(n))
        assert shuffle or together == sorted(together)
        assert all(len(batch) == batch_size for batch in batches[:-1])


@every_kind
def test_passes_have_orders_of_their_own(make: Any) -> None:
    made = make(50, 50, shuffle=True)
    assert len({tuple(made(batch)) for batch in range(3)}) == 3


def test_passes_are_counted_from_the_first() -> None:
    passes = Passes(5, 2, lambda number: np.full(5, number), first=4)
    assert [passes.pass_of(batch) for batch in range(7)] == [4, 4, 4, 5, 5, 5, 6]
    assert passes[3].tolist() == [5, 5]
