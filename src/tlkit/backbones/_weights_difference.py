"""What differs between a weights file and a model, layer by layer, for an error message."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from zipfile import ZipFile

import numpy as np

from tlkit._keras.types import Layer, Model, Variable

T = TypeVar("T")


class Dataset(Protocol):
    """An array in an HDF5 file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sides."""

    def __array__(self) -> np.ndarray: ...


class Group(Protocol):
    """A folder in an HDF5 file."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What is written at it."""

    def __getitem__(self, path: str, /) -> Any: ...

    def get(self, path: str, /) -> Any:
        """Return what is at a path, or None."""

    def visititems(self, visit: Callable[[str, object], None], /) -> None:
        """Call with the path and the content of everything in it."""


Shapes = tuple[tuple[int | None, ...], ...]
_SHOWN = 5


def misfits(model: Model, path: Path) -> str:
    """Return the layers of a model that a weights file has in another shape, or not at all.

    Args:
        model: A built keras.Model.
        path: A ``.weights.h5``, ``.h5`` or ``.keras`` file.

    Returns:
        Some lines of text, empty where the file cannot be read or no layer differs.
    """
    try:
        legacy, saved = _saved(path, _shape)
    except Exception:  # noqa: BLE001 - readers of a damaged file raise anything
        return ""
    wanted = {
        layer.name: tuple(tuple(weight.shape) for weight in _held(layer, legacy))
        for layer in model.layers
        if _held(layer, legacy)
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


def misplaced(model: Model, path: Path) -> str:
    """Return what a file with more layers than a model has wrongly given it, or nothing.

    Keras 3 gives weights to layers by their kind and order, and what is left over in the file it
    passes over in silence: a top, rightly, but also the additional layers of a deeper network,
    and then the layers after them have got the weights of others.

    Args:
        model: A keras.Model that has just loaded the file.
        path: A ``.weights.h5``, ``.h5`` or ``.keras`` file; the index of a file in shards is not
            looked into.
    """
    if path.suffix not in (".h5", ".keras"):
        return ""
    legacy, saved = _saved(path, _shape)
    wanted = [layer for layer in model.layers if layer.variables]
    if legacy or len(saved) <= len(wanted):
        return ""  # Keras counts the layers of an old file by itself.
    _, arrays = _saved(path, np.asarray)
    wrong = [layer.name for layer in wanted if not _has(layer, arrays.get(layer.name, ()))]
    if not wrong:
        return ""
    return (
        f"the file has {len(saved)} layers with weights and the network {len(wanted)}, and "
        f"{len(wrong)} of them do not match, the first of them {wrong[0]!r}."
    )


def _has(layer: Layer, arrays: tuple[np.ndarray, ...]) -> bool:
    """Return whether a layer holds these arrays, in whatever order."""
    left = list(arrays)
    for weight in map(np.asarray, layer.variables):
        found = [i for i, array in enumerate(left) if np.array_equal(array, weight)]
        if not found:
            return False
        del left[found[0]]
    return not left


def _shape(dataset: Dataset) -> tuple[int, ...]:
    return tuple(dataset.shape)


def _held(layer: Layer, legacy: bool) -> Sequence[Variable]:
    """Return what a file holds of a layer: since Keras 3, also where its random numbers stand."""
    held: Sequence[Variable] = layer.weights if legacy else layer.variables
    return held


def _saved(path: Path, take: Callable[[Dataset], T]) -> tuple[bool, dict[str, tuple[T, ...]]]:
    """Return whether a file is of Keras 2, and something of each array in it, by layer."""
    with opened(path) as (legacy, group):
        return legacy, (_legacy if legacy else _stored)(group, take)


@contextmanager
def opened(path: Path) -> Iterator[tuple[bool, Any]]:
    """Open a weights file: whether it is of Keras 2, and the group that holds its layers."""
    import h5py

    content: Any = path
    if path.suffix == ".keras":
        with ZipFile(path) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content, "r") as file:
        legacy = "layer_names" in file.attrs or "model_weights" in file
        yield legacy, file.get("model_weights", file) if legacy else file


def _stored(file: Group, take: Callable[[Dataset], T]) -> dict[str, tuple[T, ...]]:
    """Read the layout of Keras 3: ``layers/KIND_NUMBER/...``, layers in it deeper down.

    Returns:
        Nothing where a model keeps its layers elsewhere, as one of a class of its own may.
    """
    import h5py

    found: dict[str, list[T]] = {}

    def visit(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and path.startswith("layers/"):
            found.setdefault("/".join(path.split("/")[:2]), []).append(take(item))

    file.visititems(visit)
    names = {group: file.get(f"{group}/vars") for group in found}
    return {
        str(group.split("/")[1] if own is None else own.attrs.get("name", group)): tuple(
            found[group]
        )
        for group, own in names.items()
    }


def _legacy(group: Group, take: Callable[[Dataset], T]) -> dict[str, tuple[T, ...]]:
    """Read the layout of Keras 2: a group for each layer, with the names of its weights."""
    found = {
        as_text(name): tuple(
            take(group[as_text(name)][as_text(weight)])
            for weight in group[as_text(name)].attrs["weight_names"]
        )
        for name in group.attrs["layer_names"]
    }
    return {name: each for name, each in found.items() if each}


def as_text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _words(shapes: Shapes | None) -> str:
    counts = Counter(shapes or ())
    each = (
        f"{number} of {shape}" if number > 1 else str(shape) for shape, number in counts.items()
    )
    return " and ".join(each) or "nothing"
