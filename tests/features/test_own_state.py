"""What layers of one's own hold is part of what a trunk computes, told by settings or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import tlkit
from tlkit.errors import BackboneError
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.testing import tiny_dataset


class Silent(layers.Layer):  # type: ignore[misc]
    """A layer whose settings tell nothing of what it multiplies by."""

    def __init__(self, by: Any) -> None:
        super().__init__()
        self._by = by

    def call(self, x: Any) -> Any:
        """Multiply."""
        return x * self._by

    def get_config(self) -> dict[str, Any]:
        """Say nothing."""
        return {}


class Drawn(layers.Layer):  # type: ignore[misc]
    """A fixed pattern that follows from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def call(self, x: Any) -> Any:
        """Multiply by it."""
        pattern = np.random.default_rng(self.seed).normal(size=(8, 8, 3))
        return x * ops.cast(pattern, "float32")


class Chosen(layers.Layer):  # type: ignore[misc]
    """A setting that has a name of its own."""

    def __init__(self, how: dict[str, Any]) -> None:
        super().__init__()
        self.how = how

    def call(self, x: Any) -> Any:
        """Do what it says."""
        return ops.abs(x) if self.how["name"] == "absolute" else -x

    def get_config(self) -> dict[str, Any]:
        """Return the setting."""
        return {**super().get_config(), "how": self.how}


class Block(layers.Layer):  # type: ignore[misc]
    """A layer that is made of one of Keras's, and does not say how."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.inner = [layers.Activation(activation)]

    def call(self, x: Any) -> Any:
        """Run it."""
        return self.inner[0](x)

    def get_config(self) -> dict[str, Any]:
        """Say nothing."""
        return {}


class Factor:
    """Something that is no layer."""

    def __init__(self, by: float) -> None:
        self.by = by

    def times(self, x: Any) -> Any:
        """Multiply."""
        return x * self.by


@dataclass
class Settings:
    """Settings of a layer in one place."""

    by: Any
    how: Callable[[Any], Any] = field(default_factory=lambda: lambda x: x)


class Holding(Silent):
    """A layer that only holds what it was given."""

    def call(self, x: Any) -> Any:
        """Change nothing."""
        return x


class Other:
    """A key that is told by its address."""


class Lazy(layers.Layer):  # type: ignore[misc]
    """A layer that computes what it needs when it is first asked."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by
        self._known: float | None = None

    @cached_property
    def doubled(self) -> float:
        """Computed once."""
        return 2 * self.by

    @property
    def tripled(self) -> float:
        """Computed once, by hand."""
        if self._known is None:
            self._known = 3 * self.by
        return self._known

    def call(self, x: Any) -> Any:
        """Multiply."""
        return x * self.doubled * self.tripled

    def get_config(self) -> dict[str, Any]:
        """Say nothing."""
        return {}


class Named(layers.Layer):  # type: ignore[misc]
    """A layer with a setting that is what Keras calls the first of its kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.told = kind, f"output of {self.name}"

    def call(self, x: Any) -> Any:
        """Do what it says."""
        return ops.abs(x) if self.kind == "named" else -x

    def get_config(self) -> dict[str, Any]:
        """Say nothing."""
        return {}


def inside(activation: Any) -> Any:
    """A block that holds a layer of Keras which does not tell its settings."""
    return Block(activation)


def clipped(most: float) -> Any:
    """A function that has no name."""
    return partial(ops.clip, x_min=0, x_max=most)


def changed_later(by: float) -> Any:
    """A layer that was given another value after it was made."""
    layer = Silent(1.0)
    layer._by = by
    return layer


def fingerprint(change: Any) -> str:
    """Of a small network that begins with a layer."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, kernel_initializer="ones")(change(image))
    model = keras.Model(image, x)
    model(np.ones((1, 8, 8, 3), "float32"), training=False)
    return trunk_fingerprint(model)


@pytest.mark.parametrize(
    ("make", "one", "other"),
    [
        pytest.param(Silent, 2.0, 3.0, id="number"),
        pytest.param(Silent, np.full(3, 2.0, "f"), np.full(3, 3.0, "f"), id="array"),
        pytest.param(
            lambda by: Silent(ops.convert_to_tensor(by)), np.float32(2), np.float32(3), id="tensor"
        ),
        pytest.param(changed_later, 2.0, 3.0, id="changed later"),
        pytest.param(Drawn, 1, 2, id="seed"),
        pytest.param(Chosen, {"name": "absolute"}, {"name": "negative"}, id="name in a setting"),
        pytest.param(Block, "relu", "tanh", id="layer inside"),
        pytest.param(lambda by: layers.Activation(Factor(by).times), 2.0, 3.0, id="bound method"),
        pytest.param(lambda by: layers.Lambda(Factor(by).times), 2.0, 3.0, id="in a Lambda"),
        pytest.param(lambda by: Holding(Settings(by)), 2.0, 3.0, id="dataclass"),
        pytest.param(
            lambda by: Holding(Settings(np.append(np.zeros(9999), by))), 2.0, 3.0, id="long array"
        ),
        pytest.param(lambda by: Holding(np.array([by, None])), 2.0, 3.0, id="array of objects"),
        pytest.param(lambda by: Holding({Other(): by}), 2.0, 3.0, id="key that is an object"),
        pytest.param(Lazy, 2.0, 3.0, id="computed once"),
        pytest.param(Named, "named", "other", id="called as the layer"),
        pytest.param(lambda most: inside(clipped(most)), 2.0, 3.0, id="inside, without settings"),
    ],
)
def test_what_a_layer_holds_makes_another_fingerprint(
    make: Callable[[Any], Any], one: Any, other: Any
) -> None:
    assert fingerprint(make(one)) == fingerprint(make(one))
    assert fingerprint(make(one)) != fingerprint(make(other))


def test_what_a_layer_computes_once_when_it_is_run_is_no_part_of_it() -> None:
    image = keras.Input((8, 8, 3))
    layer = Lazy(2.0)
    model = keras.Model(image, layer(image))
    after = trunk_fingerprint(model)
    del layer.doubled
    layer._known = None
    assert trunk_fingerprint(model) == after


class Counting(layers.Layer):  # type: ignore[misc]
    """A layer that counts, collects and remembers while it is run."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.last = 0, None
        self.seen: list[int] = []
        self.prefix = f"{self.name}/"

    def call(self, x: Any) -> Any:
        """Note that."""
        self._note(x)
        return x

    def _note(self, x: Any) -> None:
        self.calls += 1
        self.seen.append(self.calls)
        self.last = x


class Noisy(layers.Layer):  # type: ignore[misc]
    """Noise in training alone."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Add it."""
        return x + keras.random.normal(x.shape[1:], seed=self.generator) if training else x


def test_what_a_layer_counts_is_called_or_draws_in_training_has_no_part() -> None:
    layer = Counting()
    before = fingerprint(layer)
    layer(np.ones((1, 8, 8, 3), "float32"))
    assert fingerprint(layer) == before
    assert fingerprint(Counting()) == before
    assert fingerprint(Noisy(1)) == fingerprint(Noisy(2))


def test_features_of_an_edited_layer_are_computed_anew(tmp_path: Any) -> None:
    def scaled(by: float) -> Any:
        def network() -> Any:
            image = keras.Input((16, 16, 3))
            x = layers.Conv2D(2, 16, kernel_initializer="ones")(Silent(by)(image))
            return keras.Model(image, x)

        return network

    data = tiny_dataset()
    one, two = (
        np.asarray(tlkit.extract(scaled(by), data, cache=tmp_path, engine="keras", verbose=0))
        for by in (1.0, 2.0)
    )
    assert two == pytest.approx(2 * one)


@pytest.mark.parametrize("setting", ["epsilon", "floatx"])
def test_settings_of_keras_that_layers_ask_for_make_another_fingerprint(setting: str) -> None:
    before, value = getattr(keras.config, setting)(), {"epsilon": 1e-3, "floatx": "float16"}
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.ReLU()])
    model = keras.Model(model.inputs[0], model.outputs[0])
    stock = trunk_fingerprint(model)
    getattr(keras.config, f"set_{setting}")(value[setting])
    try:
        assert trunk_fingerprint(model) != stock
    finally:
        getattr(keras.config, f"set_{setting}")(before)
    assert trunk_fingerprint(model) == stock


class Closed(layers.Layer):  # type: ignore[misc]
    """A layer that Keras cannot describe."""

    def __init__(self, by: Any) -> None:
        super().__init__()
        self.by = by

    def call(self, x: Any) -> Any:
        """Multiply."""
        return x * self.by


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Closed(np.ones(3, "f")), r"'closed\w*' \(Closed\) .*NotImplementedError"),
        (lambda: layers.Activation(partial(ops.clip, x_min=0, x_max=6)), r"Activation.*TypeError"),
    ],
)
def test_layer_without_settings_is_named_with_the_way_out(make: Any, told: str) -> None:
    with pytest.raises(BackboneError, match=f"(?s){told}.*get_config"):
        fingerprint(make())
