"""What a preset's image converter does to raw pixels, read from it and compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import keras_hub  # type: ignore[import-not-found, unused-ignore]
import numpy as np

from tlkit.errors import BackboneError
from tlkit_keras_hub.backbone import first_line
from tlkit_keras_hub.facts import Channels
from tlkit_keras_hub.preset import Preset

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Pixels:
    """``pixels * scale + offset``, for each channel of RGB in 0..255.

    Args:
        scale: A factor for each channel.
        offset: What is then added.
        image_size: (height, width) to which the converter would bring images, or None.
    """

    scale: Channels
    offset: Channels
    image_size: tuple[int, int] | None = None


def read_pixels(preset: Preset) -> Pixels:
    """Return what a preset's image converter does to pixels, apart from resizing.

    Raises:
        BackboneError: The preset has no converter, or one that does something else.
    """
    if preset.converter is None:
        raise BackboneError(
            f"{preset.folder} has no image converter (image_converter.json or preprocessor.json), "
            "so it does not say which pixels its network wants. Choose with preprocessing=: "
            "'caffe', 'tf', 'torch', 'unit' or 'raw'; see tlkit.BackboneSpec."
        )
    converter = _converter(preset)
    size, converter.image_size = converter.image_size, None
    try:
        scale, offset = _channels(converter.scale, 1.0), _channels(converter.offset, 0.0)
    except (TypeError, ValueError) as error:
        raise _unknown(preset, f"its scale or offset is not three numbers: {error}") from error
    pixels = Pixels(scale, offset, None if size is None else (int(size[0]), int(size[1])))
    _require_same(converter, pixels, preset)
    return pixels


def _converter(preset: Preset) -> Any:
    config = dict(preset.converter or {})
    kind: Any = keras.saving.get_registered_object(str(config.get("registered_name")))
    # Checked before anything is made of it: a preset is data that came from somewhere.
    if not (isinstance(kind, type) and issubclass(kind, keras_hub.layers.ImageConverter)):
        raise _unknown(preset, f"it is a {config.get('class_name')!r}")
    try:
        return keras.saving.deserialize_keras_object(config)
    except Exception as error:
        raise _unknown(preset, first_line(error)) from error


def _channels(given: Any, default: float) -> Channels:
    values = np.broadcast_to(np.asarray(default if given is None else given, "float64"), (3,))
    return float(values[0]), float(values[1]), float(values[2])


def _require_same(converter: Any, pixels: Pixels, preset: Preset) -> None:
    """Compare with the converter itself, since a subclass may do more than scale and shift."""
    raw = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    expected = raw * np.asarray(pixels.scale) + np.asarray(pixels.offset)
    try:
        received = np.asarray(keras.ops.convert_to_numpy(converter(raw)))
    except Exception as error:
        raise _unknown(preset, first_line(error)) from error
    largest = np.abs(expected).max()
    if received.shape != raw.shape or np.abs(received - expected).max() > TOLERANCE * largest:
        raise _unknown(preset, "it does more to pixels than scale and shift them")


def _unknown(preset: Preset, reason: str) -> BackboneError:
    return BackboneError(
        f"The image converter of {preset.folder} cannot be put into a model: {reason}. Choose "
        "with preprocessing= what its network wants: 'caffe', 'tf', 'torch', 'unit' or 'raw'; "
        "see tlkit.BackboneSpec."
    )
