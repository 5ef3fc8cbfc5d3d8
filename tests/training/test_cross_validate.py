"""`tlkit.cross_validate`: a recipe trained for each fold, scored on the images left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

import tlkit
from tests.conftest import thorough
from tlkit.data.deals import deals
from tlkit.errors import DataError, RunDirectoryError, SplitError, TlkitError, TrainingError
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training import read_run
from tlkit.training.cross_validation._validation_share import validation_places

DATA = tiny_dataset(30)


class Stops(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the process's work, as Ctrl-C does, in the training of a number."""

    begun = 0
    at = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        Stops.begun += 1
        if Stops.begun == Stops.at:
            raise KeyboardInterrupt


def recipe(*stages: tlkit.Stage, **settings: Any) -> tlkit.StagedTrainer:
    head = tlkit.Stage("head", epochs=2, learning_rate=0.01, callbacks=[Stops()])
    given = {"weights": None, "engine": "keras", **settings}
    return tlkit.StagedTrainer(tiny_backbone(), stages=stages or [head], **given)


@dataclass
class Done:
    """A cross-validation that was stopped in its second training, and went on."""

    found: tlkit.CrossValidation
    run: Path
    trained: int
    untouched: bool


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("crossed")
    trainer = recipe(run_dir=folder / "run", cache=folder / "cache", seed=4)
    Stops.begun, Stops.at = 0, 2
    with pytest.raises(KeyboardInterrupt):
        tlkit.cross_validate(trainer, DATA, folds=2, validation=0.2, verbose=0)
    first = folder / "run" / "repeat-1" / "fold-1" / "model.keras"
    known = first.stat().st_mtime_ns, first.read_bytes()
    Stops.begun, Stops.at = 0, 0
    found = tlkit.cross_validate(trainer, DATA, folds=2, validation=0.2, resume=True, verbose=0)
    weights = keras.saving.load_model(first).get_weights()
    first_again = folder / "first.keras"
    first_again.write_bytes(known[1])
    same = map(np.array_equal, weights, keras.saving.load_model(first_again).get_weights())
    return Done(found, folder / "run", Stops.begun, all(same))


def test_finished_trainings_are_not_trained_again(done: Done) -> None:
    assert done.trained == 1  # the second, that was stopped
    assert done.untouched


def test_each_image_is_predicted_by_the_model_that_has_not_seen_it(done: Done) -> None:
    (deal,) = done.found.folds
    assert np.array_equal(deal, deals(DATA, 2, 1, None, 0)[0])  # those of a probe
    evaluation = done.found.evaluation
    assert evaluation.image_names == DATA.names
    for fold in range(2):
        run, places = done.run / "repeat-1" / f"fold-{fold + 1}", np.flatnonzero(deal == fold)
        asked = read_run(run).settings
        sets = [DATA.subset(np.flatnonzero(deal != fold)), DATA.subset(places)]
        assert asked.validation is not None
        assert asked.train.count + asked.validation.count == len(sets[0])
        assert asked.validation.count == 3
        assert asked.seed == 4
        model = keras.saving.load_model(run / "model.keras")
        plain = tlkit.evaluate(model, sets[1]).probabilities
        assert np.allclose(evaluation.probabilities[places], plain, atol=1e-5)


def test_features_are_computed_once_for_all_trainings(done: Done) -> None:
    for fold in (1, 2):
        (stage,) = read_run(done.run / "repeat-1" / f"fold-{fold}").stages
        assert stage.result is not None
        assert stage.result.frozen is not None
        assert stage.result.frozen.passes == 0


def test_a_run_that_is_there_is_not_written_over(done: Done) -> None:
    trainer = recipe(run_dir=done.run, seed=4)
    with pytest.raises(RunDirectoryError, match="resume=True"):
        tlkit.cross_validate(trainer, DATA, folds=2, validation=0.2, verbose=0)
    with pytest.raises(RunDirectoryError, match="cannot be resumed"):
        tlkit.cross_validate(trainer, DATA, folds=3, validation=0.2, resume=True, verbose=0)


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"folds": 1}, SplitError, "folds=1"),
        ({"repeats": 0}, SplitError, "repeats=0"),
        ({"validation": 1}, SplitError, "validation=1"),
        ({"validation": "half"}, SplitError, "validation='half'"),
        ({"folds": 11}, SplitError, "largest has 10"),
        ({"groups": [1, 2]}, DataError, "groups"),
        ({"resume": True}, TrainingError, "run_dir"),
        ({"data": DATA.load}, DataError, "data"),
        ({"trainer": "xception"}, TrainingError, "fine_tune_trainer"),
    ],
)
def test_what_cannot_be_is_told_before_long_work(
    settings: dict[str, Any], error: type[TlkitError], told: str
) -> None:
    asked: dict[str, Any] = {"trainer": recipe(), "data": DATA, **settings}
    with pytest.raises(error, match=told):
        tlkit.cross_validate(asked.pop("trainer"), asked.pop("data"), verbose=0, **asked)


def test_a_stage_that_the_last_fold_does_not_fit_is_told_before_the_first() -> None:
    labels = [0] * 9 + [1] * 9 + [2]
    data = tlkit.ImageDataset.from_arrays(DATA.load(np.arange(19), 16), labels)
    stage = tlkit.Stage("head", epochs=1, learning_rate=0.01, class_weight="balanced")
    with pytest.raises(TrainingError, match="balanced"):
        tlkit.cross_validate(recipe(stage), data, folds=3, verbose=0)


@given(
    labels=st.lists(st.integers(0, 4), min_size=4, max_size=60),
    size=st.integers(1, 6),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
)
def test_validation_is_a_share_of_each_class_and_leaves_each_to_train(
    labels: list[int], size: int, share: float, seed: int
) -> None:
    given = np.array(labels)
    places = validation_places(given, None, share, seed)
    assert set(given) == set(np.delete(given, places))
    taken, counts = (np.bincount(x, minlength=5) for x in (given[places], given))
    held = max(share, 1 / len(given))
    assert (taken <= np.ceil(counts * held) + 1).all()
    assert (taken[counts > 1] >= np.floor(counts[counts > 1] * held) - 1).all()
    groups = np.arange(len(given)) // size
    several = validation_places(given, groups, share, seed)
    assert not set(groups[several]) & set(np.delete(groups, several))
    assert set(given) == set(np.delete(given, several))


@pytest.mark.parametrize("kind", thorough("top", "all", "views", "labels", "two", "many"))
def test_any_recipe_predicts_as_its_own_model_does(kind: str, tmp_path: Path) -> None:
    head = tlkit.Stage("head", epochs=1, learning_rate=0.01)
    top = tlkit.Stage("top", epochs=1, learning_rate=1e-3, policy=tlkit.UnfreezeTop(layers=3))
    whole = tlkit.Stage("all", epochs=1, learning_rate=1e-3, policy=tlkit.UnfreezeAll())
    turned = tlkit.Stage(
        "head", epochs=2, learning_rate=0.01, views=2, augmentation=tlkit.Augmentation(rotation=9)
    )
    gradual = tlkit.Stage(
        "more", epochs=3, learning_rate=1e-3, policy=tlkit.GradualUnfreeze(every=1)
    )
    stages = {"top": (head, top), "all": (head, whole), "views": (turned,), "many": (gradual,)}
    data: Any = DATA
    if kind == "two":
        data = tiny_dataset(24, 2)
    if kind == "labels":
        names = [["a"] if n % 3 else ["a", "b"] for n in range(30)]
        pixels = DATA.load(np.arange(30), 16)
        data = tlkit.MultiLabelDataset.from_arrays(pixels, names, ["a", "b"])
    trainer = recipe(*stages.get(kind, (head,)), run_dir=tmp_path, cache=False)
    groups = np.arange(len(data)) // 2
    found = tlkit.cross_validate(trainer, data, folds=2, repeats=2, groups=groups, verbose=0)
    for repeat, deal in enumerate(found.folds):
        assert not set(groups[deal == 0]) & set(groups[deal == 1])
        for fold in range(2):
            run = tmp_path / f"repeat-{repeat + 1}" / f"fold-{fold + 1}"
            places = np.flatnonzero(deal == fold)
            plain = tlkit.evaluate(read_run(run).result(), data.subset(places))
            given = found.evaluations[repeat].probabilities[places]
            assert np.allclose(given, plain.probabilities, atol=1e-5)
    assert len({read_run(tmp_path / f"repeat-{r}" / "fold-1").settings.seed for r in (1, 2)}) == 2
