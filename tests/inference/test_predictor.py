"""Named labels for pictures, wherever the model and the pictures are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tests.conftest import thorough
from tests.inference.conftest import NAMES, Trained
from tlkit.errors import EngineError, PredictionError, TlkitError
from tlkit.features.engines.comparison import Choice
from tlkit.inference import _engine
from tlkit.training import read_run

MODELS: dict[str, Callable[[Trained, Path], Any]] = {
    "result": lambda trained, _: trained.result,
    "run directory": lambda trained, _: trained.run,
    "run read again": lambda trained, _: read_run(trained.run).result(),
    "moved file": lambda trained, folder: shutil.copy(trained.run / "model.keras", folder),
}
PICTURES: dict[str, Callable[[Trained], Any]] = {
    "data set": lambda trained: trained.dataset,
    "folder": lambda trained: trained.pictures,
    "files": lambda trained: [trained.pictures / name for name in trained.dataset.names],
    "array": lambda trained: pixels(trained),
}


def pixels(trained: Trained) -> NDArray[np.uint8]:
    return trained.dataset.load(range(len(trained.dataset)), 16)


def expected(trained: Trained) -> NDArray[np.float32]:
    found: NDArray[np.float32] = trained.result.model.predict(pixels(trained), verbose=0)
    return found


def by_class(rows: tlkit.Predictions) -> NDArray[np.float64]:
    """Probabilities of the classes in their order."""
    tables = (dict(zip(row.labels, row.probabilities, strict=True)) for row in rows)
    return np.array([[table[name] for name in sorted(NAMES)] for table in tables])


@pytest.mark.parametrize("model", MODELS)
def test_every_form_of_a_model_knows_its_names_and_gives_the_same(
    model: str, trained: Trained, tmp_path: Path
) -> None:
    predictor = tlkit.Predictor(MODELS[model](trained, tmp_path))
    assert predictor.class_names == trained.dataset.class_names == tuple(sorted(NAMES))
    rows = predictor.predict(trained.dataset, top=None, verbose=0)
    np.testing.assert_allclose(by_class(rows), expected(trained), atol=1e-5)


@pytest.mark.parametrize("given", PICTURES)
def test_pictures_are_read_as_for_training_wherever_they_are(given: str, trained: Trained) -> None:
    rows = trained.result.predict(PICTURES[given](trained), top=None, verbose=0)
    np.testing.assert_allclose(by_class(rows), expected(trained), atol=1e-5)
    if given in ("data set", "folder"):
        assert [row.image for row in rows] == list(trained.dataset.names)


@pytest.mark.parametrize("engine", ["openvino", *thorough("onnxruntime", "keras")])
def test_an_engine_gives_the_same_labels(engine: str, trained: Trained, tmp_path: Path) -> None:
    predictor = tlkit.Predictor(trained.result, engine=engine, cache=tmp_path)
    rows = predictor.predict(trained.dataset, top=None, verbose=0)
    np.testing.assert_allclose(by_class(rows), expected(trained), atol=1e-4)
    assert engine in rows.notes[0]


def test_a_damaged_picture_is_a_row_with_its_reason_and_changes_no_other(
    trained: Trained, tmp_path: Path
) -> None:
    files = [str(shutil.copy(trained.pictures / name, tmp_path / f"{number:02d}.png"))
             for number, name in enumerate(trained.dataset.names)]  # fmt: skip
    Path(files[3]).write_bytes(b"no picture")
    Path(files[9]).write_bytes(Path(files[9]).read_bytes()[:40])
    whole = trained.result.predict(trained.dataset, verbose=0)
    rows = trained.result.predict([*files, tmp_path / "missing.png"], verbose=0)
    assert len(rows) == len(whole) + 1
    assert [row.image for row in rows.failed] == [files[3], files[9], str(tmp_path / "missing.png")]
    assert "is not an image in a known format" in rows[3].error
    for place in set(range(len(whole))) - {3, 9}:
        assert rows[place].labels == whole[place].labels


def test_rows_come_while_later_pictures_are_still_to_be_read(trained: Trained) -> None:
    class Many:
        names = tuple(f"picture {number}" for number in range(320))
        read = 0

        def __len__(self) -> int:
            return 320

        def load(self, places: NDArray[np.intp], _: Any) -> NDArray[np.uint8]:
            self.read += len(places)
            return pixels(trained)[places % 24]

    many = Many()
    rows = tlkit.Predictor(trained.result, engine="keras").rows(many, top=1)
    assert next(rows).image == "picture 0"
    assert many.read < 320
    assert len(list(rows)) == 319


def test_an_engine_is_chosen_once_it_pays(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = np.concatenate([pixels(trained)] * 5)
    few = tlkit.Predictor(trained.result, cache=tmp_path).predict(many, verbose=0)
    assert few.notes == ("engine: keras, for few pictures",)
    monkeypatch.setattr(_engine, "READING_S", 0)
    chosen = tlkit.Predictor(trained.result, cache=tmp_path).predict(many, verbose=0)
    assert "ms an image" in chosen.notes[0]
    assert chosen.labels == few.labels


def test_an_engine_that_comes_to_differ_ends_it(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Swift:
        name = "swift"

        def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
            return np.full((len(images), 3), 1 / 3, "float32")

    monkeypatch.setattr(_engine, "MANY", 1)
    monkeypatch.setattr(_engine, "choose_engine", lambda *_, **__: Choice(Swift(), "swift"))
    predictor = tlkit.Predictor(trained.result, cache=tmp_path)
    with pytest.raises(PredictionError, match="rows before this one cannot be trusted"):
        predictor.predict(np.concatenate([pixels(trained)] * 7), verbose=0)


@pytest.mark.parametrize(("engine", "black"), [("keras", [3, 40, 69]), ("openvino", [40, 69])])
def test_a_picture_that_gives_no_number_is_a_row_with_that_reason(
    engine: str, black: list[int], tmp_path: Path
) -> None:
    """Black pictures have no direction; others do."""
    image = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(image)
    unit = flat / keras.ops.sqrt(keras.ops.sum(flat**2, axis=1, keepdims=True))
    model = keras.Model(image, keras.layers.Dense(2, "softmax")(unit))
    images = np.random.default_rng(0).integers(1, 256, (70, 4, 4, 3), np.uint8)
    images[black] = 0
    predictor = tlkit.Predictor(model, class_names=["a", "b"], engine=engine, cache=tmp_path)
    rows = predictor.predict(images, verbose=0)
    assert [place for place, row in enumerate(rows) if row.error] == black
    assert {row.error for row in rows.failed} == {"the model gave numbers that are not finite"}


class Own(keras.Model):  # type: ignore[misc]
    """A model whose call no other program reads."""

    def call(self, *given: Any, **settings: Any) -> Any:
        return super().call(*given, **settings)


def test_a_model_with_a_call_of_its_own_runs_on_keras(trained: Trained) -> None:
    model = Own(trained.result.model.inputs[0], trained.result.model.outputs[0])
    rows = tlkit.Predictor(model, class_names=sorted(NAMES)).predict(
        trained.dataset, top=None, verbose=0
    )
    np.testing.assert_allclose(by_class(rows), expected(trained), atol=1e-5)
    other = tlkit.Predictor(model, class_names=sorted(NAMES), engine="openvino")
    with pytest.raises(EngineError, match="has a call of its own"):
        other.predict(trained.dataset)


def test_a_model_inside_a_model_runs_on_any_engine(trained: Trained, tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3))
    nested = keras.Model(image, trained.result.model(image))
    predictor = tlkit.Predictor(
        nested, class_names=sorted(NAMES), engine="openvino", cache=tmp_path
    )
    rows = predictor.predict(trained.dataset, top=None, verbose=0)
    np.testing.assert_allclose(by_class(rows), expected(trained), atol=1e-4)


def test_a_predictor_meets_a_data_set_by_name(trained: Trained) -> None:
    other = trained.dataset.with_classes(sorted(NAMES, reverse=True))
    predictor = tlkit.Predictor(trained.run)
    assert tlkit.evaluate(predictor, other).accuracy == pytest.approx(
        tlkit.evaluate(trained.result, trained.dataset).accuracy
    )


def test_a_model_of_someone_elses_works_with_names(trained: Trained, tmp_path: Path) -> None:
    trained.result.model.save(tmp_path / "plain.keras")
    with pytest.raises(PredictionError, match="does not know the names of its classes"):
        tlkit.Predictor(tmp_path / "plain.keras")
    named = tlkit.Predictor(tmp_path / "plain.keras", class_names=sorted(NAMES))
    rows = named.predict(trained.dataset, verbose=0)
    assert rows.labels == trained.result.predict(trained.dataset, verbose=0).labels


def test_a_single_sigmoid_is_the_second_of_two_classes() -> None:
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype("uint8")
    second = model.predict(images / 1.0, verbose=0)[:, 0]
    rows = tlkit.Predictor(model, class_names=["no", "yes"]).predict(images, verbose=0)
    for row, probability in zip(rows, second, strict=True):
        assert dict(zip(row.labels, row.probabilities, strict=True))["yes"] == pytest.approx(
            float(probability), abs=1e-6
        )


BAD: dict[str, tuple[Callable[[Trained], Any], str]] = {
    "no file": (lambda _: tlkit.Predictor("none.keras"), "'none.keras' is no file; expected"),
    "no model there": (lambda x: tlkit.Predictor(x.pictures), "holds no model.keras"),
    "no model": (lambda _: tlkit.Predictor(object()), "object is no model; expected"),  # type: ignore[arg-type]
    "other names": (
        lambda x: tlkit.Predictor(x.result, class_names=["a", "b", "c"]),
        "class_names are 'a', 'b', 'c', and the model's are",
    ),
    "another size": (lambda x: tlkit.Predictor(x.result, image_size=9), "takes 16 x 16 pixels"),
    "too few names": (
        lambda x: tlkit.Predictor(x.result.model, class_names=["a", "b"]).predict(x.dataset),
        r"an output of shape \(24, 3\) for 24 pictures; expected \(24, 2\)",
    ),
    "one picture": (lambda x: x.result.predict(pixels(x)[0]), r"Give image\[None\]"),
    "nothing": (lambda x: x.result.predict([]), "at least one|no picture|empty"),
    "a number": (lambda x: x.result.predict(cast(Any, 7)), "received a int; expected a folder"),
    "no label": (lambda x: x.result.predict(x.dataset, top=0), "top=0; expected a number"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_told(what: str, trained: Trained) -> None:
    make, told = BAD[what]
    with pytest.raises(TlkitError, match=told):
        make(trained)


def test_an_unknown_engine_is_told_before_any_work(trained: Trained) -> None:
    with pytest.raises(EngineError, match="warp"):
        tlkit.Predictor(trained.result, engine="warp")


def test_a_run_that_did_not_end_has_no_result(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.run, tmp_path / "run")
    (tmp_path / "run" / "model.keras").unlink()
    with pytest.raises(TlkitError, match="Go on with it by resume=True"):
        read_run(tmp_path / "run").result()


def test_a_result_read_again_is_what_fit_returned(trained: Trained) -> None:
    again = read_run(trained.run).result()
    assert again.class_names == trained.result.class_names
    assert again.history == trained.result.history
    assert str(again) == str(trained.result)
    for one, other in zip(again.model.weights, trained.result.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
