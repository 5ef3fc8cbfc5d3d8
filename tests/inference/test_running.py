"""What runs a predictor's model, from one call to the next."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tests.conftest import thorough
from tests.inference.conftest import NAMES, Trained
from tlkit.features.engines.comparison import timed
from tlkit.inference import _engine, _kept_running
from tlkit.inference._batched_keras import keras_for

ENGINES = ["keras", "openvino"]


def dense(seed: int = 0) -> Any:
    """A model of random weights, for pictures of 8 x 8."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(image)))


def pictures(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


def told(predictor: tlkit.Predictor, given: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Probabilities of the classes in their order."""
    rows = predictor.predict(given, top=None, verbose=0)
    tables = (dict(zip(row.labels, row.probabilities, strict=True)) for row in rows)
    return np.array([[table[name] for name in "abc"] for table in tables])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engine of each model that was made ready to run."""
    made: list[str] = []

    class Counted(_engine.RunningModel):
        def __init__(self, model: Any, asked: str, store: Any) -> None:
            made.append(asked)
            super().__init__(model, asked, store)

    monkeypatch.setattr(_kept_running, "RunningModel", Counted)
    return made


@pytest.mark.parametrize("engine", ENGINES)
def test_a_predictor_goes_on_with_what_it_has_compiled(
    engine: str, made: list[str], tmp_path: Path
) -> None:
    predictor = tlkit.Predictor(dense(), class_names=list("abc"), engine=engine, cache=tmp_path)
    first = told(predictor, pictures(40))
    np.testing.assert_array_equal(told(predictor, pictures(40)), first)
    assert made == [engine]


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_changed_since_count(engine: str, made: list[str], tmp_path: Path) -> None:
    model = dense()
    predictor = tlkit.Predictor(model, class_names=list("abc"), engine=engine, cache=tmp_path)
    told(predictor, pictures(5))
    model.set_weights(dense(1).get_weights())
    expected = model.predict_on_batch(pictures(5).astype("float32"))
    np.testing.assert_allclose(told(predictor, pictures(5)), expected, atol=1e-5)
    assert made == [engine, engine]


def test_calls_at_once_do_not_meet(made: list[str], tmp_path: Path) -> None:
    predictor = tlkit.Predictor(dense(), class_names=list("abc"), cache=tmp_path)
    begun: Iterator[Any] = predictor.rows(pictures(40))
    first = next(begun)
    meanwhile = predictor.predict(pictures(40), verbose=0)
    assert [first, *begun] == list(meanwhile)
    assert len(made) == 2


def test_a_copy_begins_anew(made: list[str], tmp_path: Path) -> None:
    predictor = tlkit.Predictor(dense(), class_names=list("abc"), engine="openvino", cache=tmp_path)
    expected = told(predictor, pictures(5))
    other = copy.copy(predictor)
    other._kept = copy.deepcopy(predictor._kept)
    np.testing.assert_allclose(told(other, pictures(5)), expected, atol=1e-6)
    assert len(made) == 2


def test_more_pictures_weigh_engines_again(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engine, "READING_S", 0)
    predictor = tlkit.Predictor(trained.result, cache=tmp_path)
    few = trained.dataset.load(np.arange(24), 16)
    assert predictor.predict(few, verbose=0).notes == ("engine: keras, for few pictures",)
    many = predictor.predict(np.concatenate([few] * 5), verbose=0)
    assert "ms an image" in many.notes[0]


@pytest.mark.parametrize("stock", [True, False])
@pytest.mark.parametrize("count", [1, 31, *thorough(32, 33)])
def test_keras_gives_what_predict_gives(stock: bool, count: int) -> None:
    model, images = dense(), pictures(count)
    expected = model.predict(images.astype("float32"), verbose=0)
    found = keras_for(model, stock=stock).run(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


class Slept:
    """An engine that takes some time, as it says."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds, self.runs = name, seconds, 0

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        self.runs += 1
        return np.zeros((len(images), 3), "float32")


@pytest.mark.parametrize(("other", "rounds"), [(3.0, 1), (1.5, 5)])
def test_no_more_is_timed_than_it_takes_to_tell(
    other: float, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def milliseconds(engine: Slept, images: NDArray[Any]) -> float:
        engine.run(images)
        return engine.seconds

    monkeypatch.setattr("tlkit.features.engines.comparison._milliseconds_per_image", milliseconds)
    swift, slow = Slept("swift", 1.0), Slept("slow", other)
    assert timed([slow, swift], pictures(2)) == {"slow": other, "swift": 1.0}
    assert (swift.runs, slow.runs) == (rounds, rounds)


def test_many_models_in_one_process_are_no_cause_for_warnings(
    trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    """TensorFlow counts the traces of all models as those of one function."""
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    try:
        for seed in range(7):
            model = keras.models.clone_model(trained.result.model)
            model.name = f"number_{seed}"
            predictor = tlkit.Predictor(model, class_names=sorted(NAMES), cache=False)
            predictor.predict(trained.dataset, verbose=0)
            tlkit.evaluate(model, trained.dataset)
    finally:
        logger.removeHandler(caplog.handler)
    assert "retracing" not in caplog.text
