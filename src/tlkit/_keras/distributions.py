"""What a user may give to spread a training: looked at before anything is begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras

from tlkit._keras.devices import ONE_DEVICE, Devices, JaxDevices, MirroredDevices
from tlkit.errors import TrainingError

_EXPECTED = (
    "expected None for one device, keras.distribution.DataParallel(devices=[...]) on JAX, or "
    "tf.distribute.MirroredStrategy([...]) on TensorFlow"
)

_LISTED = {
    "jax": "keras.distribution.list_devices()",
    "tensorflow": "tf.config.list_logical_devices()",
}


def devices_of(distribution: object) -> Devices:
    """Return the devices that a distribution names.

    Args:
        distribution: None, a ``keras.distribution.DataParallel`` or a
            ``tf.distribute.MirroredStrategy``.

    Raises:
        TrainingError: It is something else, of another backend, of devices that differ, that are
            not here or are named twice, or of more than one axis or process.
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
        names = [_name(device) for device in devices]
        return JaxDevices(distribution, _checked(names, _of_jax))
    if type(distribution).__module__.partition(".")[0] == "tensorflow":
        _check_backend(distribution, "tensorflow", backend)
        return MirroredDevices(distribution, _checked(_of_strategy(distribution), _of_tensorflow))
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


def _name(device: Any) -> str:
    """Return how Keras calls a device of JAX, which a mesh may hold by name or by itself."""
    if hasattr(device, "platform"):
        return f"{device.platform}:{device.id}"
    return str(device) if ":" in str(device) else f"{device}:0"


def _of_jax(kind: str) -> list[str]:
    try:
        names: list[str] = keras.distribution.list_devices(kind)
    except RuntimeError:  # JAX, asked for a kind of which it has none
        return []
    return names


def _of_tensorflow(kind: str) -> list[str]:
    import tensorflow as tf

    found = tf.config.list_logical_devices(kind.upper())
    return [device.name.rpartition("device:")[2].lower() for device in found]


def _checked(names: list[str], here: Callable[[str], list[str]]) -> list[str]:
    """Return the names of devices of one kind, each of which is here and is named once."""
    kinds = sorted({name.partition(":")[0] for name in names})
    listed = ", ".join(names)
    if len(kinds) > 1:
        raise TrainingError(
            f"distribution has devices that differ, {listed}; expected one kind, since the "
            f"slowest would set the pace. Give those of {kinds[-1]!r} alone."
        )
    twice = [name for name, often in Counter(names).items() if often > 1]
    if twice:
        raise TrainingError(
            f"distribution has {' and '.join(twice)} more than once, {listed}; expected each "
            "device once."
        )
    there = here(kinds[0])
    absent = [name for name in names if name not in there]
    if absent:
        raise TrainingError(
            f"distribution has {', '.join(absent)}, and {keras.backend.backend()} has "
            f"{', '.join(there) or f'no {kinds[0]!r}'} here. Give devices that are there, by the "
            f"names that {_LISTED[keras.backend.backend()]} gives."
        )
    return names
