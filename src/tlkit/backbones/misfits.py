"""What differs between a weights file and a model, layer by layer, for an error message."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

Shapes = tuple[tuple[int, ...], ...]
_SHOWN = 5


def misfits(model: Any, path: Path) -> str:
    """Return the layers of a model that a weights file has in another shape, or not at all.

    Args:
        model: A built keras.Model.
        path: A ``.weights.h5``, ``.h5`` or ``.keras`` file.

    Returns:
        Some lines of text, empty where the file cannot be read or no layer differs.
    """
    try:
        saved = _saved_shapes(path)
    except (OSError, KeyError, BadZipFile):
        return ""
    wanted = {
        layer.name: tuple(tuple(weight.shape) for weight in layer.weights)
        for layer in model.layers
        if layer.weights
    }
    lines = [
        f"{name}: the file has {_words(saved.get(name))}, the network {_words(shapes)}"
        for name, shapes in wanted.items()
        if sorted(saved.get(name, ())) != sorted(shapes)
    ]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    if not lines:
        extra = ", ".join(name for name in saved if name not in wanted)
        return f"the file has layers that the network lacks: {extra}." if extra else ""
    summary = (
        f"{len(lines)} of its {len(wanted)} layers with weights differ from the file's {len(saved)}"
    )
    return "\n  ".join([summary, *lines[:_SHOWN], *more])


def _saved_shapes(path: Path) -> dict[str, Shapes]:
    """Return the shapes of each layer's weights in a file, by the layer's name."""
    import h5py

    if path.suffix == ".keras":
        with ZipFile(path) as archive:
            content: Any = io.BytesIO(archive.read("model.weights.h5"))
    else:
        content = path
    with h5py.File(content, "r") as file:
        legacy = "layer_names" in file.attrs or "model_weights" in file
        return _legacy(file.get("model_weights", file)) if legacy else _stored(file)


def _stored(file: Any) -> dict[str, Shapes]:
    """Read the layout of Keras 3: a group ``vars`` for each layer, with the layer's name."""
    import h5py

    found: dict[str, Shapes] = {}

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and path.rpartition("/")[2] == "vars" and len(item):
            name = item.attrs.get("name", path.split("/")[-2])
            found[str(name)] = tuple(tuple(item[key].shape) for key in item)

    file.visititems(visit)
    return found


def _legacy(group: Any) -> dict[str, Shapes]:
    """Read the layout of Keras 2: a group for each layer, with the names of its weights."""
    shapes = {
        _text(name): tuple(
            tuple(group[_text(name)][_text(weight)].shape)
            for weight in group[_text(name)].attrs["weight_names"]
        )
        for name in group.attrs["layer_names"]
    }
    return {name: each for name, each in shapes.items() if each}


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _words(shapes: Shapes | None) -> str:
    counts = Counter(shapes or ())
    each = (
        f"{number} of {shape}" if number > 1 else str(shape) for shape, number in counts.items()
    )
    return " and ".join(each) or "nothing"
