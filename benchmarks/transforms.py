"""What crops, colours, RandAugment and random erasing cost, tlkit's and others'.

tlkit's, Keras's layers as a stage calls them and compiled for a batch, and torchvision's, image by
image on Pillow's, where it is installed. They have the settings of torchvision's defaults as far as
each has them.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from augmentation import AUGMENTATION, BATCH, STAGE, Seconds, seconds
from keras import layers

import tlkit


def by_kind(images: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return each kind of change, tlkit's and others', for a batch."""
    indices = np.arange(len(images))

    def stage(augmentation: Any) -> Callable[[], Any]:
        transform = tlkit.Stage("a", epochs=1, learning_rate=1, augmentation=augmentation).transform
        return lambda: transform(images, indices, seed=0, stage=STAGE, epoch=0)

    colours = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2}
    found = {
        "affine": stage(AUGMENTATION),
        "affine and crop": stage(replace(AUGMENTATION, crop=(0.5, 1))),
        "colours": stage(tlkit.ColorJitter(**colours)),
        "colours and hue": stage(tlkit.ColorJitter(**colours, hue=0.05)),
        "RandAugment": stage(tlkit.RandAugment()),
        "erasing": stage(tlkit.RandomErasing()),
    }
    jitter = {f"{name}_factor": value for name, value in colours.items()}
    for name, layer in {
        "colours and hue": layers.RandomColorJitter(**jitter, hue_factor=0.05),
        "RandAugment": layers.RandAugment(),
        "erasing": layers.RandomErasing(),
        "perspective": layers.RandomPerspective(),
    }.items():
        found[f"{name}, Keras in a stage"] = stage(layer)
        if keras.backend.backend() == "tensorflow":
            found[f"{name}, Keras compiled"] = _compiled(layer, images)
    return found | _torchvision(images, colours)


def _compiled(layer: Any, images: np.ndarray) -> Callable[[], Any]:
    import tensorflow as tf

    graph, batch = tf.function(layer), images.astype("float32")
    return lambda: graph(batch, training=True).numpy()


def _torchvision(images: np.ndarray, colours: dict[str, float]) -> dict[str, Callable[[], Any]]:
    try:
        from torchvision.transforms import v2
    except ImportError:
        print("torchvision is not installed: its figures are left out")
        return {}
    from PIL import Image

    def each(change: Any) -> Callable[[], Any]:
        return lambda: [np.asarray(change(Image.fromarray(image)), "float32") for image in images]

    return {
        "crop and flip, torchvision": each(
            v2.Compose([v2.RandomResizedCrop(images.shape[1:3]), v2.RandomHorizontalFlip()])
        ),
        "colours, torchvision": each(v2.ColorJitter(**colours)),
        "colours and hue, torchvision": each(v2.ColorJitter(**colours, hue=0.05)),
        "RandAugment, torchvision": each(v2.RandAugment()),
    }


def compare_kinds(size: int, rounds: int) -> None:
    """Print what an image costs for each kind of change."""
    images = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    works = by_kind(images)
    taken: dict[str, list[Seconds]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            spent = seconds(work)
            if number:  # the first compiles
                taken[name].append(spent)
    print(f"\n{size} px, ms an image, medians of {rounds} rounds")
    print(f"{'':34}{'clock':>10}{'processor':>12}{'to affine':>12}")
    for name, times in taken.items():
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(
            one[1] / other[1] for one, other in zip(times, taken["affine"], strict=True)
        )
        per_image = 1000 / BATCH
        print(f"{name:34}{clock * per_image:10.2f}{processor * per_image:12.2f}{ratio:12.2f}")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    compare_kinds(options.size, options.rounds)


if __name__ == "__main__":
    main()
