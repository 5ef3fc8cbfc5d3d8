"""A head that reads averaged features of several depths of its backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, same_weights, small_network, trainer
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.errors import CutError, TrainingError

ALL = tlkit.Head(cuts="all")


def run(data: tlkit.ImageDataset, *stages: Any, **settings: Any) -> Any:
    """A result of the small network, whose blocks have several shapes."""
    return trainer(*stages, backbone=small_network, head=ALL, **settings).fit(data, verbose=0)


@pytest.mark.parametrize("policy", [tlkit.FreezeAll(), tlkit.UnfreezeAll()])
def test_the_head_reads_all_depths_and_the_model_is_plain_keras(
    policy: Any, data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    result = run(data, head_stage(policy=policy, epochs=2))
    depths = [layer for layer in result.model.layers if layer.name.startswith("cut_")]
    assert len(depths) > 1
    wide = sum(layer.output.shape[-1] for layer in depths)
    assert result.model.get_layer("probabilities").kernel.shape == (wide, 3)
    result.save(tmp_path / "model.keras")
    images = data.load(range(4), 16)
    plain = keras.models.load_model(tmp_path / "model.keras").predict(images, verbose=0)
    np.testing.assert_allclose(plain, result.model.predict(images, verbose=0), atol=1e-6)


def test_frozen_features_of_all_depths_are_kept_and_give_the_same_as_the_whole_model(
    data: tlkit.ImageDataset,
) -> None:
    stage = head_stage(epochs=2, keep_best=None)
    cut = run(data, stage)
    assert cut.stages[0].cut == "cuts"
    whole = tlkit.StagedTrainer(
        small_network, stages=[stage], head=ALL, image_size=16, engine="keras", cache=False
    ).fit(data, verbose=0)
    assert same_weights(cut.model, whole.model)


def test_a_probe_of_all_depths_starts_the_training(data: tlkit.ImageDataset) -> None:
    fine = head_stage(name="fine", policy=tlkit.UnfreezeAll(), epochs=1, learning_rate=1e-6)
    result = run(data, tlkit.ProbeStage("probe"), fine)
    probe = tlkit.probe(small_network, data, cuts="all", folds=3, cache=False, verbose=0)
    width = probe.features.shape[1]
    assert result.model.get_layer("probabilities").kernel.shape == (width, 3)
    first, second = (stage.history["accuracy"][-1] for stage in result.stages)
    assert second >= first - 0.1


def test_a_run_goes_on_where_it_was_interrupted(parts: Data, tmp_path: Path) -> None:
    folder = iter(["whole", "split", "split"])

    def make(at: str | None = None) -> tlkit.StagedTrainer:
        stage = head_stage(epochs=3, policy=tlkit.UnfreezeAll(), callbacks=(Interrupt("head"),))
        place = tmp_path / (at or next(folder))
        return trainer(stage, backbone=small_network, head=ALL, run_dir=place)

    whole = make().fit(*parts, verbose=0)
    resumed = run_with_interruptions(make, parts, [("head", "epoch end", 1)])
    assert same_weights(whole.model, resumed.model)


def flat() -> Any:
    """A backbone that gives features and no map."""
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.Dense(4)(keras.layers.Flatten()(image)))


def test_a_backbone_of_one_depth_is_refused_or_read_as_it_is(data: tlkit.ImageDataset) -> None:
    with pytest.raises(CutError, match="several depths"):
        trainer(head_stage(), backbone=flat, head=ALL).fit(data, verbose=0)
    head = tlkit.Head(cuts="auto")
    result = trainer(head_stage(epochs=1), backbone=flat, head=head).fit(data, verbose=0)
    assert result.model.get_layer("probabilities").kernel.shape == (4, 3)
    with pytest.raises(TrainingError, match="cuts must be"):
        tlkit.Head(cuts="some")  # type: ignore[arg-type]


@pytest.mark.parametrize("cuts", ["last", "all"])
def test_fine_tune_goes_on_from_a_file_with_the_head_that_it_has(
    cuts: Any, data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"image_size": 16, "epochs": 1, "cache": False, "verbose": 0}
    head: Any = {} if cuts == "all" else {"head": tlkit.Head()}  # all is what it takes by itself
    first = tlkit.fine_tune(data, None, small_network, augmentation=None, **asked, **head)
    first.save(tmp_path / "model.keras")
    again = tlkit.fine_tune(data, None, small_network, start_from=tmp_path / "model.keras", **asked)
    for result in (first, again):
        names = [layer.name for layer in result.model.layers]
        assert ("cuts" in names) is (cuts == "all")
