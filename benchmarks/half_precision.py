"""What features kept as float16 save and cost: disk, error, and scores of heads trained on them.

Heads of several seeds are trained on the same features in float32 and in float16. What float16
changes is told beside what another seed changes.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from setting import Setting, add_options

import tlkit

DTYPES = ("float32", "float16")


def extracted(setting: Setting, dtype: str, cache: Path) -> tuple[np.ndarray, int]:
    """Return the features of the images as they are kept, and the bytes that they take on disk."""
    features = tlkit.extract(
        setting.backbone,
        setting.train,
        image_size=setting.size,
        weights=setting.weights,
        feature_dtype=dtype,
        cache=cache,
        verbose=0,
    )
    return np.asarray(features), sum(table.bytes for table in tlkit.cache.info(cache).tables)


def scores(setting: Setting, dtype: str, epochs: int, seeds: int, cache: Path) -> list[float]:
    """Return the weighted F1 of a head for each seed."""
    head = tlkit.Head(units=(256,), dropout=0.2)
    found = []
    for seed in range(seeds):
        stage = tlkit.Stage("head", epochs=epochs, learning_rate=0.001, keep_best=None)
        result = setting.fit(stage, cache, head=head, feature_dtype=dtype, seed=seed)
        found.append(tlkit.evaluate(result.model, setting.validation).weighted_f1)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    setting = Setting(options)
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend; "
        f"{options.backbone}, {options.size} px, {len(setting.train)} images, heads of 256 units, "
        f"{options.epochs} epochs, {options.seeds} seeds"
    )
    kept: dict[str, Any] = {}
    for dtype in DTYPES:
        with tempfile.TemporaryDirectory() as folder:
            features, size = extracted(setting, dtype, Path(folder))
            f1 = scores(setting, dtype, options.epochs, options.seeds, Path(folder))
        kept[dtype] = (features.astype("float64"), f1)
        told = ", ".join(f"{one:.4f}" for one in f1)
        print(
            f"{dtype}: {size / 2**20:.1f} MiB on disk, weighted F1 {statistics.mean(f1):.4f} "
            f"+- {statistics.stdev(f1):.4f} ({told})",
            flush=True,
        )
    (full, f1), (half, f1_of_half) = kept["float32"], kept["float16"]
    error = np.abs(half - full).max() / np.abs(full).max()
    differences = [b - a for a, b in zip(f1, f1_of_half, strict=True)]
    print(
        f"largest error {error:.1e} of the largest feature; F1 of a seed changes by "
        f"{statistics.mean(differences):+.4f} (from {min(differences):+.4f} to "
        f"{max(differences):+.4f})"
    )


if __name__ == "__main__":
    main()
