"""Do the ways to serve a saved model give tlkit's labels? Agreement on every picture of a set.

A head is trained on a frozen backbone and 70 % of the pictures. Every picture is labelled by
`result.predict`, and by each recipe of docs/predicting.md, which reads the file itself. Files of
int8 are calibrated on the training's pictures, and their F1 is that of the other 30 %. At the end a
table of all recipes and sets: agreement of labels, and the largest difference of a probability.

    python benchmarks/serving.py                     the study's sample
    python benchmarks/serving.py FOLDER FOLDER ...   and folders that hold a folder for each class
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
from tlkit.inference import Exported
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


def any_size(run: Callable[[Any], Any], color_mode: str) -> Callable[[Path], np.ndarray]:
    """Return the recipe of a model that resizes its pictures itself."""

    def label(path: Path) -> np.ndarray:
        picture = keras.utils.img_to_array(keras.utils.load_img(path, color_mode=color_mode))
        return np.asarray(run(picture[None]))[0]

    return label


def agreement(found: Iterator[np.ndarray], expected: np.ndarray) -> tuple[int, float]:
    """Return how many labels differ, and the largest difference of a probability."""
    rows = np.stack(list(found))
    changed = int(np.count_nonzero(rows.argmax(1) != expected.argmax(1)))
    return changed, float(np.abs(rows - expected).max())


def expected_of(result: tlkit.TrainingResult, dataset: tlkit.ImageDataset) -> np.ndarray:
    """Return tlkit's probabilities, (n, classes)."""
    rows = result.predict(dataset, top=None, verbose=0)
    column = {name: place for place, name in enumerate(result.class_names)}
    expected = np.zeros((len(rows), len(column)), "float32")
    for place, row in enumerate(rows):
        expected[place, [column[name] for name in row.labels]] = row.probabilities
    return expected


def serve(
    root: Path, dataset: tlkit.ImageDataset, options: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, Iterator[np.ndarray], str]]:
    """Yield each recipe, what it gives for every picture, and what a file of int8 costs."""
    train, test = dataset.split(0.3)
    stage = tlkit.Stage("head", epochs=8, learning_rate=1e-3)
    trainer = tlkit.StagedTrainer(options.backbone, stages=[stage], image_size=options.size)
    result = trainer.fit(train, verbose=0)
    yield "tlkit", iter(expected_of(result, dataset)), ""
    files = [root / name for name in dataset.names]
    result.save(folder / "any.keras", input="any size")
    model = keras.saving.load_model(folder / "any.keras")
    for mode in ("rgb", "rgba"):
        recipe = any_size(model.predict_on_batch, mode)
        yield f"Keras, load_img {mode}, any size", map(recipe, files), ""
    pictures = np.stack([as_tlkit_reads(file, options.size) for file in files])
    yield "Keras, plain Pillow", iter(result.model.predict(pictures, verbose=0)), ""
    for format, how in FORMATS.items():
        path = folder / f"model{how.suffix}"
        result.export(path, format=format)
        yield f"{format}, plain Pillow", iter(how.reader(path)(pictures)), ""
        path = folder / f"any{how.suffix}"
        result.export(path, format=format, input="any size")
        run = any_size(how.reader(path), "rgba")
        yield f"{format}, load_img rgba, any size", map(run, files), ""
        if how.quantize is not None:
            path = folder / f"small{how.suffix}"
            made = result.export(
                path, format=format, precision="int8", calibration=train, test=test
            )
            yield f"{format} int8, plain Pillow", iter(how.reader(path)(pictures)), cost(made)


def cost(made: Exported) -> str:
    """Return the weighted F1 of Keras and of a file, and what can be said of the difference."""
    assert made.comparison is not None
    scores = dict(made.comparison.scores)
    (pair,) = made.comparison.pairs
    return f"; F1 {scores['keras']:.4f} -> {scores['int8']:.4f}, {pair.sentence}"


def measure(root: Path, dataset: tlkit.ImageDataset, options: argparse.Namespace) -> dict[str, str]:
    """Print what each recipe gives of a set, and return it for the table."""
    print(f"{root.name}: {len(dataset)} pictures, {options.backbone} at {options.size} px")
    cells = {}
    with tempfile.TemporaryDirectory() as name:
        recipes = serve(root, dataset, options, Path(name))
        expected = np.stack(list(next(recipes)[1]))
        for recipe, outputs, told in recipes:
            changed, difference = agreement(outputs, expected)
            share = 1 - changed / len(dataset)
            print(f"  {recipe}: {changed} labels differ, {difference:.4f}{told}", flush=True)
            cells[recipe] = f"{100 * share:.1f} %, {difference:.4f}"
    return cells


def main() -> None:
    """Print what is found of each set, and a table of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--most", type=int, default=1555, help="of more, a stratified sample")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    sample = RAKUTEN / "sample"
    columns: dict[str, dict[str, str]] = {}
    for root in (sample, *options.folders):
        read = read_challenge if root == sample else tlkit.ImageDataset.from_directory
        dataset = read(root)
        dataset = dataset if len(dataset) <= options.most else dataset.sample(options.most)
        columns[f"{root.name}, {len(dataset)}"] = measure(root, dataset, options)
    print()
    print("|", " | ".join(["recipe", *columns]), "|")
    print("|---" * (len(columns) + 1) + "|")
    for recipe in next(iter(columns.values())):
        print("|", " | ".join([recipe, *(cells[recipe] for cells in columns.values())]), "|")


if __name__ == "__main__":
    main()
