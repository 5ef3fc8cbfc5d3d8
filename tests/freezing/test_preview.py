"""policy.preview: what a stage will train and where the model is cut, told before any training."""

from __future__ import annotations

import random
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, small_network, trainer, weights_of
from tlkit._keras.layers import leaf_layers
from tlkit.errors import PolicyError
from tlkit.freezing.policy_preview import LayerPreview
from tlkit.testing import tiny_backbone

HEAD = ("probabilities",)


@pytest.fixture(scope="module")
def model() -> Any:
    """A backbone that was built, with some of its layers frozen."""
    built = tlkit.build_backbone(tiny_backbone(), weights=None)
    for layer in built.layers[::2]:
        layer.trainable = False
    return built


def convolutions(layers: Any, epoch: int) -> Any:  # noqa: ARG001
    """A policy of one's own."""
    return [layer for layer in layers if layer.name in ("block_conv", "top_conv")]


@pytest.mark.parametrize(
    "policy",
    [
        tlkit.GradualUnfreeze(groups=2, every=1),
        *thorough(tlkit.FreezeAll(), tlkit.UnfreezeTop(fraction=0.6, batch_norm="train")),
        *thorough(tlkit.UnfreezeTop(layers=3), tlkit.UnfreezeAll(), tlkit.BatchNormOnly()),
        *thorough(convolutions, tlkit.LoRA(rank=2)),
    ],
)
def test_preview_tells_what_the_trainer_then_does(
    policy: Any, model: Any, data: tlkit.ImageDataset
) -> None:
    stage = trainer(head_stage(policy=policy)).fit(data, verbose=0).stages[0]
    for backbone in (model, tiny_backbone()):
        last = tlkit.preview(policy, backbone, epochs=2).phases[-1]
        assert last.trained_layers + HEAD == stage.trained_layers
        assert (last.cut.name if last.cut else None) == stage.cut
        head = 12 * len(data.class_names) + len(data.class_names)
        assert last.trained_parameters + head == stage.trained_parameters


def test_model_keeps_its_flags_weights_and_graph(model: Any) -> None:
    flags = [layer.trainable for layer in model.layers]
    weights, layers = weights_of(model), len(model.layers)
    state = random.getstate()
    tlkit.UnfreezeAll(batch_norm="train").preview(model)
    assert [layer.trainable for layer in model.layers] == flags
    assert all((weights_of(model)[path] == value).all() for path, value in weights.items())
    assert len(model.layers) == layers
    assert random.getstate() == state


def test_preview_prints_layers_parameters_and_the_cut(model: Any) -> None:
    assert str(tlkit.UnfreezeTop(layers=3).preview(model)).splitlines() == [
        "UnfreezeTop(layers=3, fraction=None, from_layer=None, batch_norm='frozen') on tiny: "
        "15 layers, 1,964 parameters",
        "",
        "  layer run in every epoch  kind                    weights",
        "  top_conv                  Conv2D              864 trained",
        "  top_bn                    BatchNormalization    48 frozen",
        "  top_relu                  ReLU                 no weights",
        "  trained: 864 of 1,964 parameters, in 1 layer; 1,100 frozen; the head is trained besides",
        "  BatchNormalization: all 4 layers frozen, statistics included",
        "  cut: behind 'block_add' (4, 4, 8), 128 floats per image, 0.5 MB for 1,000 images",
        "  run once per image: 12 of 15 layers, 53.6% of the parameters",
    ]


def test_frozen_backbone_is_run_once_and_cut_in_the_head(model: Any) -> None:
    (phase,) = tlkit.FreezeAll().preview(model).phases
    assert (phase.layers, phase.once, phase.once_parameters) == ((), 15, 1964)
    assert phase.cut is not None
    assert phase.cut.name == "head_pool"


def for_three(features: Any) -> Any:
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.layers.Dense(3, "softmax")(pooled)


def for_as_many(features: Any, classes: int) -> Any:
    return keras.layers.Dense(classes, "softmax")(keras.layers.GlobalMaxPooling2D()(features))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "the head is trained besides\n"),
        ({"classes": 4}, "besides: 52 parameters for 4 classes\n"),
        ({"head": for_three}, "besides: 39 parameters for 3 classes\n"),
        ({"head": for_as_many}, "the head is trained besides\n"),
        ({"head": for_as_many, "classes": 5}, "besides: 65 parameters for 5 classes\n"),
    ],
)
def test_a_head_is_shown_with_its_classes_where_they_are_known(
    settings: dict[str, Any], told: str, model: Any
) -> None:
    assert told in str(tlkit.FreezeAll().preview(model, **settings))


def test_a_head_for_one_class_is_refused(model: Any) -> None:
    with pytest.raises(PolicyError, match=r"classes=1, expected a whole number from 2, or None"):
        tlkit.FreezeAll().preview(model, classes=1)


def test_phases_are_told_by_their_epochs(model: Any) -> None:
    policy = tlkit.GradualUnfreeze(groups=3, every=2)
    lines = str(policy.preview(model)).splitlines()
    assert [line for line in lines if line.startswith("epoch")] == [
        "epochs 1 to 2",
        "epochs 3 to 4",
        "epoch 5 to the end",
    ]
    assert [phase.last for phase in policy.preview(model, epochs=3).phases] == [2, 3]
    assert "epoch 3" in str(policy.preview(model, epochs=3)).splitlines()
    trained = [phase.trained_layers for phase in policy.preview(model).phases]
    assert [len(names) for names in trained] == [1, 3, 4]


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (tlkit.UnfreezeAll(), "all 4 layers frozen, statistics included"),
        (tlkit.BatchNormOnly(), "4 of 4 layers trained, their statistics are updated"),
        (
            tlkit.UnfreezeTop(layers=3, batch_norm="train"),
            "1 of 4 layers trained, 3 frozen, their statistics are updated",
        ),
    ],
)
def test_batch_normalization_is_accounted_for(policy: Any, line: str, model: Any) -> None:
    assert f"  BatchNormalization: {line}" in str(policy.preview(model)).splitlines()


def test_statistics_of_a_trained_layer_are_not_counted_as_trained(model: Any) -> None:
    (phase,) = tlkit.BatchNormOnly().preview(model).phases
    assert phase.layers[0] == LayerPreview("stem_bn", "BatchNormalization", 8, 16)
    assert phase.layers[0].state == "8 of 16 trained"


def test_model_that_cannot_be_cut_below_its_first_layer_is_told(model: Any) -> None:
    shown = str(tlkit.UnfreezeAll().preview(model))
    assert "cut: none; every epoch runs the whole model (nothing that could be run once" in shown


def test_long_tables_show_their_ends() -> None:
    lines = str(tlkit.UnfreezeAll().preview(_deep)).splitlines()
    assert lines[0].endswith("on deep: 40 layers, 480 parameters")
    assert lines[3].split() == ["conv_0", "Conv2D", "12", "trained"]
    assert lines[11] == "  ... and 24 more ..."
    assert lines[19].split() == ["conv_39", "Conv2D", "12", "trained"]


def _deep() -> Any:
    image = x = keras.Input((4, 4, 3))
    for number in range(40):
        x = keras.layers.Conv2D(3, 1, name=f"conv_{number}")(x)
    return keras.Model(image, x, name="deep")


def test_backbone_without_batch_normalization_says_so() -> None:
    assert "BatchNormalization: none in this backbone" in str(tlkit.FreezeAll().preview(_deep))


def test_own_policy_may_name_layers_of_the_model_itself(model: Any) -> None:
    def top(layers: Any, epoch: int) -> Any:  # noqa: ARG001
        return [model.get_layer("top_conv")]

    assert tlkit.preview(top, model).phases[0].trained_layers == ("top_conv",)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (tlkit.UnfreezeTop(layers=99), "has 15 layers. Ask for at most that"),
        (lambda layers, epoch: None, r"^<function <lambda> at .*> returned None for epoch 0"),  # noqa: ARG005
        (lambda layers, epoch: [keras.layers.ReLU()], "which is not one of the backbone's layers"),  # noqa: ARG005
    ],
)
def test_policy_that_does_not_fit_is_an_error(policy: Any, message: str, model: Any) -> None:
    with pytest.raises(PolicyError, match=message):
        tlkit.preview(policy, model)


def test_model_with_its_head_is_refused(model: Any) -> None:
    whole = keras.Model(
        model.inputs[0], keras.layers.Dense(2, name="probabilities")(model.outputs[0]), name="all"
    )
    with pytest.raises(PolicyError, match=r"'all' is a model with its head.* Give the backbone's"):
        tlkit.FreezeAll().preview(whole)


def test_stage_of_no_epochs_is_refused(model: Any) -> None:
    with pytest.raises(PolicyError, match=r"epochs=0, expected a whole number from 1, or None"):
        tlkit.FreezeAll().preview(model, epochs=0)


def test_model_that_cannot_be_copied_is_an_error_with_a_way_out() -> None:
    def build() -> Any:
        image = keras.Input((8, 8, 3))
        x = keras.layers.Lambda(lambda x: x / 2, output_shape=(8, 8, 3))(image)
        return keras.Model(image, keras.layers.Conv2D(2, 3, name="conv")(x), name="halved")

    with pytest.raises(PolicyError, match=r"'halved' cannot be copied.* Give the function that"):
        tlkit.UnfreezeAll().preview(build())
    assert tlkit.UnfreezeAll().preview(build).phases[0].trained_layers == ("conv",)


def test_nested_model_is_previewed_layer_by_layer() -> None:
    inner = small_network()
    image = keras.Input((16, 16, 3))
    outer = keras.Model(image, inner(image), name="outer")
    shown = tlkit.UnfreezeTop(layers=3).preview(outer)
    assert shown.layer_count == len(list(leaf_layers(inner)))
    assert shown.phases[0].trained_layers == ("three_conv",)
    assert shown.phases[0].cut is not None
    assert shown.phases[0].cut.name == "join"
    assert "cut: behind 'join'" in str(shown)
    flat = tlkit.UnfreezeTop(layers=3).preview(small_network())
    assert flat.phases[0] == shown.phases[0]
