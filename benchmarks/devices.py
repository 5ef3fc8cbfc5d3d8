"""Trainings on several virtual devices of this machine beside one device: equality figures.

    python benchmarks/devices.py

A processor parted into devices is no faster than whole, so that no time is measured here. Each
number of devices has a process of its own: TensorFlow takes no second one.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BACKENDS = ("tensorflow", "jax")
# Images; of 37 the last batch of 8 has 5 images, of 33 it has one, and 5 are less than a batch.
IMAGES, COUNTS, STAGES = "37,33,5", ("1", "2", "4"), "head,top,all"


def main() -> None:
    given = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "TF_CPP_MIN_LOG_LEVEL": "3"}
    print("largest difference from one device, of a weight and of a validation figure\n")
    print(f"{'backend':12}{'training':26}{'weights':>10}{'validation':>12}")
    for backend, count in itertools.product(BACKENDS, COUNTS):
        command = [sys.executable, "-m", "tests.training.on_devices", IMAGES, count, STAGES]
        env = {**os.environ, **given, "KERAS_BACKEND": backend}
        done = subprocess.run(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True
        )
        for what, apart in json.loads(done.stdout.splitlines()[-1]).items():
            print(f"{backend:12}{what:26}{apart['weights']:10.1e}{apart['validation']:12.1e}")


if __name__ == "__main__":
    main()
