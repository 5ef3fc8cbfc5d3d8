"""A study that is killed goes on where it was, and ends with the figures of one that was not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.test_reproduce import make_challenge, scores

ROOT = Path(__file__).parents[2]
STUDY = """
import sys
import pytest
from tests.examples.test_reproduce import brief_example, run
with pytest.MonkeyPatch.context() as patch:
    example = brief_example(patch)
    stages = ("--stages", "0,1,4", "--resume", "--backbones", "tiny_a")
    sys.exit(run(example, sys.argv[1], sys.argv[2], *stages))
"""


def study(data: Path, out: Path, kill_at: str = "") -> list[str]:
    """Run it in a process, which is killed as soon as it says a line that begins like this."""
    environment = {**os.environ, "TLKIT_CACHE_DIR": str(out.with_name(f"{out.name} cache"))}
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


@pytest.mark.slow
def test_a_study_that_is_killed_twice_ends_with_the_same_figures(tmp_path: Path) -> None:
    data = make_challenge(tmp_path / "data")
    study(data, tmp_path / "unbroken")
    for line in ("1 frozen", "stage 4"):  # a training just done and not scored; a sweep begun
        study(data, tmp_path / "killed", kill_at=line)
        assert not (tmp_path / "killed" / "results.json").exists()
    study(data, tmp_path / "killed")
    assert scores(tmp_path / "killed") == scores(tmp_path / "unbroken")
