"""A search by epoch that is interrupted goes on, and ends with the curve of an unbroken one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.training.conftest import head_stage, same_weights, trainer
from tests.training.test_resume import Data
from tlkit.errors import LearningRateError, RunDirectoryError
from tlkit.learning_rate.sweep._rate_dial import RateDial
from tlkit.training.loop import _kept_sweep
from tlkit.training.loop._reports import SearchReport
from tlkit.training.run_dir.checkpoint import write_checkpoint
from tlkit.training.run_dir.stage_files import StageFiles

RATES = 6


def middle(curve: tlkit.LRCurve) -> float:
    """A selector whose answer depends on the losses."""
    return float(curve.learning_rates[int(np.argmin(curve.losses))])


FINDER = tlkit.ExponentialLRFinder(
    1e-4, 3e-2, steps=RATES, unit="epoch", selector=middle, stop_factor=None
)
STAGE = head_stage(epochs=1, learning_rate=FINDER)
STAGES = {
    "a head": STAGE,
    "fresh_start": replace(STAGE, learning_rate=replace(FINDER, fresh_start=True)),
    "groups of layers": replace(STAGE, policy=tlkit.UnfreezeTop(layers=4), layer_decay=0.5),
    "augmentation": replace(STAGE, augmentation=tlkit.Augmentation(horizontal_flip=True)),
    "accumulated gradients": replace(
        STAGE, optimizer=lambda rate: keras.optimizers.Adam(rate, gradient_accumulation_steps=3)
    ),
}
HEAD = tlkit.Head(units=(8,), dropout=0.5)


class CutShortError(Exception):
    """The end of a process, by surprise."""


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each rate, however short it is."""
    monkeypatch.setattr(_kept_sweep, "EVERY_S", 0.0)


def cut_after(patch: pytest.MonkeyPatch, rates: int) -> None:
    """Interrupt a search as the rate after so many ends, before it is kept."""
    shown = SearchReport._tell

    def cut(self: SearchReport, done: float, logs: Any) -> None:
        shown(self, done, logs)
        if done > rates:
            raise CutShortError

    patch.setattr(SearchReport, "_tell", cut)


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every rate as a search sets it."""
    seen: list[float] = []
    turn = RateDial.turn

    def watched(self: RateDial, optimizer: Any, rate: float) -> None:
        turn(self, optimizer, rate)
        seen.append(rate)

    monkeypatch.setattr(RateDial, "turn", watched)
    return seen


@pytest.mark.parametrize("case", few(STAGES, 2))
def test_a_run_that_is_cut_in_its_search_goes_on_from_the_last_rate(
    case: str, parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: list[float]
) -> None:
    stage = STAGES[case]
    unbroken = trainer(stage, head=HEAD, run_dir=tmp_path / "unbroken").fit(*parts, verbose=0)
    rates = list(swept)
    swept.clear()
    cut_run = trainer(stage, head=HEAD, run_dir=tmp_path / "cut")
    for rate in (2, 4):
        with monkeypatch.context() as patch:
            cut_after(patch, rate)
            with pytest.raises(CutShortError):
                cut_run.fit(*parts, resume=rate > 2, verbose=0)
    again = len(rates) // RATES
    result = cut_run.fit(*parts, resume=True, verbose=0)
    assert swept[: 3 * again] == rates[: 3 * again]
    assert swept[-2 * again :] == rates[-2 * again :]
    assert len(swept) == len(rates) + 2 * again, "two rates were begun again"
    expected, found = unbroken.curves[stage.name], result.curves[stage.name]
    assert np.array_equal(found.losses, expected.losses)
    assert np.array_equal(np.asarray(found.accuracies), np.asarray(expected.accuracies))
    assert found.suggestion == expected.suggestion
    assert same_weights(result.model, unbroken.model)
    files = StageFiles(next((tmp_path / "cut" / "stages").iterdir()))
    assert not files.sweep.exists()


def test_a_search_alone_goes_on_from_its_file_and_is_not_done_twice(
    parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: list[float]
) -> None:
    train, _ = parts
    plain = replace(STAGE, learning_rate=1e-3)
    one, file = trainer(plain, head=HEAD), tmp_path / "search.npz"
    expected = one.find_learning_rate(train, FINDER, verbose=0)
    swept.clear()
    with monkeypatch.context() as patch:
        cut_after(patch, 3)
        with pytest.raises(CutShortError):
            one.find_learning_rate(train, FINDER, checkpoint=file, verbose=0)
    found = one.find_learning_rate(train, FINDER, checkpoint=str(file), verbose=0)
    assert len(swept) == RATES + 1
    again = one.find_learning_rate(train, FINDER, checkpoint=file, verbose=0)
    assert len(swept) == RATES + 1
    for curve in (found, again):
        assert np.array_equal(curve.losses, expected.losses)
        assert curve.suggestion == expected.suggestion
    stopped = replace(FINDER, max_lr=1e6, stop_factor=1.0)
    early = one.find_learning_rate(train, stopped, checkpoint=tmp_path / "early.npz", verbose=0)
    assert early.stop_reason
    swept.clear()
    once_more = one.find_learning_rate(train, stopped, checkpoint=tmp_path / "early.npz", verbose=0)
    assert (once_more.stop_reason, swept) == (early.stop_reason, [])


def test_another_search_does_not_go_on_from_it(parts: Data, tmp_path: Path) -> None:
    train, validation = parts
    file, plain = tmp_path / "search.npz", replace(STAGE, learning_rate=1e-3)
    few = replace(FINDER, steps=3)
    trainer(plain).find_learning_rate(train, few, checkpoint=file, verbose=0)
    kept = file.read_bytes()
    others = [
        (trainer(plain), train, replace(few, max_lr=0.5)),
        (trainer(plain), validation, few),
        (trainer(replace(plain, batch_size=5)), train, few),
        (trainer(plain, seed=1), train, few),
    ]
    for one, data, finder in others:
        with pytest.raises(RunDirectoryError, match="keeps a search with other settings or images"):
            one.find_learning_rate(data, finder, checkpoint=file, verbose=0)
    assert file.read_bytes() == kept
    file.write_bytes(kept[:-30])
    with pytest.raises(RunDirectoryError, match=r"search\.npz is damaged"):
        trainer(plain).find_learning_rate(train, few, checkpoint=file, verbose=0)


@pytest.mark.parametrize(
    ("name", "unit", "told"),
    [
        ("s.npz", "batch", "unit='batch'; expected unit='epoch'"),
        ("s.json", "epoch", "expected a file that ends in .npz, in a folder that exists"),
        ("nowhere/s.npz", "epoch", "in a folder that exists"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(
    name: str, unit: str, told: str, parts: Data, tmp_path: Path
) -> None:
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=4, unit=unit)  # type: ignore[arg-type]
    plain = replace(STAGE, learning_rate=1e-3)
    with pytest.raises(LearningRateError, match=told):
        trainer(plain).find_learning_rate(parts[0], finder, checkpoint=tmp_path / name, verbose=0)


def test_short_rates_are_not_kept_one_by_one(
    parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kept_sweep, "EVERY_S", 10.0)
    written: list[int] = []
    write = write_checkpoint

    def counted(file: Path, progress: Any, groups: Any) -> None:
        written.append(progress.epoch)
        write(file, progress, groups)

    monkeypatch.setattr(_kept_sweep, "write_checkpoint", counted)
    plain = replace(STAGE, learning_rate=1e-3)
    file = tmp_path / "search.npz"
    trainer(plain).find_learning_rate(parts[0], FINDER, checkpoint=file, verbose=0)
    assert written == [RATES], "at the end alone"
