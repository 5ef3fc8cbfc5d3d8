"""The PyTorch implementation, for the proofs alone; needs the extra ``reference``."""

from __future__ import annotations

import contextlib
import io
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tlkit_efficientnet_lite.variants import Variant
from tlkit_efficientnet_lite.weights import find_file


def torch_model(variant: Variant, image_size: int | None) -> Any:
    """Return the PyTorch network with its weights, in inference mode.

    Args:
        variant: Which member of the family.
        image_size: Side for which the padding is fixed, or None to pad by each image, which is
            what ``padding="same"`` of Keras does.
    """
    network = import_module("efficientnet_lite_pytorch").EfficientNet
    with contextlib.redirect_stdout(io.StringIO()):
        model = network.from_pretrained(
            variant.name.replace("_", "-"),
            weights_path=str(find_file(variant.weights)),
            image_size=image_size,
        )
    return model.eval()


def torch_logits(model: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logits, float32 ``(n, 1000)``, of images ``(n, h, w, 3)`` in [-1, 1]."""
    torch = import_module("torch")
    channels_first = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(channels_first)).numpy(), np.float32)
