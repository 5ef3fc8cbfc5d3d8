"""Settings on disk: people read them, and the trainer is made from them again."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.training.conftest import head_stage, same_weights, small_network, top_stage, trainer
from tlkit._keras.describe import described
from tlkit.errors import RunDirectoryError, WeightsError
from tlkit.testing import tiny_backbone
from tlkit.training.run_dir.encoding import (
    decoded,
    differences,
    encoded,
    only_text,
    shown,
    upgraded,
)
from tlkit.training.run_dir.run_directory import SETTINGS, RunDirectory
from tlkit.training.run_dir.run_settings import run_settings

SCHEDULES = keras.optimizers.schedules


def stored(setting: Any) -> Any:
    """A setting as it comes from a file."""
    return json.loads(json.dumps(encoded(setting)))


def kept(made: tlkit.StagedTrainer, data: tlkit.ImageDataset) -> dict[str, Any]:
    """What a run directory keeps about a training."""
    asked = (made.settings, made.head, made.stages, made.keep, made.start_from)
    return run_settings(*asked, data, None)


def begun(made: tlkit.StagedTrainer, data: tlkit.ImageDataset) -> Path:
    """The run directory of a trainer whose training was begun and at once interrupted."""
    assert made.run_dir is not None
    run = RunDirectory(made.run_dir)
    with run.held():
        run.open(kept(made, data), resume=False)
    return made.run_dir


def quiet(layers: Any, epoch: int) -> Any:  # noqa: ARG001
    """A policy of one's own."""
    return ()


def halved(steps: int) -> Any:
    """A schedule of one's own."""
    return SCHEDULES.ExponentialDecay(0.1, steps, 0.5)


@pytest.mark.parametrize(
    "setting",
    [
        None,
        0.1,
        "adam",
        (1024, 512),
        tlkit.Head(units=(8, 4)),
        tlkit.Augmentation(rotation=10),
        tlkit.Augmentation(crop=(0.5, 1)),
        head_stage(augmentation=[tlkit.ColorJitter(), tlkit.RandAugment(), tlkit.RandomErasing()]),
        tlkit.FreezeAll(),
        tlkit.FreezeAll(batch_norm="train"),
        *tlkit.recipes.fastai(optimizer="adamw", l2_sp=10),
        tlkit.UnfreezeAll(batch_norm="train"),
        tlkit.UnfreezeTop(from_layer="conv"),
        tlkit.GradualUnfreeze(groups=2, every=3),
        tlkit.BatchNormOnly(),
        tlkit.LoRA(rank=4, within=tlkit.UnfreezeTop(layers=3)),
        tlkit.ExponentialLRFinder(steps=5, selector=tlkit.Steepest(window=3)),
        tlkit.ExponentialLRFinder(selector=tlkit.Valley()),
        tlkit.ExponentialLRFinder(selector=tlkit.ShareOfFall(0.5)),
        tlkit.ExponentialLRFinder(selector=tlkit.MinimumOverTen()),
        tlkit.WarmupCosine(peak=0.1),
        tlkit.OneCycle(peak=0.1, div=5),
        tlkit.Staircase(rates=(0.1, 0.01), at=(0.5,)),
        {"cat": 1.0, "dog": 2.5},
        {0: 1.0, 1: 2.5},
        tlkit.Stage("a", epochs=2, learning_rate=0.1, policy=tlkit.UnfreezeTop(layers=2)),
        tlkit.Stage("a", epochs=2, learning_rate=tlkit.ExponentialLRFinder(stop_factor=4)),
    ],
)
def test_setting_of_tlkit_comes_back_as_it_was(setting: Any) -> None:
    assert decoded(stored(setting)) == setting
    assert not list(only_text(stored(setting)))


@given(
    st.builds(tlkit.Head, units=st.lists(st.integers(1, 9)).map(tuple), dropout=st.floats(0, 0.9))
    | st.builds(tlkit.UnfreezeTop, layers=st.integers(1, 400))
    | st.builds(tlkit.UnfreezeTop, fraction=st.floats(0, 1, exclude_min=True))
    | st.builds(tlkit.GradualUnfreeze, groups=st.integers(1, 9), every=st.integers(1, 9))
)
def test_any_setting_comes_back_as_it_was(setting: Any) -> None:
    assert decoded(stored(setting)) == setting


@pytest.mark.parametrize(
    "setting",
    [
        SCHEDULES.ExponentialDecay(0.1, 5, 0.5),
        SCHEDULES.PiecewiseConstantDecay([5], [0.1, 0.2]),
        SCHEDULES.CosineDecay(0.1, 10),
        keras.callbacks.EarlyStopping("loss", patience=3, min_delta=0.01, mode="min"),
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, cooldown=4),
        keras.callbacks.TerminateOnNaN(),
        keras.optimizers.SGD,
        partial(keras.optimizers.SGD, momentum=0.9),
        partial(keras.layers.MixUp, alpha=0.3),
    ],
)
def test_setting_of_keras_comes_back_as_it_was(setting: Any) -> None:
    data = stored(setting)
    assert data["class"].startswith("keras.")
    assert type(decoded(data)) is type(setting)
    assert stored(decoded(data)) == data


class OwnStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Not Keras' own."""


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (quiet, "quiet"),
        (lambda layers, epoch: (), "<lambda>"),  # noqa: ARG005
        (OwnStopping(), "OwnStopping("),
        (keras.callbacks.CSVLogger("log.csv"), "CSVLogger("),
        (keras.callbacks.LearningRateScheduler(quiet), "LearningRateScheduler("),
        (partial(keras.optimizers.SGD, 0.1), "SGD(0.1)"),
        (keras.optimizers.get, "get"),
    ],
)
def test_what_cannot_be_built_again_is_kept_as_text(setting: Any, text: str) -> None:
    ((path, said),) = only_text({"here": [stored(setting)]})
    assert path == "here[0]"
    assert text in said


@pytest.mark.parametrize(
    "data",
    [
        {"class": "os.system", "command": "true"},
        {"class": "keras.callbacks.CSVLogger", "filename": "x"},
        {"class": "keras.callbacks.RemoteMonitor"},
        {"class": "keras.utils.get_file", "fname": "x", "origin": "http://localhost"},
        {"class": "keras.layers.Lambda", "function": "x"},
        {"class": "keras.optimizers.schedules.LearningRateSchedule.get_config"},
        {"class": "tlkit.StagedTrainer"},
        {"class": "tlkit.Head", "width": 3},
        {"class": 3},
        {"class": "dict"},
    ],
)
def test_classes_that_are_not_on_the_list_are_never_made(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be made from"):
        decoded(data)


def test_difference_is_told_setting_by_setting() -> None:
    known = [stored(head_stage()), stored(top_stage())]
    given = [
        stored(head_stage(epochs=3, class_weight={0: 1.0, 1: 2.0, 2: 1.0})),
        stored(tlkit.Stage("top", epochs=2, learning_rate=halved, batch_size=16)),
    ]
    assert list(differences({"stages": known}, {"stages": given})) == [
        "stages['head'].epochs: 2 in the run, 3 given",
        "stages['head'].class_weight: None in the run, {0: 1.0, 1: 2.0, 2: 1.0} given",
        f"stages['top'].learning_rate: 0.003 in the run, {described(halved)} given",
        "stages['top'].policy: UnfreezeTop(layers=3, fraction=None, from_layer=None, "
        "batch_norm='frozen') in the run, FreezeAll(batch_norm='frozen') given",
    ]


def test_stages_that_were_added_are_shown_as_code() -> None:
    (line,) = differences([stored(tlkit.FreezeAll())], [stored(tlkit.FreezeAll())] * 2, "stages")
    one = "FreezeAll(batch_norm='frozen')"
    assert line == f"stages: ({one},) in the run, ({one}, {one}) given"
    assert shown("0" * 64) == "sha256 000000000000..."


@pytest.mark.slow
def test_keras_layers_as_augmentation_are_made_again() -> None:
    given = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(0.1, fill_mode="nearest"),
            keras.layers.RandAugment(num_ops=1),
            keras.layers.RandomColorJitter(value_range=(0, 255), brightness_factor=0.2),
            keras.layers.Rescaling(0.5, dtype="float16"),
        ]
    )
    augmentation: Any = head_stage(augmentation=given).augmentation
    data = stored(augmentation)
    assert not list(only_text(data))
    again = decoded(data)
    assert stored(again) == data
    assert [x.dtype_policy.name for x in again.layers][-2:] == ["float32", "float16"]
    images = tlkit.testing.tiny_dataset(6).load(range(6), (16, 16))
    draw = {"seed": 3, "stage": "a", "epoch": 1}
    assert (augmentation(images, range(6), **draw) == again(images, range(6), **draw)).all()


def test_a_run_from_before_there_were_crops_has_none() -> None:
    stage = head_stage(augmentation=tlkit.Augmentation())
    older = stored(stage)
    del older["augmentation"]["crop"], older["augmentation"]["crop_aspect"]
    assert upgraded(older) == stored(stage)
    assert decoded(older) == stage


def test_own_layer_as_augmentation_is_kept_as_text() -> None:
    class Own(keras.layers.RandomFlip):  # type: ignore[misc]
        pass

    ((path, said),) = only_text({"stage": stored(head_stage(augmentation=Own()))})
    assert path == "stage.augmentation"
    assert "Own(" in said
    assert stored(head_stage(augmentation=Own())) == stored(head_stage(augmentation=Own()))


def test_weights_file_is_known_by_its_content(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    file, moved = tmp_path / "own.weights.h5", tmp_path / "moved.weights.h5"
    tlkit.testing.tiny_model().save_weights(file)
    begun(trainer(head_stage(epochs=1), run_dir=tmp_path / "run", weights=file), data)
    assert tlkit.StagedTrainer.from_run(tmp_path / "run", backbone=tiny_backbone()).weights == str(
        file.resolve()
    )
    file.rename(moved)
    other = trainer(head_stage(epochs=1), run_dir=tmp_path / "run", weights=moved)
    assert other.fit(data, resume=True, verbose=0).stages[0].epochs == 1


def test_weights_file_that_was_changed_in_place_is_told(
    data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    file, model = tmp_path / "own.weights.h5", tlkit.testing.tiny_model()
    model.save_weights(file)
    made = trainer(head_stage(), run_dir=tmp_path / "run", weights=file)
    begun(made, data)
    model.set_weights([2 * weight for weight in model.get_weights()])
    model.save_weights(file)
    with pytest.raises(
        RunDirectoryError, match=r"\n  weights: sha256 .* in the run, sha256 .* giv"
    ):
        made.fit(data, resume=True, verbose=0)


def test_trainer_is_made_again_from_its_run(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    stages = (
        head_stage(callbacks=(keras.callbacks.EarlyStopping("loss", patience=3),)),
        top_stage(augmentation=tlkit.Augmentation(), optimizer=partial(keras.optimizers.SGD)),
    )
    made = tlkit.StagedTrainer(
        "mobilenet_v2",
        stages=stages,
        head=tlkit.Head(units=(8,)),
        image_size=(64, 96),
        weights=None,
        preprocessing="unit",
        engine="keras",
        cache=tmp_path / "cache",
        run_dir=tmp_path / "run",
        seed=7,
    )
    again = tlkit.StagedTrainer.from_run(begun(made, data))
    assert kept(again, data) == kept(made, data)
    assert again.run_dir == made.run_dir
    assert again.image_size == (64, 96)
    assert again.backbone == made.backbone
    other = tlkit.StagedTrainer.from_run(tmp_path / "run", run_dir=tmp_path / "new", seed=8)
    assert (other.run_dir, other.seed, other.head) == (tmp_path / "new", 8, made.head)


def test_run_goes_on_with_the_trainer_made_again(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    first = trainer(head_stage(epochs=1), run_dir=tmp_path).fit(data, verbose=0)
    again = tlkit.StagedTrainer.from_run(tmp_path, backbone=tiny_backbone())
    assert same_weights(again.fit(data, resume=True, verbose=0).model, first.model)


def test_what_must_be_passed_again_is_named(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    stage = top_stage(optimizer=lambda rate: keras.optimizers.SGD(rate))
    made = tlkit.StagedTrainer(
        small_network, stages=[head_stage(policy=quiet), stage], run_dir=tmp_path
    )
    begun(made, data)
    with pytest.raises(RunDirectoryError) as caught:
        tlkit.StagedTrainer.from_run(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[1] == f"  backbone: {described(small_network)}"
    assert lines[2] == f"  stages['head'].policy: {described(quiet)}"
    assert lines[3].startswith("  stages['top'].optimizer: ")
    assert "<lambda> (code " in lines[3]
    assert lines[4].endswith(f"from_run({str(tmp_path)!r}, backbone=..., stages=...).")
    again = tlkit.StagedTrainer.from_run(tmp_path, backbone=small_network, stages=made.stages)
    assert again.stages == made.stages


def test_backbone_that_is_not_installed_is_named(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    begun(trainer(head_stage(), run_dir=tmp_path), data)
    with pytest.raises(
        RunDirectoryError, match=r"'tlkit:tiny'.* Install it, or pass it: .*from_ru"
    ):
        tlkit.StagedTrainer.from_run(tmp_path)


def test_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"holds no run\. Give the run_dir of a"):
        tlkit.StagedTrainer.from_run(tmp_path)
    with pytest.raises(RunDirectoryError, match="holds no run"):
        tlkit.StagedTrainer.from_run(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "change",
    [
        {"head": {"class": "tlkit.Head", "dropout": 7}},
        {"head": {"class": "os.system"}},
        {"places": None},
        {"backbone": 3},
        {"backbone": {"name": "tiny"}},
        {"stages": [{"class": "tlkit.Stage", "name": "a", "epochs": 0, "learning_rate": 0.1}]},
    ],
)
def test_damaged_settings_are_told(
    change: dict[str, Any], data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    file = begun(trainer(head_stage(), run_dir=tmp_path), data) / "settings.json"
    SETTINGS.write(file, {**SETTINGS.read(file), **change})
    with pytest.raises(
        RunDirectoryError, match=r"damaged or of another version.* Make the trainer"
    ):
        tlkit.StagedTrainer.from_run(tmp_path)


def test_settings_that_are_no_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("[]")
    with pytest.raises(
        RunDirectoryError, match=r"settings.json cannot be read: it is a list, .*Give another"
    ):
        tlkit.StagedTrainer.from_run(tmp_path)


def test_run_of_another_version_is_not_resumed(
    data: tlkit.ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(trainer(head_stage(), run_dir=tmp_path), data)
    monkeypatch.setattr("tlkit.training.run_dir.run_settings.version", lambda _: "9.0")
    with pytest.raises(RunDirectoryError, match=r"\n  tlkit: '.*' in the run, '9.0' given\n"):
        trainer(head_stage(), run_dir=tmp_path).fit(data, resume=True, verbose=0)


@pytest.mark.slow
def test_places_may_change_between_two_halves_of_a_run(
    data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    weights = tmp_path / "start.weights.h5"
    trainer(head_stage(epochs=1)).fit(data, verbose=0).model.save_weights(weights)
    moved = weights.rename(tmp_path / "moved.weights.h5")
    weights.write_bytes(moved.read_bytes())
    begun(trainer(head_stage(epochs=1), run_dir=tmp_path / "run", start_from=weights), data)
    weights.unlink()
    other = {"run_dir": tmp_path / "run", "start_from": moved, "cache": tmp_path / "cache"}
    result = trainer(head_stage(epochs=1), **other).fit(data, resume=True, verbose=0)
    assert result.stages[0].epochs == 1


def test_start_that_is_not_there_is_named(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    made = trainer(head_stage(), run_dir=tmp_path / "run", start_from=tmp_path / "no.keras")
    with pytest.raises(WeightsError, match=r"start_from='.*no.keras' cannot be read: .* Give the"):
        made.fit(data, verbose=0)
