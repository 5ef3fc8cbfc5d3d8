"""A study that finds the disk full says so, and goes on once there is room."""

from __future__ import annotations

import errno
import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_reproduce import brief_example, make_challenge, run, scores

STAGES = ("--stages", "1,4", "--backbones", "tiny_a", "--resume", "--engine", "keras")
# What writes a shard, a checkpoint, probabilities and a time.
WRITES = (
    ("tlkit.features.store.table", "write_shard"),
    ("tlkit.training.run_dir.checkpoint", "_write_arrays"),
    ("numpy", "savez"),
    ("study", "seconds_of"),
)


def fill_disk(patch: pytest.MonkeyPatch, module: str, name: str, after: int) -> None:
    """Let a function find no room from so many calls on."""
    owner = importlib.import_module(module)
    write, calls = getattr(owner, name), []

    def full(*given: Any, **settings: Any) -> Any:
        calls.append(name)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "part")
        return write(*given, **settings)

    patch.setattr(owner, name, full)


@pytest.mark.slow
def test_a_study_goes_on_once_a_full_disk_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = brief_example(monkeypatch)
    data, out = make_challenge(tmp_path / "data"), tmp_path / "out"
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "cache of one"))
    assert run(example, data, tmp_path / "roomy", *STAGES) == 0
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "cache"))
    for number, (module, name) in enumerate(WRITES):
        with monkeypatch.context() as patch:
            fill_disk(patch, module, name, after=number % 2)
            capsys.readouterr()
            assert run(example, data, out, *STAGES) == 1, name
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("error: "), name
        assert "No space left on device" in told, name
        assert "Free some space" in told, name
        assert not (out / "results.json").exists()
    assert run(example, data, out, *STAGES) == 0
    assert scores(out) == scores(tmp_path / "roomy")
