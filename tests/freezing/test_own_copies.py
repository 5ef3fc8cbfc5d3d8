"""A model that a function did not build anew is copied: no training goes on from another."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tlkit.errors import BackboneError
from tlkit.freezing.head import Head
from tlkit.freezing.own_copies import NeverTrained, original_of
from tlkit.freezing.phase import selections
from tlkit.freezing.whole_model import assemble
from tlkit.testing import tiny_dataset, tiny_model

SHARED = tiny_model()
MODELS = {"tiny": SHARED}


class Holder:
    """An object that holds a model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def build(self) -> Any:
        """Return it."""
        return self.model

    __call__ = build


def from_global() -> Any:
    return SHARED


def from_dict() -> Any:
    return MODELS["tiny"]


def given(model: Any = SHARED) -> Any:
    return model


def part_of_it() -> Any:
    return keras.Model(SHARED.inputs[0], SHARED.get_layer("down_relu").output)


def layer_of_another() -> Any:
    image = keras.Input((16, 16, 3))
    return keras.Model(image, SHARED(layers.RandomFlip()(image), training=False))


def in_closure() -> Callable[[], Any]:
    model = SHARED
    return lambda: model


WAYS = [
    pytest.param(from_global, id="global"),
    pytest.param(from_dict, id="dict"),
    pytest.param(given, id="default"),
    pytest.param(in_closure(), id="closure"),
    pytest.param(partial(lambda model: model, SHARED), id="partial"),
    pytest.param(Holder(SHARED).build, id="method"),
    pytest.param(Holder(SHARED), id="object"),
    pytest.param(part_of_it, id="part"),
    pytest.param(layer_of_another, id="layer of another"),
]


def assembled(build: Any) -> Any:
    settings: dict[str, Any] = {"image_size": None, "weights": None, "preprocessing": "auto"}
    return assemble(build, Head(), 2, seed=0, **settings)


@pytest.mark.parametrize("build", WAYS)
def test_model_that_was_there_before_is_left_alone(build: Any) -> None:
    own = {id(weight) for weight in SHARED.weights}
    parts = assembled(build)
    assert not any(id(weight) in own for weight in parts.model.weights)
    copied = [layer for layer in parts.backbone if layer.weights]
    assert copied
    for layer in copied:
        pairs = zip(layer.weights, SHARED.get_layer(layer.name).weights, strict=True)
        assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def test_model_that_is_built_anew_is_used_as_it_is() -> None:
    built: list[Any] = []

    def build() -> Any:
        image = keras.Input((16, 16, 3))
        built.append(layers.Conv2D(2, 3))
        return keras.Model(image, built[-1](image))

    assert assembled(build).backbone[0] is built[0]


def test_trainings_of_one_model_do_not_go_on_from_each_other() -> None:
    data, before = tiny_dataset(), SHARED.get_weights()
    stage = tlkit.Stage("all", epochs=1, learning_rate=0.01, policy=tlkit.UnfreezeAll())
    one, two = (
        tlkit.StagedTrainer(from_global, stages=[stage], cache=False).fit(data, verbose=0)
        for _ in range(2)
    )
    for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(before, SHARED.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_function_that_remembers_its_model_gets_a_copy_or_is_told() -> None:
    remembering = cache(tiny_model)
    first, second = assembled(remembering), assembled(remembering)
    own = {id(weight) for weight in first.model.weights}
    assert not any(id(weight) in own for weight in second.model.weights)
    kernel = first.backbone[-3].weights[0]
    kernel.assign(kernel + 1)
    with pytest.raises(BackboneError, match=r"'tiny_model' returned .* have been changed since"):
        assembled(remembering)


def test_a_policy_that_knows_layers_of_the_model_itself_finds_them() -> None:
    top = SHARED.layers[-3:]
    parts = assembled(from_global)
    ((_, _, chosen),) = selections(lambda found, _: [x for x in found if x in top], parts, 1)
    assert [layer.name for layer in chosen] == [layer.name for layer in top]
    assert all(any(x is layer for layer in parts.backbone) for x in chosen)


class Silent(layers.Layer):  # type: ignore[misc]
    """A layer whose settings do not say what it adds."""

    def __init__(self, more: float = 0.0) -> None:
        super().__init__()
        self.more = more

    def call(self, x: Any) -> Any:
        """Add."""
        return x + self.more

    def get_config(self) -> dict[str, Any]:
        """Say nothing."""
        return {}


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (Silent(2.0), "other numbers"),
        (layers.Activation(partial(keras.ops.clip, x_min=0, x_max=6)), "TypeError"),
    ],
)
def test_model_that_cannot_be_copied_is_told_with_the_way_out(layer: Any, told: str) -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, layer(layers.Conv2D(2, 3)(image)))
    with pytest.raises(BackboneError, match=rf"there before it was called.*{told}.*Build it in"):
        assembled(lambda: model)


def test_a_network_is_made_from_a_model_that_was_trained() -> None:
    def built() -> Any:
        return tiny_model()

    data = tiny_dataset()
    stage = tlkit.Stage("all", epochs=1, learning_rate=0.01, policy=tlkit.UnfreezeAll())
    trainer = tlkit.StagedTrainer(built, stages=[stage], cache=False)
    trained = trainer.fit(data, verbose=0).model
    top = trained.get_layer("top_relu").output
    parts = assembled(lambda: keras.Model(trained.inputs[0], top))
    for layer in parts.backbone:
        for one, other in zip(layer.weights, trained.get_layer(layer.name).weights, strict=True):
            assert np.array_equal(np.asarray(one), np.asarray(other))
            assert one is not other


def test_a_lambda_is_copied() -> None:
    image = keras.Input((16, 16, 3))
    x = layers.Lambda(lambda x: x * 2, output_shape=(16, 16, 3))(image)
    model = keras.Model(image, layers.Conv2D(2, 3)(x))
    copy = assembled(lambda: model).model
    pixels = tiny_dataset().load([0], 16).astype("float32")
    own = keras.Model(copy.inputs[0], copy.get_layer(model.layers[-1].name).output)
    np.testing.assert_allclose(
        np.asarray(own(pixels)), np.asarray(model(pixels)), rtol=1e-5, atol=1e-5
    )


def test_a_model_goes_when_its_user_lets_it_go() -> None:
    own = [tiny_model()]
    parts = assembled(lambda: own[0])
    gone = weakref.ref(own[0].layers[-1])
    own.clear()
    gc.collect()
    assert gone() is None
    assert original_of(parts.backbone[0]) is parts.backbone[0]


def test_a_model_that_nobody_trains_is_given_as_it_is() -> None:
    give = NeverTrained(given)
    assert assembled(give).backbone[0] is SHARED.layers[1]


class Volumes(dict):  # type: ignore[type-arg]
    """A container that is not to be gone through."""

    def values(self) -> Any:
        """Tell that it was."""
        raise AssertionError("was read")


def test_what_is_large_is_not_gone_through() -> None:
    many = Volumes.fromkeys(range(2000))
    assert assembled(lambda: (many, tiny_model())[1]).model
