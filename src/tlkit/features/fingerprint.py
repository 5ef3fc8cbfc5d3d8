"""What a trunk computes, as a hash: architecture, weights and code, not its layers' names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from tlkit._keras.types import Model
from tlkit._keras.user_code import own_code

_NO_EFFECT = ("name", "seed", "trainable", "activity_regularizer")
_NO_EFFECT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def trunk_fingerprint(trunk: Model) -> str:
    """Return a sha256 in hex of what a model computes.

    Two models have one fingerprint where they have the same layers with the same settings, joined
    in the same way, with bit for bit the same weights. Names, seeds and initializers, which do
    not change what a built model computes at inference, have no part in it. The code of layers
    that do not come with Keras has.

    Args:
        trunk: A built Functional keras.Model.
    """
    digest = hashlib.sha256(json.dumps(_architecture(trunk), sort_keys=True).encode())
    for part in own_code(trunk.operations):
        digest.update(part.encode())
    for weight in trunk.weights:
        array = np.ascontiguousarray(np.asarray(weight))
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _architecture(trunk: Model) -> Any:
    """Return what the model's config says, with each layer called by its position."""
    nodes = trunk.get_config()["layers"]
    position = {node["name"]: index for index, node in enumerate(nodes)}
    return _settings(nodes, position)


def _settings(config: object, position: dict[str, int]) -> Any:
    if isinstance(config, dict) and config.get("class_name") == "__keras_tensor__":
        layer, *output = config["config"]["keras_history"]
        return [position[layer], *output]
    if isinstance(config, dict):
        return {
            # The name of a dtype policy is all that it says; other names say nothing.
            str(key): str(value) if key == "dtype" else _settings(value, position)
            for key, value in config.items()
            if key not in _NO_EFFECT and not str(key).endswith(_NO_EFFECT_ENDINGS)
        }
    if isinstance(config, (list, tuple)):
        return [_settings(value, position) for value in config]
    return config if isinstance(config, (int, float, bool, type(None))) else str(config)
