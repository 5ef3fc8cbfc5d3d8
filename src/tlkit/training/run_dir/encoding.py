"""Settings as JSON data: people read it, runs are compared by it, trainers are built from it.

Only what is on a list is built again: tlkit's own settings here, and Keras' schedules, optimizers
and callbacks in `_keras_objects`. Everything else, such as a user's function, is kept as text.
Reading settings runs no code but the constructors of these classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from tlkit._keras.describe import described
from tlkit._keras.first_seen import as_made
from tlkit._keras.scoring import described_part
from tlkit._keras.types import Layer
from tlkit.data.augmentation.color import ColorJitter
from tlkit.data.augmentation.erasing import RandomErasing
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.rand_augment import RandAugment
from tlkit.data.augmentation.transforms import InOrder
from tlkit.freezing.head import Head
from tlkit.freezing.lora import LoRA
from tlkit.freezing.own_head import OwnHead
from tlkit.freezing.policies import (
    BatchNormOnly,
    FreezeAll,
    GradualUnfreeze,
    UnfreezeAll,
    UnfreezeTop,
)
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.schedules import OneCycle, Staircase, WarmupCosine
from tlkit.learning_rate.selectors.builtin import BUILT_IN
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.run_dir._keras_objects import keras_object, keras_settings
from tlkit.training.stage import Stage

# A word that no setting can be called.
_CLASS = "class"
_OWN: dict[str, Callable[..., Any]] = {
    f"tlkit.{kind.__name__}": kind
    for kind in (
        Augmentation,
        BatchNormOnly,
        ColorJitter,
        ExponentialLRFinder,
        FreezeAll,
        GradualUnfreeze,
        Head,
        LoRA,
        OneCycle,
        ProbeStage,
        RandAugment,
        RandomErasing,
        Stage,
        Staircase,
        UnfreezeAll,
        UnfreezeTop,
        WarmupCosine,
        *BUILT_IN,
    )
}
_LAYERS = "tlkit.LayerAugmentation"
_PLAIN = (int, float, bool, str, type(None))
_DIGEST = re.compile(r"[0-9a-f]{64}")


def encoded(value: object) -> Any:
    """Return a setting as JSON data.

    Settings of tlkit become ``{"class": "tlkit.UnfreezeTop", "layers": 8, ...}``, Keras objects
    ``{"class": "keras.callbacks.EarlyStopping", "monitor": "loss", ...}``, everything else
    ``{"text": "what it is"}``, which `decoded` cannot build again.

    Args:
        value: A setting.

    Example:
        >>> from tlkit import Head
        >>> list(encoded(Head(units=(8,))).items())[:3]
        [('class', 'tlkit.Head'), ('units', [8]), ('dropout', 0.2)]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "on_epoch_end"):
        value = as_made(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, InOrder):
        value = value.steps
    if isinstance(value, (tuple, list)):
        return [encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {_CLASS: "dict", "items": [[key, encoded(item)] for key, item in value.items()]}
    if isinstance(value, OwnHead):
        return {"text": value.text()}
    name = f"tlkit.{type(value).__name__}"
    if _OWN.get(name) is type(value):
        given = {part.name: getattr(value, part.name) for part in fields(value) if part.init}
        return {_CLASS: name, **{part: encoded(item) for part, item in given.items()}}
    layers = getattr(value, "layers", ())
    if name == _LAYERS and all(keras_settings(layer) for layer in layers):
        return {_CLASS: name, "layers": encoded(layers)}
    found = keras_settings(value)
    if found is None:
        return {"text": described_part(value) if _is_scoring(value) else described(value)}
    return {_CLASS: found[0], **{key: encoded(item) for key, item in found[1].items()}}


def _is_scoring(value: object) -> bool:
    import keras

    return isinstance(value, (keras.losses.Loss, keras.metrics.Metric))


def decoded(data: object) -> Any:
    """Return the setting that `encoded` described; lists become tuples.

    Args:
        data: What `encoded` gave, with nothing in it that `only_text` finds.

    Raises:
        ValueError: It names a class that is not on the list, or settings that this class refuses.
    """
    if isinstance(data, list):
        return tuple(decoded(item) for item in data)
    if not isinstance(data, Mapping):
        return data
    settings = {name: decoded(item) for name, item in data.items() if name != _CLASS}
    name = str(data.get(_CLASS))
    try:
        if name == "dict":
            return dict(settings["items"])
        if name == _LAYERS:
            return _layer_augmentation(**settings)
        return _OWN[name](**settings) if name in _OWN else keras_object(name, settings)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name} cannot be made from {settings}: {error!r}") from error


def _layer_augmentation(layers: Sequence[Layer]) -> Any:
    from tlkit.data.augmentation.keras_layers import LayerAugmentation  # loads Keras

    return LayerAugmentation(layers)


def upgraded(data: Any) -> Any:
    """Return settings that an earlier version wrote as this one would have written them.

    Settings that have come since have their defaults; ``keep_best_mode`` of a stage has become
    part of its ``keep_best``.
    """
    if isinstance(data, list):
        return [upgraded(item) for item in data]
    if not isinstance(data, dict):
        return data
    data = {name: upgraded(item) for name, item in data.items()}
    if data.get(_CLASS) == "tlkit.Stage":
        mode = data.pop("keep_best_mode", "auto")
        if mode != "auto" and isinstance(data.get("keep_best"), str):
            data["keep_best"] = [data["keep_best"], mode]
    kind: Any = _OWN.get(str(data.get(_CLASS)))
    for part in fields(kind) if kind else ():
        if part.init and part.name not in data and part.default is not MISSING:
            data[part.name] = encoded(part.default)
    return data


def only_text(data: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of each setting that `decoded` cannot build again."""
    if isinstance(data, list):
        for label, item in _items(data):
            yield from only_text(item, f"{path}[{label}]")
    elif isinstance(data, Mapping) and "text" in data:
        yield path, data["text"]
    elif isinstance(data, Mapping):
        for name, item in data.items():
            yield from only_text(item, f"{path}.{name}" if path else name)


def shown(data: object) -> str:
    """Return encoded settings as the code that makes them; of digests, the first digits."""
    if isinstance(data, list):
        return f"({', '.join(map(shown, data))}{',' * (len(data) == 1)})"
    if isinstance(data, str) and _DIGEST.fullmatch(data):
        return f"sha256 {data[:12]}..."
    if not isinstance(data, Mapping):
        return repr(data)
    if "text" in data:
        return str(data["text"])
    if data.get(_CLASS) == "dict":
        return f"{{{', '.join(f'{key!r}: {shown(item)}' for key, item in data['items'])}}}"
    settings = [f"{name}={shown(item)}" for name, item in data.items() if name != _CLASS]
    return f"{data.get(_CLASS, '').rpartition('.')[2]}({', '.join(settings)})"


def differences(known: object, given: object, path: str = "") -> Iterator[str]:
    """Yield a line for each setting in which two encoded settings differ.

    Args:
        known: Of the run on disk.
        given: Of the trainer at hand.
        path: Where in the settings these stand.
    """
    if known == given:
        return
    if isinstance(known, Mapping) and isinstance(given, Mapping) and _alike(known, given):
        for name in dict.fromkeys((*known, *given)):
            below = f"{path}.{name}" if path else str(name)
            yield from differences(known.get(name), given.get(name), below)
    elif isinstance(known, list) and isinstance(given, list) and _labels(known) == _labels(given):
        for (label, one), other in zip(_items(known), given, strict=True):
            yield from differences(one, other, f"{path}[{label}]")
    else:
        yield f"{path}: {shown(known)} in the run, {shown(given)} given"


def _alike(known: Mapping[str, object], given: Mapping[str, object]) -> bool:
    return "text" not in known and known.get(_CLASS) == given.get(_CLASS)


def _items(data: Sequence[object]) -> list[tuple[str, object]]:
    return list(zip(_labels(data), data, strict=True))


def _labels(data: Sequence[object]) -> list[str]:
    """Return what to call each item of a list: its name where it has one, else its number."""
    names = [item.get("name") if isinstance(item, Mapping) else None for item in data]
    return [repr(name or number) for number, name in enumerate(names)]
