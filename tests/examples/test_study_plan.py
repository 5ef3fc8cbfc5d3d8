"""The plan of a study says what the study then does, and runs nothing of it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

import tlkit
from tests.examples.test_reproduce import brief_example, make_challenge, run
from tlkit.training.planning._tail_cost import TailCost

ONE = ("--backbones", "tiny_a")


@dataclasses.dataclass(frozen=True)
class Told:
    """What was planned, and where."""

    folder: Path
    plan: Any
    printed: str
    left: list[str]
    json: dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All stages of one candidate, planned with an empty store."""
    folder = tmp_path_factory.mktemp("planned")
    plans: list[Any] = []
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setenv("TLKIT_CACHE_DIR", str(folder / "cache"))
        example = brief_example(patch)
        study_plan = importlib.import_module("study_plan")
        make = study_plan.plan_study

        def kept(study: Any) -> Any:
            plans.append(make(study))
            return plans[0]

        patch.setattr(study_plan, "plan_study", kept)
        data, file = make_challenge(folder / "data"), folder / "plan.json"
        assert run(example, data, folder / "out", *ONE, "--plan", str(file)) == 0
    left = [x.name for x in folder.rglob("*") if x.is_file() and data not in x.parents]
    return Told(folder, plans[0], printed.getvalue(), left, json.loads(file.read_text("utf-8")))


@pytest.mark.slow
def test_what_is_planned_is_what_is_run(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(told.folder / "cache"))
    example = brief_example(monkeypatch)
    assert run(example, told.folder / "data", told.folder / "out", *ONE) == 0
    results = json.loads((told.folder / "out" / "results.json").read_text("utf-8"))
    planned = {(x.stage, x.again): x for x in told.plan.trainings}
    outcomes = {(x["stage"], x["preprocessing"] == "unit"): x for x in results["outcomes"]}
    assert set(planned) == set(outcomes)
    for key, outcome in outcomes.items():
        for stage in outcome["stages"]:
            assert planned[key].passes == stage["frozen"]["passes"], key
            assert planned[key].plain_passes == stage["frozen"]["plain_passes"], key


@pytest.mark.usefixtures("told")
def test_the_published_five_go_on_or_whoever_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    brief_example(monkeypatch)
    study_plan, protocol = map(importlib.import_module, ("study_plan", "protocol"))
    published = importlib.import_module("published")

    class Study:
        profile = protocol.STUDY

    assert [x.backbone for x in study_plan.later_trials(Study)] == list(published.STAGES)
    Study.profile = dataclasses.replace(protocol.STUDY, trials=protocol.STUDY.trials[-3:])
    names = [x.backbone for x in study_plan.later_trials(Study)]
    assert names == ["resnet50", "efficientnet_b5", "efficientnet_b7"]
    assert len(study_plan.networks_of(Study)) == 3


def test_each_network_is_built_once_and_a_second_one_times_no_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = brief_example(monkeypatch)
    plans: list[int] = []
    plan = tlkit.StagedTrainer.plan

    def noted(*given: Any, **more: Any) -> Any:
        found = plan(*given, **more)
        plans.append(more["timings"].tails)
        return found

    monkeypatch.setattr(tlkit.StagedTrainer, "plan", noted)
    monkeypatch.setattr(TailCost, "will_do", lambda *_: True)
    data = make_challenge(tmp_path / "data")
    assert run(example, data, tmp_path / "out", "--plan", "--stages", "0,1") == 0
    assert plans == [1, 1]


def test_nothing_is_left_but_what_files_were_read_for(told: Told) -> None:
    assert sorted(told.left) == ["plan.json", "scans"]


def test_it_prints_a_row_for_each_stage_and_what_would_change_it(told: Told) -> None:
    for title in importlib.import_module("protocol").STAGE_TITLES.values():
        assert (title in told.printed) == (not title.startswith("the candidates in order"))
    assert "--workers 2: " in told.printed
    assert ("--trunk-precision int8: " in told.printed) == ("int8" in told.plan.precisions)
    assert "a GPU: not measured for these networks" in told.printed
    assert "WARNING" not in told.printed


def test_as_data_it_holds_the_same(told: Told) -> None:
    assert told.json["time"]["seconds"] == pytest.approx(told.plan.time.seconds)
    assert told.json["disk"] == told.plan.disk
    assert len(told.json["trainings"]) == len(told.plan.trainings)
    assert {x["change"] for x in told.json["otherwise"]} == {x.change for x in told.plan.otherwise}


def test_its_parts_add_up(told: Told) -> None:
    plan = told.plan
    low, high = plan.time.low, plan.time.high
    assert 0 < low < plan.time.seconds < high
    for change in plan.otherwise:
        assert 0 < change.low <= change.high
        assert change.disk >= plan.disk * ("--" in change.change)


def test_a_disk_that_is_too_small_is_told(told: Told) -> None:
    full = dataclasses.replace(told.plan, free=told.plan.disk - 1)
    assert not full.enough_disk
    assert "WARNING: " in str(full)


@pytest.mark.usefixtures("told")
def test_a_low_precision_gains_at_most_what_the_frozen_part_takes(told: Told) -> None:
    otherwise = importlib.import_module("otherwise")
    plan = dataclasses.replace(told.plan, precisions=("bfloat16", "int8"))
    for precision, part in otherwise.OF_FLOAT32.items():
        (change,) = [x for x in plan.otherwise if x.change == f"--trunk-precision {precision}"]
        assert part * plan.time.seconds <= change.low <= change.high == plan.time.seconds


@pytest.mark.parametrize("workers", [1, 2, 3, 50])
def test_workers_take_no_less_than_the_longest_and_no_more_than_all(
    told: Told, workers: int
) -> None:
    otherwise = importlib.import_module("otherwise")
    seconds = [3.0, 1.0, 4.0, 1.0, 5.0]
    taken = otherwise.makespan(seconds, workers)
    assert max(5.0, sum(seconds) / workers) <= taken <= sum(seconds)
    plan = told.plan
    change = otherwise.with_workers(plan.trainings, plan.time, plan.kept, plan.resident, workers)
    if workers == 1:
        assert change.low == pytest.approx(change.high, rel=0.05)
    assert change.memory == workers * (plan.memory + plan.resident)


def test_what_cannot_be_planned_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = brief_example(monkeypatch)
    data = make_challenge(tmp_path / "data")
    (data / "images" / "image_train" / "image_3_product_103.jpg").unlink()
    assert run(example, data, tmp_path / "out", "--plan") == 1
    assert "image_3_product_103.jpg" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
