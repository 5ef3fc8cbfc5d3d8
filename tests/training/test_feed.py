"""Batches for a tail: a function of the batch's number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tlkit.data.batches import epoch_order
from tlkit.errors import DamagedImageError
from tlkit.training.feeding.feed import Feed, own_errors


def feed(n: int = 10, batch_size: int = 4, **settings: Any) -> Feed:
    """A feed whose inputs are (sample, epoch) and whose labels are 100 + sample."""

    def inputs(samples: np.ndarray, epoch: int) -> np.ndarray:
        return np.stack([samples, np.full_like(samples, epoch)], axis=1)

    return Feed(inputs, 100 + np.arange(n), batch_size=batch_size, **settings)


@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    first=st.integers(0, 3),
    epochs=st.integers(1, 3),
    seed=st.integers(-5, 5),
)
def test_every_epoch_holds_every_sample_once_in_its_own_order(
    n: int, batch_size: int, first: int, epochs: int, seed: int
) -> None:
    made = feed(n, batch_size, epochs=epochs, first_epoch=first, shuffle=(seed, "stage"))
    assert len(made) == made.steps * epochs
    for epoch in range(epochs):
        batches = [made[epoch * made.steps + step] for step in range(made.steps)]
        seen = np.concatenate([x for x, _ in batches])
        order = epoch_order(n, seed=seed, stage="stage", epoch=first + epoch)
        assert seen.tolist() == [[sample, first + epoch] for sample in order]
        assert np.concatenate([y for _, y in batches]).tolist() == (100 + order).tolist()
        assert all(len(x) == batch_size for x, _ in batches[:-1])


def test_batches_do_not_depend_on_the_order_they_are_asked_in() -> None:
    one, two = (feed(epochs=3, shuffle=(0, "stage")) for _ in range(2))
    forward = [one[k][0].tolist() for k in range(len(one))]
    backward = [two[k][0].tolist() for k in reversed(range(len(two)))]
    assert forward == backward[::-1]
    assert forward[0] == one[0][0].tolist()


def test_without_shuffling_samples_come_as_they_are() -> None:
    made = feed()
    assert [made[k][1].tolist() for k in range(3)] == [
        [100, 101, 102, 103],
        [104, 105, 106, 107],
        [108, 109],
    ]


def test_own_error_comes_back_in_place_of_what_a_backend_made_of_it() -> None:
    def broken(samples: np.ndarray, epoch: int) -> np.ndarray:  # noqa: ARG001
        raise DamagedImageError("image 3 is truncated")

    made = Feed(broken, np.arange(4), batch_size=2)
    with pytest.raises(DamagedImageError, match="image 3") as caught, own_errors(None, made):  # noqa: PT012
        try:
            made[0]
        except DamagedImageError as error:
            raise RuntimeError(f"graph: {error}") from None
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(ZeroDivisionError), own_errors(None, feed()):
        1 / 0  # noqa: B018
