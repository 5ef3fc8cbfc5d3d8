"""A plan says what `fit` then does, and leaves nothing behind."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data, Interrupt
from tlkit.errors import DataError, RunDirectoryError, TrainingError
from tlkit.training.planning import _session
from tlkit.training.planning._disk import disk_needs, warnings_of
from tlkit.training.planning._tail_cost import TailCost, TailTimer
from tlkit.training.planning.duration import Duration
from tlkit.training.planning.plan import TrainingPlan
from tlkit.training.planning.stage_plan import PlannedWork, StagePlan
from tlkit.training.planning.timings import Through
from tlkit.training.stage_result import FrozenWork, StageResult

TURNED = tlkit.Augmentation()
TRAIN, VALIDATION = 36, 12  # of the 48 images


def chosen(_: Any) -> float:
    """What is taken whatever a search says."""
    return 0.01


def searched(**settings: Any) -> tlkit.ExponentialLRFinder:
    """A short search."""
    return tlkit.ExponentialLRFinder(1e-4, 1e-2, steps=4, selector=chosen, **settings)


def then_back(layers: Any, epoch: int) -> Any:
    """The last three layers, then nothing: a trunk that holds what was trained before."""
    return layers[-3:] if epoch < 1 else ()


CASES: dict[str, list[tlkit.Stage]] = {
    "augmented": [head_stage(augmentation=TURNED)],
    "probe": [tlkit.ProbeStage("probe"), top_stage()],
    "searched": [head_stage(augmentation=TURNED, learning_rate=searched(unit="batch"))],
    "augmented above": [head_stage(), top_stage(augmentation=TURNED, keep_best=None)],
    "frozen twice": [head_stage(), head_stage(name="again", epochs=3)],
    "views": [head_stage(augmentation=TURNED, views=2, epochs=3), head_stage(name="plain")],
    "mixed": [head_stage(mix=lambda: keras.layers.MixUp(seed=1))],
    "search by epoch": [head_stage(augmentation=TURNED, learning_rate=searched())],
    "fresh search": [head_stage(learning_rate=searched(fresh_start=True))],
    "gradual": [head_stage(epochs=5, policy=tlkit.GradualUnfreeze(4))],
    "top, then the head alone": [top_stage(), head_stage(name="later")],
    "back and forth": [head_stage(name="own", epochs=3, policy=then_back)],
    "all": [head_stage(), head_stage(name="all", policy=tlkit.UnfreezeAll(batch_norm="train"))],
}


def counts(work: FrozenWork | None) -> tuple[int, int, str] | None:
    """What was run of a frozen part, without its speed."""
    return None if work is None else (work.passes, work.plain_passes, work.engine)


def compare(plans: Sequence[StagePlan], results: Sequence[StageResult]) -> None:
    """Hold the counts of plans against those of what was done."""
    for plan, result in zip(plans, results, strict=True):
        assert plan.name == result.name
        assert plan.epochs_done + plan.epochs == result.epochs
        assert counts(plan.frozen) == counts(result.frozen)
        assert all(time.seconds >= 0 for time in plan.timings.values())
        assert list(plan.timings) == list(result.timings)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """All files of a folder with their sizes and times."""
    files = {str(x): x.stat() for x in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in files.items()}


@pytest.mark.parametrize("case", few(CASES, 1))
def test_the_counts_of_a_plan_are_those_of_what_is_run(
    case: str, parts: Data, tmp_path: Path
) -> None:
    settings = {"engine": "keras", "cache": tmp_path / "cache", "run_dir": tmp_path / "run"}
    made = trainer(*CASES[case], **settings)
    states: Any = random.getstate(), np.random.get_state()
    plan = made.plan(*parts, verbose=0)
    assert random.getstate() == states[0]
    now: Any = np.random.get_state()
    assert np.array_equal(now[1], states[1][1])
    assert not list(tmp_path.iterdir()), "nothing was written"
    result = made.fit(*parts, verbose=0)
    compare(plan.stages, result.stages)
    for one, stage in zip(plan.stages, CASES[case], strict=True):
        solved = isinstance(stage, tlkit.ProbeStage)
        steps = 0 if solved else -(-TRAIN // stage.batch_size)
        assert 0 <= one.epoch.seconds * one.epochs <= one.time.seconds
        assert (one.steps, one.evaluations) == (stage.epochs * steps, stage.epochs)
        curve = result.curves.get(stage.name)
        assert one.search_rates == (0 if curve is None else len(curve.losses))
    unplanned = trainer(*CASES[case], **settings | {"cache": False, "run_dir": None})
    assert same_weights(unplanned.fit(*parts, verbose=0).model, result.model)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is timed, once for each time that it is."""
    found: list[str] = []
    for place, name in ((TailTimer, "cost"), (_session, "image_cost")):
        measure = getattr(place, name)

        def noted(*given: Any, name: str = name, measure: Any = measure, **more: Any) -> Any:
            found.append(name)
            return measure(*given, **more)

        monkeypatch.setattr(place, name, noted)
    # Whether a few steps are enough depends on how busy the machine is.
    monkeypatch.setattr(TailCost, "will_do", lambda *_: True)
    return found


def test_stages_that_train_alike_are_timed_once(parts: Data, timed: list[str]) -> None:
    like = [head_stage(name=f"{n}", epochs=n + 1, learning_rate=0.1**n) for n in (1, 2)]
    seen = [head_stage(name=f"views {n}", augmentation=TURNED, views=2, epochs=4) for n in (1, 2)]
    swept = head_stage(name="swept", epochs=1, learning_rate=searched())
    plan = trainer(*like, swept, *seen).plan(*parts, verbose=0)
    assert timed == ["cost", "image_cost", "image_cost"], "one tail; images, and their views"
    times = [stage.epoch.seconds for stage in plan.stages]
    assert times == pytest.approx([times[0]] * len(times), rel=0.5), "but for the checkpoint"


def test_networks_that_train_alike_are_timed_once(parts: Data, timed: list[str]) -> None:
    timings = tlkit.PlanTimings()
    stages = head_stage(), head_stage(name="anew", augmentation=TURNED), top_stage()
    known = []
    for seed in (1, 2):  # other weights: another trunk, whose images alone are timed
        made = trainer(*stages, seed=seed, engine="keras")
        known.append(made.plan(*parts, timings=timings, verbose=0))
    assert timed == ["cost", "image_cost", "cost", "cost", *["image_cost"] * 3], "each trunk"
    assert timings.tails == 3
    first, second = known
    assert [x.steps for x in first.stages] == [x.steps for x in second.stages]
    trainer(head_stage(batch_size=8)).plan(*parts, timings=timings, verbose=0)
    assert timings.tails == 4, "another batch is another tail"


def told(timings: tlkit.PlanTimings, size: float, through: Through, new: float = 9.0) -> float:
    """Seconds of a step that are told for a tail; of one that is measured, they are new."""
    step = Duration.of([new])
    cost = TailCost(1.0, 0.5, step * 4, step, step)
    found = timings.tail("like", through, 10, size, lambda _: True, lambda: cost)
    assert found.training.seconds == pytest.approx(4 * found.step.seconds)
    assert found.startup == 1.0
    return found.step.seconds


def test_a_tail_of_another_size_takes_in_proportion_and_one_of_a_far_other_is_timed() -> None:
    timings, alone = tlkit.PlanTimings(), Through()
    assert told(timings, 100, alone, new=0.1) == 0.1
    assert told(timings, 120, alone) == pytest.approx(0.12)
    assert told(timings, 160, alone, new=0.2) == 0.2
    assert told(timings, 160, alone) == 0.2, "that of its own size before others"
    assert timings.tails == 2


def test_with_another_trunk_a_step_takes_the_difference_of_its_images() -> None:
    timings, times = tlkit.PlanTimings(), {"a": 0.01, "b": 0.02, "c": 0.001}
    through = {name: Through(name, partial(Duration.of, [x])) for name, x in times.items()}
    assert told(timings, 100, through["a"], new=0.2) == 0.2
    assert told(timings, 100, through["b"]) == pytest.approx(0.2 + 10 * 0.01)
    assert told(timings, 100, through["c"]) == pytest.approx(0.2 - 10 * 0.009)
    assert told(timings, 100, Through("d"), new=0.3) == 0.3, "of which nothing is known"
    assert told(timings, 100, Through(), new=0.4) == 0.4


@pytest.mark.slow
def test_what_a_store_holds_is_read_and_stays_as_it_is(parts: Data, tmp_path: Path) -> None:
    made = trainer(head_stage(), cache=tmp_path)
    cold = made.plan(*parts, verbose=0).stages[0]
    made.fit(parts[0], verbose=0)
    before = listing(tmp_path)
    warm = made.plan(*parts, verbose=0).stages[0]
    assert listing(tmp_path) == before
    assert (cold.frozen, cold.read) != (warm.frozen, warm.read)
    assert warm.frozen is not None
    assert (warm.frozen.passes, warm.read) == (VALIDATION, TRAIN)
    assert warm.feature_bytes < cold.feature_bytes == 48 * 12 * 4
    result = made.fit(*parts, verbose=0)
    assert result.stages[0].frozen is not None
    assert result.stages[0].frozen.passes == VALIDATION


@pytest.mark.slow
@pytest.mark.parametrize("place", [("head", "epoch end", 2), ("top", "epoch end", 1)])
def test_the_plan_of_a_run_that_goes_on_is_what_is_left(
    place: tuple[str, str, int], parts: Data, tmp_path: Path
) -> None:
    stages = [
        head_stage(epochs=4, callbacks=(Interrupt("head"),), learning_rate=searched()),
        top_stage(epochs=3, callbacks=(Interrupt("top"),)),
    ]
    made = trainer(*stages, engine="keras", cache=tmp_path / "c", run_dir=tmp_path / "run")
    Interrupt.at = place
    with pytest.raises(KeyboardInterrupt):
        made.fit(*parts, verbose=0)
    Interrupt.at = None
    before = listing(tmp_path)
    plan = made.plan(*parts, resume=True, verbose=0)
    assert listing(tmp_path) == before
    head, top = plan.stages
    done = (2, 0) if place[0] == "head" else (4, 1)
    assert (head.epochs_done, top.epochs_done) == done
    assert (head.epochs, top.epochs) == (4 - done[0], 3 - done[1])
    assert head.search_steps == 0, "the search was made"
    compare(plan.stages, made.fit(*parts, resume=True, verbose=0).stages)
    with pytest.raises(RunDirectoryError, match="already holds a run"):
        made.plan(*parts, verbose=0)


@pytest.mark.slow
def test_the_plan_of_a_run_that_is_made_longer_is_what_is_left(parts: Data, tmp_path: Path) -> None:
    def lasting(epochs: int) -> tlkit.StagedTrainer:
        stages = tlkit.ProbeStage("probe", folds=2), head_stage(epochs=epochs)
        return trainer(*stages, engine="keras", cache=tmp_path / "c", run_dir=tmp_path / "run")

    whole = lasting(1).plan(*parts, verbose=0)
    probe = whole.stages[0]
    assert (probe.steps, probe.frozen and probe.frozen.passes) == (0, TRAIN + VALIDATION)
    assert "regression" in str(whole)
    compare(whole.stages, lasting(1).fit(*parts, verbose=0).stages)
    before = listing(tmp_path)
    plan = lasting(3).plan(*parts, resume=True, verbose=0)
    assert listing(tmp_path) == before
    assert [(x.epochs_done, x.epochs) for x in plan.stages] == [(1, 0), (1, 2)]
    compare(plan.stages, lasting(3).fit(*parts, resume=True, verbose=0).stages)
    with pytest.raises(RunDirectoryError, match="epochs: 3 in the run, 2 given"):
        lasting(2).plan(*parts, resume=True, verbose=0)


def planned(*stages: StagePlan, **settings: Any) -> TrainingPlan:
    """A plan of no work but these stages'."""
    given = {"start": (), "end": (), "disk": (), "memory": 0, **settings}
    return TrainingPlan(train=1, validation=0, stages=stages, **given)


def test_what_a_fit_would_refuse_is_refused_by_its_plan(parts: Data) -> None:
    with pytest.raises(TrainingError, match="resume=True"):
        trainer(head_stage()).plan(*parts, resume=True)
    train, validation = parts
    one_class = train.subset(np.flatnonzero(train.labels == 0))
    with pytest.raises(DataError, match="one class"):
        trainer(head_stage()).plan(one_class, validation)
    with pytest.raises(TrainingError, match="no_such_optimizer"):
        trainer(head_stage(optimizer="no_such_optimizer")).plan(*parts)


def test_a_full_disk_is_said_before_training(tmp_path: Path) -> None:
    part = PlannedWork("training", "training, 2 epochs", 6, "steps", Duration.of([1.0, 2.0]))
    stage = StagePlan("head", 2, 0, True, 1, 6, 2, 0, 0, None, None, 0, 10**18, 0, 0, (part,))
    disk = tuple(disk_needs(tmp_path / "cache", tmp_path / "run", [stage], model=1000))
    assert [(need.what, need.bytes) for need in disk] == [
        ("features", 10**18),
        ("run directory", 2000),
    ]
    plan = planned(stage, disk=disk, warnings=tuple(warnings_of(disk)))
    assert not plan.enough_disk
    assert "WARNING: not enough disk: 1,000,000,000.0 GB will be written to " in str(plan)
    assert "at most: callbacks may end 'head' earlier" in str(plan)
    assert "<table>" in plan._repr_html_()
    data = json.loads(json.dumps(plan.to_json()))
    assert data["stages"][0]["epochs"] == 2
    assert data["time"]["low"] < data["time"]["seconds"] < data["time"]["high"]
    assert planned(stage).enough_disk


def test_times_add_up_and_say_between_what() -> None:
    both = Duration.of([1.0, 2.0, 4.0]) + Duration(60, 50, 70) * 2
    assert both == Duration(122, 100.8, 145)
    assert str(both) == "2 min 02 s (1 min 41 s to 2 min 25 s)"


def test_a_stage_that_is_finished_has_no_work_left() -> None:
    result = StageResult("head", {"loss": [1.0, 2.0]}, 0, 0.1, (), 0, None, {})
    plan = planned(StagePlan.finished("head", result))
    assert (plan.stages[0].epochs_done, plan.time.seconds) == (2, 0)
    assert "finished already" in str(plan)
