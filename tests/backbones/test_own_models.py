"""Networks of a user's own function, and of plugins, that see other pixels than they should."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import pytest
from keras import layers

import tlkit
from tlkit.backbones._own_models import _network
from tlkit.errors import PluginError
from tlkit.testing import tiny_backbone, tiny_model

SIZE = (32, 32, 3)


def bare(name: str, **settings: Any) -> Any:
    given = {"include_top": False, "weights": None, "input_shape": SIZE, **settings}
    return getattr(keras.applications, name)(**given)


def inside() -> Any:
    image = keras.Input(SIZE)
    return keras.Model(image, bare("MobileNet", alpha=0.25)(image), name="mine")


def sequential() -> Any:
    return keras.Sequential([keras.Input(SIZE), bare("MobileNet", alpha=0.25)])


def prepared(apply: Callable[[Any], Any]) -> Callable[[], Any]:
    def build() -> Any:
        image = keras.Input(SIZE)
        return keras.Model(image, bare("MobileNet", alpha=0.25)(apply(image)), name="mine")

    return build


def probabilities() -> Any:
    return bare("MobileNet", alpha=0.25, include_top=True)


def logits() -> Any:
    return bare("MobileNet", alpha=0.25, include_top=True, classifier_activation=None)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: bare("MobileNet", alpha=0.25), r"MobileNet without .*\[-1, 1\].*'mobilenet'"),
        (lambda: bare("VGG16"), r"VGG16 without .* BGR minus .*backbone='vgg16'"),
        (inside, r"'inside' returned MobileNet without its preprocessing"),
        (sequential, "'sequential' returned MobileNet without its preprocessing"),
    ],
)
def test_network_of_keras_without_its_preprocessing_is_warned_of(build: Any, told: str) -> None:
    with pytest.warns(UserWarning, match=told):
        tlkit.build_backbone(build)


@pytest.mark.parametrize("build", [probabilities, logits])
def test_its_top_is_warned_of(build: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tlkit.build_backbone(build)
    texts = [str(x.message) for x in caught]
    assert sum(f"ends in {build.__name__} of 1000 classes" in text for text in texts) == 1
    assert sum("without its preprocessing" in text for text in texts) == 1


@pytest.mark.parametrize(
    "build",
    [
        prepared(layers.Rescaling(1 / 127.5, -1)),
        prepared(lambda x: x / 127.5 - 1),
        prepared(keras.applications.mobilenet.preprocess_input),
        lambda: bare("EfficientNetB0"),
        tiny_model,
    ],
)
def test_what_is_right_is_not_warned_of(build: Any) -> None:
    tlkit.build_backbone(build)  # a warning is an error in these tests


OURS = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: spec.name)
def test_networks_are_known_by_the_names_that_keras_gives_them(spec: tlkit.BackboneSpec) -> None:
    named = {"nasnet_large": "nasnet_mobile"}.get(spec.name, spec.name)
    written = KERAS_NAMES.get(spec.name, spec.aliases[0])
    found = _network(written)
    assert found is not None
    assert found.name == named


# Where they are not the class's name in other letters.
KERAS_NAMES = {
    "mobilenet": "mobilenet_1.00_224",
    "mobilenet_v2": "mobilenetv2_0.35_96",
    "nasnet_mobile": "NASNet",
    "nasnet_large": "NASNet",
    "efficientnet_v2_b0": "efficientnetv2-b0",
}


@pytest.mark.parametrize("name", ["functional", "net", "sequential_3", "my_resnet", "vit_b16"])
def test_other_names_are_no_network_of_keras(name: str) -> None:
    assert _network(name) is None


def around(image: Any, weights: str | None) -> Any:  # noqa: ARG001 - as plugins have it
    (source,) = keras.utils.get_source_inputs(image)
    return keras.Model(source, layers.Conv2D(8, 3, name="stem")(source))


def beside(image: Any, weights: str | None) -> Any:  # noqa: ARG001 - as plugins have it
    (source,) = keras.utils.get_source_inputs(image)
    both = layers.Concatenate(name="stem")([image, source])
    return keras.Model(source, layers.Conv2D(8, 3)(both))


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch", "unit"])
@pytest.mark.parametrize("build", [around, beside])
def test_plugin_that_goes_around_its_preprocessing_is_refused(build: Any, mode: str) -> None:
    spec = replace(tiny_backbone(), build=build, preprocessing=mode)
    with pytest.raises(PluginError, match="goes around its preprocessing: 'stem' reads the source"):
        tlkit.build_backbone(spec, weights=None)


def test_raw_pixels_have_nothing_to_go_around() -> None:
    spec = replace(tiny_backbone(), build=around, preprocessing="raw", feature_count=8)
    assert tlkit.build_backbone(spec, weights=None).output_shape == (None, 14, 14, 8)
