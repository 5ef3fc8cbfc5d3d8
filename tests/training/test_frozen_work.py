"""What a stage says that it ran of its frozen part."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import few, thorough
from tests.training.conftest import head_stage, trainer
from tests.training.test_resume import Data, Interrupt
from tests.training.test_same_engine import Machine, machine
from tlkit.training.run_dir.engines_used import EngineNotes, Ran
from tlkit.training.stage_result import FrozenWork

__all__ = ["machine"]
TURNED = tlkit.Augmentation()
TRAIN, VALIDATION = 36, 12  # of the 48 images


def frozen(parts: Data, *stages: tlkit.Stage, **settings: Any) -> list[FrozenWork | None]:
    """What each stage of a training said."""
    given = {"engine": "keras", **settings}
    return [x.frozen for x in trainer(*stages, **given).fit(*parts, verbose=0).stages]


def test_one_view_of_48_and_16_images_over_4_epochs_is_64_passes() -> None:
    train, validation = (tlkit.testing.tiny_dataset(n, seed=n) for n in (48, 16))
    stage = head_stage(epochs=4, augmentation=TURNED, views=1)
    (work,) = frozen((train, validation), stage)
    assert work is not None
    assert (work.passes, work.plain_passes, work.spared) == (64, 256, 192)


CASES: dict[str, tuple[dict[str, Any], int]] = {
    "stored": ({}, TRAIN + VALIDATION),
    "two views": ({"augmentation": TURNED, "views": 2}, 2 * TRAIN + VALIDATION),
    "augmented": ({"augmentation": TURNED}, 3 * TRAIN + VALIDATION),
    "mixed": ({"mix": lambda: keras.layers.MixUp(seed=1)}, 3 * TRAIN + VALIDATION),
}


@pytest.mark.parametrize("how", few(CASES, 2))
def test_passes_are_the_images_that_went_through(how: str, parts: Data) -> None:
    settings, passes = CASES[how]
    (work,) = frozen(parts, head_stage(epochs=3, **settings))
    assert work == FrozenWork(passes, 3 * (TRAIN + VALIDATION), "keras", {})


@pytest.mark.slow
def test_what_is_read_from_the_store_is_no_pass(parts: Data, tmp_path: Path) -> None:
    stages = head_stage(), head_stage(name="again", epochs=3)
    first, second = frozen(parts, *stages, cache=tmp_path)
    assert first == FrozenWork(48, 2 * 48, "keras")
    assert second == FrozenWork(0, 3 * 48, "")


def test_features_too_large_to_keep_are_passes_of_every_epoch(
    parts: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlkit.training.loop.session.STORE_LIMIT", 0)
    (work,) = frozen(parts, head_stage(epochs=3))
    assert work == FrozenWork(3 * 48, 3 * 48, "keras")


@pytest.mark.slow
def test_without_a_frozen_part_there_is_nothing_to_say(parts: Data) -> None:
    stage = head_stage(policy=tlkit.UnfreezeAll(batch_norm="train"))
    assert frozen(parts, stage) == [None]


def test_epochs_that_were_not_trained_do_not_count(parts: Data) -> None:
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    stage = head_stage(epochs=9, augmentation=TURNED, callbacks=(stop,))
    trained = trainer(stage, engine="keras").fit(*parts, verbose=0).stages[0]
    assert trained.epochs == 2
    assert trained.frozen == FrozenWork(2 * TRAIN + VALIDATION, 2 * 48, "keras")


def then_the_top(layers: Any, epoch: int) -> Any:
    """Nothing for two epochs, then the last three layers."""
    return layers[-3:] if epoch >= 2 else ()


@pytest.mark.slow
def test_phases_add_up_and_those_without_a_frozen_part_have_none(parts: Data) -> None:
    stages = [
        head_stage(name=name, epochs=5, policy=policy)
        for name, policy in (("own", then_the_top), ("slow", tlkit.GradualUnfreeze(2, every=2)))
    ]
    own, slow = frozen(parts, *stages)
    assert own == FrozenWork(2 * 48, 5 * 48, "keras"), "each phase has a trunk of its own"
    assert slow == FrozenWork(48, 2 * 48, "keras"), "from the third epoch on all is trained"


# A function that makes a layer could not be compared between two runs.
EARLY, LATE = ("head", "batch end", 0), ("head", "epoch end", 2)


@pytest.mark.parametrize(
    ("how", "place"),
    [
        ("stored", LATE),
        *thorough(("stored", EARLY), ("augmented", LATE), ("two views", LATE)),
        *thorough(("augmented", EARLY), ("two views", EARLY)),
    ],
)
def test_what_was_run_before_an_interruption_counts(
    how: str, place: tuple[str, str, int], parts: Data, tmp_path: Path
) -> None:
    settings, passes = CASES[how]
    stage = head_stage(epochs=3, callbacks=(Interrupt("head"),), **settings)
    made = trainer(stage, engine="keras", cache=tmp_path / "cache", run_dir=tmp_path / "run")
    Interrupt.at = place
    with pytest.raises(KeyboardInterrupt):
        made.fit(*parts, verbose=0)
    result = made.fit(*parts, resume=True, verbose=0)
    expected = FrozenWork(passes, 3 * 48, "keras")
    assert result.stages[0].frozen == expected
    read = made.fit(*parts, resume=True, verbose=0)
    assert read.stages[0].frozen == expected, "from the finished run"


def test_engine_and_speeds_are_those_that_were_measured(
    machine: Machine, parts: Data, tmp_path: Path
) -> None:
    settings = {"engine": "auto", "cache": tmp_path}
    first, second = frozen(parts, head_stage(), head_stage(name="again"), **settings)
    assert first == FrozenWork(48, 96, "other", {"keras": 2e6, "other": 1e6})
    assert first.seconds_saved == (96 * 2e6 - 48 * 1e6) / 1000
    assert second == FrozenWork(0, 96, "", {"keras": 2e6, "other": 1e6})
    assert second.seconds_saved == 96 * 2e6 / 1000
    machine.prefer_keras()
    other = head_stage(name="x", augmentation=TURNED)
    (third,) = frozen(parts, other, **settings)
    assert third is not None
    assert (third.engine, third.ms) == ("other", {"keras": 2e6, "other": 1e6})
    asked = trainer(other, engine="keras", cache=tmp_path).fit(*parts, verbose=0)
    assert asked.stages[0].frozen is not None
    assert asked.stages[0].frozen.ms == {"keras": 2e6, "other": 1e6}, "it was measured before"


def test_speeds_of_phases_are_weighed_so_that_seconds_add_up() -> None:
    notes = EngineNotes()
    deep, flat = {"keras": 8.0, "swift": 2.0}, {"keras": 4.0, "swift": 1.0}
    notes.note(Ran("a", "train", "t1", 0, 2, "swift", once=30, ms=deep))
    notes.note(Ran("a", "train", "t2", 2, 5, "swift", once=30, ms=flat))
    work = notes.work("a", 30, 5)
    assert work is not None
    assert (work.passes, work.plain_passes) == (60, 150)
    assert work.seconds_saved == pytest.approx((60 * 8 + 90 * 4 - 30 * 2 - 30 * 1) / 1000)
    notes.note(Ran("a", "train", "t3", 5, 6, "keras", once=30))
    unknown = notes.work("a", 30, 6)
    assert unknown is not None
    assert unknown.seconds_saved is None, "nothing is known of the third"
    assert notes.work("b", 30, 5) is None


SPREAD: dict[str, tuple[dict[str, Any], int]] = {
    "stored": ({}, 2),
    "views": ({"augmentation": TURNED, "views": 2}, 1),
    "augmented": ({"augmentation": TURNED}, 1),
}


@pytest.mark.parametrize("held_out", [True, *thorough(False)])
@pytest.mark.parametrize("how", few(SPREAD))
def test_what_can_be_spread_is_spread(how: str, held_out: bool, parts: Data) -> None:
    settings, tasks = SPREAD[how]
    asked: list[Any] = []
    with ThreadPoolExecutor(2) as executor:
        submit = executor.submit
        executor.submit = lambda *task: asked.append(task) or submit(*task)  # type: ignore
        given = parts if held_out else parts[:1]
        made = trainer(head_stage(epochs=1, **settings), engine="keras")
        result = made.fit(*given, verbose=0, executor=executor)
    assert len(asked) == tasks - (not held_out), "shards of plain images are tasks, of views not"
    alone = trainer(head_stage(epochs=1, **settings), engine="keras").fit(*given, verbose=0)
    assert result.stages[0].frozen == alone.stages[0].frozen
