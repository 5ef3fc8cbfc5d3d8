"""A model reads pictures as it was trained to, wherever it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import few
from tlkit.errors import DataError, EvaluationError
from tlkit.inference import ModelContract, read_contract
from tlkit.testing import tiny_backbone
from tlkit.training import read_run


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several shapes: the class is the colour of their middle, not of their ends."""
    root, random = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for number in range(18):
        colour = number % 3
        height, width = (24, 60) if number % 2 else (50, 24)
        pixels = random.integers(0, 256, (height, width, 3))
        pixels[height // 4 : -height // 4, width // 4 : -width // 4, colour] = 250
        (root / "rgb"[colour]).mkdir(exist_ok=True)
        Image.fromarray(pixels.astype("uint8")).save(root / "rgb"[colour] / f"{number}.png")
    return root


def trained(data: tlkit.ImageDataset, run: Path) -> tlkit.TrainingResult:
    stage = tlkit.Stage("head", epochs=2, learning_rate=0.05, batch_size=6)
    settings: dict[str, Any] = {"weights": None, "cache": False, "run_dir": run}
    return tlkit.StagedTrainer(tiny_backbone(), stages=[stage], **settings).fit(data, verbose=0)


@pytest.mark.parametrize("fit", few(["crop", "pad", "squash"]))
def test_it_travels_with_the_model(shapes: Path, tmp_path: Path, fit: Any) -> None:
    data = tlkit.ImageDataset.from_directory(shapes, fit=fit)
    result = trained(data, tmp_path / "run")
    evaluation = tlkit.evaluate(result, data)
    file = tmp_path / "model.keras"
    result.save(file)
    again = read_run(tmp_path / "run")
    assert result.fit == again.result().fit == again.settings.train.fit == fit
    assert read_contract(file) == result.contract
    files = [shapes / name for name in data.names]
    for row, expected in zip(
        tlkit.Predictor(tmp_path / "run").rows(files, top=None),
        evaluation.probabilities,
        strict=True,
    ):
        given = [dict(zip(row.labels, row.probabilities, strict=True))[x] for x in "bgr"]
        np.testing.assert_allclose(given, expected, atol=1e-5)
    result.save(file, input="any size")
    model = keras.saving.load_model(file)
    for path, expected in zip(files, evaluation.probabilities, strict=True):
        loaded = keras.utils.img_to_array(keras.utils.load_img(path))
        np.testing.assert_allclose(model.predict_on_batch(loaded[None])[0], expected, atol=1e-5)


def test_a_data_set_that_is_read_otherwise_is_refused_with_the_way_out(
    shapes: Path, tmp_path: Path
) -> None:
    data = tlkit.ImageDataset.from_directory(shapes, fit="crop")
    result, other = trained(data, tmp_path), data.with_fit("squash")
    told = r"with fit='crop', and the dataset has fit='squash'.*dataset\.with_fit\('crop'\)"
    for ask in (tlkit.evaluate, tlkit.calibrate, tlkit.explain):
        with pytest.raises(EvaluationError, match=told):
            ask(result, other)
    with pytest.raises(DataError, match=told):
        result.predict(other, verbose=0)
    with pytest.raises(DataError, match="fit='crop' for the training images and fit='squash'"):
        tlkit.fine_tune(data, other, tiny_backbone(), weights=None)
    # Models that read the same pictures in their own ways may be compared.
    both = {"crop": tlkit.evaluate(result, data), "none": tlkit.evaluate(result.model, other)}
    assert "crop" in str(tlkit.compare(both))


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_calibration_goes_where_its_result_goes(shapes: Path, tmp_path: Path, fit: Any) -> None:
    data = tlkit.ImageDataset.from_directory(shapes, fit=fit)
    result = trained(data, tmp_path / "run")
    plain = tlkit.evaluate(result, data)
    wrong = [(number + (place < 5)) % 3 for place, number in enumerate(plain.predictions)]
    doubted = tlkit.Evaluation.from_predictions(wrong, plain.probabilities, data.class_names)
    calibration = tlkit.calibrate(result, doubted)
    again = tlkit.calibrate(calibration, calibration.after)
    for known in (calibration, again):
        predictor = tlkit.Predictor(known)
        assert predictor.contract == result.contract
        expected = tlkit.evaluate(known, data).probabilities.max(axis=1)
        for pictures in ([shapes / name for name in data.names], data):
            found = [row.probabilities[0] for row in predictor.predict(pictures, verbose=0)]
            np.testing.assert_allclose(found, expected, atol=1e-5)
        with pytest.raises(EvaluationError, match=f"fit='{fit}'"):
            tlkit.evaluate(known, data.with_fit("squash"))


def test_a_contract_of_before_says_nothing_of_it() -> None:
    told = json.loads(ModelContract(("a", "b"), (8, 8)).to_json())
    del told["fit"]
    assert ModelContract.from_json(json.dumps(told)).fit == "squash"
    told["fit"] = "stretch"
    with pytest.raises(DataError, match="stretch"):
        ModelContract.from_json(json.dumps(told))
