"""Models that a user's function did not make anew, copied: no training goes on from another.

``lambda: model`` gives each training, each fold and each probe one and the same layers. The second
would begin with what the first has trained, and change its result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary, ref

import keras
import numpy as np

from tlkit._keras.layers import foreign_layers, leaf_layers, made_from
from tlkit._keras.types import Model
from tlkit.errors import BackboneError

# So deep is looked for a model in what a function can reach, and in containers of so many things.
_DEPTH, _MANY = 3, 1000
# Layers that were trained or may have been, with the hash of their weights before.
_GIVEN: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()
_ORIGINALS: WeakKeyDictionary[Any, ref[Any]] = WeakKeyDictionary()


class NeverTrained(partial[Any]):
    """What gives one model again and again to those who do not train it; it needs no copies."""


class OwnCopies:
    """What builds a backbone, but for models that were there before: of these it gives copies.

    Args:
        build: A user's function that returns a keras.Model.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self.__name__ = getattr(build, "__name__", "function")

    def __call__(self) -> Any:
        """Return a model that shares no layer with another.

        Raises:
            BackboneError: It has been trained since it was given before, by a function in which it
                cannot be found, or it cannot be copied.
        """
        known = {id(layer) for layer in _layers(self._build, _DEPTH)}
        model = self._build()
        if not isinstance(model, keras.Model):
            return model  # told by who checks it
        layers = [layer for layer in leaf_layers(model) if layer.weights]
        if any(id(layer) in known for layer in layers):
            return self._copied(model)
        before = [layer for layer in layers if layer in _GIVEN]
        if any(_GIVEN[layer] != _digest(layer) for layer in before):
            raise BackboneError(
                f"{self.__name__!r} returned a model that tlkit had been given before, whose "
                "weights have been changed since, by a training, a plan of one or by you. Build it "
                "in the function, so that each call returns a new one."
            )
        if before:
            return self._copied(model)
        _GIVEN.update((layer, _digest(layer)) for layer in layers)
        return model

    def _copied(self, model: Model) -> Any:
        try:
            copy: Any = keras.models.clone_model(model, clone_function=made_from, recursive=True)
            copy.set_weights(model.get_weights())
            same = not foreign_layers(model) or _gives_the_same(model, copy)
        except Exception as error:
            raise self._no_copy(f"{type(error).__name__}: {error}") from error
        if not same:
            raise self._no_copy("the copy gives other numbers")
        pairs = zip(leaf_layers(copy), leaf_layers(model), strict=True)
        _ORIGINALS.update((one, ref(other)) for one, other in pairs)
        return copy

    def _no_copy(self, reason: str) -> BackboneError:
        return BackboneError(
            f"{self.__name__!r} returned a model that was there before it was called, which a "
            f"training would change, and it cannot be copied ({' '.join(reason.split())[:200]}). "
            "Build it in the function, so that each call returns a new one, or let the "
            "get_config() of its own layers return all that they are made with."
        )


def original_of(layer: Any) -> Any:
    """Return the user's layer that a layer is a copy of, or the layer itself."""
    known = _ORIGINALS.get(layer)
    original = None if known is None else known()
    return layer if original is None else original


def _layers(value: Any, depth: int) -> Iterator[Any]:
    """Yield the layers that an object holds, or a function can reach."""
    if isinstance(value, keras.Layer):
        yield from leaf_layers(value) if isinstance(value, keras.Model) else (value,)
    elif depth > 0:
        for part in _parts(value):
            yield from _layers(part, depth - 1)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values()) if len(value) <= _MANY else ()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value if len(value) <= _MANY else ()
    if isinstance(value, MethodType):
        return (value.__self__, value.__func__)
    if isinstance(value, partial):
        return (value.func, *value.args, *value.keywords.values())
    if isinstance(value, FunctionType):
        cells = [x.cell_contents for x in value.__closure__ or () if _is_filled(x)]
        names = set(_names(value.__code__)) & set(value.__globals__)
        return [*cells, *(value.__defaults__ or ()), *(value.__globals__[x] for x in names)]
    ours = str(type(value).__module__).partition(".")[0] not in ("builtins", "keras", "numpy")
    return list(vars(value).values()) if ours and hasattr(value, "__dict__") else ()


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # of a name that has no value yet
        return False


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _digest(layer: Any) -> bytes:
    digest = hashlib.sha256()
    for weight in layer.weights:
        digest.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return digest.digest()


def _gives_the_same(model: Any, copy: Any) -> bool:
    """Compare both on a picture, where layers are not all of Keras."""
    sides = [side or 64 for side in model.input_shape[1:3]]
    picture = np.random.default_rng(0).integers(0, 256, (1, *sides, 3)).astype("float32")
    one, other = (
        np.asarray(keras.ops.convert_to_numpy(x(picture, training=False))) for x in (model, copy)
    )
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True))
