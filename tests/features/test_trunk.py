"""Features of a data set: computed once, then read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import skip_without_onnx_export, thorough
from tlkit.data.batches import PixelCache
from tlkit.errors import DamagedImageError
from tlkit.features import passes
from tlkit.features.engines.engine import installed
from tlkit.features.outputs import EXTRACT_BATCH
from tlkit.features.passes import Extracted, Plan
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_dataset, tiny_model

COUNT = 2 * EXTRACT_BATCH + 6
# Images go through in batches of one size; the last is filled up.
FILLED = 3 * EXTRACT_BATCH


@pytest.fixture(scope="module")
def model() -> Any:
    """The tiny backbone."""
    return tiny_model()


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """An empty store."""
    return FeatureStore(tmp_path)


KERAS = Plan("keras")


def extracted(trunk: Trunk, data: tlkit.ImageDataset, plan: Plan = KERAS) -> Extracted:
    """What a data set gives."""
    return passes.extracted(trunk, PixelCache(data, trunk.size), data.image_digests, plan)


def features(trunk: Trunk, data: tlkit.ImageDataset, plan: Plan = KERAS) -> np.ndarray:
    """All features of a data set."""
    return np.asarray(extracted(trunk, data, plan).rows)


def test_features_are_the_models_outputs(model: Any, store: FeatureStore) -> None:
    data = tiny_dataset(COUNT)
    found = features(Trunk(model, store), data)
    images = data.load(np.arange(COUNT), 16).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_second_extraction_reads_the_store_and_never_runs_the_model(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    data = tiny_dataset(COUNT)
    first = features(Trunk(model, store), data)
    assert sum(runs) == FILLED
    runs.clear()
    again = extracted(Trunk(tiny_model(), FeatureStore(store.root.parent)), tiny_dataset(COUNT))
    assert np.array_equal(again.rows, first)
    assert runs == []
    assert again.notes == (f"features of {COUNT} images read from the store",)
    assert (again.engine, again.passes) == ("keras", 0)


def test_auto_reads_what_any_engine_stored(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    data = tiny_dataset(12)
    first = features(Trunk(model, store), data)
    runs.clear()
    assert np.array_equal(features(Trunk(model, store), data, Plan()), first)
    assert runs == []


def test_another_engine_does_not_read_what_keras_stored(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    skip_without_onnx_export()
    data = tiny_dataset(12)
    first = features(Trunk(model, store), data)
    runs.clear()
    other = extracted(Trunk(model, store), data, Plan("onnxruntime"))
    second = np.asarray(other.rows)
    assert sum(runs) == 12, "Keras ran once more, to compare"
    assert np.abs(second - first).max() <= 1e-4 * np.abs(first).max()
    assert other.notes == ("engine: onnxruntime, as asked",)


def variant(data: tlkit.ImageDataset, **changed: Any) -> tlkit.ImageDataset:
    """A data set of the same images, but for what is changed."""
    images = data.load(np.arange(len(data)), 16)
    given = {"images": images, "labels": data.labels, "class_names": data.class_names, **changed}
    return tlkit.ImageDataset.from_arrays(**given)


def test_changed_image_alone_is_computed_anew(
    model: Any, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset(COUNT)
    first = features(Trunk(model, store), data)
    images = data.load(np.arange(COUNT), 16).copy()
    images[7] = 255 - images[7]
    changed = variant(data, images=images)
    asked: list[int] = []
    load = changed.load

    def noting(indices: np.ndarray, size: Any) -> np.ndarray:
        asked.extend(indices)
        return load(indices, size)

    monkeypatch.setattr(changed, "load", noting)
    second = features(Trunk(model, store), changed)
    assert asked == [0, 1, 7], "two are looked at first, since the trunk has dropout"
    assert np.flatnonzero((first != second).any(axis=(1, 2, 3))).tolist() == [7]


def test_an_image_file_replaced_under_its_name_is_computed_anew(
    model: Any, store: FeatureStore, runs: list[int], tmp_path: Path
) -> None:
    pixels = tiny_dataset(4).load(np.arange(4), 16)
    for number, image in enumerate(pixels):
        file = tmp_path / "images" / f"class {number % 2}" / f"{number}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    first = features(Trunk(model, store), tlkit.ImageDataset.from_directory(tmp_path / "images"))
    before = file.stat()
    Image.fromarray(255 - pixels[3]).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size, "neither its time nor its size tells"
    runs.clear()
    second = features(Trunk(model, store), tlkit.ImageDataset.from_directory(tmp_path / "images"))
    assert sum(runs) == EXTRACT_BATCH
    assert np.flatnonzero((first != second).any(axis=(1, 2, 3))).tolist() == [3]


def test_another_split_and_order_and_repeated_images_read_the_store(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    data = tiny_dataset(COUNT)
    first = features(Trunk(model, store), data)
    runs.clear()
    order = np.random.default_rng(0).permutation(COUNT)
    positions = np.arange(COUNT)
    for chosen in (positions[::-1], order[:40], order[40:]):
        again = features(Trunk(model, store), data.subset(chosen))
        assert np.array_equal(again, first[chosen])
    assert runs == []


def test_an_image_that_is_there_twice_is_run_once(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    images = tiny_dataset(EXTRACT_BATCH).load(np.arange(EXTRACT_BATCH), 16)
    twice = tlkit.ImageDataset.from_arrays(
        np.concatenate([images, images]), np.arange(2 * EXTRACT_BATCH) % 2
    )
    found = features(Trunk(model, store), twice)
    assert sum(runs) == EXTRACT_BATCH
    assert np.array_equal(found[:EXTRACT_BATCH], found[EXTRACT_BATCH:])


@pytest.mark.parametrize("engine", ["keras", *thorough("onnxruntime")])
def test_a_row_depends_on_no_other_image(
    model: Any, store: FeatureStore, tmp_path: Path, engine: str
) -> None:
    if engine != "keras":
        pytest.importorskip("onnxruntime", reason="the engine is in the extra tlkit[onnx]")
    data = tiny_dataset(COUNT)
    plan = Plan(engine)
    together = features(Trunk(model, store), data, plan)
    for number, chosen in enumerate(([5], [60, 5, 12], range(69, 20, -1))):
        alone = Trunk(model, FeatureStore(tmp_path / str(number)))
        found = features(alone, data.subset(list(chosen)), plan)
        assert np.array_equal(found, together[list(chosen)])


@pytest.mark.parametrize("engine", ["openvino", *thorough("keras", "onnxruntime")])
def test_a_store_that_was_filled_in_any_order_holds_the_same(
    model: Any, tmp_path: Path, engine: str
) -> None:
    if engine == "onnxruntime":
        skip_without_onnx_export()
    elif not installed(engine):
        pytest.skip("the engine is in the extra tlkit[openvino]")
    data, plan = tiny_dataset(COUNT), Plan(engine)
    at_once = features(Trunk(model, FeatureStore(tmp_path / "at once")), data, plan)
    for seed in range(2):
        random = np.random.default_rng(seed)
        order = random.permutation(COUNT)
        trunk = Trunk(model, FeatureStore(tmp_path / str(seed)))
        for part in np.split(order, np.sort(random.integers(1, COUNT, 3))):
            if len(part):
                features(trunk, data.subset(part), plan)
        assert np.array_equal(features(trunk, data, plan), at_once)


def test_killed_extraction_goes_on_where_it_stopped(
    model: Any, store: FeatureStore, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "SMALLEST_SHARD", EXTRACT_BATCH)
    data = tiny_dataset(COUNT)

    def stop(_: str, done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features(Trunk(model, store), data, Plan("keras", progress=stop))
    assert sum(runs) == FILLED
    runs.clear()
    shown: list[tuple[str, int, int]] = []
    plan = Plan("keras", progress=lambda *step: shown.append(step))
    again = extracted(Trunk(model, store), data, plan)
    assert again.passes == COUNT - 2 * EXTRACT_BATCH
    assert sum(runs) == EXTRACT_BATCH
    assert shown == [("features", COUNT, COUNT)]


def test_half_precision_takes_half_the_room(model: Any, store: FeatureStore) -> None:
    data = tiny_dataset(COUNT)
    whole = features(Trunk(model, store), data)
    small = Trunk(model, store, "float16")
    half = features(small, data)
    assert half.dtype == np.dtype("float16")
    assert small.bytes == 2 * small.floats
    assert np.abs(half - whole).max() <= 2**-11 * np.abs(whole).max()
    sizes = [table.bytes for table in store.info().tables]
    assert max(sizes) > 1.8 * min(sizes)


def test_changed_label_is_not_computed_anew(
    model: Any, store: FeatureStore, runs: list[int]
) -> None:
    data = tiny_dataset(12)
    features(Trunk(model, store), data)
    runs.clear()
    features(Trunk(model, store), variant(data, labels=data.labels[::-1]))
    features(Trunk(model, store), variant(data, class_names=["x", "y", "z"]))
    assert runs == []


def test_other_size_or_weights_are_computed_anew(store: FeatureStore, runs: list[int]) -> None:
    data = tiny_dataset(12)
    model = tiny_model()
    features(Trunk(model, store), data)
    runs.clear()
    features(Trunk(tiny_model(8), store), data)
    assert sum(runs) == EXTRACT_BATCH
    model.get_layer("top_bn").beta.assign(np.ones(12))
    runs.clear()
    features(Trunk(model, store), data)
    assert sum(runs) == EXTRACT_BATCH


def test_damaged_features_are_computed_again(
    model: Any, store: FeatureStore, runs: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    data = tiny_dataset(12)
    first = np.array(features(Trunk(model, store), data))
    (file,) = store.root.glob("*/*.shard")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    runs.clear()
    assert np.array_equal(features(Trunk(model, store), data), first)
    assert sum(runs) == EXTRACT_BATCH
    assert "damaged" in caplog.text


def test_nothing_is_kept_where_an_image_cannot_be_read(
    model: Any, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset(COUNT)
    pixels = PixelCache(data, 16, limit=0)
    load = data.load

    def failing(indices: Any, size: Any) -> Any:
        if COUNT - 1 in indices:
            raise DamagedImageError("image 69 is truncated")
        return load(indices, size)

    monkeypatch.setattr(data, "load", failing)
    with pytest.raises(DamagedImageError, match="image 69 is truncated"):
        passes.extracted(Trunk(model, store), pixels, data.image_digests, KERAS)
    assert [file.name for file in store.root.rglob("*") if file.is_file()] == ["about.json"]


def test_progress_is_shown(model: Any, store: FeatureStore) -> None:
    shown: list[tuple[str, int, int]] = []
    plan = Plan("keras", progress=lambda *step: shown.append(step))
    features(Trunk(model, store), tiny_dataset(COUNT), plan)
    assert [done for _, done, _ in shown] == [EXTRACT_BATCH, 2 * EXTRACT_BATCH, COUNT]
