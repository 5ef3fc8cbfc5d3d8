"""Two processes on one run directory: the second is told, a killed one holds nobody up."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import head_stage, same_weights, trainer
from tlkit._disk.locks import TEXT_BEGINS, take
from tlkit.errors import RunDirectoryError
from tlkit.training.run_dir._lock import locked

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]

PROGRAM = """
import sys, time
import keras, tlkit, tlkit.testing

class Pause(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        while epoch == 1:
            time.sleep(0.1)

stage = tlkit.Stage("head", epochs=2, learning_rate=0.01, batch_size=16, callbacks=(Pause(),))
tlkit.StagedTrainer(
    tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[stage], run_dir=sys.argv[1]
).fit(*tlkit.testing.tiny_dataset().split(0.25), verbose=0)
"""


class Pause(keras.callbacks.Callback):  # type: ignore[misc]
    """Does nothing, where that of the program above waits after the first epoch."""


@pytest.mark.slow
def test_second_process_is_told_and_takes_over_when_the_first_is_killed(
    parts: Data, tmp_path: Path
) -> None:
    make = partial(trainer, head_stage(callbacks=(Pause(),)))
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(run)], env=os.environ)
    try:
        while not (run / "stages/01-head/checkpoint.npz").is_file():
            assert process.poll() is None, "the training ended by itself"
            time.sleep(0.05)
        with pytest.raises(RunDirectoryError) as caught:
            make(run_dir=run).fit(*parts, resume=True, verbose=0)
        expected = (
            f"is being trained by process {process.pid} on the machine {socket.gethostname()}"
        )
        assert expected in str(caught.value)
        assert "Wait until it ends, stop it, or give another run_dir" in str(caught.value)
    finally:
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    assert (run / "run.lock").is_file(), "it could not clean up"
    resumed = make(run_dir=run).fit(*parts, resume=True, verbose=0)
    assert resumed.stages[0].notes[0] == "resumed after epoch 1"
    assert same_weights(resumed.model, make().fit(*parts, verbose=0).model)
    assert not (run / "run.lock").exists()


def owned_by(process: int, machine: str = "") -> str:
    """What a lock file says of its holder; its first byte is the one that is locked."""
    return " " + json.dumps({"process": process, "machine": machine or socket.gethostname()})


def test_what_a_lock_file_says_is_written_and_read_behind_the_locked_byte(tmp_path: Path) -> None:
    with locked(tmp_path / "run.lock"):
        said = (tmp_path / "run.lock").read_bytes()
    assert said[:TEXT_BEGINS] == b" " * TEXT_BEGINS
    assert json.loads(said[TEXT_BEGINS:])["process"] == os.getpid()


def test_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    for _ in range(2):
        with locked(file):
            owner = json.loads(file.read_text())
            assert (owner["process"], owner["machine"]) == (os.getpid(), socket.gethostname())
        assert not file.exists()
    with pytest.raises(ZeroDivisionError), locked(file):
        raise ZeroDivisionError
    assert not file.exists()


def test_second_trainer_of_one_process_is_told(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run.lock"),
        pytest.raises(RunDirectoryError, match=rf"by this very process, {os.getpid()}, on the"),
        locked(tmp_path / "run.lock"),
    ):
        pass


def test_lock_that_says_nothing_still_locks(tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    for text in ("", "{", "[]", "{}"):
        with locked(file):
            file.write_text(text)
            with pytest.raises(RunDirectoryError, match="by process unknown"), locked(file):
                pass


def test_text_left_by_a_killed_process_does_not_lock(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text(owned_by(1))
    with locked(tmp_path / "run.lock"):
        pass


def test_lock_that_was_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, times = tmp_path / "run.lock", []

    def slow(stream: Any) -> bool:
        times.append(1)
        if len(times) == 1:
            file.unlink()
        return take(stream)

    monkeypatch.setattr("tlkit.training.run_dir._lock.take", slow)
    with locked(file):
        assert json.loads(file.read_text())["process"] == os.getpid()
    assert len(times) == 2


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(stream: Any) -> None:
        raise OSError(errno.ENOTSUP, "no locks here", stream.name)

    monkeypatch.setattr("tlkit.training.run_dir._lock.take", refuse)


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_the_text_of_a_living_process_counts(tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    with (
        locked(file),
        pytest.raises(RunDirectoryError, match=r"this very process.* If it has ended, delete"),
        locked(file),
    ):
        pass
    file.write_text(owned_by(1))
    with pytest.raises(RunDirectoryError, match="by process 1 on"), locked(file):
        pass
    file.write_text(owned_by(1, "elsewhere"))
    with pytest.raises(RunDirectoryError, match="on the machine elsewhere"), locked(file):
        pass


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_a_process_that_has_ended_counts_no_more(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    file = tmp_path / "run.lock"
    file.write_text(owned_by(ended.pid))
    with locked(file):
        assert json.loads(file.read_text())["process"] == os.getpid()


def test_folder_where_no_lock_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.lock").mkdir()
    with (
        pytest.raises(
            RunDirectoryError, match=r"cannot be used: .*run.lock.* Give another run_dir"
        ),
        locked(tmp_path / "run.lock"),
    ):
        pass
