"""A budget: what is given up for it, in which order, and that a resumed run keeps the decision."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.training.conftest import same_weights
from tlkit.errors import RunDirectoryError, TrainingError
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training.planning.duration import once
from tlkit.training.planning.stage_plan import PlannedWork
from tlkit.training.recipes.budget import Budget
from tlkit.training.recipes.extent import Clock, Extent, Fitting
from tlkit.training.recipes.recipe import Deciding

DATA = tiny_dataset(64)  # two steps an epoch
TINY: dict[str, Any] = {"backbone": tiny_backbone(), "weights": None, "cache": False, "verbose": 0}
untyped: Any = tlkit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 min", 600),
        ("90s", 90),
        ("2 h", 7200),
        (" 1.5 Hours ", 5400),
        ("1 min 30 s", 90),
        ("1 minute", 60),
    ],
)
def test_a_time_is_told_as_people_tell_it(text: str, seconds: float) -> None:
    assert Budget.of(text) == Budget(seconds=seconds)


WRONG = ["10 minuets", 0, -3, float("nan"), float("inf"), 2.5, True, "", "nan s", "0 s", "-5 min"]


@pytest.mark.parametrize("wrong", [*WRONG, "10", "min", "5 ss", [3], "1e3 s"])
def test_another_budget_is_refused_with_what_is_expected(wrong: Any) -> None:
    with pytest.raises(TrainingError, match=r"budget=.*expected a time above 0.*'10 min'"):
        Budget.of(wrong)


@pytest.mark.parametrize("call", [tlkit.fine_tune, tlkit.fine_tune.plan])
def test_a_wrong_budget_is_refused_before_anything_is_read(call: Any) -> None:
    with pytest.raises(TrainingError, match="10 minuets"):
        call(DATA, budget="10 minuets", **TINY)
    with pytest.raises(TrainingError, match=r"budget=1 steps; expected at least 2.*1 epoch"):
        call(DATA, None, budget=1, **TINY)


def test_steps_are_epochs_of_them_and_never_more_than_the_recipe_has() -> None:
    def epochs(**settings: Any) -> int:
        return tlkit.recipes.default(DATA, **settings)[-1].epochs

    assert [epochs(budget=n) for n in (2, 3, 9, 60, 10**6)] == [1, 1, 4, 30, 30]
    assert epochs(budget=9, epochs=3) == 3
    with pytest.raises(TrainingError, match=r"budget=9 steps; expected at least 10"):
        epochs(budget=9, epochs=5)
    with pytest.raises(TrainingError, match=r"depends on the backbone.*default\(train, backbone"):
        epochs(budget="10 min")


FULL, PROBE = Extent(9, tlkit.UnfreezeAll()), tlkit.ProbeStage("probe")


def layer(*, trained: bool = True) -> Any:
    return SimpleNamespace(weights=[1] * trained)


class Costs:
    """What stages cost on a machine of which all is known: an epoch of all layers takes 10 s."""

    start = (PlannedWork("start", "build", 1, "", once(2)),)
    images, engines_kept = 100, True

    def __init__(self, layers: int = 20) -> None:
        self.layers = [layer() for _ in range(layers)]
        self.measured: list[Any] = []

    def of(self, stage: tlkit.Stage) -> Any:
        self.measured.append(stage.policy)
        if isinstance(stage, tlkit.ProbeStage):
            return SimpleNamespace(work=[PlannedWork("features", "", 100, "images", once(3))])
        share = getattr(stage.policy, "fraction", None) or 1.0
        time = once(5 + 10 * share * stage.epochs)
        work = [PlannedWork("training", "", 1, "", time), PlannedWork("engine", "", 1, "", once(9))]
        return SimpleNamespace(work=work, epoch=once(10 * share), epochs=stage.epochs)


class Still(Clock):
    """A clock that stands: measuring takes no time."""

    def left(self) -> float:
        return self.seconds


def fine(extent: Extent) -> tlkit.Stage:
    return tlkit.Stage("fine-tune", epochs=extent.epochs, learning_rate=0.1, policy=extent.policy)


def fitted(seconds: float, costs: Any = None, **settings: Any) -> Extent:
    """What so many seconds allow, where the probe takes 5 of them."""
    asked = {"first": PROBE, "full": FULL, "floor": 3, "only": False, **settings}
    known: Any = costs or Costs()
    return Fitting(known, Still(0, seconds), fine=fine, **asked).extent()


def amount(extent: Extent) -> tuple[float, int]:
    share = getattr(extent.policy, "fraction", None) or 1.0
    return (share if extent.epochs else 0.0, extent.epochs)


def test_epochs_are_given_up_first_then_layers_then_fine_tuning() -> None:
    found = [amount(fitted(seconds)) for seconds in (1000, 100, 60, 40, 27, 20, 5, 1)]
    assert found == [(1, 9), (1, 9), (1, 5), (1, 3), (0.5, 3), (0.3, 3), (0, 0), (0, 0)]
    assert fitted(1000).why == "all layers for 9 epochs: about 1 min 40 s"
    assert fitted(27).why == (
        "all layers would take longer; the last 50% of the layers for 3 epochs: about 25 s"
    )
    assert fitted(1).why == "less than the least; the probe alone: about 5 s"


@given(st.floats(0.1, 200), st.floats(1, 3))
def test_more_time_never_buys_less(seconds: float, more: float) -> None:
    assert amount(fitted(seconds)) <= amount(fitted(seconds * more))


@given(st.floats(20, 200))
def test_what_fits_takes_no_longer_than_the_budget(seconds: float) -> None:
    share, epochs = amount(fitted(seconds))
    assert 5 + (5 + 10 * share * epochs) * (epochs > 0) <= seconds


def test_what_the_caller_gave_is_not_given_up() -> None:
    given_epochs = Extent(5, tlkit.UnfreezeAll())
    assert amount(fitted(40, full=given_epochs, floor=5)) == (0.5, 5)
    costs = Costs()
    assert amount(fitted(24, costs, only=True)) == (0, 0)
    assert all(getattr(policy, "fraction", None) is None for policy in costs.measured)


def test_weights_to_start_from_are_fine_tuned_however_short_the_time_is() -> None:
    assert amount(fitted(1, first=None)) == (0.15, 3)
    assert amount(fitted(1, first=None, only=True)) == (1, 3)


def test_a_backbone_of_few_layers_offers_no_way_twice() -> None:
    costs = Costs(layers=2)
    costs.layers[1] = layer(trained=False)
    assert amount(fitted(24, costs)) == (0, 0)
    assert costs.measured == [tlkit.FreezeAll()]


@pytest.mark.slow
def test_the_tiny_backbone_is_timed_and_the_probe_is_left_where_time_is_short() -> None:
    (probe,) = tlkit.recipes.default(DATA, tiny_backbone(), budget="0.1 s", weights=None)
    assert probe == PROBE


def not_again(*_: Any) -> Extent:
    raise AssertionError("The steps of a run that goes on were timed again.")


@pytest.mark.slow
@pytest.mark.parametrize("policy", [None, lambda layers, _: layers[-3:]], ids=["ours", "own"])
def test_a_resumed_run_keeps_what_was_decided_at_its_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: Any
) -> None:
    asked: dict[str, Any] = {**TINY, "policy": policy, "budget": "1 min"}
    first = policy or tlkit.UnfreezeTop(fraction=0.5)
    monkeypatch.setattr(Deciding, "in_time", lambda *_: Extent(2, first, "fits"))
    whole = tlkit.fine_tune(DATA, run_dir=tmp_path / "whole", **asked)

    run = tmp_path / "cut"
    with monkeypatch.context() as patched:
        patched.setattr("tlkit.training.loop._stage_run.StageRun.run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tlkit.fine_tune(DATA, run_dir=run, **asked)
    monkeypatch.setattr(Deciding, "in_time", not_again)
    plan = tlkit.fine_tune.plan(DATA, run_dir=run, resume=True, **asked)
    (budget,) = (x for x in plan.decisions if x.name == "budget")
    assert "as it was decided when the run in" in budget.reason
    assert [stage.epochs for stage in plan.stages] == [1, 2]
    again = tlkit.fine_tune(DATA, run_dir=run, resume=True, **asked)
    assert same_weights(again.model, whole.model)
    with pytest.raises(RunDirectoryError, match="already holds a run"):
        tlkit.fine_tune(DATA, run_dir=run, **{**asked, "budget": None})
    with pytest.raises(RunDirectoryError, match="these differ"):
        tlkit.fine_tune(DATA, run_dir=run, resume=True, **{**asked, "budget": None})


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_run_of_the_probe_alone_stays_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = tlkit.fine_tune(DATA, run_dir=tmp_path, budget="0.1 s", **TINY)
    assert [stage.name for stage in result.stages] == ["probe"]
    monkeypatch.setattr(Deciding, "in_time", not_again)
    again = tlkit.fine_tune(DATA, run_dir=tmp_path, budget="1 h", resume=True, **TINY)
    assert again.history == result.history


@pytest.mark.slow
def test_a_backbone_without_cut_points_is_fitted_too() -> None:
    def residual() -> Any:
        image = keras.Input((16, 16, 3))
        x = keras.layers.Conv2D(4, 3, padding="same")(image)
        y = keras.layers.Conv2D(4, 3, padding="same")(x)
        gray = keras.layers.Conv2D(1, 1)(image)
        return keras.Model(image, keras.layers.Concatenate()([x, y, gray]))

    settings = {**TINY, "backbone": residual}
    plan = tlkit.fine_tune.plan(DATA, budget="10 min", **settings)
    assert [stage.name for stage in plan.stages] == ["probe", "fine-tune"]
    assert tlkit.fine_tune(DATA, budget="0.1 s", **settings).stages[0].name == "probe"
