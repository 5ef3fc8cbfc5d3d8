"""Each engine gives what the model gives, and keeps what it exported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.conftest import skip_without_onnx_export, thorough
from tlkit.errors import EngineError
from tlkit.features.engines import (
    onnx as onnx_module,
    openvino as openvino_module,
    openvino_network,
)
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import installed
from tlkit.features.engines.keras_engine import BATCH, KerasEngine, keras_batch
from tlkit.features.engines.openvino import OpenVinoEngine
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_model

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype("uint8")
SAMPLE = IMAGES[:8]
SUFFIXES = {"onnxruntime": ".onnx", "openvino": ".openvino"}


@pytest.fixture(scope="module")
def trunk() -> Any:
    """The tiny backbone."""
    return tiny_model()


def truth(trunk: Any, images: np.ndarray) -> np.ndarray:
    """What the model itself says at inference."""
    given = trunk(images.astype("float32"), training=False)
    return np.asarray(keras.ops.convert_to_numpy(given))


def choose(trunk: Any, asked: str, folder: Path, images_ahead: int = 100) -> Choice:
    """Choose for the sample images."""
    return choose_engine(trunk, asked, SAMPLE, images_ahead=images_ahead, stem=folder / "trunk")


def skip_where_it_cannot_run(name: str) -> None:
    """Skip a test of an engine whose packages are not there."""
    if name == "onnxruntime":
        skip_without_onnx_export()
    # Not importorskip, which would import it with its telemetry.
    if name == "openvino" and not installed("openvino"):
        pytest.skip("the engine is in the extra tlkit[openvino]")


@pytest.mark.parametrize("count", [1, BATCH + 1, *thorough(BATCH - 1, BATCH, 40)])
def test_keras_engine_gives_what_the_model_gives(trunk: Any, count: int) -> None:
    features = KerasEngine(trunk).run(IMAGES[:count])
    assert features.dtype == np.float32
    assert features.shape == (count, 4, 4, 12)
    np.testing.assert_allclose(features, truth(trunk, IMAGES[:count]), atol=1e-6)


def test_keras_engine_compiles_few_shapes_and_runs_little_for_nothing(
    trunk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: set[Any] = set()
    predict = keras.Model.predict_on_batch

    def watched(model: Any, images: np.ndarray) -> Any:
        shapes.add(images.shape)
        return predict(model, images)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    for count in (1, 5, 16, 31, 32, 33, 40):
        KerasEngine(trunk).run(IMAGES[:count])
    assert shapes == {(size, 16, 16, 3) for size in (8, 16, BATCH)}


def test_keras_engine_gives_the_same_for_an_image_alone_and_anywhere_among_others(
    trunk: Any,
) -> None:
    engine, order = KerasEngine(trunk), np.random.default_rng(0).permutation(40)
    together = engine.run(IMAGES[:40])
    assert np.array_equal(engine.run(IMAGES[:40][order]), together[order])
    for place in (0, 7, 31, 39):
        assert np.array_equal(engine.run(IMAGES[place : place + 1])[0], together[place])


def find_gpu(patch: pytest.MonkeyPatch) -> None:
    """Let the backend find a GPU."""
    if keras.backend.backend() == "torch":
        patch.setattr("torch.cuda.is_available", lambda: True)
    else:
        patch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is found."""
    find_gpu(monkeypatch)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("images", "sizes"),
    [(3, [8]), (40, [64]), (256, [256]), (300, [256, 64])],
)
def test_where_there_is_a_gpu_it_gets_large_batches_of_few_sizes(
    trunk: Any, images: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[Any] = []
    predict = keras.Model.predict_on_batch

    def watched(model: Any, batch: np.ndarray) -> Any:
        run.append((model, len(batch)))
        return predict(model, batch)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    given = np.resize(IMAGES, (images, *IMAGES.shape[1:]))
    features = KerasEngine(trunk).run(given)
    assert run == [(trunk, size) for size in sizes]
    np.testing.assert_allclose(features, truth(trunk, given), atol=1e-6)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("size", "batch"), [(64, 256), (1024, 64), (4096, 32)])
def test_a_batch_fits_the_largest_output_of_a_layer(size: int, batch: int) -> None:
    image = keras.Input((size, size, 3))
    assert keras_batch(keras.Model(image, keras.layers.ZeroPadding2D(0)(image))) == batch


@pytest.mark.usefixtures("gpu")
def test_a_model_whose_layers_cannot_be_seen_keeps_to_the_batch_of_a_cpu() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.Conv2D(3, 3)

        def call(self, images: Any) -> Any:
            return self.inner(images)

    model = Own()
    model(np.zeros((1, 8, 8, 3), "float32"))
    assert keras_batch(model) == BATCH


def test_features_of_a_gpu_are_kept_by_themselves(
    trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeatureStore(tmp_path)
    folders = [Trunk(trunk, store).table("keras").folder]
    find_gpu(monkeypatch)
    folders += [Trunk(trunk, store).table(name).folder for name in ("keras", "onnxruntime")]
    assert len(set(folders)) == 3
    assert Trunk(trunk, store).batch("onnxruntime") == BATCH


def test_trunk_is_run_as_inference(trunk: Any) -> None:
    engine = KerasEngine(trunk)
    assert np.array_equal(engine.run(SAMPLE), engine.run(SAMPLE))


def test_bytes_and_floats_give_the_same(trunk: Any) -> None:
    engine = KerasEngine(trunk)
    assert np.array_equal(engine.run(SAMPLE), engine.run(SAMPLE.astype("float32")))


@pytest.fixture(scope="module", params=SUFFIXES)
def exported(
    request: pytest.FixtureRequest, trunk: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """An engine and the folder in which it exported the tiny backbone."""
    skip_where_it_cannot_run(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    assert choose(trunk, request.param, folder).engine.name == request.param
    assert [file.name for file in folder.iterdir()] == [f"trunk{SUFFIXES[request.param]}"]
    return request.param, folder


def test_engine_gives_what_keras_gives(trunk: Any, exported: tuple[str, Path]) -> None:
    name, folder = exported
    engine = choose(trunk, name, folder).engine
    for count in (1, 7, 40):
        expected = truth(trunk, IMAGES[:count])
        for images in (IMAGES[:count], IMAGES[:count].astype("float32")):
            features = engine.run(images)
            assert features.dtype == np.float32
            assert features.shape == expected.shape
            assert np.abs(features - expected).max() <= 1e-4 * np.abs(expected).max()


def test_what_was_exported_is_kept_and_read(trunk: Any, exported: tuple[str, Path]) -> None:
    name, folder = exported
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    choose(trunk, name, folder)
    assert [file.stat().st_mtime_ns for file in folder.iterdir()] == [written]


def cut_short(content: bytes) -> bytes:
    """The first part, as a full disk leaves it."""
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """The same with some bytes turned over in the middle, which a reader may not notice."""
    middle = len(content) // 2
    turned = bytes(255 - byte for byte in content[middle : middle + 64])
    return content[:middle] + turned + content[middle + 64 :]


@pytest.fixture
def exports_at_once(exported: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let another export give what the first one gave, and note where it was to go."""
    (whole,) = exported[1].iterdir()
    asked: list[Path] = []

    def export(_write: Any, _trunk: Any, file: Path, **_: Any) -> None:
        asked.append(file)
        if whole.suffix == ".onnx":
            shutil.copy(whole, file)
        else:
            zipfile.ZipFile(whole).extractall(file.parent)

    for module in ("onnx", "openvino"):
        monkeypatch.setattr(f"tlkit.features.engines.{module}.write_export", export)
    return asked


@pytest.mark.parametrize("damage", [cut_short, flipped])
def test_damaged_export_is_made_again(
    trunk: Any,
    exported: tuple[str, Path],
    exports_at_once: list[Path],
    damage: Any,
    tmp_path: Path,
) -> None:
    name, folder = exported
    (whole,) = folder.iterdir()
    (tmp_path / whole.name).write_bytes(damage(whole.read_bytes()))
    engine = choose(trunk, name, tmp_path).engine
    np.testing.assert_allclose(engine.run(SAMPLE), truth(trunk, SAMPLE), rtol=1e-3, atol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == [whole.name]
    assert len(exports_at_once) == 1
    assert choose(trunk, name, tmp_path).engine.name == name
    assert len(exports_at_once) == 1


class Parts:
    """Stands for OpenVINO: its network is the two parts that it is given."""

    def read_model(self, *parts: bytes) -> tuple[bytes, ...]:
        """Return them."""
        return parts


def kept_network(name: str, file: Path) -> Any:
    """What an engine takes of a file that it keeps; None where it finds damage."""
    if name == "openvino":
        return openvino_module._unpacked(Parts(), file)
    try:
        onnx_module._check(file)
    except EngineError:
        return None
    return True


def test_no_flipped_bit_of_an_export_is_used(exported: tuple[str, Path]) -> None:
    name, folder = exported
    (file,) = folder.glob(f"*{SUFFIXES[name]}")
    whole, random, found = file.read_bytes(), np.random.default_rng(0), 0
    network = kept_network(name, file)
    assert network is not None
    places = [*random.integers(0, len(whole), 150), *-random.integers(1, 300, 50)]
    contents = [whole[:length] for length in (0, 1, 35, 36, len(whole) - 1)]
    for place in np.array(places) % len(whole):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(random.integers(8))
        contents.append(bytes(flipped))
    try:
        for content in contents:
            file.write_bytes(content)
            read = kept_network(name, file)
            found += read is None
            assert read is None or read == network
    finally:
        file.write_bytes(whole)
    assert found > len(contents) / 2


def test_engine_may_be_used_by_two_threads(trunk: Any, exported: tuple[str, Path]) -> None:
    name, folder = exported
    engine = choose(trunk, name, folder).engine
    parts = [IMAGES[i : i + 4] for i in range(0, 40, 4)]
    with ThreadPoolExecutor(2) as pool:
        features = list(pool.map(engine.run, parts))
    np.testing.assert_allclose(np.concatenate(features), truth(trunk, IMAGES), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", SUFFIXES)
def test_engine_that_is_not_installed_says_how_to_get_it(
    name: str, trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"onnxruntime": "onnx", "openvino": "openvino"}[name]
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        EngineError, match=rf"engine='{name}' needs .*pip install 'tlkit\[{extra}\]'"
    ):
        choose(trunk, name, tmp_path)


@pytest.mark.parametrize("missing", [set(), {"onnxruntime"}, {"tf2onnx"}])
def test_onnx_names_the_extra_where_a_part_of_it_is_missing(
    missing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_module, "installed", lambda name: name not in missing)
    monkeypatch.setattr(onnx_module, "has_writer", lambda: False)
    (spec,) = onnx_module.tlkit_engines()
    assert spec.missing() == ("'tlkit[onnx]'" if missing else "")


def test_onnx_needs_no_tf2onnx_where_keras_writes_it_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_module, "installed", lambda name: name != "tf2onnx")
    monkeypatch.setattr(onnx_module, "has_writer", lambda: True)
    (spec,) = onnx_module.tlkit_engines()
    assert spec.missing() == ""


@keras.saving.register_keras_serializable("tests")
class Unexportable(layers.Layer):  # type: ignore[misc]
    """A layer that runs in Keras and cannot be exported."""

    def call(self, x: Any) -> Any:
        """Pass on, but not in an export."""
        if not isinstance(x.shape[0], int):  # None, or a name on JAX
            raise NotImplementedError("no way to say this")
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        """Keep the shape."""
        return shape


@pytest.mark.parametrize("name", SUFFIXES)
def test_trunk_that_cannot_be_exported_is_told_and_leaves_nothing(
    name: str, tmp_path: Path
) -> None:
    skip_where_it_cannot_run(name)
    image = keras.Input((16, 16, 3))
    trunk = keras.Model(image, Unexportable()(image))
    beside = keras.backend.backend() != "tensorflow"  # in a process that does not know the layer
    why = "Could not locate class 'Unexportable'" if beside else "no way to say this"
    with pytest.raises(EngineError, match=f"(?s)the trunk cannot be exported to .*{why}"):
        choose(trunk, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exported", ["openvino"], indirect=True)
def test_openvino_gives_the_same_for_an_image_alone_and_among_others(
    trunk: Any, exported: tuple[str, Path]
) -> None:
    engine = OpenVinoEngine(trunk, exported[1] / "trunk")
    together = engine.run(IMAGES)
    for row in range(len(IMAGES)):
        np.testing.assert_array_equal(engine.run(IMAGES[row : row + 1])[0], together[row])


def test_openvino_reads_what_was_exported_to_onnx(
    trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SUFFIXES:
        skip_where_it_cannot_run(name)
    choose(trunk, "onnxruntime", tmp_path)
    monkeypatch.setattr("tlkit.features.engines.openvino._exported", None)
    engine = choose(trunk, "openvino", tmp_path).engine
    np.testing.assert_allclose(engine.run(SAMPLE), truth(trunk, SAMPLE), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("by_file", [False, True])  # Python 3.13 needs a file
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="another process exports")
def test_openvino_takes_large_weights_as_variables_and_gives_the_same(
    trunk: Any, by_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_where_it_cannot_run("openvino")
    images = np.random.default_rng(4).uniform(0, 255, (3, *trunk.input_shape[1:]))
    as_constants = OpenVinoEngine(trunk, tmp_path / "constants").run(images)
    monkeypatch.setattr(openvino_network, "BY_FILE", openvino_network.BY_FILE or by_file)
    monkeypatch.setattr(openvino_network, "MOST_CONSTANTS", 0)
    as_variables = OpenVinoEngine(trunk, tmp_path / "variables").run(images)
    assert np.array_equal(as_constants, as_variables)


@pytest.mark.parametrize("exported", ["openvino"], indirect=True)
def test_openvino_rounds_to_float32_on_processors_that_could_do_less(
    trunk: Any, exported: tuple[str, Path]
) -> None:
    engine = OpenVinoEngine(trunk, exported[1] / "trunk")
    kind = str(engine._compiled.get_property("INFERENCE_PRECISION_HINT"))
    assert "float32" in kind or "f32" in kind
    expected = truth(trunk, SAMPLE)
    assert np.abs(engine.run(SAMPLE) - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("exported", ["openvino"], indirect=True)
def test_openvino_writes_into_no_array_but_the_one_that_it_returns(
    trunk: Any, exported: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVinoEngine(trunk, exported[1] / "trunk")
    given = IMAGES.astype("float32")
    each = {count: engine.run(given[:count]) for count in (40, 1, 3, 40)}
    kept = {count: found.copy() for count, found in each.items()}
    assert engine.run(given[:0]).shape == (0, *each[1].shape[1:])
    real = engine._tensor
    for room in (0, 1, 4, 29):  # the last images before are still being run then
        rows: list[Any] = []

        def broken(row: Any, rows: list[Any] = rows, room: int = room) -> Any:
            rows.append(row)
            if len(rows) > room:
                raise MemoryError("no room")
            return real(row)

        monkeypatch.setattr(engine, "_tensor", broken)
        with pytest.raises(MemoryError):
            engine.run(255 - given)
        monkeypatch.setattr(engine, "_tensor", real)
        assert np.array_equal(engine.run(given), kept[40])
    assert np.array_equal(given, IMAGES.astype("float32"))
    assert all(np.array_equal(each[count], kept[count]) for count in each)


@pytest.mark.parametrize("exported", ["openvino"], indirect=True)
def test_openvino_without_a_place_to_write_runs_all_the_same(
    trunk: Any, exports_at_once: list[Path], tmp_path: Path
) -> None:
    engine = OpenVinoEngine(trunk, tmp_path / "no such folder" / "trunk")
    assert len(exports_at_once) == 1
    np.testing.assert_allclose(engine.run(SAMPLE), truth(trunk, SAMPLE), rtol=1e-3, atol=1e-4)


def test_openvino_reports_its_use_to_nobody(tmp_path: Path) -> None:
    skip_where_it_cannot_run("openvino")
    code = (
        "import sys, tlkit.features.engines.openvino as engine\n"
        "engine.openvino_runtime()\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]\n"
    )
    environment = {"HOME": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []
