"""Runs that are killed with SIGKILL at random moments end with the weights of an unbroken run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

KILLS = int(os.environ.get("TLKIT_TEST_KILLS", "50"))
TRAIN = """
import sys
import keras, tlkit, tlkit.testing

class Tell(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print("begun", len(self.model.trainable_variables), epoch, flush=True)

settings = dict(learning_rate=0.01, batch_size=8, callbacks=(Tell(),))
trainer = tlkit.StagedTrainer(
    tlkit.testing.tiny_backbone(), weights=None, cache=False, engine="keras", run_dir=sys.argv[1],
    stages=[
        tlkit.Stage("head", epochs=4, **settings),
        tlkit.Stage("gradual", epochs=4, policy=tlkit.GradualUnfreeze(groups=2, every=2),
                    augmentation=tlkit.Augmentation(rotation=20), **settings),
        tlkit.Stage("all", epochs=4, policy=tlkit.UnfreezeAll(batch_norm="train"), **settings),
    ],
)
train, validation = tlkit.testing.tiny_dataset(256).split(0.25)
print("ready", flush=True)
trainer.fit(train, validation, resume=True, verbose=0)
"""


def train(run: Path, kill_after: float | None = None) -> tuple[list[str], float, bool]:
    """Train in a process of its own; return the epochs that it began, its seconds, if it ended."""
    command = [sys.executable, "-c", TRAIN, str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        started = time.perf_counter()
        timer = threading.Timer(kill_after or 0, process.kill)
        if kill_after is not None:
            timer.start()
        begun = [line.strip() for line in process.stdout if line.startswith("begun")]
        code = process.wait()
        timer.cancel()
    assert code in (0, -9)
    return begun, time.perf_counter() - started, code == 0


@pytest.mark.slow
def test_killed_runs_end_as_the_unbroken_run_and_lose_an_epoch_at_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, seconds, _ = train(tmp_path / "whole")
    whole = keras.saving.load_model(tmp_path / "whole" / "model.keras").get_weights()
    moments = random.Random(0)
    rows, lost = [], []
    for number in range(KILLS):
        run = tmp_path / f"killed {number}"
        moment = moments.uniform(0, seconds)
        first, _, ended = train(run, moment)
        second, _, _ = train(run)
        again = sorted(set(first) & set(second))
        lost.append(len(again))
        model = keras.saving.load_model(run / "model.keras")
        pairs = zip(model.get_weights(), whole, strict=True)
        difference = max(float(np.abs(a - b).max()) for a, b in pairs)
        rows.append(
            f"{number + 1:4}{moment:9.2f} s{len(first):7}{'no' if ended else 'yes':>8}"
            f"{len(second):9}{len(again):7}{difference:12.1e}"
        )
        assert difference == 0
        assert len(again) <= 1
    with capsys.disabled():
        print(f"\nAn unbroken run takes {seconds:.1f} s after its start, for 12 epochs.")  # noqa: T201
        print(" run   killed at  begun  killed  resumed  twice  difference")  # noqa: T201
        print("\n".join(rows))  # noqa: T201
        print(f"At most {max(lost)} epoch was trained twice.")  # noqa: T201
