"""A run directory read again says what was asked for and how far each stage came."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, small_network, top_stage, trainer
from tlkit.errors import RunDirectoryError, SelectorError
from tlkit.training import read_run

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]
CutOff = tuple[tlkit.StagedTrainer, Path]

FINDER = tlkit.ExponentialLRFinder(1e-5, 3.0, steps=40, unit="batch", selector=tlkit.Valley())


class StopIn(keras.callbacks.Callback):  # type: ignore[misc]
    """Presses Ctrl-C when an epoch, counted from 0, begins."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop."""
        if epoch == self.epoch:
            raise KeyboardInterrupt


def interrupted(made: tlkit.StagedTrainer, data: Data) -> None:
    with pytest.raises(KeyboardInterrupt):
        made.fit(*data, verbose=0)


def written(root: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of change of everything below a folder."""
    states = {path: path.stat() for path in root.rglob("*")}
    return {path: (state.st_size, state.st_mtime_ns) for path, state in states.items()}


@pytest.fixture(scope="module")
def cut_off(parts: Data, tmp_path_factory: pytest.TempPathFactory) -> CutOff:
    """A run of three stages: finished, cut off after its search and one epoch, not begun."""
    run_dir = tmp_path_factory.mktemp("runs") / "run"
    tuning = top_stage(
        name="fine-tune: 1/2", epochs=3, learning_rate=FINDER, callbacks=(StopIn(1),)
    )
    stages = (head_stage(), tuning, top_stage(name="last"))
    made = trainer(*stages, run_dir=run_dir, seed=7, image_size=16)
    interrupted(made, parts)
    return made, run_dir


def test_what_was_asked_for_is_read(cut_off: CutOff, parts: Data) -> None:
    settings = read_run(cut_off[1]).settings
    train, validation = parts
    assert settings.tlkit == tlkit.__version__
    assert (settings.backbone, settings.weights) == ("tiny", "random")
    assert (settings.image_size, settings.preprocessing, settings.seed) == (16, "auto", 7)
    assert settings.train.count == len(train)
    assert settings.train.class_names == train.class_names
    assert settings.train.fingerprint == train.fingerprint
    assert settings.validation is not None
    assert settings.validation.count == len(validation)


def test_settings_are_told_as_code_without_places(
    cut_off: CutOff,
) -> None:
    code = read_run(cut_off[1]).settings.code
    assert code.startswith("StagedTrainer(\n    'tlkit:tiny',\n    stages=(\n        Stage(\n")
    assert "\n            name='fine-tune: 1/2',\n            epochs=3,\n" in code
    assert "policy=UnfreezeTop(layers=3" in code
    assert "ExponentialLRFinder(min_lr=1e-05" in code
    assert "\n    seed=7,\n" in code
    assert str(cut_off[1].parent) not in code
    assert "cache" not in code, "where features lie says nothing about the run"


def test_each_stage_says_how_far_it_came(cut_off: CutOff) -> None:
    run = read_run(cut_off[1])
    head, tuning, last = run.stages
    assert [stage.name for stage in run.stages] == [stage.name for stage in cut_off[0].stages]
    assert [stage.epochs for stage in run.stages] == [2, 3, 2]
    assert head.result is not None
    assert head.result.epochs == 2
    assert (head.curve, head.progress) == (None, None)
    assert tuning.result is None
    assert tuning.curve is not None, "the search stands under the stage that searched"
    assert tuning.progress is not None
    assert tuning.progress.epoch == len(tuning.progress.history["loss"]) == 1
    assert tuning.progress.learning_rate == tuning.curve.suggestion
    assert last == dataclasses.replace(last, result=None, curve=None, progress=None)
    assert run.model is None


def test_reading_changes_nothing(cut_off: CutOff) -> None:
    before = written(cut_off[1])
    read_run(cut_off[1])
    assert written(cut_off[1]) == before


@pytest.mark.slow
def test_a_finished_run_is_what_fit_returned(parts: Data, tmp_path: Path) -> None:
    stages = (head_stage(learning_rate=FINDER), top_stage(epochs=1))
    result = trainer(*stages, run_dir=tmp_path).fit(*parts, verbose=0)
    run = read_run(str(tmp_path))
    assert tuple(stage.result for stage in run.stages) == result.stages
    assert run.stages[0].curve is not None
    assert np.array_equal(run.stages[0].curve.losses, result.curves["head"].losses)
    assert run.stages[0].curve.suggestions == result.curves["head"].suggestions
    assert run.model == tmp_path / "model.keras"


class Mine:
    """A selector that nobody else has."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate

    def __call__(self, curve: tlkit.LRCurve) -> float:  # noqa: ARG002
        """Say it."""
        if self.rate is None:
            raise SelectorError("nothing pleases me")
        return self.rate


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0125, None])
def test_a_users_own_selector_says_what_it_said_then(
    rate: float | None, parts: Data, tmp_path: Path
) -> None:
    finder = dataclasses.replace(FINDER, selector=Mine(rate))
    made = trainer(head_stage(learning_rate=finder), run_dir=tmp_path)
    if rate is None:
        with pytest.raises(SelectorError):
            made.fit(*parts, verbose=0)
    else:
        made.fit(*parts, verbose=0)
    (stage,) = read_run(tmp_path).stages
    assert stage.curve is not None
    if rate is None:
        assert stage.curve.refusals["Mine"] == "nothing pleases me"
        with pytest.raises(SelectorError, match="nothing pleases me"):
            _ = stage.curve.suggestion
    else:
        assert stage.curve.suggestion == stage.curve.suggestions["Mine"] == rate


@dataclasses.dataclass(frozen=True)
class OwnStage(tlkit.Stage):
    """A user's own kind of stage, which settings keep as text."""


@pytest.mark.slow
def test_a_stage_of_a_users_own_class_is_found_by_its_number(parts: Data, tmp_path: Path) -> None:
    own = OwnStage("mine", epochs=1, learning_rate=0.01)
    cut = OwnStage("cut", epochs=2, learning_rate=FINDER, callbacks=(StopIn(1),))
    made = trainer(own, cut, run_dir=tmp_path, backbone=small_network, image_size=16)
    interrupted(made, parts)
    run = read_run(tmp_path)
    first, second = run.stages
    assert run.settings.backbone == "own function"
    assert first.result is not None
    assert (first.name, first.epochs, second.name) == ("mine", None, "stage 2")
    assert second.curve is not None
    assert second.progress is not None


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"nowhere holds no run\. Give the run_dir"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("settings.json", "/run"),
        ("stages/01-head/result.json", "01-head is damaged"),
        ("stages/02-fine-tune-1-2/curve.json", "curve.json"),
        ("stages/02-fine-tune-1-2/checkpoint.npz", "checkpoint.npz is damaged"),
    ],
)
def test_damage_is_named(file: str, told: str, cut_off: CutOff) -> None:
    damaged = cut_off[1] / file
    whole = damaged.read_bytes()
    try:
        damaged.write_bytes(b"{")
        with pytest.raises(RunDirectoryError, match=told):
            read_run(cut_off[1])
    finally:
        damaged.write_bytes(whole)


@pytest.mark.parametrize("name", ["backbone", "stages", "train", "image_size"])
def test_settings_of_another_version_are_refused(name: str, parts: Data, tmp_path: Path) -> None:
    from tlkit.training.run_dir.run_directory import RunDirectory
    from tlkit.training.run_dir.run_settings import run_settings

    made = trainer(head_stage())
    settings = run_settings(made.settings, made.head, made.stages, made.keep, None, *parts)
    for wrong in ({**settings, name: 3.5}, {k: v for k, v in settings.items() if k != name}):
        folder = tmp_path / str(len(json.dumps(wrong)))
        folder.mkdir()
        RunDirectory(folder).open(wrong, resume=False)
        if name == "image_size" and name in wrong:
            continue  # a number is as good as another
        with pytest.raises(RunDirectoryError, match=r"settings\.json is damaged or of another"):
            read_run(folder)
