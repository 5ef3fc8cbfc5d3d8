"""Run directories that were damaged, full, or not to be trained: told, and how to go on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import AtStart, head_stage, same_weights, top_stage, trainer
from tlkit.errors import LossNotFiniteError, RunDirectoryError, TrainingError
from tlkit.training.run_dir.checkpoint import Progress, read_checkpoint, write_checkpoint
from tlkit.training.run_dir.files import written
from tlkit.training.run_dir.run_directory import SETTINGS, RunDirectory

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]
STAGES = "stages/01-head"


def flipped(file: Path, position: int) -> None:
    """Change one byte of a file."""
    content = bytearray(file.read_bytes())
    content[position] ^= 0x10
    file.write_bytes(content)


def test_flipped_byte_of_a_checkpoint_is_found_or_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.npz"
    progress = Progress(epoch=3, history={"loss": [0.5, 0.4, 0.3]}, best_epoch=2, best_value=0.3)
    groups: dict[str, list[np.ndarray]] = {
        "state": [np.arange(6.0), np.ones(3)],
        "best": [np.zeros((2, 2), "float32")],
    }
    write_checkpoint(file, progress, groups)
    content = file.read_bytes()
    found = 0
    for position in range(0, len(content), 3):
        file.write_bytes(content)
        flipped(file, position)
        try:
            read, arrays = read_checkpoint(file)
        except RunDirectoryError as error:
            assert f"The checkpoint {file} is damaged: " in str(error)  # noqa: PT017
            found += 1
        else:
            assert read == progress
            assert all(
                np.array_equal(a, b) for a, b in zip(arrays["state"], groups["state"], strict=True)
            )
    assert found > len(content) / 10


def test_checkpoint_whose_archive_is_sound_but_not_its_content_is_found(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.npz"
    write_checkpoint(file, Progress(), {"state": [np.arange(6.0)]})
    with np.load(file) as data:
        arrays = dict(data)
    for change in ({"state/0": np.ones(6)}, {"state/1": np.ones(1)}):
        np.savez(file, **{**arrays, **change})
        with pytest.raises(RunDirectoryError, match="its checksum does not fit its content"):
            read_checkpoint(file)


class FullDisk(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets no file grow beyond some bytes from the second epoch on, while it is armed."""

    armed: ClassVar[bool] = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Fill the disk."""
        if FullDisk.armed and epoch == 1:
            _limit(1000)


def _limit(size: int) -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard))


@pytest.fixture
def _small_disk() -> Iterator[None]:
    pytest.importorskip("resource")
    FullDisk.armed = True
    yield
    FullDisk.armed = False
    _limit(-1)


@pytest.mark.usefixtures("_small_disk")
def test_full_disk_is_told_and_the_checkpoint_before_it_stays(parts: Data, tmp_path: Path) -> None:
    make = partial(trainer, head_stage(epochs=3, callbacks=(FullDisk(),)))
    checkpoint = tmp_path / "run" / STAGES / "checkpoint.npz"
    with pytest.raises(RunDirectoryError, match=r"checkpoint.npz cannot be written: .*Free some"):
        make(run_dir=tmp_path / "run").fit(*parts, verbose=0)
    FullDisk.armed = False
    _limit(-1)
    assert [file.name for file in checkpoint.parent.iterdir()] == [checkpoint.name]
    assert read_checkpoint(checkpoint)[0].epoch == 1
    resumed = make(run_dir=tmp_path / "run").fit(*parts, resume=True, verbose=0)
    assert same_weights(resumed.model, make().fit(*parts, verbose=0).model)


def test_disk_that_fills_up_within_a_file_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("old")

    def fill_up() -> None:
        with written(file) as part:
            part.write_text("ne")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(RunDirectoryError, match=r"x.json cannot be written: .*No space"):
        fill_up()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.json", "old")]


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    left = [tmp_path / ".part-12-ab-settings.json", tmp_path / STAGES / ".part-12-ab-x.npz"]
    kept = [tmp_path / ".gitignore", tmp_path / STAGES / "notes.txt"]
    for file in (*left, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    with RunDirectory(tmp_path).held():
        assert not any(file.exists() for file in left)
        assert all(file.exists() for file in kept)


@pytest.fixture(scope="module")
def finished(parts: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one stage with a search that is over."""
    folder: Path = tmp_path_factory.mktemp("runs") / "run"
    trainer(searching(), run_dir=folder).fit(*parts, verbose=0)
    return folder


def a_hundredth(curve: tlkit.LRCurve) -> float:  # noqa: ARG001
    """A selector whose answer the curve does not change."""
    return 0.01


def searching() -> tlkit.Stage:
    """An epoch of the head at a rate that is searched for."""
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=8, unit="batch", selector=a_hundredth)
    return head_stage(epochs=1, learning_rate=finder)


@pytest.mark.parametrize("name", ["weights.weights.h5", "result.json", "curve.json"])
def test_damage_of_a_finished_stage_is_found_before_it_is_used(
    name: str, finished: Path, parts: Data
) -> None:
    file = finished / STAGES / name
    content = file.read_bytes()
    made = trainer(searching(), run_dir=finished)
    try:
        # A digit becomes another sign or digit: the file may well still be read.
        digits = [place for place, byte in enumerate(content) if byte in b"01234567"]
        flipped(file, digits[len(digits) // 2])
        with pytest.raises(RunDirectoryError, match=r"01-head is damaged: .* Delete this folder"):
            made.fit(*parts, resume=True, verbose=0)
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(RunDirectoryError, match=r"01-head is damaged: "):
            made.fit(*parts, resume=True, verbose=0)
    finally:
        file.write_bytes(content)
    assert made.fit(*parts, resume=True, verbose=0).stages[0].epochs == 1


def test_finished_stage_without_its_weights_is_found(
    finished: Path, parts: Data, tmp_path: Path
) -> None:
    file = finished / STAGES / "weights.weights.h5"
    moved = file.rename(tmp_path / file.name)
    try:
        with pytest.raises(RunDirectoryError, match=r"01-head is damaged: a checksum does not fit"):
            trainer(searching(), run_dir=finished).fit(*parts, resume=True, verbose=0)
    finally:
        moved.rename(file)


def test_damaged_curve_of_a_running_stage_is_found(tmp_path: Path) -> None:
    files = RunDirectory(tmp_path).stage(1, "head")
    files.curve.parent.mkdir(parents=True)
    files.curve.write_text("{")
    with pytest.raises(RunDirectoryError, match=r"curve.json is not a curve.* Delete it to go on"):
        files.searched(None)


@pytest.mark.slow
def test_run_whose_loss_became_infinite_is_continued_by_another_run(
    parts: Data, tmp_path: Path
) -> None:
    def ruin(model: Any) -> None:
        kernel = model.get_layer("probabilities").kernel
        kernel.assign(kernel * float("inf"))

    def stages(rate: float) -> tuple[tlkit.Stage, ...]:
        wild = top_stage(callbacks=(AtStart(1, ruin),) if rate > 1 else ())
        return head_stage(epochs=1), wild

    run = tmp_path / "run"
    with pytest.raises(LossNotFiniteError, match=r"became nan in epoch 2 of stage 'top'"):
        trainer(*stages(9.0), run_dir=run).fit(*parts, verbose=0)
    reached = run / STAGES / "weights.weights.h5"
    with pytest.raises(RunDirectoryError) as caught:
        trainer(*stages(0.1), run_dir=run).fit(*parts, resume=True, verbose=0)
    assert "stages['top'].callbacks: " in str(caught.value)
    assert f"pass start_from={str(reached)!r} there" in str(caught.value)
    second = trainer(stages(0.1)[1], run_dir=tmp_path / "second", start_from=reached)
    assert second.fit(*parts, verbose=0).stages[0].epochs == 2


def test_run_without_a_finished_stage_offers_no_weights(parts: Data, tmp_path: Path) -> None:
    SETTINGS.write(tmp_path / "settings.json", {"tlkit": "0"})
    with pytest.raises(RunDirectoryError, match=r"or give another run_dir\.$"):
        trainer(head_stage(), run_dir=tmp_path).fit(*parts, resume=True, verbose=0)


@pytest.mark.slow
def test_names_that_give_one_folder_name_keep_apart(parts: Data, tmp_path: Path) -> None:
    names = ["top/1", "top:1", "x" * 300, "../.."]
    stages = [head_stage(name=name, epochs=1) for name in names]
    first = trainer(*stages, run_dir=tmp_path / "run").fit(*parts, verbose=0)
    folders = sorted(folder.name for folder in (tmp_path / "run/stages").iterdir())
    assert folders == ["01-top-1", "02-top-1", f"03-{'x' * 100}", "04-stage"]
    again = trainer(*stages, run_dir=tmp_path / "run").fit(*parts, resume=True, verbose=0)
    assert again.history == first.history
    assert list(again.history) == names


def test_what_is_no_stage_is_named() -> None:
    with pytest.raises(TrainingError, match="stages holds 'head', expected Stage objects only"):
        trainer("head")  # type: ignore[arg-type]
    nested: Any = tlkit.recipes.linear_probe_then_fine_tune()
    with pytest.raises(TrainingError, match=r"stages holds \(Stage\('head'"):
        trainer(nested)
