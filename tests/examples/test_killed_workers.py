"""A study that is killed with its workers goes on and ends with the figures of another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.examples.test_reproduce import make_challenge, scores

ROOT = Path(__file__).parents[2]
# Worker processes know what is installed, and nothing that a test has patched.
PLUGIN = """
from dataclasses import replace
import tlkit, tlkit.testing

@tlkit.hookimpl
def tlkit_backbones():
    tiny = tlkit.testing.tiny_backbone()
    return [replace(tiny, name=name, distribution="") for name in ("tiny_a", "tiny_b")]
"""
STUDY = """
import sys
import time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, str(Path("examples/rakuten").absolute()))
import protocol, published, reproduce, tlkit

if __name__ == "__main__":
    protocol.PROFILES["quick"] = replace(
        protocol.QUICK,
        trials=tuple(published.Trial(name, 32, 2, 16) for name in ("tiny_a", "tiny_b")),
        kept=1,
        finder=tlkit.ExponentialLRFinder(1e-5, 2.0, steps=12, selector=tlkit.MinimumOverTen()),
    )
    given = ["--image-size", "32", "--weights=tiny_a=none", "--weights=tiny_b=none"]
    sys.exit(reproduce.main([*given, "--engine", "keras", "--stages", "1,4", *sys.argv[1:]]))
"""


def install(folder: Path) -> Path:
    """Write a plugin and the study's program into a folder that Python is to look into."""
    about = folder / "tiny_plugin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tlkit.backbones]\ntiny = tiny_plugin\n")
    (folder / "tiny_plugin.py").write_text(PLUGIN)
    (folder / "program.py").write_text(STUDY)
    return folder


def surroundings(folder: Path, out: Path) -> dict[str, str]:
    """What processes that know the plugin and keep features beside a study are started in."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))),
        "TLKIT_CACHE_DIR": str(out.with_name(f"{out.name} cache")),
    }


def study(
    folder: Path,
    data: Path,
    out: Path,
    *more: str,
    spread: tuple[str, ...] = ("--workers", "2"),
    kill_at: str = "",
) -> list[str]:
    """Run it with two workers; all processes are killed as soon as a file of this name is there."""
    command = [sys.executable, "-u", str(folder / "program.py"), *spread]
    where = ["--data", str(data), "--out", str(out), *more]
    with subprocess.Popen(
        [*command, *where],
        cwd=ROOT,
        env=surroundings(folder, out),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        if kill_at:
            while not list((out / "runs").glob(kill_at)):
                assert process.poll() is None, process.stderr and process.stderr.read()[-2000:]
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[1].splitlines()
    assert bool(kill_at) == (process.returncode != 0), said[-3:]
    return said


@pytest.mark.slow
def test_a_study_of_two_workers_is_killed_as_a_whole_and_each_trial_is_run_once(
    tmp_path: Path,
) -> None:
    data, folder = make_challenge(tmp_path / "data"), install(tmp_path / "plugin")
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    study(folder, data, unbroken)
    # In the middle of stage 1, then with its trainings done, while stage 4 is about to be swept.
    study(folder, data, killed, kill_at="tiny_*/stage-1/stages/*/checkpoint.npz")
    study(folder, data, killed, "--resume", kill_at="tiny_*-unit/stage-1/model.keras")
    assert not (killed / "results.json").exists()
    done = {x: x.stat().st_mtime_ns for x in killed.glob("runs/*/*/seconds.txt")}
    study(folder, data, killed, "--resume")
    assert scores(killed) == scores(unbroken)
    assert all(x.stat().st_mtime_ns == when for x, when in done.items()), "what is done stays"
    outcomes = json.loads((killed / "results.json").read_text("utf-8"))["outcomes"]
    runs = Counter((o["stage"], o["trial"]["backbone"], o["preprocessing"]) for o in outcomes)
    assert set(runs.values()) == {1}
    assert len(runs) == 4, "two candidates, one of them once more, and its sweep"
