"""The same probabilities in every format, and names that travel along."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import thorough
from tests.inference.conftest import NAMES, Trained
from tlkit._progress import Silent
from tlkit.errors import EvaluationError, PredictionError
from tlkit.inference import export_target
from tlkit.inference._export_pictures import calibration_pictures, compared_pictures
from tlkit.inference._formats import FORMATS, Format
from tlkit.inference.contract import ModelContract
from tlkit.testing import tiny_backbone

FILES = {"onnx": "m.onnx", "openvino": "m.xml", "litert": "m.tflite", "saved_model": "m"}


def names_in(format: str, path: Path) -> list[str]:
    """Class names as a program without tlkit finds them."""
    if format == "onnx":
        import onnxruntime

        metadata = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
        found: list[str] = json.loads(metadata["class_names"])
        return found
    if format == "openvino":
        import openvino

        told = openvino.Core().read_model(path).get_rt_info(["tlkit", "class_names"])
        return list(json.loads(told.value))
    labels = path.with_suffix(".txt") if format == "litert" else path / "assets.extra/labels.txt"
    return labels.read_text("utf-8").splitlines()


@pytest.fixture(scope="module", params=["mixed_bfloat16", *thorough("mixed_float16")])
def mixed(request: pytest.FixtureRequest, trained: Trained) -> tlkit.TrainingResult:
    """What Keras's mixed precision trained."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    try:
        trainer = tlkit.StagedTrainer(
            tiny_backbone(),
            stages=[tlkit.Stage("head", epochs=2, learning_rate=0.05)],
            weights=None,
            cache=False,
        )
        return trainer.fit(trained.dataset, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("input", ["model size", "any size"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_model_of_mixed_precision_is_written_with_its_weights_in_float32(
    format: str, input: Any, mixed: tlkit.TrainingResult, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / FILES[format]
    exported = mixed.export(file, format=format, input=input, pictures=trained.dataset)
    assert exported.precision == "float32"
    assert exported.difference < 1e-5
    assert names_in(format, file) == list(mixed.class_names)
    images = trained.dataset.load(range(5), 16).astype("float32")
    near = mixed.model.predict(images, verbose=0)
    np.testing.assert_allclose(FORMATS[format].reader(file)(images), near, atol=0.02)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_gives_keras_s_probabilities_and_knows_the_names(
    format: str, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / FILES[format]
    scored = format == "onnx"
    given: dict[str, Any] = {"test" if scored else "pictures": trained.dataset}
    exported = trained.result.export(file, format=format, **given)
    assert (exported.pictures, exported.changed, exported.calibrated_on) == (24, 0, 0)
    assert exported.f1_cost == (0 if scored else None)
    assert exported.difference < 1e-5
    assert all(path.exists() for path in exported.files)
    assert set(tmp_path.iterdir()) == set(exported.files)
    images = trained.dataset.load(range(5), 16).astype("float32")
    np.testing.assert_allclose(
        FORMATS[format].reader(file)(images),
        trained.result.model.predict(images, verbose=0),
        atol=1e-5,
    )
    assert names_in(format, file) == list(trained.dataset.class_names)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_of_any_size_takes_pictures_as_they_are(
    format: str, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / FILES[format]
    scored: dict[str, Any] = {"test": trained.dataset} if format == "onnx" else {}
    exported = trained.result.export(file, format=format, input="any size", **scored)
    assert exported.changed == 0
    assert exported.difference < 1e-5
    assert exported.f1_cost == (0 if scored else None)
    run, files = FORMATS[format].reader(file), []
    for number, size in enumerate([(16, 16), (40, 31), (9, 70), (64, 23)]):
        with Image.open(trained.pictures / trained.dataset.names[number * 5]) as picture:
            files.append(tmp_path / f"{number}.png")
            picture.resize(size, Image.Resampling.BICUBIC).save(files[-1])
    rows = trained.result.predict(files, top=None, verbose=0)
    for path, row in zip(files, rows, strict=True):
        loaded = keras.utils.img_to_array(keras.utils.load_img(path))[None]
        told = dict(zip(row.labels, row.probabilities, strict=True))
        expected = [told[name] for name in trained.dataset.class_names]
        np.testing.assert_allclose(run(loaded)[0], expected, atol=1e-5)
    assert names_in(format, file) == list(trained.dataset.class_names)


def test_one_that_differs_from_keras_is_refused_and_leaves_nothing(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = FORMATS["onnx"]

    def other(path: Path) -> Any:
        run = right.reader(path)
        return lambda images: run(images)[:, ::-1]

    broken = Format(".onnx", right.write, other)
    monkeypatch.setitem(FORMATS, "onnx", broken)
    with pytest.raises(PredictionError, match="gives other probabilities than Keras, by up to"):
        trained.result.export(tmp_path / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


def test_a_writer_that_fails_is_told_and_leaves_nothing(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no such operation\nand more")

    monkeypatch.setitem(FORMATS, "onnx", Format(".onnx", fails, FORMATS["onnx"].reader))
    with pytest.raises(PredictionError, match=r"exported as 'onnx': no such operation$"):
        trained.result.export(tmp_path / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["openvino", "litert"])
def test_an_int8_file_takes_and_gives_what_the_float32_one_does_and_tells_its_f1(
    format: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[float, str]] = []
    shown = Silent()
    monkeypatch.setattr(shown, "step", lambda _, done, __, what: steps.append((done, what)))
    monkeypatch.setattr("tlkit.inference.predictor.reporter_for", lambda _: shown)
    if format == "openvino":
        pytest.importorskip("nncf", reason="int8 for OpenVINO is in the extra tlkit[int8]")
    file, dataset = tmp_path / FILES[format], trained.dataset
    exported = trained.result.export(
        file, format=format, precision="int8", calibration=trained.pictures, test=dataset
    )
    assert steps == sorted(steps)
    assert [steps[0], steps[-1]] == [(0, "reading pictures"), (4, "done")]
    if keras.backend.backend() == "tensorflow" or format == "openvino":  # else by a silent process
        assert {x[0] for x in steps if x[1] == "calibrating"} > {2.5, 3.0}
    assert (exported.precision, exported.calibrated_on, exported.pictures) == ("int8", 24, 24)
    assert set(tmp_path.iterdir()) == set(exported.files)
    assert names_in(format, file) == list(dataset.class_names)
    images = dataset.load(range(24), 16).astype("float32")
    found = FORMATS[format].reader(file)(images)
    expected = trained.result.model.predict(images, verbose=0)
    assert found.dtype == np.float32
    assert 1e-6 < np.abs(found - expected).max() < 0.1  # rounded, and still the same model
    assert np.mean(found.argmax(1) == dataset.labels) > 0.6
    assert exported.comparison is not None
    plain = tlkit.evaluate(trained.result, dataset).weighted_f1
    scores = dict(exported.comparison.scores)
    assert scores["keras"] == pytest.approx(plain)
    assert exported.f1_cost == pytest.approx(plain - scores["int8"])
    assert "int8 from 24 pictures; on 24 pictures" in str(exported)
    assert f"weighted F1 {scores['int8']:.4f}, Keras's {plain:.4f}" in str(exported)


@pytest.mark.parametrize("format", ["openvino", *thorough("litert")])
def test_int8_of_one_sigmoid_tells_both_classes(format: str, tmp_path: Path) -> None:
    if format == "openvino":
        pytest.importorskip("nncf", reason="int8 for OpenVINO is in the extra tlkit[int8]")
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(1, "sigmoid")(flat))
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    data = tlkit.ImageDataset.from_arrays(images, [0, 1] * 20, ["no", "yes"])
    exported = tlkit.Predictor(model, class_names=["no", "yes"], cache=False).export(
        tmp_path / FILES[format], format=format, precision="int8", calibration=data, test=data
    )
    expected = model.predict(images.astype("float32"), verbose=0)
    found = FORMATS[format].reader(tmp_path / FILES[format])(images.astype("float32"))
    assert found.shape == (40, 1)
    assert np.abs(found - expected).max() < 0.05
    assert exported.changed == np.count_nonzero((found > 0.5) != (expected > 0.5))
    assert exported.f1_cost is not None


def test_calibration_takes_every_class_of_pictures_that_are_sorted(trained: Trained) -> None:
    data = trained.dataset
    labels = np.sort(np.arange(900) % 3)
    pixels = np.repeat(labels[:, None, None, None], 3, axis=3).astype(np.uint8)
    many = tlkit.ImageDataset.from_arrays(pixels, labels.tolist(), list(data.class_names))
    found = calibration_pictures(many, trained.result.contract, "int8")
    assert found is not None
    assert np.bincount(found[:, 0, 0, 0]).tolist() == [100, 100, 100]
    assert found.shape == (300, 16, 16, 3)


def bad_calibrations(trained: Trained) -> dict[str, tuple[dict[str, Any], str]]:
    pixels = np.zeros((12, 16, 16, 3), np.uint8)
    others = tlkit.ImageDataset.from_arrays(pixels, [0, 1] * 6, ["pear", "plum"])
    few = trained.dataset.subset(range(9))
    int8: dict[str, Any] = {"precision": "int8"}
    return {
        "none": (int8, "needs calibration="),
        "few": ({**int8, "calibration": few}, r"has 9 pictures; expected 10 or more, 300 at best"),
        "other classes": ({**int8, "calibration": others}, "Unknown to the model: 'pear', 'plum'"),
        "a number": ({**int8, "calibration": 300}, "received a int; expected a folder"),
        "for float32": ({"calibration": trained.dataset}, "which needs none"),
        "float16": ({"precision": "float16"}, "expected 'float32' or 'int8'"),
        "onnx": ({**int8, "format": "onnx"}, "formats that have it: 'openvino', 'litert'"),
        "any size": ({**int8, "input": "any size"}, "no exact numbers to resize with"),
        "no size": ({**int8, "input": "large"}, "expected 'model size' or 'any size'"),
    }


@pytest.mark.parametrize(
    "case",
    [
        *("none", "few", "other classes", "a number", "for float32", "float16", "onnx"),
        *("any size", "no size"),
    ],
)
def test_what_int8_cannot_be_made_from_is_told_before_any_work(
    case: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, told = bad_calibrations(trained)[case]
    monkeypatch.setattr(type(trained.result.model), "export", None)
    asked = {"format": "litert", **asked}
    file = tmp_path / FILES[asked["format"]]
    with pytest.raises(PredictionError, match=told):
        trained.result.export(file, **asked)
    assert not list(tmp_path.iterdir())


def test_a_damaged_calibration_picture_is_named(trained: Trained, tmp_path: Path) -> None:
    files = [trained.pictures / name for name in trained.dataset.names]
    damaged = tmp_path / "torn.png"
    damaged.write_bytes(files[0].read_bytes()[:40])
    with pytest.raises(PredictionError, match=r"holds 1 picture.*torn\.png"):
        trained.result.export(
            tmp_path / "m.tflite", format="litert", precision="int8", calibration=[*files, damaged]
        )


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (lambda trained: trained.pictures, "Read a folder that has a folder for each class"),
        (
            lambda trained: trained.dataset.rename_classes({NAMES[0]: "pear"}),
            "Unknown to the model",
        ),
    ],
)
def test_a_test_set_that_cannot_score_it_is_told_before_any_work(
    test: Any, told: str, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match=told):
        trained.result.export(tmp_path / "m.onnx", format="onnx", test=test(trained))


def test_a_model_without_an_int8_form_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    images = keras.Input((8, 8, 3))
    spectrum = keras.ops.fft2((images[..., 0], images[..., 1]))[0]
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(spectrum))
    predictor = tlkit.Predictor(keras.Model(images, outputs), class_names=["a", "b"])
    pictures = np.zeros((10, 8, 8, 3), np.uint8)
    with pytest.raises(PredictionError, match="cannot be exported as 'litert' with int8 inside"):
        predictor.export(
            tmp_path / "m.tflite", format="litert", precision="int8", calibration=pictures
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "format", "told"),
    [
        ("m.onnx", "caffe", "expected one of 'onnx', 'openvino', 'litert', 'saved_model'"),
        ("m.onnx", "openvino", "expected a name that ends in '.xml'"),
        ("m.sm", "saved_model", "has no ending: it is a folder"),
        ("", "saved_model", "is there already"),
        ("folder.onnx", "onnx", "folder.onnx is a folder"),
        ("file.txt/m.onnx", "onnx", "may write to"),
    ],
)
def test_what_cannot_be_exported_so_is_told_before_any_work(
    name: str, format: str, told: str, trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file.txt").touch()
    target = tmp_path / name if name else tmp_path
    with pytest.raises(PredictionError, match=told):
        trained.result.export(target, format=format, pictures="no folder")
    assert {path.name for path in tmp_path.rglob("*")} == {"folder.onnx", "file.txt"}


def test_what_is_not_installed_is_named(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Format(
        ".onnx", FORMATS["onnx"].write, FORMATS["onnx"].reader, needs=(("nonesuch",), "it")
    )
    monkeypatch.setitem(FORMATS, "onnx", how)
    with pytest.raises(PredictionError, match=r"needs nonesuch\. Install it with: pip install it"):
        trained.result.export(tmp_path / "m.onnx", format="onnx")


def test_pictures_that_are_compared_are_spread_over_all_classes() -> None:
    sorted_by_class = np.repeat(np.arange(200, dtype=np.uint8), 3)
    images = np.broadcast_to(sorted_by_class[:, None, None, None], (600, 4, 4, 3)).copy()
    found = compared_pictures(images, ModelContract(("a", "b"), (4, 4)))[:, 0, 0, 0]
    assert (len(found), found[0], found[-1]) == (64, 0, 199)
    assert np.diff(found.astype(int)).max() <= 4
    few = compared_pictures(images[:5], ModelContract(("a", "b"), (4, 4)))
    np.testing.assert_array_equal(few, images[:5])


@pytest.mark.parametrize("writes", [True, False])
def test_onnx_needs_tf2onnx_only_where_keras_does_not_write_it(
    writes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> object:
        return None if name == "tf2onnx" else name

    monkeypatch.setattr(export_target, "find_spec", find_spec)
    monkeypatch.setattr(export_target, "has_writer", lambda: writes)
    refused = pytest.raises(PredictionError, match=r"needs tf2onnx.*'tlkit\[onnx\]'")
    with nullcontext() if writes else refused:
        export_target.ExportTarget(tmp_path / "model.onnx", "onnx")
