"""A fitted classifier goes through a pickle as the file of a plain Keras model."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tests.conftest import thorough
from tests.sklearn_api.conftest import classifier
from tlkit.errors import PredictionError
from tlkit.inference import ModelContract, save_model
from tlkit.sklearn import ImageClassifier

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def fitted(pixels: Pixels, labels: NDArray[np.str_]) -> ImageClassifier:
    return classifier().fit(pixels, labels)


def through_joblib(given: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(given, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "way",
    [lambda x: pickle.loads(pickle.dumps(x)), through_joblib, copy.deepcopy],  # noqa: S301
)
def test_what_comes_back_says_the_same(way: Any, fitted: ImageClassifier, pixels: Pixels) -> None:
    back = way(way(fitted))
    np.testing.assert_array_equal(back.predict_proba(pixels), fitted.predict_proba(pixels))
    np.testing.assert_array_equal(back.predict(pixels), fitted.predict(pixels))
    assert back.result_.history == fitted.result_.history
    assert repr(back) == repr(fitted)


def test_no_object_of_keras_is_pickled_and_the_file_knows_its_names(
    fitted: ImageClassifier,
) -> None:
    content = pickle.dumps(fitted)
    asked: set[str] = set()

    class Recording(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            asked.add(module.partition(".")[0])
            return super().find_class(module, name)

    back = Recording(io.BytesIO(content)).load()
    assert asked <= {"tlkit", "numpy", "builtins", "types", "collections", "pathlib"}
    file = back._fitted.__getstate__()["file"]
    assert file in content
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert "sour apple" in archive.read("tlkit.json").decode()


def test_a_pickled_model_runs_no_code_of_its_own(fitted: ImageClassifier, tmp_path: Path) -> None:
    evil = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Lambda(lambda x: x), keras.layers.Flatten()]
    )
    save_model(evil, tmp_path / "evil.keras", ModelContract(("a", "b"), (16, 16)))
    state, back = fitted._fitted.__getstate__(), copy.deepcopy(fitted)
    state["file"] = (tmp_path / "evil.keras").read_bytes()
    back._fitted.__setstate__(state)
    with pytest.raises(PredictionError, match="Lambda"):
        back.predict(np.zeros((1, 16, 16, 3), np.uint8))


def test_a_classifier_that_is_not_fitted_can_be_pickled_too() -> None:
    given = classifier()
    assert repr(pickle.loads(pickle.dumps(given))) == repr(given)  # noqa: S301


@pytest.mark.parametrize("method", thorough("predict"))
def test_another_process_predicts(
    method: str, fitted: ImageClassifier, pixels: Pixels, tmp_path: Path
) -> None:
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    np.save(tmp_path / "pixels.npy", pixels)
    code = (
        "import joblib, numpy, sys; folder = sys.argv[1]\n"
        "told = joblib.load(f'{folder}/fitted.joblib')\n"
        "pixels = numpy.load(f'{folder}/pixels.npy')\n"
        f"numpy.save(f'{{folder}}/labels.npy', told.{method}(pixels))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (np.load(tmp_path / "labels.npy") == fitted.predict(pixels)).all()


def test_what_was_kept_can_be_saved_and_evaluated(
    fitted: ImageClassifier, pixels: Pixels, labels: NDArray[np.str_], tmp_path: Path
) -> None:
    back = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    back.result_.save(tmp_path / "model.keras")
    rows = tlkit.Predictor(tmp_path / "model.keras").predict(pixels, verbose=0)
    assert rows.labels == tuple(fitted.predict(pixels).tolist())
    test = tlkit.ImageDataset.from_arrays(pixels, labels)
    assert tlkit.evaluate(back.result_, test).accuracy == fitted.score(pixels, labels)
