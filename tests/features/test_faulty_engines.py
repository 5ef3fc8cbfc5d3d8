"""An engine that goes wrong after it agreed with Keras: it is named, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.conftest import few
from tests.features.test_trunk import extracted, features
from tlkit._plugins.discovery import Discovery
from tlkit.data.batches import PixelCache
from tlkit.errors import CacheError, EngineError, FeatureError
from tlkit.features import passes, table_key
from tlkit.features.engines import (
    _decision as decision_module,
    checked as checked_module,
    choice as choice_module,
    comparison as weighing,
    keras_engine as keras_module,
)
from tlkit.features.engines.checked import FaultyEngineError
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.engines.registry import EngineRegistry
from tlkit.features.outputs import EXTRACT_BATCH
from tlkit.features.passes import Plan
from tlkit.features.store.store import FeatureStore
from tlkit.features.store.table import FeatureTable
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_dataset, tiny_model

COUNT = 4 * EXTRACT_BATCH + 6
SHARDS = 5
AHEAD = 10**9


class Faulty:
    """Gives what Keras gives, until it is told to go wrong: then a function changes it."""

    name = "faulty"
    wrong: Callable[[np.ndarray, int], Any] | None = None
    calls = 0

    def __init__(self, trunk: Any, _: Path) -> None:
        self._keras = KerasEngine(trunk)

    def run(self, images: np.ndarray) -> Any:
        """Run, and count the calls since it was told to go wrong."""
        output = self._keras.run(images)
        if Faulty.wrong is None:
            return output
        Faulty.calls += 1
        return Faulty.wrong(output.copy(), Faulty.calls)


def _raise(error: Exception) -> Any:
    raise error


def _with(output: np.ndarray, place: Any, value: float) -> np.ndarray:
    output[place] = value
    return output


FAULTS: dict[str, Callable[[np.ndarray, int], Any]] = {
    "adds from its second batch": lambda x, n: x + 0.5 * (n > 1),
    "adds from its last batches": lambda x, n: x + 0.5 * (n > 3),
    "scales": lambda x, n: x * (1 + 0.01 * (n > 2)),
    "forgets": lambda x, n: np.zeros_like(x) if n > 1 else x,
    "shifts its rows": lambda x, _: np.roll(x, 1, axis=0),
    "gives NaN in one row": lambda x, n: _with(x, 3, np.nan) if n == 3 else x,
    "gives infinity in one place": lambda x, n: _with(x, (1, 0, 0, 0), np.inf) if n == 4 else x,
    "raises": lambda x, n: _raise(RuntimeError("out of memory\non the device")) if n == 4 else x,
    "raises OSError": lambda x, n: _raise(OSError("no device")) if n == 2 else x,
    "changes its shape": lambda x, n: x[:, : 1 + n % 2] if n > 1 else x,
    "turns its shape": lambda x, _: x.transpose(0, 3, 1, 2),
    "gives fewer rows": lambda x, _: x[:-1],
    "gives doubles": lambda x, _: x.astype("float64"),
    "gives None": lambda _, __: None,
    "gives texts": lambda x, _: x.astype(str),
}


@pytest.fixture(scope="module")
def model() -> Any:
    """The tiny backbone."""
    return tiny_model()


@pytest.fixture(scope="module")
def right(model: Any, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What Keras gives."""
    return features(Trunk(model, FeatureStore(tmp_path_factory.mktemp("k"))), tiny_dataset(COUNT))


@pytest.fixture(autouse=True, scope="module")
def _compiled_once() -> Iterator[None]:
    """Keras compiles a model once for all of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_module, "_one_by_one", cache(keras_module._one_by_one))
        yield


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras and the faulty engine, which is the faster one, and small shards."""
    keras_spec = EngineSpec(name="keras", make=lambda t, _: KerasEngine(t))
    found = EngineRegistry(Discovery([keras_spec, EngineSpec(name="faulty", make=Faulty)]))
    for module in (choice_module, passes, table_key):
        monkeypatch.setattr(module, "installed_engines", lambda: found)
    speeds = {"keras": 4.0, "faulty": 1.0}
    monkeypatch.setattr(weighing, "_milliseconds_per_image", lambda e, _: speeds[e.name])
    monkeypatch.setattr(passes, "SMALLEST_SHARD", EXTRACT_BATCH)
    monkeypatch.setattr(Faulty, "wrong", None)
    monkeypatch.setattr(Faulty, "calls", 0)


def chosen(model: Any, folder: Path, asked: str = "auto") -> Trunk:
    """A trunk for which the engine has been chosen while it was still right."""
    trunk = Trunk(model, FeatureStore(folder))
    pixels = PixelCache(tiny_dataset(COUNT), trunk.size)
    assert Plan(asked, images_ahead=AHEAD).choice(trunk, pixels).engine.name == "faulty"
    return trunk


def go_wrong(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Have the engine go wrong from now on."""
    monkeypatch.setattr(Faulty, "wrong", staticmethod(FAULTS[fault]))


@pytest.mark.parametrize("fault", few(FAULTS, 6))
def test_keras_goes_on_and_nothing_wrong_is_kept(
    model: Any, right: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    trunk = chosen(model, tmp_path)
    assert list(trunk.store.root.glob("*.decision"))
    go_wrong(monkeypatch, fault)
    found = extracted(trunk, tiny_dataset(COUNT), Plan(images_ahead=AHEAD))
    assert found.engine == "keras"
    assert np.array_equal(found.rows, right)
    assert "the engine 'faulty'" in found.notes[0]
    assert Faulty.calls <= SHARDS, "it is not tried again and again"
    assert not list(trunk.store.root.glob("*.decision"))
    assert len(trunk.table("faulty").missing(tiny_dataset(COUNT).image_digests)) == COUNT
    later = extracted(Trunk(model, FeatureStore(tmp_path)), tiny_dataset(COUNT), Plan())
    assert np.array_equal(later.rows, right)


@pytest.mark.parametrize("fault", few(FAULTS, 6))
def test_an_engine_that_was_asked_for_is_named_in_an_error(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    trunk = chosen(model, tmp_path, "faulty")
    go_wrong(monkeypatch, fault)
    with pytest.raises(EngineError, match=r"(?s)^The engine 'faulty' .* Use engine='keras' or"):
        extracted(trunk, tiny_dataset(COUNT), Plan("faulty"))
    assert not list(tmp_path.rglob("*.shard"))


@pytest.mark.parametrize("fault", few(FAULTS, 6))
def test_where_features_are_not_kept_keras_goes_on_or_the_training_ends(
    model: Any, right: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    trunk = chosen(model, tmp_path)
    pixels = PixelCache(tiny_dataset(COUNT), trunk.size)
    run = trunk.runner(Plan(images_ahead=AHEAD).choice(trunk, pixels), "auto")
    go_wrong(monkeypatch, fault)
    try:
        for _ in range(3):
            for start in range(0, COUNT, EXTRACT_BATCH):
                part = np.arange(start, min(start + EXTRACT_BATCH, COUNT))
                output = run(pixels[part])
                assert np.isfinite(output).all()
                assert output.shape == right[part].shape
    except EngineError as error:
        assert "begin this training anew" in str(error)  # noqa: PT017 - either is right
    assert not list(trunk.store.root.glob("*.decision"))
    assert Faulty.calls <= 8


def compared(
    model: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, images: int, every: int
) -> list[int]:
    """How many rows were compared at once, each time, while an engine that is right ran."""
    seen: list[int] = []
    by_keras = checked_module._by_keras

    def counted(trunk: Any, given: np.ndarray) -> np.ndarray:
        seen.append(len(given))
        return by_keras(trunk, given)

    monkeypatch.setattr(checked_module, "_by_keras", counted)
    trunk = Trunk(model, FeatureStore(folder), compared_every=every)
    extracted(trunk, tiny_dataset(images), Plan("faulty"))
    return seen


@pytest.mark.parametrize(
    ("images", "every", "times"), [(1, 1024, 1), (COUNT, 1024, 1), (COUNT, 64, 3), (COUNT, 0, 5)]
)
def test_few_rows_are_compared(
    model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    images: int,
    every: int,
    times: int,
) -> None:
    assert compared(model, tmp_path, monkeypatch, images, every) == [1] * times


def test_a_row_of_those_before_is_compared_where_there_were_many(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_module, "COMPARED_EVERY", 64)
    assert compared(model, tmp_path, monkeypatch, COUNT, 64) == [2, 2, 1]


@pytest.mark.parametrize("fault", ["adds from its last batches", "scales"])
def test_a_shard_of_a_worker_is_kept_once_rows_of_it_were_compared(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(passes, "SMALLEST_SHARD", COUNT)
    trunk, data = Trunk(model, FeatureStore(tmp_path), compared_every=0), tiny_dataset(COUNT)
    pixels = PixelCache(data, trunk.size)
    engine = trunk.choice(pixels, "faulty").engine
    go_wrong(monkeypatch, fault)
    with pytest.raises(FaultyEngineError, match="came to differ from Keras"):
        trunk.add(engine, pixels, np.arange(COUNT), data.image_digests)
    assert not list(tmp_path.rglob("*.shard"))


def test_nan_of_keras_names_the_image(tmp_path: Path) -> None:
    model = tiny_model()
    layer = model.get_layer("top_bn")
    layer.beta.assign(np.full(12, np.nan))
    with pytest.raises(EngineError, match=r"The engine 'keras' gave .* not finite for image 0\. L"):
        extracted(Trunk(model, FeatureStore(tmp_path)), tiny_dataset(40))


def test_what_half_precision_cannot_hold_is_told(tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Rescaling(1e5)(image))
    with pytest.raises(FeatureError, match=r"'float16' cannot hold .* Use feature_dtype='float32'"):
        extracted(Trunk(model, FeatureStore(tmp_path), "float16"), tiny_dataset(8))
    assert not list(tmp_path.rglob("*.shard"))


def test_another_version_of_an_engine_reads_nothing_of_the_last(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EngineSpec(name="faulty", make=Faulty, packages=("core",), distribution="plugin")
    found = EngineRegistry(Discovery([spec]))
    monkeypatch.setattr(table_key, "installed_engines", lambda: found)
    folders = set()
    for versions in ({"plugin": "1"}, {"plugin": "2"}, {"plugin": "2", "core": "1"}):
        monkeypatch.setattr(decision_module, "_version", lambda name, v=versions: v.get(name, ""))
        folders.add(Trunk(model, FeatureStore(tmp_path)).table("faulty").folder)
    assert len(folders) == 3


@pytest.mark.parametrize("method", ["missing", "rows"])
def test_features_that_cannot_be_read_back_are_computed_three_times(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    lost: Any = {"missing": lambda _, ids: np.arange(len(ids)), "rows": lambda *_: None}
    monkeypatch.setattr(FeatureTable, method, lost[method])
    with pytest.raises(CacheError, match=r"3 times and were damaged or gone .* cache=PATH"):
        extracted(Trunk(model, FeatureStore(tmp_path)), tiny_dataset(8))
