"""How long listing backbones takes with many plugins installed, a slow and a broken one among them.

Each case runs in processes of its own, with plugin distributions made for it on the path.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 5
SLEEP = 5
GOOD = """
import tlkit

@tlkit.hookimpl
def tlkit_backbones():
    return [tlkit.BackboneSpec(
        name="{name}_net", family="F", build=print, preprocessing="raw", default_size=32,
        min_size=32, feature_count=8, parameters=1)]
"""
CASES: dict[str, list[str]] = {
    "0 plugins": [],
    "50 plugins": [GOOD] * 50,
    "50 plugins, one raises": [*[GOOD] * 49, "raise RuntimeError('no GPU')"],
    f"50 plugins, one raises, one sleeps {SLEEP} s": [
        *[GOOD] * 48,
        "raise RuntimeError('no GPU')",
        f"import time; time.sleep({SLEEP})\n{GOOD}",
    ],
}
TIMED = """
import json, sys, time
times = [time.perf_counter()]
import tlkit
times.append(time.perf_counter())
listing = tlkit.list_backbones()
times.append(time.perf_counter())
tlkit.get_backbone("xception")
times.append(time.perf_counter())
seconds = [b - a for a, b in zip(times, times[1:])]
notes = [note[:100] for note in listing.notes()]
loaded = [m for m in ("keras", "tensorflow", "numpy") if m in sys.modules]
print(json.dumps([seconds, len(listing), notes, loaded]))
"""


def install(plugins: list[str], folder: Path) -> None:
    """Write plugin distributions into a folder, as pip would."""
    for number, source in enumerate(plugins):
        name = f"plugin_{number:02}"
        (folder / f"{name}.py").write_text(source.replace("{name}", name))
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[tlkit.backbones]\n{name} = {name}\n")


def measure(folder: Path) -> tuple[list[float], int, list[str], list[str]]:
    """Return the median seconds of each step, and what the listing said."""
    paths = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    outputs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", TIMED],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONPATH": paths},
            ).stdout
        )
        for _ in range(RUNS)
    ]
    medians = [statistics.median(step) for step in zip(*(o[0] for o in outputs), strict=True)]
    return medians, *outputs[-1][1:]


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, Python {platform.python_version()}, median of {RUNS}\n")
    print(f"{'seconds':42}{'import tlkit':>13}{'list':>8}{'first get':>11}  backbones  frameworks")
    said = {}
    for case, plugins in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            install(plugins, Path(folder))
            seconds, found, said[case], loaded = measure(Path(folder))
        imported, listed, got = seconds
        frameworks = ", ".join(loaded) or "none"
        print(f"{case:42}{imported:13.3f}{listed:8.3f}{got:11.5f}{found:11}  {frameworks}")
    for case, notes in said.items():
        print(f"\nUnder the listing of {case}:", *(notes or ["nothing"]), sep="\n  ")


if __name__ == "__main__":
    main()
