"""A search over recipes: each trial once, the best go on, what cannot be trained is a row."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.conftest import few
from tests.training.conftest import small_network
from tests.training.test_stacked_heads import means
from tlkit.errors import DataError, RunDirectoryError, TrainingError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.probing.augmenting import changes_that_fit
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training.recipes import fitting_augmentation
from tlkit.training.tuning import _search, tune as tuning
from tlkit.training.tuning._halving import Rounds, going_on
from tlkit.training.tuning._space import drawn

SETS = tiny_dataset(40).split(0.5)
FIXED: dict[str, Any] = {"weights": None, "engine": "keras", "verbose": 0, "cache": False}
# How good a trial is by these tests, whatever is trained.
SPACE: dict[str, list[Any]] = {
    "learning_rate": [1e-4, 3e-4, 1e-3],
    "label_smoothing": [0.0, 0.1, 0.2],
    "epochs": [9],
}


def tune(space: Any = SPACE, backbone: Any = None, **settings: Any) -> tlkit.Tuned:
    given = {**FIXED, **settings}
    return tlkit.tune(backbone or tiny_backbone(), *SETS, space=space, **given)


def evaluation(right: int) -> tlkit.Evaluation:
    """So many of twenty images right."""
    rows = [[0.8, 0.2] if n < right else [0.2, 0.8] for n in range(20)]
    return tlkit.Evaluation.from_predictions([0] * 20, rows)


def by_rate(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
    """The larger the rate and the smoothing, the better."""
    stage = trainer.stages[-1]
    rate: Any = getattr(stage.learning_rate, "peak", stage.learning_rate)
    return evaluation(round(8 + 4 * (math.log10(float(rate)) + 4) + 20 * stage.label_smoothing))


def head(learning_rate: float, epochs: int = 2) -> list[tlkit.Stage]:
    return [tlkit.Stage("head", epochs=epochs, learning_rate=learning_rate)]


class Fake:
    """Scores without training; notes who was asked for what."""

    def __init__(self, score: Callable[[tlkit.StagedTrainer], AnyEvaluation] = by_rate) -> None:
        self.score = score
        self.asked: list[tuple[str, int]] = []

    def alone(self, trainer: tlkit.StagedTrainer, _: object) -> AnyEvaluation:
        assert trainer.run_dir is not None
        self.asked.append((trainer.run_dir.name, trainer.stages[-1].epochs))
        return self.score(trainer)

    def together(self, _: Mapping[int, Any]) -> Iterator[tuple[int, AnyEvaluation]]:
        return iter(())

    def result(self, _: tlkit.StagedTrainer) -> None:
        return None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(tuning, "OnValidation", lambda *_: made)
    return made


def test_the_best_third_goes_on_and_trains_three_times_as_long(fake: Fake) -> None:
    tuned = tune()
    epochs = [epochs for _, epochs in fake.asked]
    assert epochs == [1] * 10 + [3] * 4 + [9] * 2
    assert len(set(fake.asked)) == 16
    assert tuned.best == {"learning_rate": 1e-3, "label_smoothing": 0.2, "epochs": 9}
    assert tuned.trainer.stages[-1].learning_rate == tlkit.WarmupCosine(1e-3)
    assert tuned.trainer.run_dir is None
    assert [row.status for row in tuned.rows] == ["finished", "finished", *["out"] * 8]
    assert tuned.rows[0].epochs == 9
    told = str(tuned)
    assert "10 of 10 settings tried" in told
    assert "20 images tell little apart" in told
    assert "too good; give test=" in told
    assert "20 images, of which the best was chosen" in told


def test_a_table_of_trials_has_a_row_for_each(fake: Fake) -> None:  # noqa: ARG001
    tuned = tune({"policy": [tlkit.FreezeAll(), tlkit.UnfreezeAll()]}, metric="accuracy")
    frame = tuned.to_dataframe()
    assert list(frame["trial"]) == [row.number for row in tuned.rows]
    assert {"policy", "accuracy", "low", "high", "seconds", "status"} <= {*frame.columns}
    assert "FreezeAll()" in set(frame["policy"])


def test_a_trial_that_fails_is_a_row_with_the_reason(fake: Fake) -> None:
    def unlucky(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
        if trainer.stages[-1].label_smoothing == 0.2:
            raise MemoryError("no room")
        return by_rate(trainer)

    fake.score = unlucky
    tuned = tune()
    failed = [row for row in tuned.rows if row.status == "failed"]
    assert [row.settings["label_smoothing"] for row in failed] == [0.2] * len(failed)
    assert failed
    assert tuned.best["label_smoothing"] == 0.1
    assert "MemoryError: no room" in str(tuned)

    def hopeless(_: tlkit.StagedTrainer) -> AnyEvaluation:
        raise MemoryError("no room")

    fake.score = hopeless
    with pytest.raises(TrainingError, match=r"All 10 trials failed.*no room"):
        tune()


def test_trials_are_fine_tunes_and_the_images_are_looked_at_once(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], changes_that_fit

    def counted(*given: Any) -> Any:
        looks.append(look(*given))
        return looks[-1]

    monkeypatch.setattr(fitting_augmentation, "changes_that_fit", counted)
    seen: list[tlkit.StagedTrainer] = []

    def kept(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
        seen.append(trainer)
        return by_rate(trainer)

    fake.score = kept
    given: dict[str, Any] = {"cache": False, "verbose": 0, "engine": "keras"}
    own = {**SPACE, "augmentation": ["suggested", None]}
    for space in (SPACE, own):
        with pytest.raises(TrainingError, match="learning_rate=-1"):
            tlkit.tune(small_network, *SETS, space={**space, "learning_rate": [-1.0]}, **given)
    assert not looks, "what cannot be trained is said before"
    plan = tlkit.fine_tune.plan(*SETS, small_network, epochs=9, **given)
    looks.clear()
    tuned = tlkit.tune(small_network, *SETS, space=SPACE, **given)
    (found,) = looks
    wanted = {repr(plan.stages[-1].augmentation)}
    assert found.names
    assert {repr(trainer.stages[-1].augmentation) for trainer in seen} == wanted
    assert {repr(trainer.head) for trainer in [*seen, tuned.trainer]} == {repr(plan.trainer.head)}
    del seen[:], looks[:]
    tlkit.tune(small_network, *SETS, space=own, **given)
    assert len(looks) == 1
    both = {repr(trainer.stages[-1].augmentation) for trainer in seen}
    assert both == {*wanted, repr(None)}


class Cut(BaseException):
    """Ends a process in the middle."""


@pytest.mark.parametrize("cut", few([12, 1, 2, 10, 11, 14, 15, 16], 1))
def test_a_search_that_was_cut_off_goes_on_with_each_trial_once(cut: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as root:
        fake = Fake()
        patch.setattr(tuning, "OnValidation", lambda *_: fake)
        whole = tune()
        once = [*fake.asked]
        fake.asked.clear()

        def cut_off(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
            if len(fake.asked) == cut:
                raise Cut
            return by_rate(trainer)

        fake.score = cut_off
        with pytest.raises(Cut):
            tune(run_dir=root)
        fake.score = by_rate
        done = fake.asked[: cut - 1]
        fake.asked.clear()
        again = tune(run_dir=root, resume=True)
        assert [*done, *fake.asked] == once
        assert without_seconds(again) == without_seconds(whole)


def without_seconds(tuned: tlkit.Tuned) -> list[Any]:
    return [(row.number, row.told, row.status, row.score, row.epochs) for row in tuned.rows]


def test_ctrl_c_shows_what_is_known_and_keeps_it(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
        if len(fake.asked) == 4:
            raise KeyboardInterrupt
        return by_rate(trainer)

    fake.score = stopped
    with pytest.raises(KeyboardInterrupt):
        tune(run_dir=tmp_path, verbose=1)
    assert "3 of 10 settings tried" in "".join(capsys.readouterr())
    with pytest.raises(RunDirectoryError, match="already holds a run"):
        tune(run_dir=tmp_path)
    with pytest.raises(RunDirectoryError, match=re.escape("tune.space")):
        tune({"learning_rate": [0.5, 0.6]}, run_dir=tmp_path, resume=True)


class Ticking:
    """A clock on which an epoch takes a minute and nothing else takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> Ticking:
    made = Ticking()

    def later(trainer: tlkit.StagedTrainer) -> AnyEvaluation:
        made.now += 60 * trainer.stages[-1].epochs
        return by_rate(trainer)

    fake.score = later
    for module in (tuning, _search):
        monkeypatch.setattr(module, "time", made)
    return made


def test_no_training_is_begun_that_would_not_end_in_the_budget(
    clock: Ticking, fake: Fake, tmp_path: Path
) -> None:
    tuned = tune(budget="15 min", run_dir=tmp_path)
    assert [epochs for _, epochs in fake.asked] == [1] * 5 + [3]
    assert clock.now <= 15 * 60
    states = [row.status for row in tuned.rows]
    assert states == [*["stopped"] * 2, *["out"] * 3, *["not tried"] * 5]
    more = tune(budget="40 min", run_dir=tmp_path, resume=True)
    assert more.rows[0].status == "finished"
    assert len(set(fake.asked)) == len(fake.asked)
    assert clock.now <= 40 * 60


def test_a_budget_that_is_shorter_than_a_trial_gives_the_recipe_of_fine_tune(
    clock: Ticking,  # noqa: ARG001
    fake: Fake,
) -> None:
    tuned = tune(budget="59 s")
    assert fake.asked == [("001", 1)]
    assert "59 s is shorter than the first trial, which took 1 min 00 s" in str(tuned)
    assert [row.status for row in tuned.rows] == ["stopped", *["not tried"] * 9]
    assert tuned.best["learning_rate"] == 5e-4


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no space": ({"space": {}}, "expected the values to try"),
    "empty": ({"space": {"learning_rate": []}}, "is empty"),
    "one value": ({"space": {"learning_rate": 0.1}}, r"such as \[0.1\]"),
    "unknown": ({"space": {"learning_rat": [1]}}, "Did you mean 'learning_rate'"),
    "kind": ({"space": {"learning_rate": [0.1, "fast"]}}, "cannot be trained.*'fast'"),
    "range": ({"space": {"label_smoothing": [2]}}, "label_smoothing=2"),
    "policy": ({"space": {"policy": ["all"]}}, "policy='all'"),
    "decay": ({"space": {"weight_decay": ["much"]}}, "expected a number in"),
    "own head": ({"space": {"dropout": [0.1]}, "head": lambda x: x}, "head of your own"),
    "twice": ({"space": {"image_size": [8]}, "image_size": 8}, "in the space too"),
    "steps": ({"budget": 300}, "trials="),
    "time": ({"budget": "soon"}, "expected a time"),
    "trials": ({"trials": 0}, "trials=0"),
    "folds": ({"folds": 3}, "validation images of their own"),
    "make": ({"make": tlkit.recipes.discriminative, "space": {"rate": [1]}}, "rate=1"),
    "make without": ({"make": tlkit.recipes.study, "space": None}, "function of settings"),
    "stages": ({"stages": [], "space": SPACE}, "Give make="),
    "nothing to resume": ({"resume": True}, "resume=True"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_searched_is_told_before_anything_is_trained(case: str) -> None:
    settings, told = BAD[case]
    with pytest.raises(TrainingError, match=f"(?s){told}"):
        tune(**settings)


def test_a_test_set_beside_folds_or_without_labels_is_refused() -> None:
    with pytest.raises(TrainingError, match="nothing is trained on all"):
        tlkit.tune(tiny_backbone(), SETS[0], folds=2, test=SETS[1], space=SPACE, **FIXED)
    with pytest.raises(DataError, match="test"):
        tune(test="pictures")


@pytest.mark.parametrize("count", [1, 5, 11, 12, 99])
def test_settings_are_drawn_once_each(count: int) -> None:
    space: dict[str, list[Any]] = {"a": [1, 2], "b": ["x"], "c": [None, 2, 3], "d": [True, False]}
    found = list(drawn(space, count, seed=count))
    assert len(found) == min(count, 12)
    assert len({tuple(each.items()) for each in found}) == len(found)
    assert all(each[name] in values for each in found for name, values in space.items())
    many = {str(name): range(1000) for name in range(30)}
    assert len(list(drawn(many, 3, seed=0))) == 3


@given(st.integers(1, 500), st.integers(1, 100))
def test_the_last_round_has_all_epochs_and_no_round_none(settings: int, full: int) -> None:
    rounds = Rounds.of(settings)
    epochs = [rounds.epochs(full, number) for number in range(rounds.count)]
    assert epochs == sorted(epochs)
    assert (epochs[-1], epochs[0] >= 1) == (full, True)
    left = settings
    for _ in range(rounds.count):
        left = len(going_on(dict.fromkeys(range(left), 0.5)))
    assert left >= 1


def test_heads_train_at_once_and_the_best_is_trained_and_tested(tmp_path: Path) -> None:
    space: dict[str, Any] = {"learning_rate": [1e-3, 1e-1]}
    asked: dict[str, Any] = {"make": head, "run_dir": tmp_path, "test": tiny_dataset(12)}
    tuned = tune(space, means, **asked)
    assert tuned.result is not None
    assert tuned.test is not None
    found = tlkit.evaluate(tuned.result, SETS[1])
    best = tuned.rows[0]
    assert best.evaluation is not None
    assert np.allclose(found.probabilities, best.evaluation.probabilities, atol=1e-5)
    assert "on 12 images" in str(tuned)


@pytest.mark.slow
@pytest.mark.parametrize("case", few(["make", "recipe", "folds"], 3))
def test_trials_end_as_trainings_of_their_own(case: str, tmp_path: Path) -> None:
    space: dict[str, list[Any]] = {"learning_rate": [1e-3, 1e-2, 3e-2], "epochs": [3]}
    if case == "recipe":
        tuned = tune({**space, "dropout": [0.0], "weight_decay": [0.01]}, run_dir=tmp_path)
    elif case == "make":
        tuned = tune(space, make=deep, run_dir=tmp_path)
    else:
        data = SETS[0] + SETS[1]
        tuned = tlkit.tune(tiny_backbone(), data, 0.2, folds=2, make=head, space=space, **FIXED)
        crossed = tlkit.cross_validate(tuned.trainer, data, folds=2, validation=0.2, verbose=0)
        expected: Any = crossed.evaluation
    if case != "folds":
        expected = tlkit.evaluate(tuned.trainer.fit(*SETS, verbose=0), SETS[1])
    best = tuned.rows[0]
    assert best.status == "finished"
    assert best.evaluation is not None
    assert np.allclose(best.evaluation.probabilities, expected.probabilities, atol=1e-5)
    if case == "make":  # the second round went on from the first
        assert tuned.result is not None
        assert tuned.result.stages[-1].epochs == 3


def deep(learning_rate: float, epochs: int) -> list[tlkit.Stage]:
    return [
        tlkit.Stage("head", epochs=1, learning_rate=0.01),
        tlkit.Stage(
            "all",
            epochs=epochs,
            learning_rate=learning_rate,
            policy=tlkit.UnfreezeAll(),
            augmentation=tlkit.Augmentation(rotation=5),
        ),
    ]


KILLED = """
import sys
import tlkit, tlkit.testing
from tests.training.test_tune import SETS, deep

space = {"learning_rate": [0.001, 0.01, 0.02, 0.03], "epochs": [6]}
print("ready", flush=True)
tuned = tlkit.tune(
    tlkit.testing.tiny_backbone(), *SETS, make=deep, space=space, weights=None, cache=False,
    engine="keras", run_dir=sys.argv[1], resume=True, verbose=0)
print(*[(row.number, row.status, row.score) for row in tuned.rows], flush=True)
"""


@pytest.mark.slow
def test_a_killed_search_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    def searched(run: Path, kill_after: float | None) -> str:
        command = [sys.executable, "-c", KILLED, str(run)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            timer = threading.Timer(kill_after or 0, process.kill)
            if kill_after is not None:
                timer.start()
            told = process.stdout.read()
            assert process.wait() in (0, -9)
            timer.cancel()
        return told

    begun = time.perf_counter()
    whole = searched(tmp_path / "whole", None)
    seconds = time.perf_counter() - begun
    for share in (0.3, 0.5, 0.7, 0.9):
        searched(tmp_path / "killed", share * seconds * 0.5)
    noted = {file: file.stat().st_mtime_ns for file in tmp_path.glob("killed/rounds/*.json")}
    assert noted
    assert searched(tmp_path / "killed", None) == whole
    assert all(file.stat().st_mtime_ns == then for file, then in noted.items())
