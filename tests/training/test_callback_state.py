"""What a callback collects is as it was after a resumption, whatever of Python's kinds holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit.training.loop._callback_state import callback_state, restore_callback

KINDS: dict[str, Any] = {
    "number": 3,
    "NumPy's number": np.float32(0.5),
    "text": "a",
    "list": [1, [2.0, None]],
    "tuple": (1, (2, "b")),
    "pairs": [(0, 0.5), (1, 0.25)],
    "set": {1, 2},
    "frozen set": frozenset({"a"}),
    "by text": {"a": [1], "b": {"c": (2,)}},
    "by number": {0: 0.5, 1: 0.25},
    "by pair": {(0, "a"): {1}},
    "a mark of its own": {" kind": "tuple", "items": [1]},
    "empty": [(), {}, set()],
}


class Collected(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that holds one thing."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_as_it_was(kind: str) -> None:
    kept = json.loads(json.dumps(callback_state(Collected(KINDS[kind]))))
    fresh = Collected(None)
    restore_callback(fresh, kept)
    assert fresh.value == KINDS[kind]
    assert isinstance(fresh.value, type(KINDS[kind])) or kind == "NumPy's number"


@pytest.mark.parametrize("before", [[0], {"a": 0}, {0}])
def test_what_can_be_changed_stays_the_object_that_others_hold(before: Any) -> None:
    held = type(before)()
    fresh = Collected(held)
    restore_callback(fresh, json.loads(json.dumps(callback_state(Collected(before)))))
    assert fresh.value is held
    assert held == before


class ByEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps each epoch's loss by its number; the first of all fails in its second epoch."""

    fails = False

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[int, float] = {}
        self.pairs: list[tuple[int, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note it."""
        if ByEpoch.fails and epoch == 1:
            raise KeyboardInterrupt
        self.losses[epoch] = logs["loss"]
        self.pairs.append((epoch, logs["loss"]))


def test_what_was_collected_by_epoch_is_whole_after_a_resumption(
    data: tlkit.ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> tuple[ByEpoch, tlkit.StagedTrainer]:
        collected = ByEpoch()
        return collected, trainer(head_stage(callbacks=[collected]), run_dir=tmp_path / "run")

    monkeypatch.setattr(ByEpoch, "fails", True)
    with pytest.raises(KeyboardInterrupt):
        make()[1].fit(data, verbose=0)
    monkeypatch.setattr(ByEpoch, "fails", False)
    collected, again = make()
    losses = again.fit(data, resume=True, verbose=0).history["head"]["loss"]
    assert collected.losses == pytest.approx(dict(enumerate(losses)))
    assert [epoch for epoch, _ in collected.pairs] == [0, 1]
