"""Batches cover an epoch, in an order that depends on its name only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.data.conftest import noise
from tlkit.data.batches import PixelCache, batch_slices, epoch_order, stream, stream_seed
from tlkit.data.dataset import ImageDataset
from tlkit.errors import DataError, TlkitError

numbers = st.integers(-(2**80), 2**80)


@given(n=st.integers(0, 300), batch_size=st.integers(1, 70))
def test_batches_cover_every_sample_once_in_order(n: int, batch_size: int) -> None:
    slices = batch_slices(n, batch_size)
    assert [index for part in slices for index in range(n)[part]] == list(range(n))
    assert all(part.stop - part.start == batch_size for part in slices[:-1])


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, None])
def test_a_batch_size_that_is_none_is_refused(batch_size: Any) -> None:
    with pytest.raises(DataError, match=r"batch_size=.*; expected a whole number"):
        batch_slices(10, batch_size)


@given(n=st.integers(0, 200), seed=numbers, stage=st.text(), epoch=st.integers(0, 1000))
def test_an_epochs_order_is_a_permutation_and_always_the_same(
    n: int, seed: int, stage: str, epoch: int
) -> None:
    order = epoch_order(n, seed=seed, stage=stage, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))
    np.testing.assert_array_equal(order, epoch_order(n, seed=seed, stage=stage, epoch=epoch))


def test_orders_differ_by_seed_stage_and_epoch() -> None:
    settings = [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1), (-1, "a", 0), (2**64, "a", 0)]
    orders = {
        tuple(epoch_order(50, seed=seed, stage=stage, epoch=epoch).tolist())
        for seed, stage, epoch in settings
    }
    assert len(orders) == len(settings)


@given(
    one=st.tuples(numbers, st.text(), numbers, numbers),
    other=st.tuples(numbers, st.text(), numbers, numbers),
)
def test_different_purposes_never_share_a_stream(one: Any, other: Any) -> None:
    assert (stream_seed(*one) == stream_seed(*other)) == (one == other)


def test_streams_stay_the_same_over_releases() -> None:
    assert stream_seed(0, "warm", 1, 2) == stream_seed(np.int64(0), "warm", np.int32(1), np.int8(2))  # type: ignore[arg-type]
    assert stream_seed(0, "warm", 1, 2) == 56002443905031906324409156593052127427
    assert stream(0, "warm", 1, 2).integers(0, 1000, 3).tolist() == [484, 992, 202]


def test_a_seed_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(TlkitError, match=r"seed=0\.5; expected a whole number"):
        stream_seed(0.5, "warm")  # type: ignore[arg-type]


class Counting:
    """A dataset that counts what is read from it."""

    def __init__(self, count: int = 6) -> None:
        images = np.stack([noise(8, 8, seed) for seed in range(count)])
        self.data = ImageDataset.from_arrays(images, [n % 2 for n in range(count)])
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.data)

    def load(self, indices: Any, size: Any) -> Any:
        self.read += np.asarray(indices).tolist()
        return self.data.load(indices, size)


def test_pixels_that_fit_are_read_once() -> None:
    source = Counting()
    pixels = PixelCache(source, 4)
    for indices in ([0, 3], [3, 3, 1], range(6), [5]):
        np.testing.assert_array_equal(pixels[indices], source.data.load(indices, 4))
    assert pixels.in_memory
    assert sorted(source.read) == [0, 1, 2, 3, 4, 5]


def test_pixels_that_do_not_fit_are_read_every_time() -> None:
    source = Counting()
    pixels = PixelCache(source, 4, limit=6 * 4 * 4 * 3 - 1)
    for _ in range(2):
        np.testing.assert_array_equal(pixels[[2, 0]], source.data.load([2, 0], 4))
    assert not pixels.in_memory
    assert source.read == [2, 0, 2, 0]


def test_pixels_come_out_right_with_many_threads() -> None:
    source = Counting(40)
    pixels = PixelCache(source, (4, 6))
    wanted = [np.random.default_rng(n).integers(0, 40, 10) for n in range(30)]
    with ThreadPoolExecutor(8) as pool:
        for indices, got in zip(wanted, pool.map(pixels.__getitem__, wanted), strict=True):
            np.testing.assert_array_equal(got, source.data.load(indices, (4, 6)))
    assert len(source.read) == len(set(source.read))
