"""The Keras engine, which is always there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tlkit._keras.layers import leaf_layers
from tlkit._keras.mapped import mapped
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model, Tensor
from tlkit._plugins.hooks import hookimpl
from tlkit.features.engines.engine import EngineSpec

BATCH = 32
PAD_TO = 8
# On an accelerator: at most so many images at once, whose largest layer output takes so many bytes.
LARGEST_BATCH = 256
LARGEST_OUTPUT = 2**30


class KerasEngine:
    """The trunk run by Keras itself; on a CPU one image after the other in one compiled function.

    In a batch, a row depends by a rounding error on its place, differently on each processor: a
    convolution's kernels treat the last rows otherwise than the first. Alone, it is a function of
    its image, and from about 128 pixels on takes no longer. A GPU needs the whole batch at once to
    be fast, and gets it; see `keras_batch`.

    Args:
        trunk: A built keras.Model.
    """

    name = "keras"

    def __init__(self, trunk: Model) -> None:
        self._model = _one_by_one(trunk) if _alone() else trunk
        self._batch = keras_batch(trunk)

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images, in batches of a few sizes."""
        starts = range(0, len(images), self._batch)
        chunks = [self._run_chunk(images[i : i + self._batch]) for i in starts]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    def _run_chunk(self, images: np.ndarray) -> np.ndarray:
        # Few shapes, since each is compiled, and little work for nothing.
        full_size = -(-len(images) // PAD_TO) * PAD_TO
        if full_size > BATCH:
            full_size = 1 << (full_size - 1).bit_length()
        full = padded(images, full_size).astype("float32", copy=False)
        output: np.ndarray = np.asarray(predict_on_batch(self._model, full), "float32")
        return output[: len(images)]


def padded(images: np.ndarray, count: int) -> np.ndarray:
    """Return images and as many black ones as make a number of them."""
    padding = [(0, count - len(images))] + [(0, 0)] * (images.ndim - 1)
    return np.pad(images, padding)


def keras_batch(trunk: Model) -> int:
    """Return how many images Keras runs at once: 32 on a CPU, up to 256 on an accelerator.

    On an H200 EfficientNet-Lite0 at 128 px ran 823 images a second in batches of 32, 5,001 in
    batches of 256 and 6,907 in batches of 1,024 (PyTorch; on JAX 1,707 in 32, 2,333 in 512). A rule
    and no timing, so that features are computed alike in every process: the largest power of two
    with which no output of a layer takes more than a GiB.

    Args:
        trunk: A built keras.Model.
    """
    return large_batch(trunk) if accelerated() else BATCH


def large_batch(trunk: Model) -> int:
    """Return how many images an accelerator runs at once, 32 to 256; see `keras_batch`.

    Args:
        trunk: A built keras.Model.
    """
    sizes = [_floats(layer) for layer in leaf_layers(trunk)]
    if not sizes or 0 in sizes:  # nothing is known of a subclassed model's layers
        return BATCH
    fitting = max(LARGEST_OUTPUT // (4 * max(sizes)), 1)
    return min(LARGEST_BATCH, max(BATCH, 1 << (fitting.bit_length() - 1)))


def _floats(layer: Any) -> int:
    """Return how many numbers a layer gives for an image; 0 where its shape is not known."""
    try:
        shapes = [tensor.shape for tensor in layer._inbound_nodes[0].outputs]
    except (AttributeError, IndexError):
        return 0
    return max(int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes)


def _alone() -> bool:
    """Return whether the images of a batch are run one by one."""
    import keras

    # PyTorch compiles no loop, and would take each image's operations one after the other.
    return keras.backend.backend() != "torch" and not accelerated()


def accelerated() -> bool:
    """Return whether Keras computes on a GPU or another accelerator."""
    import keras

    if keras.backend.backend() == "torch":
        import torch  # of whose devices Keras says nothing

        return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
    return not all(device.startswith("cpu") for device in keras.distribution.list_devices())


def _one_by_one(trunk: Model) -> Model:
    """Return a model of batches that runs a trunk on each image alone."""
    import keras

    class OneByOne(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            # float32, or Keras would round the images to the precision of a global policy.
            super().__init__(name=f"{trunk.name}_one_by_one", dtype="float32")
            self.trunk = trunk

        def call(self, images: Tensor) -> Tensor:
            def alone(image: Tensor) -> Tensor:
                output: Tensor = self.trunk(image[None], training=False)[0]
                row: Tensor = keras.ops.cast(output, "float32")
                return row

            return mapped(alone, images, shape=trunk.output_shape[1:])

    model: Model = OneByOne()
    return model


def _made(trunk: Model, stem: Path) -> KerasEngine:  # noqa: ARG001 - Keras keeps no file
    return KerasEngine(trunk)


@hookimpl
def tlkit_engines() -> list[EngineSpec]:
    """Return Keras itself."""
    packages = ("keras", "tensorflow", "jax", "torch")
    return [EngineSpec(name=KerasEngine.name, make=_made, packages=packages)]
