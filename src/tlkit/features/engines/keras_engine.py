"""The Keras engine, which is always there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tlkit._keras.mapped import mapped
from tlkit._keras.types import Model, Tensor
from tlkit._plugins.hooks import hookimpl
from tlkit.features.engines.engine import EngineSpec

BATCH = 32
PAD_TO = 8


class KerasEngine:
    """The trunk run by Keras itself; on a CPU one image after the other in one compiled function.

    In a batch, a row depends by a rounding error on its place, differently on each processor: a
    convolution's kernels treat the last rows otherwise than the first. Alone, it is a function of
    its image, and from about 128 pixels on takes no longer. A GPU needs the whole batch at once to
    be fast, and gets it.

    Args:
        trunk: A built keras.Model.
    """

    name = "keras"

    def __init__(self, trunk: Model) -> None:
        self._model = _one_by_one(trunk) if _on_cpu() else trunk

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images, in batches of a few sizes."""
        chunks = [self._run_chunk(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    def _run_chunk(self, images: np.ndarray) -> np.ndarray:
        # Few shapes, since each is compiled, and little work for nothing.
        full_size = -(-len(images) // PAD_TO) * PAD_TO
        padding = [(0, full_size - len(images))] + [(0, 0)] * (images.ndim - 1)
        full = np.pad(images, padding).astype("float32", copy=False)
        output: np.ndarray = np.asarray(self._model.predict_on_batch(full), "float32")
        return output[: len(images)]


def _on_cpu() -> bool:
    import keras

    # Of PyTorch's devices Keras says nothing, so that one may be a GPU.
    if keras.backend.backend() == "torch":
        return False
    return all(device.startswith("cpu") for device in keras.distribution.list_devices())


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
