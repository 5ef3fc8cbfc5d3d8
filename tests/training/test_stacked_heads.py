"""Heads that train at once: each ends as its own training would, whatever is trained beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few, thorough
from tlkit.errors import LossNotFiniteError, TrainingError
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training._made_again import made_again
from tlkit.training.cross_validation import _together
from tlkit.training.stacking._train import train_members

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="heads are stacked on TensorFlow alone"
)
DATA = tiny_dataset(51)
LABELS = [["a"] if n % 3 else ["a", "b"] for n in range(51)]
# Members of one seed share masks; a last batch is of another size in another fold.
FOLDS = 2


def means() -> Any:
    """Nearly no backbone: built in no time."""
    pixels = keras.Input((16, 16, 3))
    parts = keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.Conv2D(8, 1)(parts))


def stage(**settings: Any) -> tlkit.Stage:
    given = {"epochs": 2, "learning_rate": 0.01, "batch_size": 8, **settings}
    return tlkit.Stage("head", **given)


def trainer(stages: Any = None, backbone: Any = None, **settings: Any) -> tlkit.StagedTrainer:
    given = {"weights": None, "engine": "keras", "cache": False, **settings}
    return tlkit.StagedTrainer(backbone or tiny_backbone(), stages=stages or [stage()], **given)


def own_head(features: Any, classes: int) -> Any:
    x = keras.layers.Dense(8, "gelu", use_bias=False)(features)
    x = keras.layers.Dropout(0.4)(x)
    return keras.layers.Dense(classes, "softmax")(x)


def pooled(features: Any, classes: int) -> Any:
    return own_head(keras.layers.GlobalAveragePooling2D()(features), classes)


class Watched:
    """What was trained at once, and by itself."""

    def __init__(self) -> None:
        self.members: list[Any] = []
        self.stacked: list[Any] = []
        self.alone: list[tlkit.TrainingResult] = []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    seen, fit = Watched(), tlkit.StagedTrainer.fit

    def stacked(members: Any, *others: Any) -> Any:
        found = train_members(members, *others)
        seen.members += members
        seen.stacked += found
        return found

    def alone(self: Any, *data: Any, **settings: Any) -> tlkit.TrainingResult:
        seen.alone.append(fit(self, *data, **settings))
        return seen.alone[-1]

    monkeypatch.setattr(_together, "train_members", stacked)
    monkeypatch.setattr(tlkit.StagedTrainer, "fit", alone)
    return seen


def many() -> tlkit.MultiLabelDataset:
    return tlkit.MultiLabelDataset.from_arrays(DATA.load(np.arange(51), 16), LABELS, ["a", "b"])


def cosine(**settings: Any) -> tlkit.StagedTrainer:
    given = stage(learning_rate=tlkit.WarmupCosine(0.02), label_smoothing=0.1)
    return trainer([given], **settings)


def decayed(**settings: Any) -> tlkit.StagedTrainer:
    given = stage(optimizer=partial(keras.optimizers.Adam, weight_decay=0.01))
    return trainer([given], head=tlkit.Head(dropout=0.4), **settings)


Case = tuple[Callable[[], Any], dict[str, tlkit.StagedTrainer]]
CASES: dict[str, Case] = {
    "settings": (
        lambda: DATA,
        {
            "decayed": decayed(backbone=means, cache=True),
            "cosine": cosine(backbone=means, cache=True, head=tlkit.Head(dropout=0.4)),
        },
    ),
    "backbone": (lambda: DATA, {"cosine": cosine(), "decayed": decayed()}),
    "default": (lambda: DATA, {"a": trainer()}),
    "no dropout": (lambda: DATA, {"a": trainer(head=tlkit.Head(dropout=0))}),
    "hidden": (lambda: DATA, {"a": trainer(head=tlkit.Head(units=(16, 8), dropout=0.3))}),
    "own head": (lambda: DATA, {"a": trainer(head=pooled)}),
    "one batch": (lambda: DATA, {"a": trainer([stage(batch_size=64)])}),
    "last": (
        lambda: DATA,
        {"a": trainer([stage(keep_best=None, optimizer="sgd", class_weight="balanced")])},
    ),
    "loss": (lambda: DATA, {"a": trainer([stage(keep_best="val_loss", optimizer="adamw")])}),
    "labels": (many, {"a": trainer([stage(label_smoothing=0.1)])}),
    "one sigmoid": (
        lambda: tiny_dataset(50, 2),
        {"a": trainer([stage(class_weight="balanced")], head=tlkit.Head(output="sigmoid"))},
    ),
}


@pytest.mark.parametrize(("case", "count"), [("settings", 1), *thorough(*((x, 4) for x in CASES))])
def test_each_head_ends_as_its_own_training_does(case: str, count: int, watched: Watched) -> None:
    made, trainers = CASES[case]
    repeats = 1 if len(trainers) > 1 else 2
    asked: dict[str, Any] = {"folds": FOLDS, "repeats": repeats}
    asked["validation"] = None if case == "one batch" else 0.2
    data = made()
    together = tlkit.cross_validate(trainers, data, verbose=0, **asked)
    assert len(watched.stacked) == FOLDS * repeats * len(trainers)
    assert not watched.alone
    pairs = zip(watched.members, watched.stacked, strict=True)
    places = [
        (name, repeat) for name in trainers for repeat in range(repeats) for _ in range(FOLDS)
    ]
    # The last ones, which train beside heads of other settings.
    for (name, repeat), (member, stacked) in [*zip(places, pairs, strict=True)][-count:]:
        held_out = data.subset(member.validation) if len(member.validation) else None
        again = made_again(trainers[name], seed=member.seed)
        alone = again.fit(data.subset(member.train), held_out, verbose=0)
        seen = [*member.train, *member.validation]
        left_out = np.setdiff1d(np.arange(len(data)), seen)
        outputs = keras.ops.convert_to_numpy(alone.model(data.load(left_out, 16), training=False))
        expected = outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])
        found = together[name].evaluations[repeat].probabilities[left_out]
        assert np.allclose(found, expected, atol=2e-6)
        own = [x for layer in alone.model.layers for x in layer.get_weights()]
        for weight, value in zip(stacked.weights, own[-len(stacked.weights) :], strict=True):
            assert np.allclose(weight, value, atol=5e-6)
        (done,) = alone.stages
        assert stacked.best_epoch == done.best_epoch
        for figure, values in stacked.history.items():
            assert np.allclose(values, done.history[figure], atol=1e-5)


@pytest.mark.parametrize(
    "given",
    few(
        [
            {"callbacks": [keras.callbacks.EarlyStopping(patience=1)]},
            {"augmentation": tlkit.Augmentation(rotation=9), "views": 1},
            {"loss": keras.losses.CategoricalFocalCrossentropy()},
            {"metrics": ["mse"]},
            {"ema": 0.9},
            {"snapshots": (1,)},
            {"optimizer": partial(keras.optimizers.Adam, global_clipnorm=1.0)},
            {"optimizer": "adafactor"},
            {"policy": tlkit.UnfreezeTop(layers=3)},
            {
                "learning_rate": tlkit.ExponentialLRFinder(
                    1e-4, 10.0, steps=30, selector=tlkit.MinimumOverTen()
                )
            },
        ],
        0,
    ),
)
def test_what_cannot_be_stacked_trains_by_itself(given: dict[str, Any], watched: Watched) -> None:
    found = tlkit.cross_validate(trainer([stage(**given)]), DATA, folds=2, verbose=0)
    assert (len(watched.alone), len(watched.stacked)) == (2, 0)
    assert len(found.evaluation) == 51


@pytest.mark.slow
def test_a_head_of_other_layers_trains_by_itself_beside_those_that_are_stacked(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    def normed(features: Any, classes: int) -> Any:
        x = keras.layers.GlobalAveragePooling2D()(features)
        return keras.layers.Dense(classes, "softmax")(keras.layers.BatchNormalization()(x))

    named = {"plain": trainer(), "normed": trainer(head=normed)}
    found = tlkit.cross_validate(named, DATA, folds=2)
    assert (len(watched.alone), len(watched.stacked)) == (2, 2)
    assert [*found] == ["plain", "normed"]
    assert tlkit.compare(found).pairs
    told = "".join(capsys.readouterr())
    assert "of 'normed': each training runs by itself, since layer" in told


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_told(watched: Watched) -> None:
    wild = trainer([stage(learning_rate=1e38, optimizer="sgd")], head=tlkit.Head(units=(4,)))
    with pytest.raises(LossNotFiniteError, match="stage 'head'"):
        tlkit.cross_validate(wild, DATA, folds=2, verbose=0)
    assert not watched.alone


def test_recipes_that_write_into_one_folder_are_refused(tmp_path: Any) -> None:
    named = {name: trainer(run_dir=tmp_path) for name in "ab"}
    with pytest.raises(TrainingError, match="one run_dir"):
        tlkit.cross_validate(named, DATA, verbose=0)
    with pytest.raises(TrainingError, match="some names"):
        tlkit.cross_validate({}, DATA, verbose=0)
