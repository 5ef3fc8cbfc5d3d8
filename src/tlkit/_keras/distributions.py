"""What a user may give to spread a training: looked at before anything is begun."""

from __future__ import annotations

from typing import Any

import keras

from tlkit._keras.devices import ONE_DEVICE, Devices, JaxDevices, MirroredDevices
from tlkit.errors import TrainingError

_EXPECTED = (
    "expected None for one device, keras.distribution.DataParallel(devices=[...]) on JAX, or "
    "tf.distribute.MirroredStrategy([...]) on TensorFlow"
)


def devices_of(distribution: object) -> Devices:
    """Return the devices that a distribution names.

    Args:
        distribution: None, a ``keras.distribution.DataParallel`` or a
            ``tf.distribute.MirroredStrategy``.

    Raises:
        TrainingError: It is something else, of another backend, of devices that differ, or of
            more than one axis or process.
    """
    if distribution is None:
        return ONE_DEVICE
    backend = keras.backend.backend()
    if isinstance(distribution, keras.distribution.DataParallel):
        _check_backend(distribution, "jax", backend)
        devices = distribution.device_mesh.devices
        if devices.ndim != 1:
            raise TrainingError(
                f"distribution has devices of shape {devices.shape}, expected them in a row: "
                "keras.distribution.DataParallel(devices=[...])."
            )
        return JaxDevices(distribution, _alike([str(name) for name in devices]))
    if type(distribution).__module__.partition(".")[0] == "tensorflow":
        _check_backend(distribution, "tensorflow", backend)
        return MirroredDevices(distribution, _alike(_of_strategy(distribution)))
    raise TrainingError(f"distribution={distribution!r}, {_EXPECTED}.")


def _check_backend(distribution: object, needed: str, backend: str) -> None:
    if backend != needed:
        raise TrainingError(
            f"distribution is a {type(distribution).__name__}, which works on {needed}, and Keras "
            f"runs on {backend}; {_EXPECTED}. Or set KERAS_BACKEND={needed} before Python starts."
        )


def _of_strategy(strategy: Any) -> list[str]:
    import tensorflow as tf

    if not isinstance(strategy, tf.distribute.MirroredStrategy):
        raise TrainingError(
            f"distribution is a {type(strategy).__name__}, {_EXPECTED}. Keras does not train on "
            "several machines (keras#20585); their frozen work is spread by fit(executor=...)."
        )
    devices = strategy.extended.worker_devices  # the last part of each is device:GPU:1
    return [name.rpartition("device:")[2].lower() for name in devices]


def _alike(names: list[str]) -> list[str]:
    kinds = sorted({name.partition(":")[0] for name in names})
    if len(kinds) > 1:
        raise TrainingError(
            f"distribution has devices that differ, {', '.join(names)}; expected one kind, since "
            f"the slowest would set the pace. Give those of {kinds[-1]!r} alone."
        )
    return names
