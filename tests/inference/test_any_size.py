"""A model that takes pictures of any size sees the pixels that tlkit reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tlkit
from tests.inference.conftest import Trained
from tlkit._keras.types import Model
from tlkit.command.main import main
from tlkit.data.decoding.decode import decode_image, decode_settings
from tlkit.data.decoding.fitting import FITS, PASSES_BY_COST, Fit
from tlkit.errors import EvaluationError
from tlkit.inference import _any_size, save_model
from tlkit.inference.contract import ModelContract

SIZES = [(16, 16), (1, 1), (3, 90), (90, 3), (64, 40), (40, 64), (9, 12), (75, 50), (23, 64)]


def pixels_of(size: tuple[int, int], fit: Fit, folder: Path) -> Model:
    """Return a saved and loaded model that gives back the pixels that it sees."""
    images = keras.Input((*size, 3))
    model = keras.Model(images, keras.layers.Identity()(images))
    contract = ModelContract(("a", "b", "c"), size, fit=fit)
    save_model(model, folder / "any.keras", contract, input="any size")
    loaded: Model = keras.saving.load_model(folder / "any.keras")
    return loaded


def picture(size: tuple[int, int], channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(size).integers(0, 256, (*size, channels), np.uint8)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("new", [(16, 16), (20, 12)], ids=str)
def test_it_sees_what_is_read(new: tuple[int, int], fit: Fit, tmp_path: Path) -> None:
    model = pixels_of(new, fit, tmp_path)
    for size in SIZES:
        for channels in (3, 4):
            given = picture(size, channels)
            Image.fromarray(given).save(tmp_path / "x.png")
            read = decode_image(tmp_path / "x.png", new, fit=fit).astype("float32")
            seen = np.asarray(model.predict_on_batch(given[None].astype("float32")))[0]
            np.testing.assert_array_equal(seen, read)


def test_pictures_of_a_batch_do_not_see_each_other(tmp_path: Path) -> None:
    model = pixels_of((16, 16), "squash", tmp_path)
    batch = np.stack([picture((40, 30)), picture((40, 30))[::-1]]).astype("float32")
    alone = [np.asarray(model.predict_on_batch(one[None]))[0] for one in batch]
    np.testing.assert_array_equal(np.asarray(model.predict_on_batch(batch)), alone)


@pytest.mark.parametrize("by_cost", [True, False])
def test_passes_are_made_in_the_order_of_this_pillow(
    by_cost: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_any_size, "PASSES_BY_COST", by_cost)
    model = pixels_of((16, 16), "squash", tmp_path)
    for size in SIZES:
        image = Image.fromarray(picture(size))
        seen = np.asarray(model.predict_on_batch(np.asarray(image, "float32")[None]))[0]
        down_first = by_cost and size[0] - 16 > max(0, 2 * (size[1] - 16))
        between = (size[1], 16) if down_first else (16, size[0])
        for step in (between, (16, 16)):
            image = image.resize(step, Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(seen, np.asarray(image))


def test_features_of_one_pillow_are_not_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    here = decode_settings(16)
    monkeypatch.setattr("tlkit.data.decoding.decode.PASSES_BY_COST", not PASSES_BY_COST)
    assert decode_settings(16) != here


def test_its_file_is_scored_at_the_size_of_the_training(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "any.keras"
    trained.result.save(file, input="any size")
    expected = tlkit.evaluate(trained.result, trained.dataset)
    assert main(["evaluate", str(file), str(trained.pictures), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["log_loss"] == pytest.approx(expected.log_loss)
    page = tlkit.report(trained.run, tmp_path / "x.html", dataset=trained.dataset, model=file)
    assert "is not the one" not in page.read_text("utf-8")


@pytest.mark.parametrize("ask", [tlkit.evaluate, tlkit.calibrate])
@pytest.mark.parametrize("size", [8, (16, 24), (24, 16)])
def test_another_size_than_a_model_takes_is_refused(
    ask: Any, size: Any, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in (trained.result, trained.result.model, tlkit.Predictor(trained.run)):
        with pytest.raises(EvaluationError, match=r"image_size=.*the model takes 16 x 16 pixels"):
            ask(model, trained.dataset, image_size=size)
    words = ["evaluate", str(trained.run), str(trained.pictures), "--image-size", "24"]
    assert main(words) == 1
    assert "image_size=24, and the model takes 16 x 16" in capsys.readouterr().err
