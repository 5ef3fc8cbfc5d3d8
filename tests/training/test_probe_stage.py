"""A stage that gives the head the weights of a regression on frozen features."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tlkit import Head, ProbeStage
from tlkit.errors import TrainingError
from tlkit.probing.probe import fitted_reading
from tlkit.testing import tiny_backbone, tiny_dataset

PROBE = ProbeStage("probe")


def regression(data: tlkit.ImageDataset) -> Any:
    """Probabilities of a regression on the features of the tiny backbone."""
    features = tlkit.extract(tiny_backbone(), data, weights=None, engine="keras", verbose=0)
    rows = np.array(features, "float32")
    found, _ = fitted_reading(
        *(rows.copy(), data.labels, len(data.class_names)),
        folds=5,
        seed=0,
        show=lambda *_: None,
    )
    return found.probabilities(rows)


def test_the_head_is_the_regression_and_the_next_stage_goes_on_from_it(
    parts: tuple[tlkit.ImageDataset, tlkit.ImageDataset], tmp_path: Path
) -> None:
    train, validation = parts
    images = train.load(np.arange(len(train)), 16)
    stages = (PROBE, top_stage(epochs=1, learning_rate=1e-12))
    made = trainer(*stages, engine="keras", run_dir=tmp_path, cache=tmp_path / "cache")
    result = made.fit(train, validation, verbose=0)
    expected = regression(train)
    np.testing.assert_allclose(result.model.predict_on_batch(images), expected, atol=1e-4)
    probe = result.stages[0]
    right = (expected.argmax(axis=1) == train.labels).mean()
    losses = -np.log(expected[np.arange(len(train)), train.labels])
    assert probe.history["accuracy"] == [pytest.approx(right, abs=1e-6)]
    assert probe.history["loss"] == [pytest.approx(losses.mean(), abs=1e-4)]
    assert set(probe.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert (probe.epochs, probe.best_epoch, probe.rate_text) == (1, 0, "none")
    assert probe.frozen is not None
    assert probe.frozen.passes == len(train) + len(validation)
    # The run is read, planned and gone on with as any other.
    again = tlkit.StagedTrainer.from_run(tmp_path, backbone=tiny_backbone())
    assert again.stages[0] == PROBE
    (tmp_path / "model.keras").unlink()
    same_weights(again.fit(train, validation, resume=True, verbose=0).model, result.model)
    longer = tlkit.StagedTrainer.from_run(
        tmp_path, backbone=tiny_backbone(), stages=(PROBE, top_stage(epochs=2, learning_rate=1e-12))
    )
    plan = made.plan(train, validation, resume=True, verbose=0)
    assert [(stage.name, stage.epochs) for stage in plan.stages] == [("probe", 0), ("top", 0)]
    assert longer.fit(train, validation, resume=True, verbose=0).stages[1].epochs == 2


def test_a_single_sigmoid_and_a_model_without_a_trunk_get_it_too() -> None:
    data = tiny_dataset(24, 2)
    images = data.load(np.arange(24), 16)
    result = trainer(PROBE, head=Head(output="sigmoid"), engine="keras").fit(data, verbose=0)
    shown = result.model.predict_on_batch(images)
    np.testing.assert_allclose(shown[:, 0], regression(data)[:, 1], atol=1e-4)

    class Doubled(keras.Model):  # type: ignore[misc]
        def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
            return 2 * super().call(x, training=training, mask=mask)

    def backbone() -> Any:
        inner = tlkit.build_backbone(tiny_backbone(), weights=None)
        image = keras.Input((16, 16, 3))
        return keras.Model(image, Doubled(inner.input, inner.output, name="own")(image))

    result = trainer(PROBE, backbone=backbone).fit(data, verbose=0)
    assert result.stages[0].cut is None
    np.testing.assert_allclose(
        result.model.predict_on_batch(images)[:, 1], regression(data)[:, 1], atol=1e-3
    )


@pytest.mark.parametrize("counts", [(1, 1), (1, 1, 1), (5, 1), (2, 2)])
def test_few_images_are_enough(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = (labels[:, None, None, None] * np.full((1, 16, 16, 3), 60)).astype("uint8")
    data = tlkit.ImageDataset.from_arrays(pixels, labels, [f"class {n}" for n in set(labels)])
    result = trainer(PROBE).fit(data, verbose=0)
    assert np.isfinite(result.stages[0].history["loss"]).all()


def test_what_cannot_be_probed_is_refused_before_training() -> None:
    with pytest.raises(TrainingError, match="a head with Dense and Dense"):
        trainer(PROBE, head=Head(units=(8,))).fit(tiny_dataset(), verbose=0)
    turned = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3), keras.layers.Softmax()]
    with pytest.raises(TrainingError, match="got a head with Dense"):
        trainer(PROBE, head=keras.Sequential(turned)).fit(tiny_dataset(), verbose=0)
    images = np.zeros((4, 16, 16, 3), "uint8")
    several = tlkit.MultiLabelDataset.from_arrays(images, [["a"], ["b"]] * 2)
    with pytest.raises(TrainingError, match="images with several labels"):
        trainer(head_stage(), PROBE).fit(several, verbose=0)
    with pytest.raises(TrainingError, match=r"folds=1, expected a whole number from 2"):
        ProbeStage("probe", folds=1)


def test_every_setting_of_a_stage_is_one_that_a_probe_does_not_have() -> None:
    assert list(inspect.signature(ProbeStage).parameters) == ["name", "folds"]
    default = tlkit.Stage("stage", epochs=1, learning_rate=1.0)
    fixed = [part for part in dataclasses.fields(ProbeStage) if not part.init]
    changed = {x.name for x in fixed if getattr(PROBE, x.name) != getattr(default, x.name)}
    assert changed == {"optimizer", "keep_best"}
