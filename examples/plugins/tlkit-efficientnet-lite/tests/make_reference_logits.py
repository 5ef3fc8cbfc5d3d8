"""Writes reference_logits.npz with PyTorch: python tests/make_reference_logits.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference_inputs import digest, reference_images, scaled
from tlkit_efficientnet_lite.variants import VARIANTS, Variant
from torch_reference import torch_logits, torch_model

PATH = Path(__file__).with_name("reference_logits.npz")


def reference_logits() -> dict[str, NDArray[Any]]:
    """Return logits, float32 ``(1000,)``, and digests of their images, by network and image."""
    return {key: value for variant in VARIANTS for key, value in _entries(variant)}


def _entries(variant: Variant) -> Iterator[tuple[str, NDArray[Any]]]:
    fixed = torch_model(variant, variant.size)
    by_image = torch_model(variant, None)
    for name, image in reference_images(variant.size).items():
        model = by_image if name == "odd" else fixed
        yield f"{variant.name}/{name}/logits", torch_logits(model, scaled(image))[0]
        yield f"{variant.name}/{name}/sha256", np.array(digest(image))


if __name__ == "__main__":
    np.savez_compressed(PATH, allow_pickle=False, **reference_logits())
    print(f"{PATH.name}: {PATH.stat().st_size} bytes")
