"""Ctrl-C ends a training process: batches that are made ahead do not hold it up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tlkit.training.feeding.feed import Feed, own_errors

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import tlkit, tlkit.testing
trainer = tlkit.StagedTrainer(
    tlkit.testing.tiny_backbone(), weights=None, cache=False, engine="keras", run_dir=sys.argv[1],
    stages=[tlkit.Stage("long", epochs=100_000, learning_rate=0.01, batch_size=4,
                        augmentation=tlkit.Augmentation())],
)
try:
    trainer.fit(*tlkit.testing.tiny_dataset().split(0.25), verbose=0)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def python_handles_sigint() -> Iterator[None]:
    """A shell starts what it runs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_process_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], env=os.environ)
    checkpoint = tmp_path / "stages" / "01-long" / "checkpoint.npz"
    try:
        while not checkpoint.is_file():
            assert process.poll() is None, "the training ended by itself"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
    assert [file.name for file in checkpoint.parent.iterdir()] == [checkpoint.name]


@pytest.mark.parametrize("swallowed", [True, False])
def test_ctrl_c_is_not_lost_where_something_swallows_it(swallowed: bool) -> None:
    before = signal.getsignal(signal.SIGINT)
    feed = Feed(lambda indices, _: indices, np.zeros(4, "int64"), batch_size=2)
    drops = contextlib.suppress(KeyboardInterrupt) if swallowed else contextlib.nullcontext()

    def train() -> None:
        with drops:
            signal.raise_signal(signal.SIGINT)
        feed[0]  # as a backend that goes on would

    with pytest.raises(KeyboardInterrupt), own_errors(feed):
        train()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_last_batch_is_not_lost_either() -> None:
    with pytest.raises(KeyboardInterrupt), own_errors(), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_that_does_not_raise_stops_nothing() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    feed = Feed(lambda indices, _: indices, np.zeros(4, "int64"), batch_size=2)
    try:
        with own_errors(feed):
            signal.raise_signal(signal.SIGINT)
            feed[0]
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_a_feed_gives_no_batch_after_an_interruption() -> None:
    feed = Feed(lambda indices, _: indices, np.zeros(4, "int64"), batch_size=2)
    with pytest.raises(KeyboardInterrupt), own_errors(feed):
        raise KeyboardInterrupt
    with pytest.raises(RuntimeError, match="no more batches"):
        feed[0]
