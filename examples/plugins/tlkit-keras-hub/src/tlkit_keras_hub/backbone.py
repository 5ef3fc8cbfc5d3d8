"""The backbone of a preset as KerasHub makes it, for images of one size, and its weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import keras_hub  # type: ignore[import-not-found, unused-ignore]

from tlkit.backbones.weights import load_file
from tlkit.errors import BackboneError, ImageSizeError, WeightsError
from tlkit_keras_hub.preset import Preset

Size = tuple[int, int]

# What KerasHub's classes call the argument for the shape of an image.
_SHAPE_ARGUMENTS = ("image_shape", "input_shape")


def own_size(preset: Preset) -> Size | None:
    """Return the (height, width) that a preset was saved for, or None where it takes any.

    Raises:
        BackboneError: It is no preset of an image backbone.
    """
    kind, argument = _image_backbone(preset)
    shape = preset.settings.get(argument, _parameters(kind)[argument].default)
    if not isinstance(shape, (list, tuple)) or len(shape) != 3 or None in shape[:2]:
        return None
    return int(shape[0]), int(shape[1])


def make_backbone(preset: Preset, size: Size) -> Any:
    """Make a preset's backbone with random weights.

    Where the preset leaves the size of the image open, so does the backbone, since some of them,
    such as EfficientNet, pad differently once they know it.

    Args:
        preset: Where it comes from.
        size: (height, width) in pixels.

    Returns:
        A `keras_hub.models.Backbone`.

    Raises:
        BackboneError: KerasHub cannot make it, or it is not one of RGB images.
        ImageSizeError: KerasHub cannot make it for that size.
    """
    own = own_size(preset)
    if own is None or own == size:
        return _made(preset, {})
    try:
        return _made(preset, {_image_backbone(preset)[1]: (*size, 3)})
    except BackboneError as error:
        raise ImageSizeError(
            f"Images of {size[0]} x {size[1]} pixels, expected {own[0]} x {own[1]} or another "
            f"size that the network can take. {error}"
        ) from error


def load_weights(backbone: Any, preset: Preset) -> None:
    """Give a backbone the weights of its preset.

    Raises:
        WeightsError: They are damaged or do not fit.
    """
    load_file(backbone, preset.weights)


def require_all_used(backbone: Any, preset: Preset) -> None:
    """Refuse a weights file that holds more than a backbone takes.

    Keras loads the file of a deeper network without a word where the shapes happen to fit.

    Args:
        backbone: Made for the preset's own size.
        preset: Where the weights come from.

    Raises:
        WeightsError: The file holds more, or is damaged.
    """
    stored = sum(map(_numbers_in, preset.weight_files))
    taken = sum(math.prod(v.shape) for v in backbone.variables if "seed" not in v.path)
    if stored > taken:
        raise WeightsError(
            f"The weights in {preset.weights} do not fit {preset.class_name}: they are {stored:,} "
            f"numbers, and the network that config.json describes takes {taken:,}. Give a preset "
            "whose files belong together."
        )


def _numbers_in(path: Path) -> int:
    found: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "seed" not in name:
            found.append(int(item.size))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise WeightsError(
            f"The weights in {path} are damaged: {error}. Fetch or save the preset again."
        ) from error
    return sum(found)


def _image_backbone(preset: Preset) -> tuple[Any, str]:
    """Return the class of a preset's backbone and what it calls the shape of an image."""
    kind: Any = keras.saving.get_registered_object(preset.registered_name)
    # Checked before anything is made of it: a preset is data that came from somewhere.
    if not (isinstance(kind, type) and issubclass(kind, keras_hub.models.Backbone)):
        raise BackboneError(
            f"{preset.folder} holds a {preset.class_name!r}, which keras-hub "
            f"{keras_hub.__version__} does not know as a backbone. Give the preset of an image "
            "backbone such as ResNetBackbone, or update keras-hub."
        )
    for argument in _SHAPE_ARGUMENTS:
        if argument in _parameters(kind):
            return kind, argument
    raise BackboneError(
        f"{preset.folder} holds a {preset.class_name}, which takes no images. Give the preset of "
        "an image backbone such as ResNetBackbone."
    )


def _parameters(kind: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind.__init__).parameters


def _made(preset: Preset, changes: Mapping[str, Any]) -> Any:
    try:
        # The folder is absolute, so KerasHub does not take it for a name on a hub.
        backbone = keras_hub.models.Backbone.from_preset(
            str(preset.folder), load_weights=False, **changes
        )
    except Exception as error:
        raise BackboneError(
            f"KerasHub cannot make the {preset.class_name} of {preset.folder}: {first_line(error)}"
        ) from error
    shapes = [tuple(tensor.shape) for tensor in backbone.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][-1] != 3:
        raise BackboneError(
            f"The {preset.class_name} of {preset.folder} takes inputs of {shapes}, expected one "
            "RGB image, (None, height, width, 3). Give the preset of an image backbone."
        )
    return backbone


def first_line(error: BaseException) -> str:
    """Return the gist of an error of Keras, whose messages run to pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'it says nothing'}"
