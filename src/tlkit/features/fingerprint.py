"""What a trunk computes, as a hash: architecture, weights and code, not its layers' names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any

import numpy as np

from tlkit._keras.types import Model
from tlkit._keras.user_code import own_code
from tlkit._keras.user_state import own_state, settings_inside
from tlkit.errors import BackboneError

_NO_EFFECT = ("name", "seed", "trainable", "activity_regularizer")
# Where a model inside begins and ends, by the names of its layers.
_ENDS = ("input_layers", "output_layers")
_NO_EFFECT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def trunk_fingerprint(trunk: Model) -> str:
    """Return a sha256 in hex of what a model computes.

    Two models have one fingerprint where they have the same layers with the same settings, joined
    in the same way, with bit for bit the same weights, under the same epsilon and floatx of Keras.
    Names, seeds and initializers, which do not change what a built model computes at inference,
    have no part in it. The code of layers that do not come with Keras has, and what they hold.

    Args:
        trunk: A built Functional keras.Model.

    Raises:
        BackboneError: A layer's settings cannot be told.
    """
    digest = hashlib.sha256(json.dumps(_architecture(trunk), sort_keys=True).encode())
    operations = trunk.operations
    for part in (*own_code(operations), *own_state(operations), *_global_settings()):
        digest.update(part.encode())
    for told in settings_inside(operations):
        digest.update(json.dumps(effective_settings(told), sort_keys=True).encode())
    for weight in trunk.weights:
        array = np.ascontiguousarray(np.asarray(weight))
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _global_settings() -> list[str]:
    """Return the settings of Keras that layers ask for while they run, where they were changed."""
    import keras

    found = {"epsilon": keras.config.epsilon(), "floatx": keras.config.floatx()}
    stock = {"epsilon": 1e-7, "floatx": "float32"}
    return [f"{name} = {value}" for name, value in found.items() if value != stock[name]]


def _architecture(trunk: Model) -> Any:
    """Return what the model's config says, with each layer called by its position."""
    parts: Sequence[Any] = trunk.operations
    for part in parts:
        _told_by(part, part.get_config)
    nodes = _told_by(trunk, trunk.get_config)["layers"]
    return effective_settings(nodes, _positions(nodes))


def _told_by(part: Any, tell: Callable[[], Any]) -> Any:
    """Return what a layer tells of its settings, or say which layer cannot."""
    try:
        return tell()
    except Exception as error:
        reason = shorten(f"{type(error).__name__}: {error}", 200)
        raise BackboneError(
            f"The frozen layer {part.name!r} ({type(part).__name__}) does not tell its settings "
            f"({reason}), so its output cannot be kept under them, nor can the model be saved. Let "
            "its get_config() return all that it is made with, as plain values or lists; of a "
            "layer of Keras give functions that have a name, not functools.partial."
        ) from error


def effective_settings(config: object, position: Mapping[str, int] | None = None) -> Any:
    """Return what of a layer's config has an effect on what it computes once it is built.

    Args:
        config: What ``get_config`` of a layer gives, or a part of it.
        position: Place of each layer by its name, where the config names layers. Those of a model
            inside are known by their places in that.
    """
    if isinstance(config, dict) and config.get("class_name") == "__keras_tensor__":
        layer, *output = config["config"]["keras_history"]
        return [(position or {})[layer], *output]
    if isinstance(config, dict):
        position = _positions(config.get("layers")) or position
        return {
            str(key): _setting(str(key), value, position)
            for key, value in config.items()
            if key not in _NO_EFFECT and not str(key).endswith(_NO_EFFECT_ENDINGS)
        }
    if isinstance(config, (list, tuple)):
        return [effective_settings(value, position) for value in config]
    return config if isinstance(config, (int, float, bool, type(None))) else str(config)


def _setting(key: str, value: object, position: Mapping[str, int] | None) -> Any:
    if key == "dtype":  # the name of a dtype policy is all that it says; other names say nothing
        return str(value)
    return (
        _placed(value, position)
        if key in _ENDS and position
        else effective_settings(value, position)
    )


def _positions(nodes: object) -> dict[str, int]:
    """Return the place of each layer of a model's config by its name; empty for anything else."""
    if not isinstance(nodes, list):
        return {}
    named = all(isinstance(node, dict) and "name" in node for node in nodes)
    return {node["name"]: index for index, node in enumerate(nodes)} if named else {}


def _placed(value: object, position: Mapping[str, int]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_placed(part, position) for part in value]
    return position.get(value, value) if isinstance(value, str) else value
