"""What the study published: validation weighted F1 on the Rakuten images, 27 classes."""

from __future__ import annotations

from dataclasses import dataclass

BENCHMARK = 0.5534
"""Weighted F1 that the challenge gives for images alone."""

SOURCE = "the study's, on 16,983 validation images of the Rakuten France challenge"

# Images of each product type among the 84,916 of the challenge.
CLASS_SIZES = {
    2583: 10209, 1560: 5073, 1300: 5045, 2060: 4993, 2522: 4989, 1280: 4870, 2403: 4774,
    2280: 4760, 1920: 4303, 1160: 3953, 1320: 3241, 10: 3116, 2705: 2761, 1140: 2671, 2582: 2589,
    40: 2508, 2585: 2496, 1302: 2491, 1281: 2070, 50: 1681, 2462: 1421, 2905: 872, 60: 832,
    2220: 824, 1301: 807, 1940: 803, 1180: 764,
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One way to train a backbone in stage 1.

    Args:
        backbone: tlkit's name.
        image_size: Side in pixels.
        epochs: Of stage 1.
        batch_size: Images for each step.
        published: Weighted F1 that the study reports for it, or None.
    """

    backbone: str
    image_size: int
    epochs: int
    batch_size: int
    published: float | None = None


# Stage 1, all that was tried.
TRIALS = (
    Trial("inception_resnet_v2", 299, 40, 64, 0.61),
    Trial("inception_resnet_v2", 224, 40, 64, 0.57),
    Trial("densenet121", 224, 40, 64, 0.61),
    Trial("xception", 299, 40, 64, 0.60),
    Trial("xception", 224, 40, 64, 0.56),
    Trial("inception_v3", 299, 40, 64, 0.59),
    Trial("inception_v3", 224, 40, 64, 0.56),
    Trial("mobilenet_v2", 224, 40, 64, 0.59),
    Trial("mobilenet_v2", 224, 20, 32, 0.58),
    Trial("vgg16", 224, 40, 64, 0.57),
    Trial("vgg16", 128, 10, 32, 0.53),
    Trial("vgg19", 224, 40, 64, 0.56),
    Trial("nasnet_mobile", 224, 40, 64, 0.57),
    Trial("resnet50", 256, 40, 64, 0.29),
    Trial("efficientnet_b5", 456, 40, 64, 0.15),
    Trial("efficientnet_b7", 224, 40, 64, 0.03),
)

# Weighted F1 by backbone and stage, as far as published.
STAGES: dict[str, dict[int, float]] = {
    "inception_resnet_v2": {1: 0.61, 3: 0.63},
    "densenet121": {1: 0.61, 3: 0.59},
    "xception": {1: 0.60, 3: 0.65, 5: 0.66},
    "inception_v3": {1: 0.59, 3: 0.64, 5: 0.65},
    "mobilenet_v2": {1: 0.59, 3: 0.63},
}

# Learning rates that stage 4 chose, as far as published.
LEARNING_RATES = {"xception": 0.0004, "inception_v3": 0.0003}
