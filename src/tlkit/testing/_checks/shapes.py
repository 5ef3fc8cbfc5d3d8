"""Which images go in, and which shape comes out."""

from __future__ import annotations

import numpy as np

from tlkit.backbones.build import ImageSize
from tlkit.testing.failure import expect
from tlkit.testing.subject import Subject, free

# Added to one side for an image that is not square; a prime, so that no stride divides it.
ODD = 13


def sizes(subject: Subject) -> str:
    """Require that it takes its smallest and its default size and an image that is not square.

    The features have the same channels at each, and at the smallest, where the last map is a pixel
    or two, they are finite numbers.
    """
    spec = subject.spec
    oblong = (spec.min_size, spec.min_size + ODD)
    expected = subject.model.output_shape[-1]
    for size in (spec.default_size, oblong):
        channels = _channels(subject, size)
        expect(
            channels == expected,
            f"It has {channels} features at image_size={size} and {expected} at "
            f"{spec.min_size}, expected as many at each. End at a feature map, or pool it.",
        )
    expect(
        bool(np.isfinite(subject.features).all()),
        f"At its smallest size, {spec.min_size}, and with random weights some features are not "
        "finite numbers. Look for a division by zero or a missing normalization, or raise "
        "min_size.",
    )
    return f"{spec.min_size}, {spec.default_size}, {oblong[0]} x {oblong[1]}"


def feature_shape(subject: Subject) -> str:
    """Require float32 features, a map or a vector, of the shape that the model promises."""
    shape = subject.model.output_shape
    sides_known = all(isinstance(side, int) and side > 0 for side in shape[1:])
    expect(
        len(shape) in (2, 4) and shape[0] is None and sides_known,
        f"Its output has the shape {shape}, expected a feature map (None, h, w, channels) or "
        "pooled features (None, channels), with every side known once the image's is. End the "
        "model at its last feature map.",
    )
    for features in (subject.features, subject.run(subject.images[:1])):
        promised = (len(features), *shape[1:])
        expect(
            features.shape == promised and features.dtype == np.float32,
            f"It gives {features.dtype} of shape {features.shape}, and its model promises float32 "
            f"of {promised}. Correct the layer that states another shape than it gives.",
        )
    return str(shape)


def _channels(subject: Subject, size: ImageSize) -> int:
    channels = subject.build(size).output_shape[-1]
    free()
    return int(channels)
