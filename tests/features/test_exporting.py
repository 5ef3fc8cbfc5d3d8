"""Beside another backend than TensorFlow, a process of its own writes exports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tlkit.errors import EngineError
from tlkit.features.engines import exporting
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.engine import installed
from tlkit.testing import tiny_model

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype("uint8")
ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not installed(name), reason=f"tlkit[{extra}]"))
    for name, extra in (("onnxruntime", "onnx"), ("openvino", "openvino"))
]


@pytest.fixture(autouse=True)
def beside_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports go the way of another backend, also where these tests run on TensorFlow."""
    monkeypatch.setattr(exporting, "backend", lambda: "another")
    monkeypatch.setattr(exporting, "jax_writes", lambda: False)


def choose(trunk: Any, name: str, folder: Path) -> Any:
    """Choose for the images."""
    return choose_engine(trunk, name, IMAGES, images_ahead=100, stem=folder / "trunk").engine


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_engine_gives_what_the_model_gives(name: str, tmp_path: Path) -> None:
    trunk = tiny_model()
    expected = np.asarray(trunk(IMAGES.astype("float32"), training=False))
    features = choose(trunk, name, tmp_path).run(IMAGES)
    assert np.abs(features - expected).max() <= 1e-5 * np.abs(expected).max()
    assert len(list(tmp_path.iterdir())) == 1


@keras.saving.register_keras_serializable("tests")
class DefinedHere(layers.Layer):  # type: ignore[misc]
    """A layer that another process does not know."""

    def call(self, x: Any) -> Any:
        """Pass on."""
        return x


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES[-1:])
def test_layer_that_the_process_does_not_know_is_told(name: str, tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3))
    trunk = keras.Model(image, DefinedHere()(image))
    told = "the trunk cannot be exported to .*: TensorFlow, in a process of its own: .*DefinedHere"
    with pytest.raises(EngineError, match=told) as raised:
        choose(trunk, name, tmp_path)
    assert len(str(raised.value)) < 400
    assert list(tmp_path.iterdir()) == []


def hangs(trunk: Any, file: Path) -> None:
    """Never end."""


def test_process_that_does_not_end_is_stopped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PATIENCE_S", 0.01)
    with pytest.raises(EngineError, match=r"TensorFlow took more than 0.01 s for it"):
        exporting.write_export(hangs, tiny_model(), tmp_path / "file")


def test_the_process_s_exception_is_told_and_not_the_end_of_its_message() -> None:
    program = "raise ValueError('<unknown>: no int8 form\\n  of this:\\n}) : () -> ()')"
    with pytest.raises(EngineError, match=r"of its own: ValueError: <unknown>: no int8 form$"):
        exporting._run([sys.executable, "-c", program])
