"""A preset folder as a BackboneSpec of tlkit."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlkit import BackboneSpec
from tlkit.errors import BackboneError, ImageSizeError
from tlkit_keras_hub.facts import Facts
from tlkit_keras_hub.preset import Preset, read_preset

if TYPE_CHECKING:
    import keras

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def spec_from_preset(
    folder: str | Path, *, name: str | None = None, preprocessing: str = "auto"
) -> BackboneSpec:
    """Make a backbone of a KerasHub preset in a local folder.

    The preset is loaded and tried, which takes seconds: a saved and loaded model must give what
    KerasHub's backbone gives. Nothing is downloaded.

    Args:
        folder: What KerasHub's ``save_to_preset`` made.
        name: Of the backbone, snake case; made from the folder's name where None.
        preprocessing: ``"auto"`` for what the preset's image converter does to pixels, put into
            the model as a Keras layer. Where the preset has no converter, a mode of
            `tlkit.BackboneSpec`: ``"caffe"``, ``"tf"``, ``"torch"``, ``"unit"`` or ``"raw"``.

    Returns:
        A spec whose ``weights`` are ``"preset"``. ``min_size`` is the least of 32, 48, 56, 64, ...
        that the network can take, or its only size where the weights are tied to one.

    Raises:
        BackboneError: There is no preset of an image backbone, or it does not say how pixels are
            scaled, or the name is not snake case.
        WeightsError: Weights are missing, damaged or of another network.

    Example:
        >>> import tlkit
        >>> from tlkit_keras_hub import spec_from_preset
        >>> spec = spec_from_preset("presets/resnet_50_imagenet")  # doctest: +SKIP
        >>> tlkit.build_backbone(spec, image_size=96, weights="preset")  # doctest: +SKIP
    """
    preset = read_preset(folder)
    return make_spec(backbone_name(name, preset.folder), preset, facts_of(preset, preprocessing))


def facts_of(preset: Preset, preprocessing: str) -> Facts:
    """Load a preset and return what there is to know of it; see `examine`."""
    from tlkit_keras_hub.examine import examine

    return examine(preset, preprocessing)


def make_spec(name: str, preset: Preset, facts: Facts) -> BackboneSpec:
    """Return the spec of a preset whose facts are known; loads no framework."""
    return BackboneSpec(
        name=name,
        family=facts.family,
        build=partial(build, preset.folder, preset.fingerprint, facts),
        preprocessing=facts.preprocessing,
        default_size=facts.default_size,
        min_size=facts.min_size,
        feature_count=facts.feature_count,
        parameters=facts.parameters,
        weights=("preset",),
    )


def build(
    folder: Path, fingerprint: str, facts: Facts, input_tensor: Any, weights: str | None
) -> keras.Model:
    """Build a preset's backbone on an image, as `tlkit.BackboneSpec` wants it.

    Raises:
        BackboneError: The preset is gone or is not what it was.
        ImageSizeError: The backbone cannot take images of that size.
        WeightsError: The weights are missing or damaged.
    """
    preset = read_preset(folder)
    if preset.fingerprint != fingerprint:
        raise BackboneError(changed(folder))
    size = (input_tensor.shape[1], input_tensor.shape[2])
    _require_size(facts, size, folder)
    from tlkit_keras_hub.backbone import load_weights, make_backbone
    from tlkit_keras_hub.network import put_into_model

    backbone = make_backbone(preset, size)
    if weights is not None:
        load_weights(backbone, preset)
    scaling = None if facts.scale is None or facts.offset is None else (facts.scale, facts.offset)
    return put_into_model(backbone, input_tensor, scaling, facts.layout)


def backbone_name(name: str | None, folder: Path) -> str:
    """Return a name if it is one for a backbone, or one made from a folder's name.

    Raises:
        BackboneError: It is not snake case.
    """
    found = re.sub(r"[^a-z0-9]+", "_", folder.name.lower()).strip("_") if name is None else name
    if not _NAME.fullmatch(found):
        raise BackboneError(
            f"name={found!r}, expected snake case such as 'resnet_50_imagenet'. Give such a name "
            "with name=, or --name on the command line."
        )
    return found


def changed(folder: Path) -> str:
    """Return the message for a preset that is not what it was."""
    return (
        f"the preset in {folder} is not what it was when its backbone was made. Make it again, "
        "with spec_from_preset or python -m tlkit_keras_hub add."
    )


def _require_size(facts: Facts, size: tuple[int, int], folder: Path) -> None:
    received = f"Images of {size[0]} x {size[1]} pixels, and the"
    if facts.fixed_size is not None and size != facts.fixed_size:
        height, width = facts.fixed_size
        asked = height if height == width else facts.fixed_size
        raise ImageSizeError(
            f"{received} weights of the preset in {folder} are tied to {height} x {width}. Ask for "
            f"image_size={asked}."
        )
    if facts.square and size[0] != size[1]:
        raise ImageSizeError(
            f"{received} {facts.family} of the preset in {folder} takes square images only. Ask "
            f"for image_size={max(size)}."
        )
