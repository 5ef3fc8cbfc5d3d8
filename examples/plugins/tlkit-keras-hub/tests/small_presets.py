"""Presets of KerasHub's families, small enough to build and save in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_hub  # type: ignore[import-not-found, unused-ignore]
import numpy as np

models = keras_hub.models

# What the presets' converters do to pixels: different for each channel, so that a swap shows.
SCALE = (0.011, 0.013, 0.017)
OFFSET = (-1.1, -1.5, -1.9)

STEM = {"input_conv_filters": [8], "input_conv_kernel_sizes": [7]}
STACKS = {"stackwise_num_filters": [64, 8], "stackwise_num_blocks": [1, 1]}
RESNET = {**STEM, **STACKS, "stackwise_num_strides": [1, 2]}
CSPNET = {
    "stem_filters": 4,
    "stem_kernel_size": 3,
    "stem_strides": 1,
    "stackwise_depth": [1, 1],
    "stackwise_strides": [2, 2],
    "stackwise_num_filters": [8, 8],
    "block_type": "dark_block",
    "stage_type": "csp",
    "bottle_ratio": [0.5],
    "expand_ratio": [2.0],
}
EFFICIENTNET = {
    "stackwise_width_coefficients": [1.0, 1.0],
    "stackwise_depth_coefficients": [1.0, 1.0],
    "stackwise_kernel_sizes": [3, 5],
    "stackwise_num_repeats": [1, 1],
    "stackwise_input_filters": [8, 8],
    "stackwise_output_filters": [8, 16],
    "stackwise_expansion_ratios": [1, 2],
    "stackwise_strides": [1, 2],
    "stackwise_squeeze_and_excite_ratios": [0.25, 0.25],
}
MOBILENET = {
    "stackwise_expansion": [[16]],
    "stackwise_num_blocks": [1],
    "stackwise_num_filters": [[16]],
    "stackwise_kernel_size": [[5]],
    "stackwise_num_strides": [[2]],
    "stackwise_se_ratio": [[0.25]],
    "stackwise_activation": [["hard_swish"]],
    "stackwise_padding": [[2]],
    "output_num_filters": 16,
    "depthwise_filters": 8,
    "depthwise_stride": 1,
    "depthwise_residual": False,
    "last_layer_filter": 16,
    "input_num_filters": 8,
}
HGNETV2 = {
    "depths": [1, 1],
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "stem_channels": [3, 8, 8],
    "hidden_act": "relu",
    "use_learnable_affine_block": False,
    "stackwise_stage_filters": [(8, 8, 8, 1, 1, 3), (8, 8, 16, 1, 1, 3)],
    "apply_downsample": [False, True],
    "use_lightweight_conv_block": [False, True],
}
MIT = {
    "image_shape": (32, 32, 3),
    "layerwise_depths": [1],
    "num_layers": 1,
    "layerwise_num_heads": [2],
    "layerwise_sr_ratios": [2],
    "max_drop_path_rate": 0.1,
    "hidden_dims": [8],
    "layerwise_patch_sizes": [7],
    "layerwise_strides": [4],
}
TRANSFORMER = {
    "image_shape": (32, 32, 3),
    "patch_size": 8,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
}
FAMILIES: dict[str, Callable[[], Any]] = {
    "resnet": lambda: models.ResNetBackbone(**RESNET, block_type="bottleneck_block"),
    "resnet_v2": lambda: models.ResNetBackbone(
        **RESNET, block_type="bottleneck_block", use_pre_activation=True
    ),
    "densenet": lambda: models.DenseNetBackbone(stackwise_num_repeats=[1, 1], growth_rate=4),
    "vgg": lambda: models.VGGBackbone([2, 1], [4, 8]),
    "xception": lambda: models.XceptionBackbone([[4, 8], [16, 16], [16, 16]], [False, True, False]),
    "cspnet": lambda: models.CSPNetBackbone(**CSPNET),
    "efficientnet": lambda: models.EfficientNetBackbone(
        **EFFICIENTNET, stackwise_block_types=["v1", "v1"]
    ),
    "efficientnet_v2": lambda: models.EfficientNetBackbone(
        **EFFICIENTNET, stackwise_block_types=["fused", "unfused"]
    ),
    "mobilenet": lambda: models.MobileNetBackbone(**MOBILENET),
    "hgnetv2": lambda: models.HGNetV2Backbone(**HGNETV2),
    "mit": lambda: models.MiTBackbone(**MIT),
    "vit": lambda: models.ViTBackbone(**TRANSFORMER, mlp_dim=16),
    "vit_without_class_token": lambda: models.ViTBackbone(
        **TRANSFORMER, mlp_dim=16, use_class_token=False
    ),
    "deit": lambda: models.DeiTBackbone(**TRANSFORMER, intermediate_dim=16),
    "dinov2": lambda: models.DINOV2Backbone(
        **TRANSFORMER, intermediate_dim=16, position_embedding_shape=(32, 32, 3)
    ),
    "dinov3": lambda: models.DINOV3Backbone(**TRANSFORMER, intermediate_dim=16),
    "clip": lambda: models.CLIPVisionEncoder(**TRANSFORMER, intermediate_dim=16),
    "siglip": lambda: models.SigLIPVisionEncoder(**TRANSFORMER, intermediate_dim=16),
}


def save_preset(folder: Path, backbone: Any, size: int | None = 32) -> Path:
    """Save a backbone, with weights that make every layer count, and an image converter."""
    random = np.random.default_rng(0)
    backbone.set_weights([random.uniform(0.1, 0.5, w.shape) for w in backbone.weights])
    backbone.save_to_preset(str(folder))
    converter = keras_hub.layers.ImageConverter(
        image_size=size and (size, size), scale=SCALE, offset=OFFSET
    )
    converter.save_to_preset(str(folder))
    return folder


def edit_json(file: Path, **changes: Any) -> None:
    """Change entries of a JSON file."""
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**content, **changes}), "utf-8")


def raw_images(height: int, width: int) -> np.ndarray:
    """Return two images of noise, float32 ``(2, height, width, 3)``, 0..255."""
    return np.random.default_rng(1).integers(0, 256, (2, height, width, 3)).astype("float32")


def features_of_keras_hub(folder: Path, raw: np.ndarray, **size: Any) -> np.ndarray:
    """Return what KerasHub's own backbone gives for raw images, through KerasHub's loader."""
    backbone = models.Backbone.from_preset(str(folder), **size)
    scaled = raw * np.asarray(SCALE, "float32") + np.asarray(OFFSET, "float32")
    output = backbone(keras.tree.map_structure(lambda _: scaled, backbone.input), training=False)
    if isinstance(output, dict):
        output = output[max(output)] if "stem" not in output else output[max({*output} - {"stem"})]
    return np.asarray(output)


def difference(received: Any, expected: np.ndarray) -> float:
    """Return the largest difference as a share of the largest expected magnitude."""
    assert received.shape == expected.shape
    return float(np.abs(np.asarray(received) - expected).max() / np.abs(expected).max())
