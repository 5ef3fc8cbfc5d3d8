"""From a preset to a trained model that is saved and loaded elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tlkit_keras_hub import register

import tlkit
from tlkit import BackboneSpec, FreezeAll, Head, Stage, StagedTrainer, UnfreezeTop
from tlkit.testing import tiny_dataset

Preset = Callable[[str], Path]
Spec = Callable[[str], BackboneSpec]

LOAD = """
import keras, numpy as np
model = keras.models.load_model("{file}.keras")
predicted = model.predict(np.load("{file}_images.npy"), verbose=0)
assert np.abs(predicted - np.load("{file}.npy")).max() < 1e-5
"""


def trained(backbone: str | BackboneSpec, *stages: Stage) -> tlkit.TrainingResult:
    train, validation = tiny_dataset(24, size=32).split(0.25)
    trainer = StagedTrainer(backbone, weights="preset", stages=stages, head=Head(dropout=0))
    return trainer.fit(train, validation, verbose=0)


def saved(model: Any, file: Path) -> str:
    """Save a model and return the code that loads it and compares what it predicts."""
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype("uint8")
    np.save(f"{file}_images.npy", images)
    np.save(f"{file}.npy", model.predict(images, verbose=0))
    model.save(f"{file}.keras")
    return LOAD.format(file=file)


def run_elsewhere(*code: str) -> None:
    subprocess.run([sys.executable, "-c", "import sys\n" + "\n".join(code)], check=True)


def test_a_preset_added_by_name_is_trained_in_stages_and_loads_in_plain_keras(
    preset: Preset, tmp_path: Path
) -> None:
    register(preset("resnet"))
    result = trained(
        "tiny_resnet",
        Stage("head", epochs=2, learning_rate=0.01, policy=FreezeAll()),
        Stage("top", epochs=2, learning_rate=1e-3, policy=UnfreezeTop(layers=5)),
    )
    untouched = tlkit.build_backbone("tiny_resnet", weights="preset")
    moved = [
        layer.name
        for layer in untouched.layers
        for new, old in zip(
            result.model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
        )
        if (new != old).any()
    ]
    assert moved
    assert {layer.name for layer in untouched.layers[-5:]} >= set(moved)
    assert [stage.epochs for stage in result.stages] == [2, 2]
    absent = "sys.modules.update(dict.fromkeys(('keras_hub', 'tlkit', 'tlkit_keras_hub')))"
    run_elsewhere(absent, saved(result.model, tmp_path / "resnet"))


def test_a_whole_backbone_is_one_layer_whose_output_is_computed_once(spec: Spec) -> None:
    (stage,) = trained(spec("vit"), Stage("head", epochs=2, learning_rate=0.01)).stages
    assert not any("no trunk" in note for note in stage.notes)


def test_other_models_load_where_keras_hub_is_and_whole_backbones_after_one_import(
    spec: Spec, tmp_path: Path
) -> None:
    mobilenet, vit = (
        tlkit.build_backbone(spec(family), weights="preset") for family in ("mobilenet", "vit")
    )
    run_elsewhere(
        saved(mobilenet, tmp_path / "mobilenet"),
        "assert 'tlkit_keras_hub' not in sys.modules",
        "import tlkit_keras_hub.whole",
        saved(vit, tmp_path / "vit"),
    )


@pytest.mark.parametrize("family", ["dinov3", "hgnetv2"])
def test_frozen_work_on_layers_of_keras_hub_is_done_once(family: str, spec: Spec) -> None:
    result = trained(spec(family), Stage("head", epochs=1, learning_rate=0.01))
    again = trained(spec(family), Stage("head", epochs=1, learning_rate=0.01))
    assert any("read from the store" in note for note in again.stages[0].notes)
    assert result.stages[0].history["loss"] == again.stages[0].history["loss"]


@pytest.mark.parametrize("family", ["mobilenet", "efficientnet_v2"])
def test_batch_norm_inside_blocks_stays_frozen_unless_asked(spec: Spec, family: str) -> None:
    still = tlkit.UnfreezeAll().preview(spec(family)).phases[0]
    moving = tlkit.UnfreezeAll(batch_norm="train").preview(spec(family)).phases[0]
    assert still.batch_norm[0] == 0
    assert moving.batch_norm[0] == moving.batch_norm[1] > 1
    assert 0 < still.trained_parameters < moving.trained_parameters
