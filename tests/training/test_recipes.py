"""Recipes: the stages of published methods; fine_tune: one call with good defaults."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import same_weights, trainer
from tlkit.errors import SplitError, TrainingError
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training.arguments import ReplacedArguments, StageArguments
from tlkit.training.result import TrainingResult

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


def test_linear_probe_comes_before_fine_tuning() -> None:
    head, fine = tlkit.recipes.linear_probe_then_fine_tune(
        epochs=3, learning_rate=1e-4, batch_size=8
    )
    assert (head.policy, fine.policy) == (tlkit.FreezeAll(), tlkit.UnfreezeAll())
    assert (head.epochs, fine.epochs) == (10, 3)
    assert (head.learning_rate, fine.learning_rate) == (1e-3, 1e-4)
    assert head.batch_size == fine.batch_size == 8
    top = tlkit.UnfreezeTop(layers=4)
    assert tlkit.recipes.linear_probe_then_fine_tune(policy=top)[1].policy == top


def test_gradual_unfreezing_reaches_the_whole_backbone_and_stays_there() -> None:
    head, rest = tlkit.recipes.gradual_unfreezing(groups=3, every=2, more_epochs=4)
    assert (head.policy, head.epochs) == (tlkit.FreezeAll(), 2)
    assert rest.policy == tlkit.GradualUnfreeze(groups=3, every=2)
    assert rest.epochs == 3 * 2 + 4


def test_discriminative_rates_fall_with_depth() -> None:
    head, fine = tlkit.recipes.discriminative(layer_decay=0.9)
    assert (head.layer_decay, fine.layer_decay) == (None, 0.9)
    assert fine.policy == tlkit.UnfreezeAll()


def test_study_has_its_published_stages() -> None:
    stages = tlkit.recipes.study(epochs=40, batch_size=64)
    assert [bool(stage.augmentation) for stage in stages] == [False, True, True, True]
    assert [stage.learning_rate for stage in stages] == [0.001, 0.001, 0.00001, 0.0004]
    finder = tlkit.ExponentialLRFinder.study()
    assert tlkit.recipes.study(finder=finder)[3].learning_rate == finder
    eight = tlkit.UnfreezeTop(layers=8)
    assert [stage.policy for stage in stages] == [tlkit.FreezeAll()] * 2 + [eight] * 2
    assert {(stage.epochs, stage.batch_size) for stage in stages} == {(40, 64)}


def test_the_guide_of_keras_has_its_two_steps() -> None:
    head, fine = tlkit.recipes.keras_guide()
    assert (head.epochs, head.learning_rate, head.policy) == (20, 1e-3, tlkit.FreezeAll())
    assert (fine.epochs, fine.learning_rate, fine.policy) == (10, 1e-5, tlkit.UnfreezeAll())
    assert head.augmentation == fine.augmentation
    assert tlkit.recipes.keras_guide(augmentation=tlkit.ColorJitter())[1].augmentation == (
        tlkit.ColorJitter()
    )


def test_fastai_has_two_cycles_and_a_backbone_at_a_hundredth() -> None:
    frozen, unfrozen = tlkit.recipes.fastai(7, learning_rate=4e-3, batch_size=8)
    assert (frozen.epochs, unfrozen.epochs) == (1, 7)
    assert frozen.policy == tlkit.FreezeAll(batch_norm="train")
    assert frozen.rates == (tlkit.OneCycle(4e-3, 0.99), tlkit.OneCycle(4e-4, 0.99))
    assert unfrozen.policy == tlkit.UnfreezeAll(batch_norm="train")
    assert unfrozen.rates == (tlkit.OneCycle(2e-3, 0.3, 5), tlkit.OneCycle(2e-5, 0.3, 5))
    assert frozen.batch_size == unfrozen.batch_size == 8


@pytest.mark.parametrize(
    ("epochs", "growth", "rates"),
    [
        (20, 2, (1e-4, 2e-4, 4e-4, 8e-4, 1e-3)),
        (13, 1.5, (1e-4, 1.5e-4, 2.25e-4)),
        (11, 2, (1e-4,)),
        (15, 1, (1e-4,)),
    ],
)
def test_lightning_lets_the_backbone_catch_up(epochs: int, growth: float, rates: Any) -> None:
    frozen, unfrozen = tlkit.recipes.lightning(epochs, growth=growth)
    assert (frozen.epochs, unfrozen.epochs) == (10, epochs - 10)
    assert (frozen.learning_rate, unfrozen.learning_rate) == (1e-3, 1e-3)
    stairs: Any = unfrozen.backbone_learning_rate
    assert stairs.rates == pytest.approx(rates)
    assert stairs.at == pytest.approx([n / (epochs - 10) for n in range(1, len(rates))])


@pytest.mark.parametrize(
    "given", [{"epochs": 10}, {"unfreeze_at": 0}, {"epochs": 9.5}, {"ratio": 2}, {"growth": 0.5}]
)
def test_lightning_refuses_what_never_unfreezes_or_rises(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"expected (whole numbers from 1|a ratio above 0)"):
        tlkit.recipes.lightning(**given)


@pytest.mark.parametrize(
    ("images", "batch", "steps", "mixed"), [(933, 32, 8000, False), (20_000, 512, 10_000, True)]
)
def test_the_rule_of_bit_is_told_the_number_of_images(
    images: int, batch: int, steps: int, mixed: bool
) -> None:
    (stage,) = tlkit.recipes.bit_hyperrule(tiny_dataset(images, size=1), batch_size=batch)
    assert stage.epochs * images / batch == pytest.approx(steps, rel=0.01)
    rate: Any = stage.learning_rate
    assert rate.rates == pytest.approx([3e-3 * batch / 512 / 10**n for n in range(4)])
    assert (rate.at, rate.warmup) == (((0.3, 0.6, 0.9), 0.05) if mixed else ((0.4, 0.6, 0.8), 0.2))
    assert (stage.mix is not None) is mixed
    assert tlkit.recipes.bit_hyperrule(tiny_dataset(images, size=1), epochs=3)[0].epochs == 3


FINDER = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=8, selector=lambda _: 0.001)


@pytest.mark.parametrize(
    "stages",
    [
        tlkit.recipes.discriminative(head_epochs=1, epochs=1),
        *thorough(
            (tlkit.recipes.gradual_unfreezing(groups=2, more_epochs=0),),
            (tlkit.recipes.linear_probe_then_fine_tune(head_epochs=1, epochs=1),),
            (tlkit.recipes.study(epochs=1, layers=3, finder=FINDER),),
            (tlkit.recipes.keras_guide(head_epochs=1, epochs=1),),
            (tlkit.recipes.fastai(1),),
            (tlkit.recipes.lightning(3, unfreeze_at=1),),
            (tlkit.recipes.bit_hyperrule(tiny_dataset(), epochs=1),),
        ),
    ],
    ids=[
        *("discriminative", "gradual", "linear probe", "study"),
        *("keras guide", "fastai", "lightning", "bit"),
    ],
)
def test_recipe_trains(stages: tuple[tlkit.Stage, ...], parts: Data) -> None:
    result = trainer(*stages).fit(*parts, verbose=0)
    assert [stage.name for stage in result.stages] == [stage.name for stage in stages]


TINY: dict[str, Any] = {"weights": None, "cache": False, "epochs": 1}


def tuned(*data: Any, **settings: Any) -> TrainingResult:
    """fine_tune of the tiny backbone for an epoch."""
    given = {"backbone": tiny_backbone(), "verbose": 0, **TINY, **settings}
    return tlkit.fine_tune(*data, **given)


@pytest.mark.parametrize(
    ("images", "epochs", "ema"), [(6, 30, 0.9), (933, 10, 0.99), (20_000, 4, 0.9988)]
)
def test_the_default_fits_the_number_of_images(images: int, epochs: int, ema: float) -> None:
    probe, fine = tlkit.recipes.default(tiny_dataset(images, size=2))
    assert probe == tlkit.ProbeStage("probe")
    assert (fine.epochs, fine.policy) == (epochs, tlkit.UnfreezeAll())
    assert fine.ema == pytest.approx(ema, abs=1e-3)
    assert fine.learning_rate == tlkit.WarmupCosine(5e-4)
    given = tlkit.recipes.default(tiny_dataset(images, size=2), learning_rate=FINDER, epochs=3)[1]
    assert (given.learning_rate, given.epochs) == (tlkit.WarmupCosine(FINDER), 3)


def test_the_default_trains_a_head_that_a_probe_cannot_give() -> None:
    one, several = tiny_dataset(8), np.eye(8, 3, dtype=int)
    images = one.load(range(8), 16)
    labels = tlkit.MultiLabelDataset.from_arrays(images, several, list("abc"))
    hidden = tlkit.recipes.default(one, head=tlkit.Head(units=(4,)))
    of_labels = tlkit.recipes.default(labels)
    own = tlkit.recipes.default(one, head=lambda features: features)
    for head, _ in (hidden, of_labels, own):
        assert (head.name, type(head), head.policy) == ("head", tlkit.Stage, tlkit.FreezeAll())
    assert (hidden[1].label_smoothing, of_labels[1].label_smoothing) == (0.1, 0)


GIVEN: dict[str, Any] = {
    "epochs": 3,
    "learning_rate": tlkit.WarmupCosine(2e-3),
    "policy": tlkit.UnfreezeTop(layers=2),
    "batch_size": 4,
    "augmentation": tlkit.ColorJitter(),
    "label_smoothing": 0.3,
}


@pytest.mark.parametrize("name", [*GIVEN])
@pytest.mark.parametrize("several", [False, True], ids=["one class each", "several labels"])
def test_what_is_given_is_what_is_trained_with(name: str, several: bool) -> None:
    images: Any = tiny_dataset(8)
    if several:
        pixels = images.load(range(8), 16)
        images = tlkit.MultiLabelDataset.from_arrays(pixels, np.eye(8, 3, dtype=int))
    fine = tlkit.recipes.default(images, **{name: GIVEN[name]})[-1]
    assert getattr(fine, name) == GIVEN[name]
    assert getattr(tlkit.recipes.default(images)[-1], name) != GIVEN[name]


@pytest.mark.slow
def test_fine_tune_is_the_trainer_with_a_recipe(parts: Data) -> None:
    stages = tlkit.recipes.default(parts[0], tiny_backbone(), weights=None, epochs=1)
    head = tlkit.Head(cuts="auto")
    by_hand = trainer(*stages, head=head, keep="best").fit(*parts, verbose=0)
    result = tuned(*parts)
    assert isinstance(result, TrainingResult)
    assert same_weights(result.model, by_hand.model)
    assert result.history == by_hand.history


@pytest.mark.slow
def test_fine_tune_holds_out_a_fifth_of_the_images(data: tlkit.ImageDataset) -> None:
    held_out = tuned(*data.split(0.2, seed=3), seed=3)
    assert tuned(data, seed=3).history == held_out.history


@pytest.mark.slow
def test_fine_tune_without_validation_keeps_the_last_epoch(data: tlkit.ImageDataset) -> None:
    result = tuned(data, None, epochs=2)
    assert [stage.epochs for stage in result.stages] == [1, 2]
    assert "val_loss" not in result.history["fine-tune"]
    assert (result.kept.name, result.kept.best_epoch) == ("fine-tune", 1)


@pytest.mark.slow
def test_fine_tune_from_given_weights_needs_no_probe(
    data: tlkit.ImageDataset, tmp_path: Any
) -> None:
    first = tuned(data, run_dir=tmp_path)
    again = tuned(data, start_from=tmp_path / "model.keras")
    assert [stage.name for stage in again.stages] == ["fine-tune"]
    assert tuned(data, run_dir=tmp_path, resume=True).history == first.history


def test_fine_tune_refuses_what_it_cannot_use(data: tlkit.ImageDataset) -> None:
    with pytest.raises(TrainingError, match=r"makes its own stages.*Use StagedTrainer"):
        tuned(data, stages=())
    with pytest.raises(SplitError, match=r"validation=2; expected a fraction"):
        tuned(data, 2)
    lonely = tiny_dataset(7, classes=6).subset(np.arange(6))
    with pytest.raises(SplitError, match=r"6 class\(es\) with one image"):
        tuned(lonely)


# What a recipe decides for each of its stages by itself, or what only the last stage may have.
OF_ONE_STAGE = {"name", "epochs", "learning_rate", "policy", "snapshots", "_"}


def test_the_types_of_what_recipes_pass_on_are_those_of_a_stage() -> None:
    stage = get_type_hints(tlkit.Stage)
    fields = {field.name for field in dataclasses.fields(tlkit.Stage)} - OF_ONE_STAGE
    assert get_type_hints(StageArguments) == {name: stage[name] for name in fields}


def test_the_types_of_what_a_run_can_be_given_anew_are_those_of_a_trainer() -> None:
    trainer_of = get_type_hints(tlkit.StagedTrainer.__init__)
    assert get_type_hints(ReplacedArguments) == {
        name: kind for name, kind in trainer_of.items() if name != "return"
    }


@pytest.mark.parametrize(
    "function",
    [
        tlkit.fine_tune,
        tlkit.StagedTrainer.from_run,
        tlkit.recipes.linear_probe_then_fine_tune,
        tlkit.recipes.gradual_unfreezing,
        tlkit.recipes.discriminative,
        tlkit.recipes.study,
        tlkit.recipes.keras_guide,
        tlkit.recipes.fastai,
        tlkit.recipes.lightning,
        tlkit.recipes.bit_hyperrule,
        tlkit.recipes.default,
        tlkit.fine_tune.plan,
    ],
)
def test_no_argument_is_both_named_and_passed_on(function: Callable[..., Any]) -> None:
    hints = get_type_hints(function)
    (rest,) = (
        hints[parameter.name]
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.VAR_KEYWORD
    )
    (passed_on,) = rest.__args__
    assert get_type_hints(passed_on)
    assert set(get_type_hints(passed_on)).isdisjoint(inspect.signature(function).parameters)
