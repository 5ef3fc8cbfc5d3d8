"""ONNX Runtime on other devices, tried with providers that are made up: none is needed here."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import skip_without_onnx_export
from tlkit._plugins.discovery import Discovery
from tlkit.errors import EngineError
from tlkit.features.engines import comparison as weighing, onnx
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.engines.registry import EngineRegistry
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_model

CUDA = "CUDAExecutionProvider"
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype("uint8")


@pytest.fixture(scope="module")
def trunk() -> Any:
    """The tiny backbone."""
    return tiny_model()


class Stub:
    """Stands for ONNX Runtime built for some providers, which compute on the CPU."""

    def __init__(self, *providers: str, starts: bool = True, adds: float = 0.0) -> None:
        import onnxruntime

        self.SessionOptions = onnxruntime.SessionOptions
        self.get_available_providers = lambda: [*providers, onnx.CPU]
        self._real, self._starts, self._adds = onnxruntime, starts, adds
        self.preload_dlls = lambda: self.asked.append("libraries")
        self.shapes: list[tuple[int, ...]] = []
        self.asked: list[Any] = []

    def InferenceSession(self, file: Path, *options: Any, providers: list[Any]) -> Any:  # noqa: N802
        """Return a session that says on what it runs."""
        self.asked.append(providers)
        real = self._real.InferenceSession(file, *options, providers=[onnx.CPU])
        names = [each if isinstance(each, str) else each[0] for each in providers]

        def run(wanted: Any, given: dict[str, np.ndarray]) -> list[np.ndarray]:
            self.shapes += [array.shape for array in given.values()]
            added = self._adds if names[0] != onnx.CPU else 0.0
            return [output + added for output in real.run(wanted, given)]

        told = names if self._starts else [onnx.CPU]
        return SimpleNamespace(run=run, get_inputs=real.get_inputs, get_providers=lambda: told)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs an ONNX Runtime that is made up, and the packages that have it."""
    skip_without_onnx_export()

    def install(*packages: str, **settings: Any) -> Stub:
        stub = Stub(*(x.provider for x in onnx.DEVICES if x.package in packages), **settings)
        monkeypatch.setattr(onnx, "_runtime", lambda: stub)

        def version(package: str) -> str:
            if package not in packages:
                raise PackageNotFoundError(package)
            return "1.0"

        monkeypatch.setattr(onnx, "version", version)
        return stub

    return install


def registry(monkeypatch: pytest.MonkeyPatch, **speeds: float) -> EngineRegistry:
    """Keras, and ONNX Runtime wherever it is installed; a device is the fastest of them."""
    keras_spec = EngineSpec(name="keras", make=lambda t, _: KerasEngine(t))

    def speed(engine: Any, _: Any) -> float:
        return speeds.get(engine.name.replace("-", "_"), 4.0)

    monkeypatch.setattr(weighing, "_milliseconds_per_image", speed)
    return EngineRegistry(Discovery([keras_spec, *onnx.tlkit_engines()]))


def chosen(trunk: Any, folder: Path, found: EngineRegistry, asked: str = "auto") -> Any:
    """Choose for the images."""
    stem, ahead = folder / "trunk", 10**9
    return choose_engine(trunk, asked, IMAGES, images_ahead=ahead, stem=stem, registry=found)


@pytest.mark.parametrize(
    ("packages", "platform", "names"),
    [
        (["onnxruntime"], "linux", []),
        (["onnxruntime"], "darwin", ["onnxruntime-coreml"]),
        (["onnxruntime-gpu"], "linux", ["onnxruntime-cuda", "onnxruntime-tensorrt"]),
        (["onnxruntime-directml"], "win32", ["onnxruntime-directml"]),
    ],
)
def test_devices_are_offered_where_their_package_is_installed(
    packages: list[str],
    platform: str,
    names: list[str],
    runtime: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime(*packages)
    monkeypatch.setattr(sys, "platform", platform)
    assert [spec.name for spec in onnx.tlkit_engines()] == ["onnxruntime", *names]


def test_auto_takes_the_device_that_agrees_and_is_fastest(
    trunk: Any, runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = runtime("onnxruntime-gpu")
    found = registry(monkeypatch, onnxruntime=2.0, onnxruntime_cuda=0.1, onnxruntime_tensorrt=0.2)
    choice = chosen(trunk, tmp_path, found)
    assert choice.engine.name == "onnxruntime-cuda"
    assert [(CUDA, {"use_tf32": "0"}), onnx.CPU] in stub.asked
    output = choice.engine.run(IMAGES)
    np.testing.assert_allclose(output, KerasEngine(trunk).run(IMAGES), rtol=1e-4, atol=1e-4)
    assert stub.shapes[-1] == (256, 16, 16, 3)  # one size, whatever is asked for


@pytest.mark.parametrize("settings", [{"adds": 1.0}, {"starts": False}])
def test_auto_goes_on_without_a_device_that_is_wrong_or_not_there(
    settings: dict[str, Any],
    trunk: Any,
    runtime: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime("onnxruntime-gpu", **settings)
    found = registry(monkeypatch, onnxruntime=2.0, onnxruntime_cuda=0.1, onnxruntime_tensorrt=0.2)
    assert chosen(trunk, tmp_path, found).engine.name == "onnxruntime"
    why = "differ" if "adds" in settings else "cannot start it here"
    with pytest.raises(EngineError, match=why):
        chosen(trunk, tmp_path, found, "onnxruntime-cuda")


def test_libraries_that_pip_installed_are_loaded_before_a_gpu_is_asked_for(
    trunk: Any, runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = runtime("onnxruntime-gpu")
    chosen(trunk, tmp_path, registry(monkeypatch), "onnxruntime-cuda")
    asked = stub.asked.index([(CUDA, {"use_tf32": "0"}), onnx.CPU])
    assert stub.asked[asked - 1] == "libraries"


def test_a_runtime_without_the_provider_says_what_it_has(
    trunk: Any, runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = runtime("onnxruntime-gpu")
    stub.get_available_providers = lambda: [onnx.CPU]
    with pytest.raises(EngineError, match=r"with its CUDAExec.*installed are CPUExecution"):
        chosen(trunk, tmp_path, registry(monkeypatch), "onnxruntime-cuda")


def test_a_device_gets_large_batches(trunk: Any, tmp_path: Path) -> None:
    made = Trunk(trunk, FeatureStore(tmp_path))
    assert (made.batch("onnxruntime"), made.batch("onnxruntime-cuda")) == (32, 256)
