"""What a trunk computes, as a hash: its architecture and weights, not its layers' names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

_NO_EFFECT = ("name", "seed", "trainable", "activity_regularizer")
_NO_EFFECT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def trunk_fingerprint(trunk: Any) -> str:
    """Return a sha256 in hex of what a model computes.

    Two models have one fingerprint where they have the same layers with the same settings, joined
    in the same way, with bit for bit the same weights. Names, seeds and initializers, which do
    not change what a built model computes at inference, have no part in it.

    Args:
        trunk: A built Functional keras.Model.
    """
    digest = hashlib.sha256(json.dumps(_architecture(trunk), sort_keys=True).encode())
    for weight in trunk.weights:
        array = np.ascontiguousarray(np.asarray(weight))
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _architecture(trunk: Any) -> list[Any]:
    import keras

    position: dict[int, int] = {}
    nodes = []
    for index, operation in enumerate(trunk.operations):
        parents = [] if index == 0 else keras.tree.flatten(operation.input)
        nodes.append(
            [
                type(operation).__name__,
                _settings(operation.get_config()),
                [position.get(id(tensor), -1) for tensor in parents],
            ]
        )
        for tensor in keras.tree.flatten(operation.output):
            position[id(tensor)] = len(position)
    return nodes


def _settings(config: Any) -> Any:
    if isinstance(config, dict):
        return {
            str(key): _settings(value)
            for key, value in config.items()
            if key not in _NO_EFFECT and not str(key).endswith(_NO_EFFECT_ENDINGS)
        }
    if isinstance(config, (list, tuple)):
        return [_settings(value) for value in config]
    return config if isinstance(config, (int, float, bool, type(None))) else str(config)
