"""The plan of fine_tune: what is decided, why, and that fine_tune does it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.training.conftest import same_weights
from tlkit._progress import Silent
from tlkit.errors import SplitError
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training import Decision, FineTunePlan
from tlkit.training.recipes.budget import Budget
from tlkit.training.recipes.decided import Recipe, decided
from tlkit.training.recipes.recipe import Wishes

TINY: dict[str, Any] = {"backbone": tiny_backbone(), "weights": None, "cache": False, "verbose": 0}


def recipe(
    train: Any, validation: Any = None, wishes: Wishes | None = None, **settings: Any
) -> Recipe:
    """What is decided; no backbone is built."""
    given: dict[str, Any] = {"seed": 0, "resume": False, "reporter": Silent(), "begun": 0.0}
    asked: Any = settings
    backbone = settings.pop("backbone", "efficientnet_v2_b0")
    return decided(train, validation, backbone, wishes or Wishes(augmentation=None), asked, **given)


def by_name(told: Recipe | FineTunePlan) -> Mapping[str, Decision]:
    return {decision.name: decision for decision in told.decisions}


DATA = tiny_dataset(40)
LABELS = tlkit.MultiLabelDataset.from_arrays(
    DATA.load(range(8), 16), np.eye(8, 3, dtype=int), list("abc")
)


def test_fine_tune_stays_a_function_whose_plan_takes_the_same_arguments() -> None:
    assert inspect.isfunction(tlkit.fine_tune)
    of_plan = inspect.signature(tlkit.fine_tune.plan)
    of_function = inspect.signature(tlkit.fine_tune)
    assert of_plan.parameters == of_function.parameters
    assert "nothing is trained" in (tlkit.fine_tune.plan.__doc__ or "")


def test_every_decision_has_a_value_and_a_reason() -> None:
    told = by_name(recipe(DATA.subset(range(30)), DATA.subset(range(30, 40))))
    assert list(told) == [
        *("start", "epochs", "policy", "batch_norm", "learning_rate", "batch_size"),
        *("augmentation", "label_smoothing", "ema", "validation"),
    ]
    assert [name for name in told if told[name].given] == ["augmentation"]  # None is a choice
    assert all(decision.reason for decision in told.values() if not decision.given)
    assert (told["start"].value, told["epochs"].value) == ("probe", 30)
    assert "30 x 1 = 30 steps" in told["epochs"].reason
    assert str(told["augmentation"]) == "augmentation None: given"
    assert "15.8 points: so few that noise chooses" in told["validation"].reason
    assert "tlkit.cross_validate" in told["validation"].reason


@pytest.mark.parametrize("train", [DATA, LABELS], ids=["one class each", "several labels"])
def test_what_was_given_is_said_to_be_given(train: Any) -> None:
    wishes = Wishes(3, 1e-3, tlkit.UnfreezeTop(layers=2), 8, tlkit.Augmentation(), 0.2)
    made = recipe(train, None, wishes)
    told = by_name(made)
    given = {name for name, decision in told.items() if decision.given}
    assert given == {
        *("epochs", "policy", "batch_norm", "learning_rate", "batch_size"),
        *("augmentation", "label_smoothing"),
    }
    assert str(told["epochs"]) == "epochs 3: given"
    assert (made.stages[1].epochs, made.stages[1].label_smoothing) == (3, 0.2)
    assert "the last epoch is kept" in told["validation"].reason


@pytest.mark.parametrize(
    ("train", "settings", "start", "why"),
    [
        (DATA, {}, "probe", "does not distort"),
        (LABELS, {}, "head", "several labels"),
        (DATA, {"head": tlkit.Head(units=(4,))}, "head", "softmax layer alone"),
        (DATA, {"start_from": "x.keras"}, "start_from", "hold a head already"),
        (DATA, {"weights": None}, "probe", "random features"),
    ],
)
def test_it_says_why_it_begins_as_it_does(
    train: Any, settings: dict[str, Any], start: str, why: str
) -> None:
    made = recipe(train, **settings)
    told = by_name(made)["start"]
    assert (told.value, why in told.reason) == (start, True)
    assert [stage.name for stage in made.stages][-2:-1] == [start] * (start != "start_from")


def test_random_weights_are_trained_longer_and_with_their_batch_normalization() -> None:
    many = tiny_dataset(2000, size=2)
    known, random = recipe(many), recipe(many, weights=None)
    assert (known.stages[1].epochs, random.stages[1].epochs) == (5, 30)
    assert random.stages[1].policy == tlkit.UnfreezeAll(batch_norm="train")
    assert "everything is to be learned" in by_name(random)["epochs"].reason
    own = recipe(many, weights=None, backbone=lambda: None)  # a function brings its own
    assert own.stages == known.stages


def test_a_budget_in_steps_says_what_it_leaves() -> None:
    told = by_name(recipe(DATA, None, Wishes(augmentation=None, budget=Budget(steps=7))))
    assert told["budget"].value == "7 steps"
    assert told["budget"].reason == "3 epochs of 2 steps fit"
    assert "what the budget allows of 30: 3 x 2 = 6 steps" in told["epochs"].reason


@pytest.mark.slow
def test_the_plan_is_what_fine_tune_does(tmp_path: Path) -> None:
    asked = {**TINY, "budget": 3, "batch_size": 16, "run_dir": tmp_path / "run"}
    train, validation = DATA.split(0.2)
    plan = tlkit.fine_tune.plan(train, validation, **asked)
    assert not list(tmp_path.iterdir())
    assert plan.stages == plan.trainer.stages
    assert [stage.steps for stage in plan.work.stages] == [0, 2]
    for part in ("start  ", "probe", "why", "training, 1 epoch", "memory for images"):
        assert (part in str(plan)) is (part != "why")
    assert plan.to_json()["decisions"][0]["name"] == "start"
    assert "<th>why</th>" in plan._repr_html_()
    result = plan.trainer.fit(train, validation, verbose=0)
    assert [x.epochs for x in result.stages] == [x.epochs for x in plan.work.stages]


@pytest.mark.slow
def test_fine_tune_with_a_budget_is_its_plan_trained() -> None:
    asked = {**TINY, "budget": 4, "seed": 2}
    train, validation = DATA.split(0.2, seed=2)
    by_plan = tlkit.fine_tune.plan(DATA, **asked).trainer.fit(train, validation, verbose=0)
    assert same_weights(by_plan.model, tlkit.fine_tune(DATA, **asked).model)


def test_twenty_thousand_tiny_pictures_are_planned_in_seconds() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20_000, 2, 2, 3), np.uint8)
    data = tlkit.ImageDataset.from_arrays(pixels, np.arange(20_000) % 2, ["a", "b"])
    begun = time.process_time()
    made = recipe(data, data.subset(range(4000)))
    assert time.process_time() - begun < 2
    assert made.stages[1].epochs == 4
    assert "0.8 points" in by_name(made)["validation"].reason


@pytest.mark.slow
def test_twenty_thousand_pictures_are_timed_too() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20_000, 8, 8, 3), np.uint8)
    data = tlkit.ImageDataset.from_arrays(pixels, np.arange(20_000) % 2, ["a", "b"])
    plan = tlkit.fine_tune.plan(data, 0.2, **TINY)
    assert [stage.steps for stage in plan.work.stages] == [0, 30 * 500]


@pytest.mark.slow
def test_one_picture_of_each_class_trains_without_validation_pictures() -> None:
    lonely = tiny_dataset(6, classes=6)
    with pytest.raises(SplitError, match="one image"):
        tlkit.fine_tune.plan(lonely, **TINY)
    plan = tlkit.fine_tune.plan(lonely, None, epochs=1, **TINY)
    result = plan.trainer.fit(lonely, verbose=0)
    assert result.kept.name == "fine-tune"


@pytest.mark.slow
def test_where_all_validation_pictures_are_right_from_the_start_nothing_worse_is_kept() -> None:
    first = tlkit.fine_tune(DATA, None, budget="0.1 s", **TINY)
    found = tlkit.evaluate(first, DATA)
    right = DATA.subset(np.flatnonzero(found.probabilities.argmax(1) == DATA.labels))
    result = tlkit.fine_tune(DATA, right, epochs=1, learning_rate=10.0, **TINY)
    probe, fine = result.stages
    assert probe.best("val_accuracy") == 1.0
    assert result.kept is (fine if fine.best("val_accuracy") == 1.0 else probe)
