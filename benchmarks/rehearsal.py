"""How the study grows with the pictures: its plan, its time and its memory, up to the full size.

For each number of pictures a folder in the challenge's layout is drawn (`make_rehearsal.py`). Then
`reproduce.py --profile study --backbones efficientnet_lite0 --stages 0,1,4` is planned and run from
an empty feature store, each in a process of its own. Printed are what was planned, with its range,
what it took, the largest resident memory and what is on the disk; time and memory are drawn, both
axes logarithmic.

    python benchmarks/rehearsal.py --pictures 1555 5000 20000 84916 --folder rehearsals

The full size takes 2 GB of pictures, 4 GiB of memory and about an hour on two cores. Rows that were
printed before are read from ``rows.jsonl`` in the folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
OURS, THEIRS = "#0072B2", "#D55E00"
STUDY = ["--profile", "study", "--backbones", "efficientnet_lite0", "--stages", "0,1,4"]


def example(script: str, *words: str | Path) -> tuple[float, float]:
    """Run a script of the example; return its seconds and its largest resident memory in GiB."""
    begun = time.perf_counter()
    command = [sys.executable, RAKUTEN / script, *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{script} ended with status {status}")
    return time.perf_counter() - begun, usage.ru_maxrss / 2**20


def measured(count: int, folder: Path, size: int) -> dict[str, Any]:
    """Return the row of one number of pictures."""
    pictures, out, store = (folder / f"{name}-{count}" for name in ("pictures", "out", "store"))
    if not (pictures / "X_train_update.csv").exists():
        example("make_rehearsal.py", "--out", pictures, "--pictures", str(count))
    for each in (out, store):
        shutil.rmtree(each, ignore_errors=True)
    os.environ["TLKIT_CACHE_DIR"] = str(store)
    words: list[str | Path] = ["--data", pictures, "--skip-damaged", "--out", out, *STUDY]
    words += ["--image-size", str(size)]
    planning, _ = example("reproduce.py", *words, "--plan", folder / f"plan-{count}.json")
    took, memory = example("reproduce.py", *words)
    plan = json.loads((folder / f"plan-{count}.json").read_text())
    written = (file for place in (store, out) for file in place.rglob("*") if file.is_file())
    disk = sum(file.stat().st_size for file in written)  # a plan's disk: the store and the run
    return {
        "pictures": count, "planning": planning, "planned": plan["time"]["seconds"],
        "low": plan["time"]["low"], "high": plan["time"]["high"], "took": took,
        "memory": memory, "disk": disk / 1e9, "disk_planned": plan["disk"] / 1e9,
    }  # fmt: skip


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Draw time and memory by pictures, both axes logarithmic."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    pictures = [row["pictures"] for row in rows]
    planned = [row["planned"] / 60 for row in rows]
    spread = [
        [(row["planned"] - row["low"]) / 60 for row in rows],
        [(row["high"] - row["planned"]) / 60 for row in rows],
    ]
    left.errorbar(pictures, planned, spread, fmt="s--", capsize=3, color=THEIRS, label="planned")
    left.plot(pictures, [row["took"] / 60 for row in rows], "o-", color=OURS, label="took")
    left.set(ylabel="minutes", ylim=(1, 100))
    left.legend()
    right.plot(pictures, [row["memory"] for row in rows], "o-", color=OURS)
    right.set(ylabel="largest resident memory, GiB")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="pictures")
        axes.set_xticks(pictures, [f"{count:,}" for count in pictures])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    for axes, marks in ((left, [1, 3, 10, 30, 100]), (right, [0.5, 1, 2, 4])):
        axes.set_yticks(marks, [str(mark) for mark in marks])
    right.set_ylim(0.5, 4.4)
    figure.savefig(file, dpi=120)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, nargs="+", default=[1555, 5000])
    parser.add_argument("--folder", type=Path, default=Path("rehearsals"))
    parser.add_argument("--image-size", type=int, default=128)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    written = options.folder / "rows.jsonl"
    before = map(json.loads, written.read_text().splitlines()) if written.exists() else ()
    found = {row["pictures"]: row for row in before}
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'pictures':>9} {'planned':>9} {'between':>15} {'took':>7} {'GiB':>5} {'disk GB':>12}")
    for count in options.pictures:
        if count not in found:
            found[count] = measured(count, options.folder, options.image_size)
            with written.open("a") as file:
                file.write(f"{json.dumps(found[count])}\n")
        row = found[count]
        between = f"{row['low']:.0f} - {row['high']:.0f}"
        print(
            f"{count:9,} {row['planned']:7.0f} s {between:>13} s {row['took']:5.0f} s "
            f"{row['memory']:5.1f} {row['disk_planned']:5.2f} {row['disk']:6.2f}",
            flush=True,
        )
    draw([found[count] for count in options.pictures], options.folder / "growth.png")
    print(options.folder / "growth.png")


if __name__ == "__main__":
    main()
