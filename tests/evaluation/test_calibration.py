"""A calibrated model is as sure as it is right, and its file needs no tlkit."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax as softmax_along

import tlkit
import tlkit.testing
from tlkit import Calibration, Evaluation, calibrate
from tlkit.errors import EvaluationError
from tlkit.evaluation.calibration.temperature_scaling import fitted_temperature
from tlkit.inference.contract import ModelContract, read_contract
from tlkit.inference.saving import save_model


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row."""
    return np.asarray(softmax_along(logits, axis=1))


def noisy(temperature: float, images: int = 3000, classes: int = 4) -> Evaluation:
    """Answers of a model that is ``temperature`` times too sure."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(images, classes)) * 2
    chances = softmax(logits).cumsum(axis=1)
    labels = (random.random((images, 1)) > chances).sum(axis=1).clip(max=classes - 1)
    return Evaluation.from_predictions(labels, softmax(logits * temperature))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    found = calibrate(None, noisy(temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.08)
    assert found.model is None
    assert found.after.log_loss <= found.before.log_loss
    assert found.after.expected_calibration_error() < 0.02
    assert found.after.accuracy == found.before.accuracy
    assert np.array_equal(found.after.predictions, found.before.predictions)


def test_the_temperature_is_that_of_a_plain_search() -> None:
    given_ = noisy(2.0)
    logits = np.log(given_.probabilities)

    def loss(temperature: float) -> float:
        rows = softmax(logits / temperature)
        return float(-np.log(rows[np.arange(len(rows)), given_.y_true]).mean())

    best = minimize_scalar(loss, bounds=(0.5, 8), method="bounded", options={"xatol": 1e-9}).x
    ours = fitted_temperature(given_.probabilities, given_.y_true)
    assert ours == pytest.approx(best, rel=1e-5)
    assert loss(ours) <= loss(best) + 1e-15


@pytest.mark.parametrize("times", [0.4, 1.0, 2.0, 3.0])
def test_the_temperature_is_exact_to_eight_digits(times: float) -> None:
    # What Newton's method found; and logits times k are best at k times the temperature.
    given_ = noisy(times)
    found = fitted_temperature(given_.probabilities, given_.y_true)
    assert found == pytest.approx(times * 1.0160371393287266, rel=1e-8)


@settings(deadline=None)
@given(
    logits=st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=9),
    temperature=st.floats(0.1, 20),
)
def test_probabilities_are_as_good_as_logits(logits: list[list[float]], temperature: float) -> None:
    rows = np.array(logits)
    from_probabilities = softmax(np.log(softmax(rows)) / temperature)
    assert from_probabilities == pytest.approx(softmax(rows / temperature), abs=1e-12)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), temperature=st.floats(0.05, 20))
def test_no_temperature_changes_a_prediction(seed: int, temperature: float) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(0, 1000, (30, 5)) + np.eye(5)[random.integers(0, 5, 30)]
    found = Evaluation.from_predictions(np.zeros(30, int), weights / weights.sum(1, keepdims=True))
    scaled = Calibration(temperature, found, found).apply(found)
    assert np.array_equal(scaled.predictions, found.predictions)
    assert [scaled.top_k(k) for k in (1, 2, 4)] == [found.top_k(k) for k in (1, 2, 4)]


def test_it_prints_what_it_did() -> None:
    lines = str(calibrate(None, noisy(3.0))).splitlines()
    assert lines[0].endswith("fitted on 3000 images")
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "calibration error",
        "log loss",
        "accuracy",
    ]


def test_other_images_get_the_same_temperature(good: Evaluation) -> None:
    found = calibrate(None, noisy(3.0))
    other = found.apply(noisy(3.0, images=500))
    assert other.probabilities == pytest.approx(found.after.probabilities[:500], abs=0.7)
    assert len(other) == 500
    with pytest.raises(EvaluationError, match=r"In the calibration: 4, .* In the evaluation: 5, "):
        found.apply(good)


def test_without_a_mistake_no_temperature_fits() -> None:
    found = Evaluation.from_predictions([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    told = r"all are predicted correctly.*more validation images"
    with pytest.raises(EvaluationError, match=told):
        calibrate(None, found)


def test_without_a_clue_no_temperature_fits() -> None:
    found = Evaluation.from_predictions([0, 1], [[0.1, 0.9], [0.8, 0.2]])
    with pytest.raises(EvaluationError, match=r"no better than chance.*class order"):
        calibrate(None, found)
    uniform = Evaluation.from_predictions([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(EvaluationError, match="no temperature fits"):
        calibrate(None, uniform)


def images() -> NDArray[np.uint8]:
    colours = np.random.default_rng(1).integers(0, 256, (60, 1, 1, 3), dtype=np.uint8)
    return np.tile(colours, (1, 8, 8, 1))


def dataset() -> Any:
    """Images of one colour each, whose class is most often the channel that is brightest."""
    noise = np.random.default_rng(2).normal(0, 70, (60, 3))
    labels = (images()[:, 0, 0] + noise).argmax(axis=1)
    return tlkit.ImageDataset.from_arrays(images(), labels, ["a", "b", "c"])


def start(keras: Any) -> tuple[Any, Any]:
    source = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 64)(source)
    return source, keras.layers.GlobalAveragePooling2D()(x)


def dense(keras: Any, activation: str | None = "softmax", **more: Any) -> Any:
    initial = keras.initializers.Identity(gain=4.0)
    return keras.layers.Dense(3, activation, kernel_initializer=initial, **more)


def ends_in_dense(keras: Any) -> Any:
    source, x = start(keras)
    return keras.Model(source, dense(keras)(x))


def ends_in_a_softmax_layer(keras: Any) -> Any:
    source, x = start(keras)
    return keras.Model(source, keras.layers.Softmax()(dense(keras, None)(x)))


def ends_in_an_activation(keras: Any) -> Any:
    source, x = start(keras)
    return keras.Model(source, keras.layers.Activation("softmax")(dense(keras, None)(x)))


def ends_in_an_operation(keras: Any) -> Any:
    source, x = start(keras)
    return keras.Model(source, keras.ops.softmax(dense(keras, None)(x)))


def is_sequential(keras: Any) -> Any:
    pool = keras.layers.GlobalAveragePooling2D()
    layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 64), pool, dense(keras)]
    return keras.Sequential(layers)


def is_nested(keras: Any) -> Any:
    source = keras.Input((8, 8, 3))
    return keras.Model(source, ends_in_dense(keras)(source))


def was_called_elsewhere(keras: Any) -> Any:
    model = ends_in_dense(keras)
    source = keras.Input((8, 8, 3))
    keras.Model(source, model(keras.layers.RandomFlip()(source)))
    model.layers[-1](keras.Input((3,)))  # its last layer is part of another graph as well
    return model


def is_mixed(keras: Any) -> Any:
    source = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 64, dtype="mixed_float16")(source)
    x = keras.layers.GlobalAveragePooling2D(dtype="mixed_float16")(x)
    return keras.Model(source, dense(keras, dtype="mixed_float16")(x))


ENDINGS = [
    ends_in_dense,
    ends_in_a_softmax_layer,
    ends_in_an_activation,
    ends_in_an_operation,
    is_sequential,
    is_nested,
    was_called_elsewhere,
    is_mixed,
]


@pytest.mark.parametrize("build", ENDINGS)
def test_the_model_gives_what_its_logits_over_the_temperature_give(
    build: Callable[[Any], Any], tmp_path: Path
) -> None:
    import keras

    model = build(keras)
    plain = np.asarray(model.predict_on_batch(images()), np.float64)
    weights = [weight.copy() for weight in model.get_weights()]
    found = calibrate(SimpleNamespace(model=model), dataset())
    assert isinstance(found, Calibration)
    close = 2e-3 if build is is_mixed else 1e-6
    assert np.asarray(found.model.predict_on_batch(images())) == pytest.approx(
        softmax(np.log(np.maximum(plain, 1e-38)) / found.temperature), abs=close
    )
    assert found.temperature > 1.5
    # The model given is as it was, and can be calibrated again.
    assert np.array_equal(np.asarray(model.predict_on_batch(images()), np.float64), plain)
    assert all(np.array_equal(*pair) for pair in zip(weights, model.get_weights(), strict=True))
    assert calibrate(model, found.before).temperature == found.temperature
    again = calibrate(found.model, dataset())  # and so can the one that was calibrated
    assert again.temperature == pytest.approx(1, abs=1e-2)
    after = tlkit.evaluate(found.model, dataset())
    assert after.accuracy == found.before.accuracy
    assert after.log_loss == pytest.approx(found.after.log_loss, abs=10 * close)
    found.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")  # safe mode: no Lambda
    assert np.array_equal(again.predict_on_batch(images()), found.model.predict_on_batch(images()))
    assert again.get_layer("temperature").scale == pytest.approx(1 / found.temperature)


def test_the_file_of_a_calibrated_result_knows_what_the_result_knew(tmp_path: Path) -> None:
    import keras

    contract = ModelContract(("a", "b", "c"), (4, 4))
    result = SimpleNamespace(
        model=ends_in_dense(keras), class_names=dataset().class_names, contract=contract
    )
    found = calibrate(result, dataset())
    found.model.save(tmp_path / "model.keras")
    assert read_contract(tmp_path / "model.keras") == contract
    save_model(found.model, tmp_path / "again.keras", contract)  # and once only
    assert read_contract(tmp_path / "again.keras") == contract


def test_a_file_of_a_calibrated_model_names_nothing_of_tlkit(tmp_path: Path) -> None:
    import keras

    found = calibrate(ends_in_dense(keras), dataset())
    found.model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        config = file.read("config.json")
    assert b"tlkit" not in config
    assert b"Lambda" not in config
    assert [layer.name for layer in found.model.layers[-2:]] == [
        "temperature",
        "calibrated_probabilities",
    ]


def two_outputs(keras: Any) -> Any:
    source, x = start(keras)
    return keras.Model(source, [dense(keras)(x), dense(keras)(x)])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda k: k.Model((s := start(k))[0], dense(k, None)(s[1])), "ends with 'linear'"),
        (lambda k: k.Model((s := start(k))[0], dense(k, "sigmoid")(s[1])), "ends with 'sigmoid'"),
        (lambda k: k.Model((s := start(k))[0], s[1] * 0.1), "If these are logits|rows are wrong"),
        (two_outputs, r"output has shape \[\(None, 3\), \(None, 3\)\]"),
    ],
)
def test_what_is_no_softmax_is_refused(build: Callable[[Any], Any], said: str) -> None:
    import keras

    with pytest.raises(EvaluationError, match=said):
        calibrate(build(keras), dataset())


def test_an_evaluation_of_other_classes_is_refused() -> None:
    import keras

    with pytest.raises(EvaluationError, match="gives 3 probabilities and the evaluation is of 4"):
        calibrate(ends_in_dense(keras), noisy(2.0))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(EvaluationError, match="str is no model"):
        calibrate("model.keras", noisy(2.0))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_training_is_calibrated_and_its_file_loads_where_tlkit_is_not(
    tmp_path: Path, policy: str
) -> None:
    import keras

    data = tlkit.testing.tiny_dataset(40, size=32)
    noisy_labels = np.where(np.arange(40) % 5 == 0, np.roll(data.labels, 1), data.labels)
    pixels = data.load(range(40), 32)
    data = tlkit.ImageDataset.from_arrays(pixels, noisy_labels, data.class_names)
    stage = tlkit.Stage("head", epochs=20, learning_rate=0.05)
    before = keras.config.dtype_policy().name
    keras.config.set_dtype_policy(policy)
    try:
        model = tlkit.testing.tiny_model(32)
        trainer = tlkit.StagedTrainer(lambda **_: model, stages=[stage], cache=False)
        result = trainer.fit(data)
        found = calibrate(result, data)
    finally:
        keras.config.set_dtype_policy(before)
    assert found.after.log_loss <= found.before.log_loss
    assert tlkit.evaluate(found.model, data).log_loss == pytest.approx(
        found.after.log_loss, abs=1e-3 if policy == "mixed_float16" else 1e-5
    )
    found.model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", pixels)
    code = (
        "import sys; sys.modules['tlkit'] = None; import keras, numpy as np; "
        "model = keras.models.load_model('model.keras'); "
        "np.save('said.npy', model.predict_on_batch(np.load('images.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    said = np.load(tmp_path / "said.npy")
    assert said == pytest.approx(found.model.predict_on_batch(pixels), abs=1e-5)
