"""The small network trained in plain Keras, with what a stage of tlkit is to be compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

import tlkit
from tests.training.conftest import HEAD, assembled, small_network
from tlkit.data.batches import epoch_order
from tlkit.freezing.head import Head
from tlkit.freezing.whole_model import seed_noise


def plain_model(trained: tuple[str, ...] | None = None) -> Any:
    """Small network and head as a trainer of seed 0 starts with; all is trained, or some layers."""
    model = assembled(small_network, Head(), None).model
    for layer in model.layers:
        layer.trainable = trained is None or layer.name in (*trained, *HEAD)
    return model


def fit_plainly(
    model: Any,
    stage: tlkit.Stage,
    train: tlkit.ImageDataset,
    validation: tlkit.ImageDataset | None = None,
    *,
    one_hot: bool = False,
    **settings: Any,
) -> dict[str, list[float]]:
    """Call ``fit`` on a compiled model once for each epoch; return the history."""
    seed_noise(model.layers, 0, stage.name)
    history: dict[str, list[float]] = {}
    images, labels = arrays(train, one_hot)
    for epoch in range(stage.epochs):
        order = epoch_order(len(train), seed=0, stage=stage.name, epoch=epoch)
        done = model.fit(
            images[order],
            labels[order],
            batch_size=stage.batch_size,
            validation_data=arrays(validation, one_hot) if validation else None,
            validation_batch_size=stage.batch_size,
            shuffle=False,
            verbose=0,
            **settings,
        )
        for name, values in done.history.items():
            history.setdefault(name, []).extend(values)
    return history


def arrays(data: tlkit.ImageDataset, one_hot: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Images as float32, and labels as indices or one-hot."""
    images = data.load(range(len(data)), 16).astype("float32")
    return images, np.eye(3, dtype="float32")[data.labels] if one_hot else data.labels
