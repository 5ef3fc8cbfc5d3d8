"""Weights of a network that is one layer of the saved model, as in Keras's guide.

The guide to transfer learning puts a network into a new model as a layer; what is saved of that
holds the network's weights one level deeper than a file of the network alone.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tlkit._keras.layers import leaf_layers
from tlkit._keras.types import Model
from tlkit.backbones._weights_difference import as_text, misplaced, opened


def load_nested(model: Model, path: Path) -> bool:
    """Give a model the weights of a network inside a saved model.

    Args:
        model: A built keras.Model.
        path: A ``.weights.h5``, ``.h5`` or ``.keras`` file.

    Returns:
        Whether there was one that fits in all layers; else the model may hold some of its weights.
    """
    try:
        with opened(path) as (legacy, group):
            if legacy:
                return any(_assigned(model, arrays) for arrays in _legacy(group))
            return any(_loaded(model, group, inner) for inner in _inner_models(group))
    except (OSError, KeyError, BadZipFile):  # what made it unreadable has been told already
        return False


def _inner_models(file: Any) -> list[str]:
    """Return the groups of models inside the model, the largest first."""
    import h5py

    found: dict[str, int] = {}

    def visit(path: str, item: object) -> None:
        if isinstance(item, h5py.Group) and path.endswith("/layers"):
            found[path.removesuffix("/layers")] = len(item)

    file.visititems(visit)
    return sorted(found, key=lambda group: -found[group])


def _loaded(model: Model, file: Any, group: str) -> bool:
    """Load a group as if it were a file of its own."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.weights.h5"
        with h5py.File(part, "w") as target:
            for name in file[group]:
                file.copy(f"{group}/{name}", target, name)
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                model.load_weights(part)
        except ValueError:  # of another network
            return False
        return not said and not misplaced(model, part)


def _legacy(group: Any) -> Iterator[dict[str, Any]]:
    """Yield the arrays of each layer by their names, ``inner layer/kind of weight``."""
    for name in group.attrs["layer_names"]:
        layer = group[as_text(name)]
        yield {
            _last_two(as_text(x)): np.asarray(layer[as_text(x)])
            for x in layer.attrs["weight_names"]
        }


def _assigned(model: Model, arrays: dict[str, Any]) -> bool:
    """Assign arrays by the names of layers and weights, if they are all there and fit."""
    wanted = {
        f"{layer.name}/{weight.name}": weight
        for layer in leaf_layers(model)
        for weight in layer.weights
    }
    fits = bool(wanted) and all(
        name in arrays and arrays[name].shape == tuple(weight.shape)
        for name, weight in wanted.items()
    )
    if fits:
        for name, weight in wanted.items():
            weight.assign(arrays[name])
    return fits


def _last_two(path: str) -> str:
    return "/".join(path.partition(":")[0].split("/")[-2:])
