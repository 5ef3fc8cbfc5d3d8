"""Training with a trunk below float32: the model as saved is judged too, and runs go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.low_engine import LowMachine, machine, ruined
from tests.training.conftest import head_stage, same_weights, trainer
from tests.training.test_resume import Interrupt
from tlkit.errors import EngineError, RunDirectoryError
from tlkit.testing import tiny_dataset
from tlkit.training.stage_result import StageResult

assert machine  # the fixture

SETS = tiny_dataset(120).split(0.25)


def larger(output: np.ndarray) -> np.ndarray:
    """Give a tenth more, which passes, and from which other weights are learned."""
    return output * np.float32(1.1)


@pytest.mark.parametrize("augmented", [False, True])
def test_stage_says_what_the_model_scores_as_it_is_saved(
    machine: LowMachine, *, augmented: bool
) -> None:
    machine.changes["bfloat16"] = larger
    change = tlkit.Augmentation(horizontal_flip=True) if augmented else None
    stage = head_stage(epochs=3, augmentation=change)
    result = trainer(stage, trunk_precision="bfloat16").fit(*SETS, verbose=0)
    (told,) = result.stages
    assert told.frozen is not None
    assert told.frozen.engine == "swift:bfloat16"
    assert told.precision is not None
    assert told.precision.passed
    scored = tlkit.evaluate(result, SETS[1])
    assert told.as_saved["val_accuracy"] == pytest.approx(scored.accuracy)
    assert told.as_saved["val_loss"] != pytest.approx(told.best("val_loss"), rel=1e-3)
    assert f"as saved, in float32, val_accuracy {scored.accuracy:.4f}" in str(result)
    assert any(str(told.precision) in note for note in told.notes)
    assert StageResult.from_json(told.to_json()) == told


def test_stage_of_probed_head_says_it_too(machine: LowMachine) -> None:
    machine.changes["int8"] = larger
    stage = tlkit.ProbeStage("probe")
    result = trainer(stage, trunk_precision="int8").fit(*SETS, verbose=0)
    scored = tlkit.evaluate(result, SETS[1])
    assert result.stages[0].as_saved["val_accuracy"] == pytest.approx(scored.accuracy)


def test_float32_has_one_figure(machine: LowMachine) -> None:
    assert machine.ms
    result = trainer(head_stage()).fit(*SETS, verbose=0)
    assert (result.stages[0].as_saved, result.stages[0].precision) == ({}, None)
    assert "as saved" not in str(result)


def test_run_is_not_resumed_at_another_precision(machine: LowMachine, tmp_path: Path) -> None:
    assert machine.ms
    kept = {"run_dir": tmp_path / "run", "cache": tmp_path / "cache"}
    trainer(head_stage(), trunk_precision="bfloat16", **kept).fit(*SETS, verbose=0)
    for other in ("float32", "int8", "auto"):
        with pytest.raises(RunDirectoryError, match=f"trunk_precision: 'bfloat16'.*'{other}'"):
            trainer(head_stage(), trunk_precision=other, **kept).fit(*SETS, resume=True, verbose=0)
    again = tlkit.StagedTrainer.from_run(kept["run_dir"], backbone=tlkit.testing.tiny_backbone())
    assert again.trunk_precision == "bfloat16"


def interrupted(machine: LowMachine, **settings: Any) -> None:
    """Begin a run and stop it in its second epoch."""
    assert machine.ms
    Interrupt.at = ("head", "epoch end", 0)
    with pytest.raises(KeyboardInterrupt):
        trainer(stage_of(), **settings).fit(*SETS, verbose=0)
    Interrupt.at = None


def stage_of() -> tlkit.Stage:
    """A stage whose trunk runs in every epoch."""
    change = tlkit.Augmentation(horizontal_flip=True)
    return head_stage(epochs=3, augmentation=change, callbacks=(Interrupt("head"),))


def test_run_of_auto_goes_on_with_the_precision_that_it_had(
    machine: LowMachine, tmp_path: Path
) -> None:
    whole = trainer(stage_of(), trunk_precision="auto").fit(*SETS, verbose=0)
    assert whole.stages[0].frozen.engine == "swift:int8"  # type: ignore[union-attr]
    kept = {"run_dir": tmp_path / "run", "cache": tmp_path / "cache", "trunk_precision": "auto"}
    interrupted(machine, **kept)
    machine.ms["swift:int8"] = 9e6
    resumed = trainer(stage_of(), **kept).fit(*SETS, resume=True, verbose=0)
    assert resumed.stages[0].frozen.engine == "swift:int8"  # type: ignore[union-attr]
    same_weights(whole.model, resumed.model)


def test_run_does_not_go_on_where_its_precision_is_lacking(
    machine: LowMachine, tmp_path: Path
) -> None:
    kept = {"run_dir": tmp_path / "run", "cache": tmp_path / "cache", "trunk_precision": "auto"}
    interrupted(machine, **kept)
    machine.lacks["int8"] = "a processor with VNNI"
    with pytest.raises(EngineError, match=r"began with its frozen part on swift at int8.*VNNI"):
        trainer(stage_of(), **kept).fit(*SETS, resume=True, verbose=0)


def test_refused_network_is_not_trained(machine: LowMachine) -> None:
    machine.changes["int8"] = ruined
    with pytest.raises(EngineError, match="'int8' is refused"):
        trainer(head_stage(), trunk_precision="int8").fit(*SETS, verbose=0)


def test_recipes_are_judged_as_their_models_are_saved(machine: LowMachine) -> None:
    machine.changes["bfloat16"] = larger
    whole = trainer(head_stage(epochs=1))
    low = trainer(head_stage(epochs=1), trunk_precision="bfloat16")
    found = [tlkit.cross_validate(x, SETS[0], folds=3, verbose=0) for x in (whole, low)]
    assert (
        found[0].evaluations[0].probabilities.shape == found[1].evaluations[0].probabilities.shape
    )


def test_plan_knows_the_precision(machine: LowMachine) -> None:
    plan = trainer(head_stage(), trunk_precision="bfloat16").plan(*SETS, verbose=0)
    assert machine.compared == 1
    assert plan.stages[0].frozen.engine == "swift:bfloat16"  # type: ignore[union-attr]
