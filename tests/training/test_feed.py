"""Batches for a tail: a function of the batch's number alone."""

from __future__ import annotations

import threading
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


class Drawn:
    """Inputs in two steps, which note what was drawn, and whether two draws went on at once."""

    def __init__(self, broken: int = -1) -> None:
        self.drawn: list[tuple[int, int]] = []
        self.drawing = 0
        self.together = False
        self.begun = [threading.Event() for _ in range(5)]
        self._broken = broken

    def __call__(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        return self.make(self.draw(indices, epoch))

    def draw(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        self.drawing += 1
        self.together |= self.drawing > 1
        self.drawn.append((int(indices[0]), epoch))
        self.begun[int(indices[0]) // 2].set()
        self.drawing -= 1
        if int(indices[0]) == self._broken:
            raise DamagedImageError(f"image {self._broken} is truncated")
        return np.stack([indices, np.full_like(indices, epoch)], axis=1)

    def make(self, drawn: np.ndarray) -> np.ndarray:
        return 10 * drawn


@given(st.lists(st.integers(0, 8), min_size=1, max_size=12))
def test_batches_that_are_drawn_ahead_are_those_that_are_asked_for(asked: list[int]) -> None:
    inputs = Drawn()
    ahead = Feed(inputs, np.arange(10), batch_size=4, epochs=3, shuffle=(0, "stage"))
    plain = Feed(
        lambda *what: Drawn()(*what), np.arange(10), batch_size=4, epochs=3, shuffle=(0, "stage")
    )
    for index in asked:
        for one, other in zip(ahead[index], plain[index], strict=True):
            np.testing.assert_array_equal(one, other)
    assert not inputs.together


def test_the_next_batch_is_drawn_while_this_one_is_made() -> None:
    class Waiting(Drawn):
        def make(self, drawn: np.ndarray) -> np.ndarray:
            following = min(int(drawn[0, 0]) // 2 + 1, 2)
            assert self.begun[following].wait(timeout=60), "the next batch was not begun"
            return drawn

    inputs = Waiting()
    made = Feed(inputs, np.arange(6), batch_size=2)
    for index in range(3):
        made[index]
    assert inputs.drawn == [(0, 0), (2, 0), (4, 0)]


def test_an_image_that_cannot_be_drawn_ahead_is_told_with_its_own_batch() -> None:
    made = Feed(Drawn(broken=2), np.arange(4), batch_size=2)
    made[0]
    with pytest.raises(DamagedImageError, match="image 2"), own_errors(made):
        made[1]
    with pytest.raises(RuntimeError, match="no more batches"):
        made[0]
