"""Features at an address: what one machine has computed, another one reads."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.features.test_shards import ids
from tests.features.test_trunk import KERAS, features
from tests.features.test_workers import Inline
from tlkit.data.batches import PixelCache
from tlkit.errors import CacheError
from tlkit.features import passes
from tlkit.features.outputs import EXTRACT_BATCH
from tlkit.features.passes import Plan
from tlkit.features.store.store import FeatureStore, open_store
from tlkit.features.trunk import Trunk
from tlkit.features.workers import _tasks as workers_module
from tlkit.testing import tiny_backbone, tiny_dataset, tiny_model

fsspec = pytest.importorskip("fsspec", reason="it is in the extra tlkit[fsspec]")

URL = "memory://bucket/features"
COUNT = 3 * EXTRACT_BATCH + 6
ABOUT = {"model": "tiny", "engine": "keras", "hash": "abc"}
IDS, ROWS = ids(50), np.arange(100, dtype="float32").reshape(50, 2)


@pytest.fixture(scope="module")
def model() -> Any:
    """The tiny backbone."""
    return tiny_model()


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty file system; shards as small as a batch."""
    monkeypatch.setattr(passes, "SMALLEST_SHARD", EXTRACT_BATCH)
    system = fsspec.filesystem("memory")
    yield system
    if system.exists("/bucket"):
        system.rm("/bucket", recursive=True)
    workers_module._built.clear()


def machine(folder: Path, url: str = URL) -> FeatureStore:
    """The store of a machine of its own."""
    return FeatureStore(folder, url=url)


def there(system: Any) -> list[str]:
    """Names of the shards at the address."""
    return sorted(Path(name).name for name in system.find("/bucket") if name.endswith(".shard"))


def here(folder: Path) -> list[str]:
    """Names of the shards of a machine."""
    return sorted(file.name for file in folder.rglob("*.shard"))


def test_what_one_machine_computes_another_one_reads(
    model: Any, memory: Any, tmp_path: Path, runs: list[int]
) -> None:
    data = tiny_dataset(COUNT)
    first = features(Trunk(model, machine(tmp_path / "first")), data)
    assert there(memory) == here(tmp_path / "first")
    assert len(there(memory)) == 4
    done = len(runs)
    found = passes.extracted(
        Trunk(model, machine(tmp_path / "second")),
        PixelCache(data, (16, 16)),
        data.image_digests,
        KERAS,
    )
    assert np.array_equal(found.rows, first)
    assert (found.passes, len(runs)) == (0, done)
    assert here(tmp_path / "second") == there(memory)


def test_it_computes_the_new_images_alone_and_the_first_then_reads_them(
    model: Any, memory: Any, tmp_path: Path
) -> None:
    half, whole = tiny_dataset(COUNT).subset(range(EXTRACT_BATCH)), tiny_dataset(COUNT)
    first, second = (machine(tmp_path / name) for name in ("first", "second"))
    features(Trunk(model, first), half)
    size, digests = PixelCache(whole, (16, 16)), whole.image_digests
    found = passes.extracted(Trunk(model, second), size, digests, KERAS)
    assert found.passes == COUNT - EXTRACT_BATCH
    again = passes.extracted(Trunk(model, first), size, digests, KERAS)
    assert again.passes == 0
    assert np.array_equal(again.rows, found.rows)
    assert here(tmp_path / "first") == there(memory)


def test_only_what_is_needed_is_copied(model: Any, memory: Any, tmp_path: Path) -> None:
    data = tiny_dataset(COUNT)
    features(Trunk(model, machine(tmp_path / "first")), data)
    features(Trunk(model, machine(tmp_path / "second")), data.subset(range(3)))
    assert len(here(tmp_path / "second")) == 1
    assert len(there(memory)) == 4


def test_what_was_computed_before_there_was_an_address_is_copied_there(
    model: Any, memory: Any, tmp_path: Path, runs: list[int]
) -> None:
    data = tiny_dataset(COUNT)
    features(Trunk(model, FeatureStore(tmp_path)), data)
    done = len(runs)
    features(Trunk(model, machine(tmp_path)), data)
    assert len(runs) == done
    assert there(memory) == here(tmp_path)


@pytest.mark.parametrize("harm", [lambda all: all[:-40], lambda all: all[:9], lambda _: b""])
def test_a_copy_that_is_damaged_is_told_computed_again_and_replaced(
    harm: Any, memory: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = machine(tmp_path / "first").table("t", ABOUT)
    one.add(IDS, lambda: iter([ROWS]), ROWS.nbytes)
    (name,) = memory.find("/bucket")
    right = memory.cat_file(name)
    memory.pipe_file(name, harm(right))
    other = machine(tmp_path / "second").table("t", ABOUT)
    assert other.rows(IDS) is None
    assert len(other.missing(IDS)) == len(IDS)
    other.add(IDS, lambda: iter([ROWS]), ROWS.nbytes)
    assert memory.cat_file(name) == right
    rows = machine(tmp_path / "third").table("t", ABOUT).rows(IDS)
    assert rows is not None
    assert np.array_equal(rows, ROWS)
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) <= 1
    assert all("memory://bucket/features/v2/t" in line for line in told)


def test_a_shard_of_more_images_than_one_request_gives_is_known(
    memory: Any, tmp_path: Path
) -> None:
    many, rows = ids(3000), np.zeros((3000, 1), "float32")
    machine(tmp_path / "first").table("t", ABOUT).add(many, lambda: iter([rows]), rows.nbytes)
    assert machine(tmp_path / "second").table("t", ABOUT).rows(many[-3:]) is not None
    assert len(there(memory)) == 1


def test_flipped_bits_never_come_through(memory: Any, tmp_path: Path) -> None:
    machine(tmp_path / "first").table("t", ABOUT).add(IDS, lambda: iter([ROWS]), ROWS.nbytes)
    (name,) = memory.find("/bucket")
    right = memory.cat_file(name)
    for place in range(0, len(right), 97):
        wrong = bytearray(right)
        wrong[place] ^= 1
        memory.pipe_file(name, bytes(wrong))
        assert machine(tmp_path / f"m{place}").table("t", ABOUT).rows(IDS) is None


def test_features_of_an_engine_that_went_wrong_are_removed_there_too(
    memory: Any, tmp_path: Path
) -> None:
    one = machine(tmp_path).table("t", ABOUT)
    one.add(IDS, lambda: iter([ROWS]), ROWS.nbytes)
    one.take_back()
    assert there(memory) == here(tmp_path) == []


def broken(*_: Any, **__: Any) -> None:
    """Stand for a network that is down."""
    raise OSError("https://me:secret@host/x?signature=123 does not answer")


def test_nobody_answers_and_it_is_said_before_any_work(
    memory: Any, monkeypatch: pytest.MonkeyPatch, runs: list[int]
) -> None:
    monkeypatch.setattr(type(memory), "ls", broken)
    expected = (
        r"memory://bucket/features/v2 cannot be listed: OSError: https://\*\*\*@host/x\?\.\.\."
    )
    with pytest.raises(CacheError, match=expected) as caught:
        tlkit.extract(tiny_backbone(), tiny_dataset(9), weights=None, cache=URL, verbose=0)
    assert "secret" not in str(caught.value)
    assert "signature" not in str(caught.value)
    assert "cache=True" in str(caught.value)
    assert not runs


def test_what_cannot_be_copied_there_is_kept_here_and_copied_later(
    model: Any, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[int]
) -> None:
    data = tiny_dataset(EXTRACT_BATCH)
    with monkeypatch.context() as down:
        down.setattr(type(memory), "put_file", broken)
        with pytest.raises(CacheError, match=r"cannot be written: .*is kept on this machine"):
            features(Trunk(model, machine(tmp_path)), data)
    assert len(here(tmp_path)) == 1
    done = len(runs)
    features(Trunk(model, machine(tmp_path)), data)
    assert len(runs) == done
    assert there(memory) == here(tmp_path)


@pytest.mark.parametrize("url", ["nowhere://bucket/x", "s3-of-mine://bucket"])
def test_an_address_that_nobody_knows_is_refused(url: str) -> None:
    with pytest.raises(CacheError, match=re.escape(f"{url}/v2 cannot be opened: ValueError")):
        tlkit.extract(tiny_backbone(), tiny_dataset(9), weights=None, cache=url, verbose=0)


def test_an_address_that_became_a_path_is_refused() -> None:
    with pytest.raises(CacheError, match="lost one of its slashes; expected text, such as 's3://"):
        tlkit.extract(tiny_backbone(), tiny_dataset(9), weights=None, cache=Path(URL), verbose=0)


def test_it_is_not_listed_or_cleared_here() -> None:
    for work in (tlkit.cache.info, tlkit.cache.clear):
        with pytest.raises(CacheError, match="the address memory://bucket/features, expected a f"):
            work(URL)


def test_the_variable_may_hold_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLKIT_CACHE_DIR", URL)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with open_store(True) as store:
        assert store.url == URL
        assert store.root.parent == tlkit.cache.info().root.parent
    with open_store(tmp_path / "other") as store:
        assert store.url is None


def test_a_training_and_its_plan_read_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset(40)
    stages = [tlkit.Stage("head", epochs=1, learning_rate=0.01)]
    given: dict[str, Any] = {"weights": None, "engine": "keras", "stages": stages}
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "first"))
    trainer = tlkit.StagedTrainer(tiny_backbone(), **given, cache=URL, run_dir=tmp_path / "run")
    expected = trainer.fit(data, verbose=0)
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "second"))
    again = tlkit.StagedTrainer(tiny_backbone(), **given, cache=URL)
    planned = again.plan(data, verbose=0)
    assert (planned.stages[0].read, planned.stages[0].feature_bytes) == (40, 0)
    assert here(tmp_path / "second") == []  # a plan copies nothing
    found = again.fit(data, verbose=0)
    assert "read from the store" in " ".join(found.stages[0].notes)
    for one, other in zip(found.model.weights, expected.model.weights, strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))
    rebuilt = tlkit.StagedTrainer.from_run(tmp_path / "run", backbone=tiny_backbone())
    assert rebuilt.cache == URL


class OtherMachine(Inline):
    """A worker with a store of its own, which shares nothing but the address.

    Args:
        folder: Of its store.
        patch: Sets its environment while it works.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._folder, self._patch = folder, patch

    def submit(self, fn: Any, /, *args: Any, **named: Any) -> Future[Any]:
        """Run it at once."""
        with self._patch.context() as there:
            there.setenv("TLKIT_CACHE_DIR", str(self._folder))
            return super().submit(fn, *args, **named)


def test_workers_on_machines_without_a_shared_folder_need_the_address_alone(
    model: Any, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset(COUNT)
    expected = features(Trunk(model, FeatureStore(tmp_path / "alone")), data)
    executor = OtherMachine(tmp_path / "worker", monkeypatch)
    plan = Plan("keras", executor=executor)
    found = features(Trunk(model, machine(tmp_path / "asks")), data, plan)
    assert np.array_equal(found, expected)
    assert executor.tasks == 4
    assert here(tmp_path / "worker") == here(tmp_path / "asks") == there(memory)
    (left,) = [name for name in memory.find("/bucket") if name.endswith(".keras")]
    # A trunk that was damaged there is left anew.
    workers_module._built.clear()
    memory.pipe_file(left, b"damaged")
    for file in tmp_path.rglob("*.keras"):
        file.write_bytes(b"damaged")
    more = tiny_dataset(COUNT + EXTRACT_BATCH)
    again = features(Trunk(model, machine(tmp_path / "asks")), more, plan)
    assert np.array_equal(again[:COUNT], expected)
    assert not list(tmp_path.rglob("*.keras"))
    most = tiny_dataset(COUNT + 2 * EXTRACT_BATCH)
    last = passes.extracted(
        Trunk(model, machine(tmp_path / "asks")),
        PixelCache(most, (16, 16)),
        most.image_digests,
        plan,
    )
    assert np.array_equal(np.asarray(last.rows)[:COUNT], expected)
    assert not any("failed" in note for note in last.notes), "a worker has read the new one"


def test_the_trunk_is_copied_once_and_predictions_ask_no_address(
    model: Any, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[str] = []
    copy = type(memory).put_file

    def counted(self: Any, local: str, remote: str, **named: Any) -> None:
        put.append(remote)
        copy(self, local, remote, **named)

    monkeypatch.setattr(type(memory), "put_file", counted)
    plan = Plan("keras", executor=Inline())
    for count in (COUNT, COUNT + EXTRACT_BATCH):
        features(Trunk(model, machine(tmp_path)), tiny_dataset(count), plan)
    assert len([name for name in put if name.endswith(".keras")]) == 1
    images = keras.Input((16, 16, 3))
    flat = keras.layers.Flatten()(images)
    network = keras.Model(images, keras.layers.Dense(2, activation="softmax")(flat))
    predictor = tlkit.Predictor(network, class_names=["a", "b"], cache=URL)
    with monkeypatch.context() as down:
        down.setattr(type(memory), "ls", broken)
        found = predictor.predict(tiny_dataset(3).load(range(3), 16), verbose=0)
    assert len(found) == 3
