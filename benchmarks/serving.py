"""Do the ways to serve a saved model give tlkit's labels? Agreement on every picture of a set.

A head is trained on a frozen backbone. Every picture is labelled by `result.predict`, and by each
recipe of docs/predicting.md, which reads the file itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from PIL import Image, ImageOps

import tlkit
from tlkit.inference._formats import FORMATS

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402


def as_tlkit_reads(path: Path, size: int) -> np.ndarray:
    """Read a picture as the recipe for plain Pillow does."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        seen = upright.convert("RGBA") if upright.has_transparency_data else upright.convert("RGB")
    if seen.mode == "RGBA":
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return keras.utils.img_to_array(seen.resize((size, size), Image.Resampling.BILINEAR))


def any_size(model: Any) -> Callable[[Path], np.ndarray]:
    """Return the recipe of a model that resizes its pictures itself."""

    def label(path: Path) -> np.ndarray:
        picture = keras.utils.img_to_array(keras.utils.load_img(path))
        return np.asarray(model.predict_on_batch(picture[None]))[0]

    return label


def agreement(found: Iterator[np.ndarray], expected: np.ndarray) -> tuple[int, float]:
    """Return how many labels differ, and the largest difference of a probability."""
    rows = np.stack(list(found))
    changed = int(np.count_nonzero(rows.argmax(1) != expected.argmax(1)))
    return changed, float(np.abs(rows - expected).max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="class folders; the study's sample by default")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    root = options.folder or RAKUTEN / "sample"
    read = tlkit.ImageDataset.from_directory if options.folder else read_challenge
    dataset = read(root)
    stage = tlkit.Stage("head", epochs=8, learning_rate=1e-3)
    trainer = tlkit.StagedTrainer(options.backbone, stages=[stage], image_size=options.size)
    result = trainer.fit(dataset, verbose=0)
    files = [root / name for name in dataset.names]
    rows = result.predict(dataset, top=None, verbose=0)
    column = {name: place for place, name in enumerate(result.class_names)}
    expected = np.zeros((len(rows), len(column)), "float32")
    for place, row in enumerate(rows):
        expected[place, [column[name] for name in row.labels]] = row.probabilities
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result.save(folder / "any.keras", input="any size")
        found = {
            "Keras, load_img at any size": map(
                any_size(keras.saving.load_model(folder / "any.keras")), files
            )
        }
        pictures = np.stack([as_tlkit_reads(file, options.size) for file in files])
        found["Keras, plain Pillow"] = iter(result.model.predict(pictures, verbose=0))
        for format, how in FORMATS.items():
            path = folder / f"model{how.suffix}"
            result.export(path, format=format)
            found[f"{format}, plain Pillow"] = iter(how.reader(path)(pictures))
        print(f"{root.name}: {len(files)} pictures, {options.backbone} at {options.size} px")
        for recipe, outputs in found.items():
            changed, difference = agreement(outputs, expected)
            share = 1 - changed / len(files)
            print(f"  {recipe:30s} {share:8.2%} of the labels, {changed} differ; {difference:.3f}")


if __name__ == "__main__":
    main()
