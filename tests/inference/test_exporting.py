"""The same probabilities in every format, and names that travel along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inference.conftest import Trained
from tlkit.errors import PredictionError
from tlkit.inference._formats import FORMATS, Format

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


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_gives_keras_s_probabilities_and_knows_the_names(
    format: str, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / FILES[format]
    exported = trained.result.export(file, format=format, pictures=trained.dataset)
    assert (exported.pictures, exported.changed) == (24, 0)
    assert exported.difference < 1e-5
    assert all(path.exists() for path in exported.files)
    assert set(tmp_path.iterdir()) == set(exported.files)
    images = trained.dataset.load(range(5), 16).astype("float32")
    np.testing.assert_allclose(
        FORMATS[format].run(file, images),
        trained.result.model.predict(images, verbose=0),
        atol=1e-5,
    )
    assert names_in(format, file) == list(trained.dataset.class_names)


def test_one_that_differs_from_keras_is_refused_and_leaves_nothing(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = FORMATS["onnx"]

    def other(path: Path, images: Any) -> Any:
        return right.run(path, images)[:, ::-1]

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

    monkeypatch.setitem(FORMATS, "onnx", Format(".onnx", fails, FORMATS["onnx"].run))
    with pytest.raises(PredictionError, match=r"exported as 'onnx': no such operation$"):
        trained.result.export(tmp_path / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "format", "told"),
    [
        ("m.onnx", "caffe", "expected one of 'onnx', 'openvino', 'litert', 'saved_model'"),
        ("m.onnx", "openvino", "expected a name that ends in '.xml'"),
        ("m.sm", "saved_model", "has no ending: it is a folder"),
        ("", "saved_model", "is there already"),
    ],
)
def test_what_cannot_be_exported_so_is_told_before_any_work(
    name: str, format: str, told: str, trained: Trained, tmp_path: Path
) -> None:
    target = tmp_path / name if name else tmp_path
    with pytest.raises(PredictionError, match=told):
        trained.result.export(target, format=format)
    assert not list(tmp_path.iterdir())


def test_what_is_not_installed_is_named(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Format(".onnx", FORMATS["onnx"].write, FORMATS["onnx"].run, needs=(("nonesuch",), "it"))
    monkeypatch.setitem(FORMATS, "onnx", how)
    with pytest.raises(PredictionError, match=r"needs nonesuch\. Install it with: pip install it"):
        trained.result.export(tmp_path / "m.onnx", format="onnx")
