"""fine_tune with the augmentation that probes suggest: when it looks, and what it does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.training.conftest import small_network
from tlkit._progress import Silent
from tlkit.errors import DamagedImageError, DataError, RunDirectoryError, TlkitError, TrainingError
from tlkit.testing import tiny_dataset
from tlkit.training.recipes import fitting_augmentation
from tlkit.training.recipes.budget import Budget
from tlkit.training.recipes.decided import decided
from tlkit.training.recipes.recipe import Wishes
from tlkit.training.run_dir.encoding import decoded

DATA = tiny_dataset(60)
TRAIN, VALIDATION = DATA.split(0.2)
LABELS = tlkit.MultiLabelDataset.from_arrays(
    DATA.load(range(8), 16), np.eye(8, 3, dtype=int), list("abc")
)
# A network of one's own: whether its weights are random, is not known.
OWN: dict[str, Any] = {"backbone": small_network, "cache": False, "verbose": 0, "epochs": 1}


def stage_with(augmentation: Any) -> tlkit.Stage:
    return tlkit.Stage("x", epochs=1, learning_rate=1.0, augmentation=augmentation)


def trained_with(run: Path) -> tlkit.Stage:
    """A stage with the augmentation of a run's last one, as its directory keeps it."""
    kept = json.loads((run / "settings.json").read_text())["stages"][-1]["augmentation"]
    return stage_with(decoded(kept))


@pytest.fixture
def unlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at the images is an error."""

    def looked(*_: object, **__: object) -> None:
        raise AssertionError("the images were looked at")

    monkeypatch.setattr(fitting_augmentation, "changes_that_fit", looked)


def test_fine_tune_takes_what_is_suggested_for_the_training_images(tmp_path: Path) -> None:
    plan = tlkit.fine_tune.plan(TRAIN, VALIDATION, **OWN)
    found = tlkit.suggest_augmentation(TRAIN, small_network, images=500, cache=False, verbose=0)
    assert found.names
    stage = stage_with(found.augmentation)
    assert plan.stages[-1].augmentation == stage.augmentation
    (told,) = [each for each in plan.decisions if each.name == "augmentation"]
    assert not told.given
    assert told.reason == f"{', '.join(found.names)}: by probes on 48 images"
    tlkit.fine_tune(TRAIN, VALIDATION, **OWN, run_dir=tmp_path / "run")
    assert trained_with(tmp_path / "run") == stage


@pytest.mark.parametrize(
    ("train", "budget", "settings", "why"),
    [
        (LABELS, None, {"backbone": small_network}, "several labels"),
        (DATA, None, {"weights": None}, "random features"),
        (DATA, None, {"start_from": "x.keras"}, "weights of its own"),
        (DATA, None, {"backbone": None}, "none was given"),
    ],
)
@pytest.mark.usefixtures("unlooked")
def test_it_says_why_nothing_is_suggested(
    train: Any, budget: Budget | None, settings: dict[str, Any], why: str
) -> None:
    backbone = settings.pop("backbone", "efficientnet_v2_b0")
    wishes = Wishes(augmentation="suggested", budget=budget)
    given: Any = {"seed": 0, "resume": False, "reporter": Silent(), "begun": 0.0}
    made = decided(train, None, backbone, wishes, settings, **given)  # type: ignore[arg-type]
    (told,) = [each for each in made.decisions if each.name == "augmentation"]
    assert (told.value, told.given) == (None, False)
    assert why in told.reason


@pytest.mark.usefixtures("unlooked")
def test_a_short_time_is_not_spent_on_looking() -> None:
    plan = tlkit.fine_tune.plan(TRAIN, VALIDATION, **OWN, budget="250 s")
    (told,) = [each for each in plan.decisions if each.name == "augmentation"]
    assert "less than 300 s" in told.reason


def _held(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "run").mkdir()
    stages = [tlkit.Stage("head", epochs=1, learning_rate=0.01)]
    trainer = tlkit.StagedTrainer(
        small_network, stages=stages, cache=False, run_dir=tmp_path / "run"
    )
    trainer.fit(TRAIN, verbose=0)
    return {"train": TRAIN, "run_dir": tmp_path / "run"}


def _damaged(tmp_path: Path) -> dict[str, Any]:
    for number, name in enumerate(["a", "b"] * 4):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(DATA.load([number], 16)[0].astype(np.uint8)).save(
            tmp_path / name / f"{number}.png"
        )
    (tmp_path / "a" / "0.png").write_bytes(b"no picture")
    return {"train": tlkit.ImageDataset.from_directory(tmp_path)}


WRONG: dict[str, tuple[Callable[[Path], dict[str, Any]], type[TlkitError], str]] = {
    "another run": (_held, RunDirectoryError, "already holds a run"),
    "damaged": (_damaged, DamagedImageError, "0.png"),
    "one class": (lambda _: {"train": TRAIN.subset(TRAIN.labels == 0)}, DataError, "one class"),
    "keep": (lambda _: {"train": TRAIN, "keep": "first"}, TrainingError, "keep"),
    "name": (lambda _: {"train": TRAIN, "augmentation": "sugested"}, TrainingError, "'suggested'"),
    "no run": (lambda _: {"train": TRAIN, "resume": True}, TrainingError, "run_dir"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.usefixtures("unlooked")
def test_what_cannot_be_trained_is_said_before_the_images_are_looked_at(
    kind: str, tmp_path: Path
) -> None:
    made, error, words = WRONG[kind]
    with pytest.raises(error, match=words):
        tlkit.fine_tune(validation=None, **{**OWN, **made(tmp_path)})


def test_a_run_that_goes_on_keeps_what_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**OWN, "run_dir": tmp_path / "run"}
    tlkit.fine_tune(TRAIN, VALIDATION, **asked)
    kept = trained_with(tmp_path / "run")
    monkeypatch.setattr(fitting_augmentation, "changes_that_fit", None)
    tlkit.fine_tune(TRAIN, VALIDATION, **asked, resume=True)
    assert kept.augmentation is not None
    assert trained_with(tmp_path / "run") == kept


def test_too_few_images_to_tell_have_no_augmentation() -> None:
    few = TRAIN.subset([int(np.flatnonzero(TRAIN.labels == label)[0]) for label in range(3)])
    plan = tlkit.fine_tune.plan(few, None, **OWN)
    (told,) = [each for each in plan.decisions if each.name == "augmentation"]
    assert told.value is None
    assert "too few images" in told.reason
