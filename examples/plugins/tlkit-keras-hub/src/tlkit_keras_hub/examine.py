"""Everything that can be found out about a preset, and the proof that its model is right."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tlkit._keras.graph import cut_points
from tlkit.backbones.spec import PREPROCESSING
from tlkit.errors import BackboneError
from tlkit_keras_hub.backbone import (
    Size,
    first_line,
    load_weights,
    make_backbone,
    own_size,
    require_all_used,
)
from tlkit_keras_hub.facts import LAYOUTS, Facts
from tlkit_keras_hub.network import Scaling, own_layers, put_into_model
from tlkit_keras_hub.pixels import read_pixels
from tlkit_keras_hub.preset import Preset

# Where neither the preset nor its converter names a size.
USUAL_SIZE = 224
# Tried from below. Nothing smaller than 32, the least that keras.applications takes.
SIDES = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
TOLERANCE = 1e-5


def examine(preset: Preset, preprocessing: str) -> Facts:
    """Load a preset, try it, and return what there is to know of it.

    Args:
        preset: The files.
        preprocessing: ``"auto"`` for what the preset's image converter does, or a mode of
            `tlkit.BackboneSpec`.

    Raises:
        BackboneError: It is no image backbone that can be built and saved, or it does not say
            how pixels are scaled.
        WeightsError: The weights are damaged or do not fit.
    """
    _check_mode(preprocessing)
    own = own_size(preset)
    pixels = read_pixels(preset) if preprocessing == "auto" else None
    size = own or (pixels.image_size if pixels else None) or (USUAL_SIZE, USUAL_SIZE)
    backbone = make_backbone(preset, size)
    require_all_used(backbone, preset)
    load_weights(backbone, preset)
    scaling = (pixels.scale, pixels.offset) if pixels else None
    layout, model = _proven_layout(backbone, size, scaling, preset)
    tied = own is not None and not _weights_fit(preset, (2 * size[0], 2 * size[1]))
    least = min(size) if tied else _smallest_side(preset, min(size), layout)
    return Facts(
        family=preset.class_name.removesuffix("Backbone"),
        preprocessing="raw" if preprocessing == "auto" else preprocessing,
        scale=pixels.scale if pixels else None,
        offset=pixels.offset if pixels else None,
        default_size=max(size),
        min_size=least,
        fixed_size=size if tied else None,
        square=own is not None and not tied and not _works(preset, (least, 2 * least), layout),
        feature_count=int(model.output_shape[-1]),
        parameters=int(backbone.count_params()),
        layout=layout,
        own_layers=own_layers(model),
    )


def _check_mode(preprocessing: str) -> None:
    if preprocessing not in ("auto", *PREPROCESSING):
        raise BackboneError(
            f"preprocessing={preprocessing!r}, expected 'auto' for what the preset's image "
            f"converter does, or one of {', '.join(map(repr, PREPROCESSING))}."
        )


def _proven_layout(backbone: Any, size: Size, scaling: Scaling, preset: Preset) -> tuple[str, Any]:
    """Return the first layout that can be saved and loaded and gives what the backbone gives."""
    image = keras.Input((*size, 3), name="image")
    truth = put_into_model(backbone, image, scaling, "whole")
    reasons = []
    for layout in LAYOUTS:
        try:
            model = put_into_model(backbone, image, scaling, layout)
            _require_cuttable(model)
            _require_same(keras.models.model_from_json(model.to_json()), model, truth)
        except Exception as error:  # noqa: BLE001 - a layer of KerasHub may raise anything here
            reasons.append(f"{layout}: {first_line(error)}")
        else:
            return layout, model
    raise BackboneError(
        f"The {preset.class_name} of {preset.folder} cannot be put into a model that can be "
        f"saved and loaded. {' '.join(reasons)}"
    )


def _require_cuttable(model: Any) -> None:
    """Refuse what tlkit cannot cut, and layers that state another shape than they give."""
    cut_points(model)
    stated = keras.tree.flatten([operation.output for operation in model.operations[1:]])
    given = keras.Model(model.inputs[0], stated)(_noise(model), training=False)
    for tensor, value in zip(stated, keras.tree.flatten(given), strict=True):
        shape = tuple(value.shape)
        if tuple(tensor.shape[1:]) != shape[1:] or 0 in shape:
            raise BackboneError(f"a layer states the shape {tensor.shape} and gives {shape}.")


def _require_same(loaded: Any, model: Any, truth: Any) -> None:
    loaded.set_weights(model.get_weights())
    received, expected = (
        keras.ops.convert_to_numpy(each(_noise(each), training=False)) for each in (loaded, truth)
    )
    difference = np.abs(received - expected).max() / max(np.abs(expected).max(), 1e-12)
    if not difference <= TOLERANCE:
        raise BackboneError(f"saved and loaded, it differs by {difference:.1e}.")


def _noise(model: Any) -> Any:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (1, *model.input_shape[1:])).astype("float32")


def _weights_fit(preset: Preset, size: Size) -> bool:
    """Return whether the weights fit a network for images of another size.

    Those of a transformer that learns a vector for each position do not.
    """
    try:
        load_weights(make_backbone(preset, size), preset)
    except BackboneError:
        return False
    return True


def _smallest_side(preset: Preset, default: int, layout: str) -> int:
    sides = (side for side in SIDES if side < default)
    return next((side for side in sides if _works(preset, (side, side), layout)), default)


def _works(preset: Preset, size: Size, layout: str) -> bool:
    """Return whether an image of that size goes through, as its layers state."""
    try:
        backbone = make_backbone(preset, size)
        _require_cuttable(put_into_model(backbone, keras.Input((*size, 3)), None, layout))
    except Exception:  # noqa: BLE001 - a layer of KerasHub may raise anything here
        return False
    return True
