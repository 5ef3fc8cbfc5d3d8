"""Raw images go in, and the network sees the range that its spec names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlkit._keras.graph import Graph
from tlkit._keras.types import Model
from tlkit.testing.agreement import expect_same
from tlkit.testing.failure import expect
from tlkit.testing.subject import Subject, run

TOLERANCE = 1e-5


def input_range(subject: Subject) -> str:
    """Require the same of bytes and floats 0..255, and what ``preprocessing`` names.

    What it sees is compared with the published formula on noise, black and white, whose features
    must differ.
    """
    spec = subject.spec
    expect_same(
        subject.run(subject.images.astype("float32")),
        subject.features,
        TOLERANCE,
        "The features of an image in bytes and of the same in floats, 0..255,",
        "Look for a layer whose output depends on the dtype of its input.",
    )
    if spec.preprocessing != "raw":
        expect_same(
            run(_input_stage(subject.model), subject.images),
            published(spec.preprocessing, subject.images.astype("float64")),
            TOLERANCE,
            f"The input of the network and the formula of preprocessing={spec.preprocessing!r}",
            "Leave the layer 'preprocess' that tlkit puts in front as it is.",
        )
    for one, other, names in ((0, 1, "noise and black"), (1, 2, "black and white")):
        expect(
            not np.array_equal(subject.features[one], subject.features[other], equal_nan=True),
            f"Images of {names} have the same features, expected different ones. Look for a "
            "network that its input does not reach, or whose activations are all zero.",
        )
    return spec.preprocessing


def published(mode: str, images: np.ndarray) -> np.ndarray:
    """Return what a preprocessing mode makes of raw images, by its published formula.

    Written a second time on purpose, from the documentation of
    keras.applications.imagenet_utils.preprocess_input, to check the layers that do it.

    Args:
        mode: One of `tlkit.backbones.spec.PREPROCESSING`.
        images: RGB, 0..255, ``(n, height, width, 3)``.
    """
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    formulas: dict[str, np.ndarray] = {
        "caffe": images[..., ::-1] - np.array([103.939, 116.779, 123.68]),
        "tf": images / 127.5 - 1,
        "torch": (images / 255 - mean) / deviation,
        "unit": images / 255,
        "raw": images,
    }
    return formulas[mode]


def _input_stage(model: Model) -> Any:
    """Return the part of a model that ends where the network of the plugin begins."""
    import keras

    graph = Graph.of(model)
    prepared = next(step for step in graph.steps if step.operation.name == "preprocess")
    return keras.Model(graph.source, prepared.output)
