"""Freeze policies: which layers a stage may change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.training.conftest import head_stage, small_network, trainer
from tlkit._keras.layers import is_batch_norm, leaf_layers
from tlkit.errors import PolicyError
from tlkit.testing import tiny_model

LAYERS = list(leaf_layers(tiny_model()))
NAMES = [layer.name for layer in LAYERS]
WITH_WEIGHTS = [layer.name for layer in LAYERS if layer.weights]


def chosen(policy: Any, epoch: int = 0) -> list[str]:
    """Names of the layers that a policy trains."""
    return [layer.name for layer in policy(LAYERS, epoch)]


def test_freeze_all_trains_nothing_of_the_backbone() -> None:
    assert chosen(tlkit.FreezeAll()) == []


def test_unfreeze_all_trains_all_but_batch_norm() -> None:
    assert chosen(tlkit.UnfreezeAll()) == [name for name in NAMES if not name.endswith("_bn")]
    assert chosen(tlkit.UnfreezeAll(batch_norm="train")) == NAMES


def test_unfreeze_top_counts_layers_as_keras_lists_them() -> None:
    assert chosen(tlkit.UnfreezeTop(layers=3)) == ["top_conv", "top_relu"]
    assert chosen(tlkit.UnfreezeTop(layers=3, batch_norm="train")) == NAMES[-3:]
    assert chosen(tlkit.UnfreezeTop(layers=len(NAMES), batch_norm="train")) == NAMES


def test_unfreeze_top_takes_a_share_of_the_layers() -> None:
    assert len(NAMES) == 15
    assert chosen(tlkit.UnfreezeTop(fraction=0.2, batch_norm="train")) == NAMES[-3:]
    assert chosen(tlkit.UnfreezeTop(fraction=1, batch_norm="train")) == NAMES


def test_unfreeze_top_starts_at_a_named_layer() -> None:
    named = tlkit.UnfreezeTop(from_layer="block_conv", batch_norm="train")
    assert chosen(named) == NAMES[NAMES.index("block_conv") :]


def test_batch_norm_only_trains_just_that() -> None:
    assert chosen(tlkit.BatchNormOnly()) == [name for name in NAMES if name.endswith("_bn")]


@given(st.integers(3, len(LAYERS)))
def test_unfreeze_top_is_the_end_of_the_network_whatever_the_count(count: int) -> None:
    policy = tlkit.UnfreezeTop(layers=count, batch_norm="train")
    assert chosen(policy) == NAMES[-count:]


@given(st.floats(0.2, 1), st.sampled_from(["frozen", "train"]))
def test_unfreeze_top_by_fraction_is_by_the_rounded_count(share: float, batch_norm: str) -> None:
    by_count = tlkit.UnfreezeTop(layers=round(share * len(LAYERS)), batch_norm=batch_norm)
    by_share = tlkit.UnfreezeTop(fraction=share, batch_norm=batch_norm)
    assert chosen(by_share) == chosen(by_count)


@given(
    st.integers(1, len(WITH_WEIGHTS)),
    st.integers(1, 4),
    st.sampled_from(["frozen", "train"]),
)
def test_gradual_unfreeze_adds_equal_groups_from_the_top(
    groups: int, every: int, batch_norm: str
) -> None:
    able = [x.name for x in LAYERS if x.weights and (batch_norm == "train" or not is_batch_norm(x))]
    policy = tlkit.GradualUnfreeze(groups=groups, every=every, batch_norm=batch_norm)
    if groups > len(able):
        with pytest.raises(PolicyError, match=f"has {len(able)} layers to train"):
            chosen(policy)
        return
    steps = [chosen(policy, epoch) for epoch in range(groups * every + 2)]
    assert all(able[len(able) - len(step) :] == step for step in steps)
    assert steps[(groups - 1) * every] == steps[-1] == able
    assert all(steps[k * every] == steps[k * every + every - 1] for k in range(groups))
    sizes = [len(steps[k * every]) for k in range(groups)]
    grown = [b - a for a, b in zip([0, *sizes], sizes, strict=False)]
    assert max(grown) - min(grown) <= 1
    assert min(grown) >= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tlkit.UnfreezeTop(), "expected one of layers, fraction and from_layer"),
        (lambda: tlkit.UnfreezeTop(layers=2, fraction=0.5), "expected one of"),
        (lambda: tlkit.UnfreezeTop(layers=0), "layers must be a positive integer"),
        (lambda: tlkit.UnfreezeTop(layers=2.5), "layers must be a positive integer"),  # type: ignore[arg-type]
        (lambda: tlkit.UnfreezeTop(layers=True), "layers must be a positive integer"),
        (lambda: tlkit.UnfreezeTop(fraction=0), "fraction must be above 0 and at most 1"),
        (lambda: tlkit.UnfreezeTop(fraction=1.5), "fraction must be above 0 and at most 1"),
        (lambda: tlkit.UnfreezeTop(fraction=float("nan")), "fraction must be above 0"),
        (lambda: tlkit.FreezeAll(batch_norm="no"), "batch_norm must be 'frozen' or 'train'"),
        (lambda: tlkit.UnfreezeAll(batch_norm="no"), "batch_norm must be 'frozen' or 'train'"),
        (lambda: tlkit.UnfreezeTop(layers=1, batch_norm=""), "batch_norm must be 'frozen'"),
        (lambda: tlkit.GradualUnfreeze(batch_norm="x"), "batch_norm must be 'frozen'"),
        (
            lambda: tlkit.GradualUnfreeze(groups=0),
            "groups and every must be whole numbers, at least 1",
        ),
        (
            lambda: tlkit.GradualUnfreeze(every=0),
            "groups and every must be whole numbers, at least 1",
        ),
        (lambda: tlkit.BatchNormOnly("frozen"), "would train nothing. Use FreezeAll"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (tlkit.UnfreezeTop(layers=99), "has 15 layers. Ask for at most that, or use UnfreezeAll"),
        (tlkit.UnfreezeTop(layers=1), "reaches no layer with weights"),
        (tlkit.UnfreezeTop(layers=2), "reaches no layer with weights"),
        (tlkit.UnfreezeTop(from_layer="blok_conv"), "no layer 'blok_conv'. Did you mean block_con"),
        (tlkit.UnfreezeTop(from_layer="zzz"), "no layer 'zzz'. The last ones"),
        (tlkit.GradualUnfreeze(groups=5), "has 4 layers to train. Ask for at most that many"),
    ],
)
def test_policy_that_does_not_fit_the_backbone_is_an_error(policy: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        policy(LAYERS, 0)


def test_batch_norm_only_needs_batch_norm() -> None:
    with pytest.raises(PolicyError, match="reaches no layer with weights"):
        tlkit.BatchNormOnly()([x for x in LAYERS if not is_batch_norm(x)], 0)


def test_freezing_all_may_train_batch_norm_where_there_is_any() -> None:
    policy = tlkit.FreezeAll(batch_norm="train")
    assert chosen(policy) == chosen(tlkit.BatchNormOnly())
    assert list(policy([x for x in LAYERS if not is_batch_norm(x)], 0)) == []


def test_policies_print_as_the_code_that_makes_them() -> None:
    for text in (
        "FreezeAll()",
        "FreezeAll(batch_norm='train')",
        "UnfreezeAll(batch_norm='frozen')",
        "UnfreezeTop(layers=8, fraction=None, from_layer=None, batch_norm='train')",
        "GradualUnfreeze(groups=4, every=2, batch_norm='frozen')",
        "BatchNormOnly(batch_norm='train')",
        "LoRA()",
        "LoRA(rank=2, within=UnfreezeAll(batch_norm='train'))",
    ):
        assert repr(eval(text, vars(tlkit) | {n: getattr(tlkit, n) for n in tlkit.__all__})) == text  # noqa: S307


def test_own_policy_that_returns_a_foreign_layer_is_an_error(data: tlkit.ImageDataset) -> None:
    foreign = small_network().get_layer("three_conv")
    stage = head_stage(policy=lambda layers, epoch: [*layers[-3:], foreign])  # noqa: ARG005
    with pytest.raises(PolicyError, match=r"returned <.*three_conv.* for epoch 0, which is not"):
        trainer(stage).fit(data, verbose=0)


def test_own_policy_that_returns_no_sequence_is_an_error(data: tlkit.ImageDataset) -> None:
    stage = head_stage(policy=lambda layers, epoch: None)  # noqa: ARG005
    with pytest.raises(PolicyError, match="returned None for epoch 0"):
        trainer(stage).fit(data, verbose=0)
