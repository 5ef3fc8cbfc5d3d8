"""Engines give what the model gives, and the choice between them is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.conftest import skip_without_onnx_export
from tlkit.errors import EngineError
from tlkit.features import engine as engine_module
from tlkit.features.engine import BATCH, KerasEngine, choose_engine
from tlkit.testing import tiny_model

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype("uint8")
SAMPLE = IMAGES[:8]


@pytest.fixture(scope="module")
def trunk() -> Any:
    """The tiny backbone."""
    return tiny_model()


def truth(trunk: Any, images: np.ndarray) -> np.ndarray:
    """What the model itself says at inference."""
    return np.asarray(trunk(images.astype("float32"), training=False))


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 40])
def test_keras_engine_gives_what_the_model_gives(trunk: Any, count: int) -> None:
    features = KerasEngine(trunk).run(IMAGES[:count])
    assert features.dtype == np.float32
    assert features.shape == (count, 4, 4, 12)
    np.testing.assert_allclose(features, truth(trunk, IMAGES[:count]), atol=1e-6)


def test_keras_engine_compiles_few_shapes_and_runs_little_for_nothing(trunk: Any) -> None:
    shapes: set[Any] = set()

    class Watched:
        def predict_on_batch(self, images: np.ndarray) -> Any:
            shapes.add(images.shape)
            return trunk.predict_on_batch(images)

    for count in (1, 5, 16, 31, 32, 33, 40):
        KerasEngine(Watched()).run(IMAGES[:count])
    assert shapes == {(size, 16, 16, 3) for size in (8, 16, BATCH)}


def test_trunk_is_run_as_inference(trunk: Any) -> None:
    engine = KerasEngine(trunk)
    assert np.array_equal(engine.run(SAMPLE), engine.run(SAMPLE))


def test_bytes_and_floats_give_the_same(trunk: Any) -> None:
    engine = KerasEngine(trunk)
    assert np.array_equal(engine.run(SAMPLE), engine.run(SAMPLE.astype("float32")))


def test_unknown_engine_is_an_error(trunk: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="engine='tpu', expected 'auto', 'keras' or 'onnxruntim"):
        choose(trunk, "tpu", tmp_path)


def choose(trunk: Any, asked: str, folder: Path, images_ahead: int = 100) -> engine_module.Choice:
    """Choose for the sample images."""
    return choose_engine(
        trunk, asked, SAMPLE, images_ahead=images_ahead, export_to=folder / "trunk.onnx"
    )


def test_keras_is_taken_where_asked(trunk: Any, tmp_path: Path) -> None:
    choice = choose(trunk, "keras", tmp_path)
    assert (choice.engine.name, choice.why, choice.lasting) == ("keras", "keras, as asked", True)


def test_auto_does_not_export_for_little_work(trunk: Any, tmp_path: Path) -> None:
    skip_without_onnx_export()
    choice = choose(trunk, "auto", tmp_path)
    assert choice.engine.name == "keras"
    assert choice.why == "keras; 0 s of work, less than an export is worth"
    assert not choice.lasting
    assert list(tmp_path.iterdir()) == []


def test_auto_without_onnxruntime_takes_keras_and_says_how_to_get_it(
    trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "find_spec", lambda _: None)
    choice = choose(trunk, "auto", tmp_path, images_ahead=10**9)
    assert choice.engine.name == "keras"
    assert "pip install 'tlkit[onnx]'" in choice.why
    assert not choice.lasting


@pytest.mark.parametrize(
    ("backend", "missing", "said"),
    [
        ("tensorflow", {"tf2onnx"}, "keras; pip install 'tlkit[onnx]' may be several times faster"),
        ("jax", {"jax2onnx"}, "keras; pip install jax2onnx may be several times faster"),
        ("jax", {"jax2onnx", "onnxruntime"}, "keras; pip install 'tlkit[onnx]' jax2onnx may be"),
    ],
)
def test_auto_names_what_the_export_from_the_backend_lacks(
    backend: str, missing: set[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is run: stands for an installation of that backend without these packages.
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(engine_module, "find_spec", lambda name: None if name in missing else name)
    assert choose(None, "auto", tmp_path).why.startswith(said)


def test_onnxruntime_that_is_missing_says_how_to_get_it(
    trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(EngineError, match=r"needs ONNX Runtime.*pip install 'tlkit\[onnx\]'"):
        choose(trunk, "onnxruntime", tmp_path)


class Fake:
    """Stands for the ONNX engine: gives ``factor`` times what Keras gives, or raises."""

    name = "onnxruntime"
    factor = 1.0
    error: Exception | None = None

    def __init__(self, trunk: Any, file: Path) -> None:
        self._keras, self._file = KerasEngine(trunk), file

    def run(self, images: np.ndarray) -> np.ndarray:
        """Run, or fail."""
        if self.error is not None:
            raise self.error
        with np.errstate(invalid="ignore"):
            return self._keras.run(images) * self.factor


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    """Take the place of the ONNX engine, with exports worth their time."""

    class Own(Fake):
        pass

    monkeypatch.setattr("tlkit.features.onnx.OnnxEngine", Own)
    monkeypatch.setattr(engine_module, "find_spec", lambda _: True)
    monkeypatch.setattr(engine_module, "WORTH_EXPORTING_S", 0.0)
    return Own


def speeds(monkeypatch: pytest.MonkeyPatch, **ms: float) -> None:
    """Let each engine have a speed."""
    monkeypatch.setattr(engine_module, "_milliseconds_per_image", lambda e, _: ms[e.name])


def test_auto_takes_the_faster_engine_and_gives_both_figures(
    trunk: Any, tmp_path: Path, fake: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = "ms an image with keras, {:.1f} with onnxruntime"
    speeds(monkeypatch, keras=3.0, onnxruntime=1.0)
    choice = choose(trunk, "auto", tmp_path)
    assert isinstance(choice.engine, fake)
    assert choice.why == f"onnxruntime; 3.0 {figures.format(1.0)}"
    speeds(monkeypatch, keras=3.0, onnxruntime=4.0)
    choice = choose(trunk, "auto", tmp_path)
    assert choice.engine.name == "keras"
    assert choice.why == f"keras; 3.0 {figures.format(4.0)}"
    assert choice.lasting


@pytest.mark.parametrize("factor", [1.001, -1.0, float("nan"), float("inf")])
def test_engine_that_disagrees_with_keras_is_not_taken(
    trunk: Any, tmp_path: Path, fake: type[Fake], factor: float
) -> None:
    fake.factor = factor
    choice = choose(trunk, "auto", tmp_path)
    assert choice.engine.name == "keras"
    assert choice.why.startswith("keras; onnxruntime differs from Keras by ")
    assert "\n" not in choice.why
    with pytest.raises(EngineError, match=r"differs from Keras by .*Use engine='keras'"):
        choose(trunk, "onnxruntime", tmp_path)


def test_engine_that_rounds_otherwise_is_taken(
    trunk: Any, tmp_path: Path, fake: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.factor = 1 + 1e-6
    speeds(monkeypatch, keras=2, onnxruntime=1)
    assert choose(trunk, "auto", tmp_path).engine.name == "onnxruntime"


def test_engine_that_exports_but_does_not_run_is_not_taken(
    trunk: Any, tmp_path: Path, fake: type[Fake]
) -> None:
    fake.error = RuntimeError("Required inputs (['const']) are missing\nfrom input feed")
    choice = choose(trunk, "auto", tmp_path)
    assert choice.engine.name == "keras"
    assert choice.why == (
        "keras; onnxruntime cannot run the exported trunk: Required inputs (['const']) are missing"
    )
    with pytest.raises(EngineError, match=r"cannot run the exported trunk.*'const'"):
        choose(trunk, "onnxruntime", tmp_path)


@pytest.fixture(scope="module")
def onnx_file(trunk: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny backbone, exported once."""
    skip_without_onnx_export()
    folder: Path = tmp_path_factory.mktemp("onnx")
    assert choose(trunk, "onnxruntime", folder).engine.name == "onnxruntime"
    assert [file.name for file in folder.iterdir()] == ["trunk.onnx"]
    return folder / "trunk.onnx"


def test_onnxruntime_gives_what_keras_gives(trunk: Any, onnx_file: Path) -> None:
    engine = choose(trunk, "onnxruntime", onnx_file.parent).engine
    for count in (1, 7, 40):
        features = engine.run(IMAGES[:count])
        expected = truth(trunk, IMAGES[:count])
        assert features.dtype == np.float32
        assert np.abs(features - expected).max() <= 1e-4 * np.abs(expected).max()


def test_exported_trunk_is_kept_and_read(trunk: Any, onnx_file: Path) -> None:
    written = onnx_file.stat().st_mtime_ns
    choose(trunk, "onnxruntime", onnx_file.parent)
    assert onnx_file.stat().st_mtime_ns == written


def test_damaged_export_is_made_again(trunk: Any, onnx_file: Path, tmp_path: Path) -> None:
    (tmp_path / "trunk.onnx").write_bytes(onnx_file.read_bytes()[:100])
    assert choose(trunk, "onnxruntime", tmp_path).engine.name == "onnxruntime"


@keras.saving.register_keras_serializable("tests")
class Unexportable(layers.Layer):  # type: ignore[misc]
    """A layer that runs in Keras and cannot be exported."""

    def call(self, x: Any) -> Any:
        """Pass on, but not in an export."""
        if x.shape[0] == 1:
            raise NotImplementedError("no way to say this in ONNX")
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        """Keep the shape."""
        return shape


def test_trunk_that_cannot_be_exported_falls_back_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_onnx_export()
    image = keras.Input((16, 16, 3))
    trunk = keras.Model(image, Unexportable()(image))
    monkeypatch.setattr(engine_module, "WORTH_EXPORTING_S", 0.0)
    choice = choose(trunk, "auto", tmp_path)
    assert choice.engine.name == "keras"
    assert choice.why.startswith("keras; the trunk cannot be exported to ONNX: ")
    assert "\n" not in choice.why
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError, match="no way to say this in ONNX"):
        choose(trunk, "onnxruntime", tmp_path)
