"""Raw RGB 0..255 to what a network was trained on, as stock Keras layers inside the model."""

from __future__ import annotations

from typing import Any

from tlkit._keras.types import Tensor

# Per channel, RGB, of ImageNet in 0..1; the caffe means are BGR in 0..255. Both are those of
# keras.applications.imagenet_utils.preprocess_input.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


def preprocess(image: Tensor, mode: str) -> Any:
    """Put the input stage of a network on a symbolic image tensor.

    Args:
        image: Symbolic float32 tensor ``(None, height, width, 3)``, RGB, 0..255.
        mode: One of `tlkit.backbones.spec.PREPROCESSING`.

    Returns:
        A symbolic tensor of the same shape, in the range that ``mode`` names.
    """
    from keras import layers, ops

    if mode == "caffe":
        reversed_channels = ops.flip(image, axis=-1)
        offset = [-mean for mean in CAFFE_MEAN_BGR]
        return layers.Rescaling(1.0, offset, name="preprocess")(reversed_channels)
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, -1.0, name="preprocess")(image)
    if mode == "torch":
        scale = [1 / (255 * std) for std in IMAGENET_STD]
        offset = [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
        return layers.Rescaling(scale, offset, name="preprocess")(image)
    if mode == "unit":
        return layers.Rescaling(1 / 255, name="preprocess")(image)
    return image
