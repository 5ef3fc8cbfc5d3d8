"""A SavedModel: the contract and a label file lie in its folder ``assets.extra``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.inference.contract import MEMBER, ModelContract

EXTRA = "assets.extra"


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model as a folder that TensorFlow Serving takes."""
    write_export(write_network, model, path)
    extra = path / EXTRA
    extra.mkdir()
    (extra / MEMBER).write_text(contract.to_json(), "utf-8")
    (extra / "labels.txt").write_text("\n".join(contract.class_names) + "\n", "utf-8")


def write_network(model: Model, path: Path) -> None:
    """Write a model of TensorFlow as a SavedModel."""
    model.export(path, format="tf_saved_model", verbose=False)


def reader(path: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what its endpoint ``serve`` makes of images."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # it holds the variables of what is served
    return lambda images: np.asarray(loaded.serve(tf.constant(images)))
