"""A study that is killed goes on where it was, and ends with the figures of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_reproduce import make_challenge, scores

ROOT = Path(__file__).parents[2]
# What keeps nothing before its end says that it is in the middle, and waits to be killed there.
STUDY = """
import os
import sys
import time
import keras
import pytest
import tlkit
from tests.examples.test_reproduce import brief_example, run
from tlkit.probing._contestant import Contestant

def wait(said):
    if os.environ["KILLED_AT"] == said:
        print(said, file=sys.stderr, flush=True)
        time.sleep(60)

class Sweep(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 5:
            wait("five rates of twelve were tried")

probed, find, ranked = Contestant.probed, tlkit.ExponentialLRFinder.find, []

def watched_probe(self, *given):
    found = probed(self, *given)
    ranked.append(self)
    if len(ranked) == 1:
        wait("one of two was ranked")
    return found

def watched_search(self, *given, callbacks=(), **more):
    return find(self, *given, callbacks=[*callbacks, Sweep()], **more)

Contestant.probed, tlkit.ExponentialLRFinder.find = watched_probe, watched_search
with pytest.MonkeyPatch.context() as patch:
    example = brief_example(patch)
    sys.exit(run(example, sys.argv[1], sys.argv[2], "--stages", "0,1,4", "--resume"))
"""
# Of stage 0; of stage 1, which is done and not scored; of stage 4, which begins, and in its middle.
KILLED_AT = (
    "one of two was ranked",
    "1 frozen",
    "stage 4",
    "five rates of twelve were tried",
)


def study(data: Path, out: Path, kill_at: str = "") -> list[str]:
    """Run it in a process, which is killed as soon as it says a line that begins like this."""
    environment = {
        **os.environ,
        "TLKIT_CACHE_DIR": str(out.with_name(f"{out.name} cache")),
        "KILLED_AT": kill_at,
    }
    command = [sys.executable, "-u", "-c", STUDY, str(data), str(out)]
    said = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip())
            if kill_at and line.startswith(kill_at):
                process.kill()
                break
        else:
            assert not kill_at, f"{kill_at!r} was not said: {said}"
            assert process.wait() == 0, said[-3:]
    return said


def results(out: Path) -> dict[str, Any]:
    """Return what a study has written down of its stages."""
    found: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    return found


@pytest.mark.slow
def test_a_study_that_is_killed_in_every_stage_ends_with_the_same_figures(tmp_path: Path) -> None:
    data = make_challenge(tmp_path / "data")
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    study(data, unbroken)
    for line in KILLED_AT:
        study(data, killed, kill_at=line)
        assert not (killed / "results.json").exists()
    study(data, killed)
    assert scores(killed) == scores(unbroken)
    one, other = (results(x) for x in (unbroken, killed))
    assert [x["learning_rate"] for x in other["outcomes"]] == [
        x["learning_rate"] for x in one["outcomes"]
    ]
    shards = [len([*x.with_name(f"{x.name} cache").rglob("*.shard")]) for x in (unbroken, killed)]
    assert shards[0] == shards[1] > 0, "what was computed before is read"
    ran = Counter(
        (x["stage"], x["trial"]["backbone"], x["preprocessing"]) for x in other["outcomes"]
    )
    assert set(ran.values()) == {1}
    assert len(ran) == 4, "two candidates, one of them once more, and its sweep"
