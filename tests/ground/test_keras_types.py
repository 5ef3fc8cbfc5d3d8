"""The protocols of Keras's objects name what these have, on whichever backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from tlkit._keras import fit_types, types


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return np.zeros((2, 4), "float32"), np.zeros((2, 3), "float32")


def compiled() -> Any:
    given = keras.Input((4,))
    model = keras.Model(given, keras.layers.Dense(3)(given))
    model.compile("adam", "mse")
    return model


def named(protocol: type) -> set[str]:
    """Return what a protocol names, with what it takes over from others."""
    names = {name for base in protocol.__mro__ for name in vars(base)}
    names |= {name for base in protocol.__mro__ for name in vars(base).get("__annotations__", ())}
    return {name for name in names if not name.startswith("_")}


OBJECTS: dict[type, Callable[[], Any]] = {
    types.Tensor: lambda: keras.ops.zeros((2, 3)),
    types.SymbolicTensor: lambda: keras.Input((4,)),
    types.Variable: lambda: keras.Variable(np.zeros(3)),
    types.Operation: lambda: compiled().layers[-1],
    types.Layer: lambda: compiled().layers[-1],
    types.Model: compiled,
    types.Optimizer: keras.optimizers.Adam,
    types.Callback: keras.callbacks.EarlyStopping,
    fit_types.CompiledModel: compiled,
    fit_types.Batches: Batches,
    fit_types.SizedBatches: Batches,
}


@pytest.mark.parametrize("protocol", OBJECTS, ids=lambda protocol: protocol.__name__)
def test_a_protocol_names_what_keras_has(protocol: type[object]) -> None:
    wanted = named(protocol)
    assert wanted
    held = OBJECTS[protocol]()
    assert {name for name in wanted if not hasattr(held, name)} == set()
