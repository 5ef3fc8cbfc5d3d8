"""Training through trunk and tail gives the weights of training the whole model plainly."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import skip_without_onnx_export, thorough
from tests.training.conftest import (
    HEAD,
    SIZE,
    assembled,
    every_layer,
    largest_difference,
    nested_network,
    small_network,
    train_whole_model,
    trainer,
    weights_of,
)
from tlkit.freezing.head import Head
from tlkit.testing import tiny_dataset

# Weights are of the order of 0.1 to 1, and features are rounded at 1e-7 of them. Adam divides by
# the root of the squared gradient, which may carry such a difference into a few steps of 0.01.
ROUNDING = 2e-5
TOP = ("three_conv", "three_relu")
AUGMENTED = tlkit.Augmentation(rotation=20, shear=0, zoom=0.1)


def difference(
    backbone: Any,
    trained: tuple[str, ...],
    stage: tlkit.Stage,
    *,
    size: int = SIZE,
    engine: str = "keras",
) -> tuple[float, float]:
    """Train both ways; return the largest difference of a weight, and the largest change."""
    data, head = tiny_dataset(40, size=size), Head(dropout=0.2)
    plain = assembled(backbone, head, None).model
    start = weights_of(plain)
    train_whole_model(plain, trained, data, stage)
    run = trainer(stage, backbone=backbone, head=head, engine=engine)
    result = run.fit(data, verbose=0)
    assert result.stages[0].cut is not None, "nothing was cut off, so nothing is proved"
    change = max(float(np.abs(start[path] - w).max()) for path, w in weights_of(plain).items())
    inside = {layer.name: layer for layer in every_layer(plain)}
    expected = {name for name in (*trained, *HEAD) if inside[name].trainable_weights}
    assert set(result.stages[0].trained_layers) == expected
    return largest_difference(plain, result.model), change


def own_rounding(
    backbone: Any, trained: tuple[str, ...], stage: tlkit.Stage, *, size: int
) -> float:
    """Train plainly twice, compiled and eagerly; return the largest difference of a weight.

    Nothing but rounding is between the two, and how much that is depends on the processor.
    """
    models = []
    for eagerly in (False, True):
        model = assembled(backbone, Head(dropout=0.2), None).model
        train_whole_model(model, trained, tiny_dataset(40, size=size), stage, eagerly=eagerly)
        models.append(model)
    return largest_difference(*models)


def stage(policy: Any = None, **settings: Any) -> tlkit.Stage:
    """Four epochs with Adam and batches of 16, 16 and 8."""
    given = {"epochs": 4, "learning_rate": 0.01, "batch_size": 16, "keep_best": None, **settings}
    return tlkit.Stage("proof", policy=policy or tlkit.FreezeAll(), **given)


@pytest.mark.parametrize("backbone", [small_network, *thorough(nested_network)])
@pytest.mark.parametrize(
    ("policy", "trained", "augmentation"),
    [
        (tlkit.FreezeAll(), (), None),
        (tlkit.UnfreezeTop(from_layer="three_conv"), TOP, AUGMENTED),
        (
            tlkit.UnfreezeTop(from_layer="three_conv", batch_norm="train"),
            (*TOP, "three_bn"),
            None,
        ),
        *thorough(
            (tlkit.FreezeAll(), (), AUGMENTED),
            (tlkit.UnfreezeTop(from_layer="three_conv"), TOP, None),
        ),
    ],
    ids=["frozen", "partly-augmented", "partly-batch-norm", "frozen-augmented", "partly"],
)
def test_trunk_and_tail_train_what_the_whole_model_trains(
    policy: Any, trained: tuple[str, ...], augmentation: tlkit.Augmentation | None, backbone: Any
) -> None:
    # The gradient of a bias before a BatchNormalization that is trained is zero but for rounding:
    # Adam would make steps of it, plain descent makes none.
    descent = {"optimizer": keras.optimizers.SGD, "learning_rate": 0.1}
    settings = descent if "three_bn" in trained else {}
    asked = stage(policy, augmentation=augmentation, **settings)
    apart, changed = difference(backbone, trained, asked)
    assert changed > 0.01, "nothing was trained"
    assert apart <= ROUNDING, f"largest difference of a weight {apart:.1e}"


def lively_mobilenet() -> Any:
    """MobileNetV2 whose BatchNormalization fits its random weights, so that features differ.

    With the statistics that it is built with, the outputs shrink to nothing layer by layer.
    """
    model = tlkit.build_backbone("mobilenet_v2", image_size=32, weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    images = tiny_dataset(8, size=32).load(np.arange(8), 32)
    model(images.astype("float32"), training=True)
    return model


@pytest.mark.slow
def test_trunk_and_tail_train_what_a_whole_mobilenet_trains() -> None:
    # A million weights, and some have gradients a million times smaller than the largest, which is
    # as small as rounding errors are. Adam makes steps of them (JAX compiles the two ways into
    # different programs: 7e-7 for a gradient became 2e-3 of a weight, one way 10 % more than the
    # other). Plain descent moves by the rate times the gradient, and so does a rounding error.
    descent = {"optimizer": keras.optimizers.SGD, "learning_rate": 0.1, "epochs": 2}
    asked, top = stage(tlkit.UnfreezeTop(layers=3), **descent), ("Conv_1", "out_relu")
    apart, changed = difference(lively_mobilenet, top, asked, size=32)
    assert changed > 0.1, "hardly anything was trained"
    # Through so many layers a rounding error grows: with AVX-512 to 1e-7 of the features, on an
    # AMD processor without it to 4e-5, between a compiled call and an eager one of Keras itself.
    own = 0.0 if apart <= ROUNDING / 10 else own_rounding(lively_mobilenet, top, asked, size=32)
    assert apart <= max(ROUNDING / 10, own), f"largest difference of a weight {apart:.1e}"


@pytest.mark.slow
def test_trunk_and_tail_train_the_same_on_another_engine() -> None:
    skip_without_onnx_export()
    policy = tlkit.UnfreezeTop(from_layer="three_conv")
    apart, changed = difference(small_network, TOP, stage(policy), engine="onnxruntime")
    assert changed > 0.01, "nothing was trained"
    assert apart <= ROUNDING, f"largest difference of a weight {apart:.1e}"
