"""Backbones with one fault each: the tiny one, spoilt by what plugins really get wrong."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tlkit import BackboneSpec
from tlkit.testing import tiny_backbone


def changed(**facts: Any) -> BackboneSpec:
    """Return the tiny backbone with other facts."""
    return replace(tiny_backbone(), distribution="", **facts)


def spoilt(build: Any, **facts: Any) -> BackboneSpec:
    """Return the tiny backbone with another builder and other facts."""
    return changed(build=build, **facts)


def ends_with(make: Callable[[], Any], **facts: Any) -> BackboneSpec:
    """Return the tiny backbone with something put at its end."""
    return spoilt(partial(_build_ending, make), **facts)


def _build_ending(make: Callable[[], Any], image: Any, weights: str | None) -> Any:
    import keras

    network = tiny_backbone().build(image, weights)
    return keras.Model(network.inputs[0], make()(network.outputs[0]))


def asks_the_network(image: Any, weights: str | None) -> Any:
    """Try to fetch something, and go on without it."""
    with contextlib.suppress(OSError):
        socket.create_connection(("weights.example.org", 443), timeout=1)
    return tiny_backbone().build(image, weights)


def needs_the_network(image: Any, weights: str | None) -> Any:
    """Fetch something by its address, and fail without it."""
    with socket.socket() as connection:
        connection.connect(("192.0.2.1", 443))
    return tiny_backbone().build(image, weights)


def writes_a_download(image: Any, weights: str | None) -> Any:
    """Put a file where Keras keeps what it downloads."""
    (Path(os.environ["KERAS_HOME"]) / "mynet.h5").write_bytes(b"weights")
    return tiny_backbone().build(image, weights)


def lacks_its_weights(image: Any, weights: str | None) -> Any:
    """Look for weights that were left out of the package."""
    network = tiny_backbone().build(image, weights)
    if weights is not None:
        network.load_weights(Path(__file__).with_name(f"{weights}.weights.h5"))
    return network


def square_only(image: Any, weights: str | None) -> Any:
    """Refuse images that are not square."""
    _, height, width, _ = image.shape
    if height != width:
        raise ValueError(f"{height} x {width} is not square")
    return tiny_backbone().build(image, weights)


def too_small(image: Any, weights: str | None) -> Any:
    """Need more pixels than the spec says."""
    import keras

    return tiny_backbone().build(keras.layers.MaxPooling2D(9)(image), weights)


def flatten() -> Any:
    """Features that grow with the image."""
    import keras

    return keras.layers.Flatten()


def root() -> Any:
    """Not a number wherever a feature is below its mean."""
    import keras

    return lambda x: keras.ops.sqrt(keras.layers.LayerNormalization(scale=False, center=False)(x))


def tokens() -> Any:
    """A sequence instead of a map."""
    import keras

    return keras.layers.Reshape((-1, 12))


def statistics_of_the_batch() -> Any:
    """BatchNormalization that normalizes by the batch at inference too."""
    import keras

    return partial(keras.layers.BatchNormalization(), training=True)


def noise() -> Any:
    """Random numbers at inference."""
    import keras

    return partial(keras.layers.GaussianNoise(1.0), training=True)


def rewrites_itself() -> Any:
    """A stock layer that assigns its kernel in training, frozen or not."""
    import keras

    return keras.layers.SpectralNormalization(keras.layers.Conv2D(12, 1, use_bias=False))


def nested(image: Any, weights: str | None) -> Any:
    """Use the network as one layer of another, which is no fault."""
    import keras

    inner = keras.Input(image.shape[1:])
    network = tiny_backbone().build(inner, weights)
    return keras.Model(keras.utils.get_source_inputs(image), network(image))


def used_twice(image: Any, weights: str | None) -> Any:
    """Use one layer in two places."""
    import keras

    network, again = tiny_backbone().build(image, weights), keras.layers.ReLU(name="again")
    return keras.Model(network.inputs[0], again(again(network.outputs[0])))


def two_streams(image: Any, weights: str | None) -> Any:
    """Hand a small copy of the image to the last layer, past all others."""
    import keras

    network = tiny_backbone().build(image, weights)
    small = keras.layers.Resizing(*network.output_shape[1:3])(image)
    features = keras.layers.Concatenate()([network.outputs[0], small])
    return keras.Model(network.inputs[0], features)


def doubled(x: Any) -> Any:
    """Return it twice as large."""
    return x * 2


def own_activation() -> Any:
    """An activation of the plugin's own, which is registered and loads where it is imported."""
    import keras

    @keras.saving.register_keras_serializable("tlkit.tests")  # type: ignore[untyped-decorator]
    def thrice(x: Any) -> Any:
        return x * 3

    return keras.layers.Activation(thrice)


def _small(shape: Any, dtype: Any = None) -> Any:
    """Return small weights."""
    import keras

    return keras.ops.full(shape, 0.1, dtype)


def nameless_initializer() -> Any:
    """An initializer that a file cannot name."""
    import keras

    return keras.layers.Conv2D(12, 1, use_bias=False, kernel_initializer=_small)


def used_twice_and_nameless(image: Any, weights: str | None) -> Any:
    """Two faults in one."""
    import keras

    network = used_twice(image, weights)
    return keras.Model(network.inputs[0], nameless_initializer()(network.outputs[0]))


def lambda_layer() -> Any:
    """Code inside the model."""
    import keras

    return keras.layers.Lambda(doubled)


def own_layer() -> Any:
    """A layer of the plugin's own, which is well made."""
    import keras

    @keras.saving.register_keras_serializable("tlkit.tests")
    class Doubled(keras.layers.Layer):  # type: ignore[misc]
        """Twice what comes in."""

        def call(self, x: Any) -> Any:
            """Return it twice as large."""
            return doubled(x)

        def compute_output_shape(self, shape: Any) -> Any:
            """Return the shape of what comes in."""
            return shape

    return Doubled()


def wrapped_own_layer() -> Any:
    """A layer of the plugin's own inside a stock one inside a stock model."""
    import keras

    wrapper = keras.layers.TimeDistributed(own_layer())
    return keras.Sequential([wrapper])


def around_the_input_stage(image: Any, weights: str | None) -> Any:
    """Build on the raw image instead of the one that is scaled."""
    import keras

    (source,) = keras.utils.get_source_inputs(image)
    return tiny_backbone().build(source, weights)


def past_the_input_stage(image: Any, weights: str | None) -> Any:
    """Build on the scaled image and the raw one together."""
    import keras

    (source,) = keras.utils.get_source_inputs(image)
    return tiny_backbone().build(keras.layers.Add()([image, source]), weights)


def dead() -> Any:
    """Nothing comes through."""
    import keras

    return keras.layers.Rescaling(0.0)
