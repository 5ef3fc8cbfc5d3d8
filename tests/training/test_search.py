"""A search inside a stage of a trainer: kept, shown, not repeated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import AtStart, head_stage, same_weights, trainer
from tests.training.test_resume import Data
from tlkit.errors import LossNotFiniteError, SelectorError, TrainingError
from tlkit.learning_rate.sweep._rate_dial import RateDial

Selector = Any


def second(curve: tlkit.LRCurve) -> float:
    """A selector whose answer is 1e-3 on the curves of these tests."""
    return float(curve.learning_rates[1])


def refusing(curve: tlkit.LRCurve) -> float:
    raise SelectorError(f"{len(curve)} rates and none is good")


def finder(selector: Selector = second, **settings: Any) -> tlkit.ExponentialLRFinder:
    made = {"steps": 4, "unit": "batch", "selector": selector, **settings}
    return tlkit.ExponentialLRFinder(1e-4, 1e-1, **made)


class CutShortError(Exception):
    """The end of a run, by surprise."""


def cut(_: Any) -> None:
    raise CutShortError


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """The real rates of all groups, each time that a search sets them."""
    seen: list[list[float]] = []
    turn = RateDial.turn

    def watched(self: RateDial, optimizer: Any, rate: float) -> None:
        turn(self, optimizer, rate)
        inner = getattr(optimizer, "optimizers", [optimizer])
        seen.append(sorted((float(group.learning_rate) for group in inner), reverse=True))

    monkeypatch.setattr(RateDial, "turn", watched)
    return seen


@pytest.mark.slow
def test_the_curve_is_kept_and_shown_in_the_result(parts: Data, tmp_path: Path) -> None:
    made = trainer(head_stage(learning_rate=finder(), epochs=1), run_dir=tmp_path / "run")
    result = made.fit(*parts, verbose=0)
    (file,) = (tmp_path / "run").glob("stages/*/curve.json")
    kept = tlkit.LRCurve.load(file, selector=second)
    assert kept.losses.tolist() == result.curves["head"].losses.tolist()
    assert result.stages[0].learning_rate == kept.suggestion == pytest.approx(1e-3)
    assert "0.001" in str(result)


def test_a_run_cut_in_its_first_epoch_does_not_search_again(
    parts: Data, tmp_path: Path, sweeps: list[list[float]]
) -> None:
    def stage(*callbacks: Any) -> tlkit.Stage:
        return head_stage(learning_rate=finder(), epochs=2, callbacks=callbacks)

    plain = trainer(stage(), run_dir=tmp_path / "plain").fit(*parts, verbose=0)
    made = trainer(stage(), run_dir=tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tlkit.training.loop._tail_training.TailTraining.fit", lambda *_: cut(None))
        with pytest.raises(CutShortError):
            made.fit(*parts, verbose=0)
    assert len(sweeps) == 8
    resumed = made.fit(*parts, resume=True, verbose=0)
    assert len(sweeps) == 8
    assert same_weights(plain.model, resumed.model)
    assert resumed.curves["head"].losses.tolist() == plain.curves["head"].losses.tolist()


def test_a_curve_without_an_answer_is_kept_for_a_look(
    parts: Data, tmp_path: Path, sweeps: list[list[float]]
) -> None:
    made = trainer(head_stage(learning_rate=finder(refusing)), run_dir=tmp_path / "run")
    with pytest.raises(SelectorError, match="4 rates and none is good"):
        made.fit(*parts, verbose=0)
    (file,) = (tmp_path / "run").glob("stages/*/curve.json")
    assert len(tlkit.LRCurve.load(file, selector=refusing)) == 4
    with pytest.raises(SelectorError, match="4 rates and none is good"):
        made.fit(*parts, resume=True, verbose=0)
    assert len(sweeps) == 4


def overflowing(_: Any) -> Any:
    return keras.optimizers.SGD(float("inf"))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"learning_rate": finder(refusing)}, SelectorError, "Stage 'later': 4 rates and none"),
        ({"optimizer": overflowing}, LossNotFiniteError, "The loss became nan in epoch 1 of"),
    ],
)
def test_a_later_stage_without_a_result_tells_how_to_keep_the_earlier_ones(
    change: dict[str, Any], error: Any, told: str, parts: Data, tmp_path: Path
) -> None:
    first, later = head_stage(), head_stage(**{"name": "later", **change})
    with pytest.raises(error, match=rf"{told}.* What 'head' trained is lost: give a run_dir"):
        trainer(first, later).fit(*parts, verbose=0)
    with pytest.raises(error, match=rf"{told}.* To go on from 'head' with other") as caught:
        trainer(first, later, run_dir=tmp_path / "run").fit(*parts, verbose=0)
    told_files = re.findall(r"'([^']*/[^']*)'", str(caught.value))
    assert all(Path(file).is_file() for file in told_files)
    begun = {"start_from": told_files[-1], "run_dir": tmp_path / "new"}
    result = trainer(head_stage(name="later"), **begun).fit(*parts, verbose=0)
    whole = trainer(first, head_stage(name="later")).fit(*parts, verbose=0)
    assert same_weights(result.model, whole.model)


@pytest.mark.slow
def test_with_layer_decay_all_groups_move_together_and_the_top_has_the_rate(
    data: tlkit.ImageDataset, sweeps: list[list[float]]
) -> None:
    stage = head_stage(
        learning_rate=finder(), epochs=1, layer_decay=0.5, policy=tlkit.UnfreezeAll()
    )
    result = trainer(stage).fit(data, verbose=0)
    rates = finder().learning_rates
    assert len(sweeps) == len(rates)
    for groups, rate in zip(sweeps, rates, strict=True):
        assert len(groups) > 1
        assert groups[0] == pytest.approx(rate, rel=1e-6)
        assert groups == pytest.approx([rate * 0.5**depth for depth in range(len(groups))])
    assert result.stages[0].learning_rate == pytest.approx(rates[1])


@pytest.mark.parametrize("unit", ["batch", *thorough("epoch")])
def test_every_rate_can_begin_anew(unit: str, parts: Data) -> None:
    stage = head_stage(learning_rate=finder(unit=unit, fresh_start=True), epochs=1)
    searched = trainer(stage).fit(*parts, verbose=0)
    assert len(searched.curves["head"]) == 4
    known = trainer(head_stage(learning_rate=searched.stages[0].learning_rate, epochs=1))
    assert same_weights(searched.model, known.fit(*parts, verbose=0).model)


@pytest.mark.slow
def test_the_peak_of_a_warm_up_is_searched_for_first(parts: Data) -> None:
    seen: list[float] = []
    look = AtStart(1, lambda model: seen.append(float(model.optimizer.learning_rate)))
    schedule = tlkit.WarmupCosine(peak=finder(), warmup=0.5, end=1e-5)
    made = trainer(head_stage(learning_rate=schedule, epochs=2, callbacks=(look,)))
    searched = made.fit(*parts, verbose=0)
    peak = searched.curves["head"].suggestion
    assert searched.stages[0].learning_rate == f"WarmupCosine(peak={peak!r}, warmup=0.5, end=1e-05)"
    assert seen == pytest.approx([peak])
    known = tlkit.WarmupCosine(peak=peak, warmup=0.5, end=1e-5)
    plain = trainer(head_stage(learning_rate=known, epochs=2)).fit(*parts, verbose=0)
    assert same_weights(searched.model, plain.model)


@pytest.mark.slow
def test_a_run_with_a_searched_peak_is_rebuilt_from_its_settings(
    parts: Data, tmp_path: Path, sweeps: list[list[float]]
) -> None:
    schedule = tlkit.WarmupCosine(peak=finder(tlkit.Valley(), steps=8, fresh_start=True))
    made = trainer(head_stage(learning_rate=schedule, epochs=1), run_dir=tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tlkit.training.loop._tail_training.TailTraining.fit", lambda *_: cut(None))
        with pytest.raises(CutShortError):
            made.fit(*parts, verbose=0)
    again = tlkit.StagedTrainer.from_run(tmp_path / "run", backbone=made.backbone)
    assert again.stages[0].learning_rate == schedule
    searched = len(sweeps)
    result = again.fit(*parts, resume=True, verbose=0)
    assert len(sweeps) == searched
    assert str(result.stages[0].learning_rate).startswith("WarmupCosine(peak=0.0")


def test_a_schedule_has_no_rates_before_its_peak_is_found() -> None:
    with pytest.raises(TrainingError, match=r"still to be searched for.*finder\.find"):
        tlkit.WarmupCosine(peak=finder())(10)
    with pytest.raises(TrainingError, match=r"end must be a rate from 0 to min_lr=0\.0001"):
        tlkit.WarmupCosine(peak=finder(), end=1e-3)
