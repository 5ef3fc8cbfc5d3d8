"""`tlkit.extract`: features for a training to come, or for work of one's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tlkit.errors import CutError, DataError, TrainingError
from tlkit.testing import tiny_backbone, tiny_dataset, tiny_model


def extract(data: tlkit.ImageDataset | tlkit.UnlabelledImages, **settings: Any) -> tlkit.Features:
    """Features of the tiny backbone."""
    given = {"backbone": tiny_backbone(), "weights": None, "engine": "keras", **settings}
    return tlkit.extract(given.pop("backbone"), data, verbose=0, **given)


def test_features_are_the_backbones_averaged_over_the_picture(data: tlkit.ImageDataset) -> None:
    found = extract(data, backbone=tiny_model, cache=False)
    maps = tiny_model()(data.load(np.arange(len(data)), 16).astype("float32"), training=False)
    np.testing.assert_allclose(np.asarray(found), np.mean(maps, axis=(1, 2)), atol=1e-5)
    assert np.asarray(found, "float16").dtype == np.dtype("float16")
    assert (found.cut, found.shape, len(found)) == ("head_pool", (48, 12), 48)
    assert np.array_equal(found[[3, 1]], np.asarray(found)[[3, 1]])
    assert found.labels is not None
    assert np.array_equal(found.labels, data.labels)
    assert found.class_names == data.class_names


def test_images_without_labels_have_features_too(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    for number, (pixels, _) in enumerate(data.subset(range(4))):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    found = extract(tlkit.ImageDataset.from_files(tmp_path), cache=False)
    np.testing.assert_array_equal(found, extract(data.subset(range(4)), cache=False))
    assert found.labels is None
    assert "(4, 12) of images without labels" in str(found)
    with pytest.raises(DataError, match="is a path"):
        extract("pictures")  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", [top_stage(), *thorough(head_stage())])
def test_a_later_training_finds_them_and_runs_no_engine(
    data: tlkit.ImageDataset, tmp_path: Path, runs: list[int], stage: tlkit.Stage
) -> None:
    settings: dict[str, Any] = {"cache": tmp_path, "seed": 7}
    extract(data, policy=stage.policy, **settings)
    assert runs
    runs.clear()
    result = trainer(stage, engine="keras", **settings).fit(*data.split(0.25), verbose=0)
    assert runs == []
    assert [note for note in result.stages[0].notes if "read from the store" in note]


def test_they_are_read_the_next_time(
    data: tlkit.ImageDataset, tmp_path: Path, runs: list[int]
) -> None:
    first = extract(data, cache=tmp_path)
    runs.clear()
    again = extract(data, cache=tmp_path)
    assert np.array_equal(first, again)
    assert again.notes == ("features of 48 images read from the store",)
    assert runs == []


def test_what_is_not_kept_goes_with_the_features(
    data: tlkit.ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    features = extract(data, cache=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert np.asarray(features).any()
    del features
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_workers_share_the_frozen_work_of_a_training(
    data: tlkit.ImageDataset, runs: list[int]
) -> None:
    parts = data.split(0.25)
    alone = trainer(head_stage(), engine="keras").fit(*parts, verbose=0)
    runs.clear()
    with ThreadPoolExecutor(2) as executor:
        asked: list[Any] = []
        submit = executor.submit
        executor.submit = lambda *task: asked.append(task) or submit(*task)  # type: ignore
        spread = trainer(head_stage(), engine="keras").fit(*parts, verbose=0, executor=executor)
    assert len(asked) == 2, "training and validation images, a shard each"
    assert runs
    assert same_weights(alone.model, spread.model)


def test_a_model_with_an_answer_of_its_own_is_used_as_it_is(data: tlkit.ImageDataset) -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(5, 16)(image)
    model = keras.Model(image, keras.layers.Flatten()(x))
    assert extract(data, backbone=lambda: model, cache=False).shape == (48, 5)


def test_nothing_frozen_is_nothing_to_extract(data: tlkit.ImageDataset) -> None:
    with pytest.raises(CutError, match=r"No part of 'tiny' can be computed once .* UnfreezeAll"):
        extract(data, policy=tlkit.UnfreezeAll(batch_norm="train"), cache=False)


def test_unknown_type_of_features_is_an_error() -> None:
    with pytest.raises(TrainingError, match="feature_dtype='int8', expected 'float32' or"):
        extract(tiny_dataset(), feature_dtype="int8")
