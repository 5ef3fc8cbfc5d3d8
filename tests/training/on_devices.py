"""Trainings on one device and on several virtual ones of this machine; prints figures as JSON.

A program of its own: the number of devices is fixed once a backend has begun.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from typing import Any

import keras
import numpy as np

import tlkit
from tests.training.conftest import small_network
from tlkit.testing import tiny_dataset

MOST = 4  # devices; JAX makes them where XLA_FLAGS of its environment asks for them


@functools.cache  # TensorFlow takes one strategy in a process
def distribution(count: int) -> Any:
    """So many devices of the backend that Keras runs on."""
    if keras.backend.backend() == "jax":
        names = keras.distribution.list_devices("cpu")
        if len(names) < MOST:
            raise AssertionError("XLA_FLAGS was to ask for virtual devices")
        return keras.distribution.DataParallel(devices=names[:count])
    import tensorflow as tf

    if len(tf.config.list_logical_devices("CPU")) < MOST:
        raise AssertionError("virtual devices were to be made first")
    return tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(count)])


def make_devices() -> None:
    """Part TensorFlow's processor into virtual devices; JAX is told by its environment."""
    if keras.backend.backend() == "jax":
        return
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    each = [tf.config.LogicalDeviceConfiguration()] * MOST
    tf.config.set_logical_device_configuration(cpu, each)


def any_rate(curve: tlkit.LRCurve) -> float:
    """A rate that tells apart curves of other losses."""
    return 0.01 * float(np.mean(curve.losses))


def stages() -> list[tlkit.Stage]:
    """Of the head, a few layers, and all with their BatchNormalization; and what stages use."""
    searched = tlkit.ExponentialLRFinder(1e-4, 1.0, steps=5, selector=any_rate)
    by_batch = dataclasses.replace(searched, unit="batch")
    given: dict[str, Any] = {"epochs": 2, "batch_size": 8, "optimizer": "sgd"}
    return [
        tlkit.ProbeStage("probe"),
        tlkit.Stage("searched", learning_rate=searched, **given),
        tlkit.Stage("by batch", learning_rate=by_batch, **given),
        tlkit.Stage("averaged", learning_rate=0.01, ema=0.9, **given),
        tlkit.Stage("head", epochs=2, learning_rate=0.01, batch_size=8),
        tlkit.Stage(
            "top",
            epochs=2,
            learning_rate=0.003,
            batch_size=8,
            policy=tlkit.UnfreezeTop(layers=3),
            optimizer="sgd",
            augmentation=tlkit.Augmentation(rotation=10),
            class_weight="balanced",
        ),
        tlkit.Stage("low rank", learning_rate=0.01, policy=tlkit.LoRA(2), **given),
        tlkit.Stage(
            "all",
            epochs=2,
            learning_rate=0.003,
            batch_size=8,
            policy=tlkit.UnfreezeAll(batch_norm="train"),
            optimizer="sgd",
            metrics=("accuracy",),
        ),
    ]


def trained(chosen: list[tlkit.Stage], given: Any, images: int) -> tlkit.TrainingResult:
    """Train the small network; TensorFlow draws dropout on each device, so it has none there."""
    data, validation = tiny_dataset(images, size=16), tiny_dataset(9, size=16)
    trainer = tlkit.StagedTrainer(
        small_network,
        stages=chosen,
        head=tlkit.Head(dropout=0.2 if keras.backend.backend() == "jax" else 0.0),
        weights=None,
        cache=False,
        engine="keras",
        distribution=given,
    )
    return trainer.fit(data, validation, verbose=0)


def difference(one: tlkit.TrainingResult, other: tlkit.TrainingResult) -> dict[str, float]:
    """The largest difference of a weight, and of a figure of the validation images."""
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    told = [
        abs(a - b)
        for mine, others in zip(one.stages, other.stages, strict=True)
        for name in mine.history
        if name.startswith("val_")
        for a, b in zip(mine.history[name], others.history[name], strict=True)
    ]
    weights = max(float(np.abs(a - b).max()) for a, b in pairs)
    return {"weights": weights, "validation": max(told)}


def main(images: str, counts: str, names: str) -> None:
    """Print how far trainings on several devices are from one device's.

    Args:
        images: Numbers of training images, such as ``"37,33"``: of 37 the last batch has 5 images,
            of 33 it has one, fewer than devices.
        counts: Numbers of devices, such as ``"2"``; on JAX there may be several, ``"1,2,4"``.
        names: Of the stages.
    """
    make_devices()
    chosen = [stage for stage in stages() if stage.name in names.split(",")]
    found = {}
    for number in map(int, images.split(",")):
        alone = trained(chosen, None, number)
        for count in map(int, counts.split(",")):
            several = trained(chosen, distribution(count), number)
            found[f"{number} images, {count} devices"] = difference(alone, several)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
