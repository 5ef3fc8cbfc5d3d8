"""A checkpoint gives back what was written, and holds each array once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tlkit.training.run_dir.checkpoint import Progress, read_checkpoint, write_checkpoint


def test_arrays_of_any_kind_come_back_as_they_were(tmp_path: Path) -> None:
    kinds = [
        np.float32(3),
        np.array(7, np.int64),
        np.zeros((0, 3), np.float16),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::-2],
        np.array([True, False]),
    ]
    group = [np.asarray(kind) for kind in kinds]
    write_checkpoint(tmp_path / "c.npz", Progress(epoch=2), {"state": group})
    progress, groups = read_checkpoint(tmp_path / "c.npz")
    assert progress == Progress(epoch=2)
    for read, written in zip(groups["state"], group, strict=True):
        assert (read.dtype, read.shape) == (written.dtype, written.shape)
        np.testing.assert_array_equal(read, written)
    with np.load(tmp_path / "c.npz") as data:
        np.testing.assert_array_equal(data["state/3"], group[3])


def test_array_that_is_in_two_groups_is_written_once(tmp_path: Path) -> None:
    state = [np.full(1000, number, np.float32) for number in range(12)]
    best: list[np.ndarray] = [state[3], np.zeros(5), state[11], state[0]]
    write_checkpoint(tmp_path / "c.npz", Progress(), {"state": state, "best": best})
    _, groups = read_checkpoint(tmp_path / "c.npz")
    assert list(groups) == ["state", "best"]
    for name, written in (("state", state), ("best", best)):
        for read, array in zip(groups[name], written, strict=True):
            np.testing.assert_array_equal(read, array)
    with np.load(tmp_path / "c.npz") as data:
        assert {key for key in data.files if key.startswith("best")} == {"best/1"}
