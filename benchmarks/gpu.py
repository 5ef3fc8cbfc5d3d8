"""What an accelerator makes of tlkit: decoding, the trunk by batch and precision, the study's rows.

Each backend that is installed runs in a process of its own, on whatever device it finds first, so
one command does all of it. Without a GPU the same is measured on the CPU, and the table says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
BATCHES = (32, 64, 128, 256, 512, 1024)
PRECISIONS = ("float32", "mixed_bfloat16")


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Measured:
    """The figures of one backend in this process.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        # Keras reads its backend when it is imported.
        import keras
        import numpy as np
        from setting import Setting

        self.options = options
        self.setting = Setting(options)
        pixels = self.setting.everything
        times = -(-options.images // len(pixels))
        self.images = np.concatenate([pixels] * times)[: options.images]
        device = _device(keras.backend.backend())
        print(f"\n{keras.backend.backend()} {keras.__version__} on {device}", flush=True)

    def decoding(self) -> None:
        """Print how many images a second are decoded and brought to size."""
        import numpy as np

        data, size = self.setting.train, self.setting.size
        places = np.arange(len(data))
        seconds = [timed(lambda: data.load(places, size)) for _ in range(3)]
        each = len(data) / statistics.median(seconds)
        print(f"  decoding, {os.cpu_count()} cores: {each:,.0f} images/s", flush=True)

    def trunk(self) -> None:
        """Print what the bare trunk does with batches of several sizes, in both precisions."""
        import keras
        import numpy as np

        exact = np.zeros(0)
        for precision in PRECISIONS:
            keras.mixed_precision.set_global_policy(precision)
            model = self.setting.build()
            model = keras.Model(
                model.input, keras.layers.GlobalAveragePooling2D(dtype="float32")(model.output)
            )
            found = []
            for batch in (size for size in self.options.batches if size <= len(self.images)):
                chunks = [self.images[i : i + batch] for i in range(0, len(self.images), batch)]
                full = [chunk.astype("float32") for chunk in chunks if len(chunk) == batch]
                run = model.predict_on_batch
                features = np.asarray(run(full[0]))
                seconds = [timed(lambda r=run, f=full: [r(x) for x in f]) for _ in range(3)]
                found.append(f"{batch}: {batch * len(full) / statistics.median(seconds):,.0f}")
            print(f"  trunk, {precision}, images/s by batch: {', '.join(found)}", flush=True)
            if precision == "float32":
                exact = features
            else:
                print(f"  centred cosine to float32: {_cosine(features, exact):.4f}", flush=True)
        keras.mixed_precision.set_global_policy("float32")

    def extraction(self) -> None:
        """Print what `tlkit.extract` does from files to stored features."""
        import tlkit

        data, settings = self.setting.train, self.setting
        with tempfile.TemporaryDirectory() as cache:
            seconds = timed(
                lambda: tlkit.extract(
                    settings.backbone,
                    data,
                    image_size=settings.size,
                    weights=settings.weights,
                    cache=cache,
                    verbose=0,
                )
            )
        print(
            f"  tlkit.extract, from nothing, all included: {len(data) / seconds:,.0f} images/s "
            f"({len(data)} images in {seconds:.1f} s)",
            flush=True,
        )


def _cosine(one: Any, other: Any) -> float:
    """Return the cosine of two tables of features, each centred on the mean of the second."""
    import numpy as np

    a, b = np.asarray(one), np.asarray(other)
    few = min(len(a), len(b))
    a, b = a[:few] - b[:few].mean(0), b[:few] - b[:few].mean(0)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def _device(backend: str) -> str:
    """Return what the device is called on which a backend computes."""
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"
    if backend == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "the CPU"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU"))


def measure(options: argparse.Namespace) -> None:
    """Print the figures of the backend that Keras has in this process."""
    measured = Measured(options)
    measured.decoding()
    measured.trunk()
    measured.extraction()


def main() -> None:
    """Measure each backend in a process of its own, and then the study's rows on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--weights", default="imagenet", help="'none' for random ones")
    parser.add_argument("--images", type=int, default=2048, help="that go through the bare trunk")
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--rows", nargs="*", default=["1", "4", "5"], help="of study_table.py")
    parser.add_argument("--here", action="store_true", help="in this process, on its backend")
    options = parser.parse_args()
    if options.here:
        measure(options)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores", flush=True)
    same = ["--backbone", options.backbone, "--size", str(options.size)]
    same += ["--weights", options.weights]
    here = Path(__file__)
    for backend in options.backends:
        if find_spec(backend) is None:
            print(f"\n{backend} is not installed", flush=True)
            continue
        places = {**os.environ, "KERAS_BACKEND": backend}
        figures = [here, "--here", "--images", str(options.images), *same, "--batches"]
        figures += map(str, options.batches)
        commands = [[sys.executable, *map(str, figures)]]
        if options.rows:
            table = [here.with_name("study_table.py"), *same, "--rounds", "1", "--rows"]
            commands.append([sys.executable, *map(str, table), *options.rows])
        for command in commands:
            done = subprocess.run(command, env=places, check=False)
            if done.returncode:
                print(f"  failed with exit code {done.returncode}", flush=True)


if __name__ == "__main__":
    main()
