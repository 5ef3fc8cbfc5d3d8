"""Extraction spread over the workers of an executor."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import thorough
from tests.features.test_trunk import KERAS, extracted, features
from tlkit._threads import usable_cores
from tlkit.data.batches import PixelCache
from tlkit.errors import DamagedImageError, DataError, FeatureError
from tlkit.features import passes
from tlkit.features.outputs import EXTRACT_BATCH
from tlkit.features.passes import Extracted, Plan
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.features.workers import _tasks as workers_module
from tlkit.features.workers._tasks import trunk_file
from tlkit.testing import tiny_dataset, tiny_model

COUNT = 4 * EXTRACT_BATCH + 6


@pytest.fixture(scope="module")
def model() -> Any:
    """The tiny backbone."""
    return tiny_model()


@pytest.fixture(scope="module")
def alone(model: Any, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What one process gives."""
    trunk = Trunk(model, FeatureStore(tmp_path_factory.mktemp("alone")))
    return features(trunk, tiny_dataset(COUNT))


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passes, "SMALLEST_SHARD", EXTRACT_BATCH)
    yield
    workers_module._built.clear()


class Inline(Executor):
    """Runs what a worker on another machine would: the task as it arrives there.

    Args:
        fails: By the number of the task, what its worker ends with.
    """

    def __init__(self, fails: dict[int, BaseException] | None = None) -> None:
        self.tasks = 0
        self._fails = fails or {}

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """Run it at once."""
        future: Future[Any] = Future()
        error = self._fails.get(self.tasks)
        self.tasks += 1
        try:
            if error is not None:
                raise error
            (task,) = pickle.loads(pickle.dumps(args))  # noqa: S301 - what every executor does
            here = dict(workers_module._AT_HOME)
            workers_module._AT_HOME.clear()
            try:
                future.set_result(fn(task))
            finally:
                workers_module._AT_HOME.update(here)
        except Exception as failure:  # noqa: BLE001 - a future hands on whatever there was
            future.set_exception(failure)
        return future


def spread(
    model: Any, folder: Path, executor: Executor, count: int = COUNT, **plan: Any
) -> Extracted:
    """What images give where the work is spread."""
    given = Plan("keras", executor=executor, **plan)
    return extracted(Trunk(model, FeatureStore(folder)), tiny_dataset(count), given)


def left_for_workers(model: Any, folder: Path) -> Path:
    """Where a trunk is left for them."""
    trunk = Trunk(model, FeatureStore(folder))
    return trunk_file(trunk.store, trunk.fingerprint)


@pytest.mark.parametrize("make", [Inline, lambda: ThreadPoolExecutor(2)])
def test_workers_give_what_one_process_gives(
    model: Any, alone: np.ndarray, tmp_path: Path, make: Any
) -> None:
    shown: list[tuple[str, int, int]] = []
    with make() as executor:
        found = spread(model, tmp_path, executor, progress=lambda *step: shown.append(step))
    assert np.array_equal(found.rows, alone)
    assert found.passes == COUNT
    assert len(list(tmp_path.rglob("*.shard"))) == 5
    assert [done for _, done, _ in shown][-1] == COUNT
    assert len(shown) == 5
    assert found.notes == ("engine: keras, as asked",)
    again = extracted(Trunk(model, FeatureStore(tmp_path)), tiny_dataset(COUNT))
    assert again.notes == (f"features of {COUNT} images read from the store",)


def test_threads_share_the_trunk_and_need_no_file_of_it(model: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        spread(model, tmp_path, executor)
    assert not left_for_workers(model, tmp_path).exists()
    assert not workers_module._built
    assert not workers_module._AT_HOME


@pytest.mark.slow
def test_a_worker_builds_a_trunk_once_and_keeps_one(model: Any, tmp_path: Path) -> None:
    executor = Inline()
    spread(model, tmp_path, executor)
    (first,) = workers_module._built.values()
    spread(model, tmp_path, executor, COUNT + 80)
    assert list(workers_module._built.values()) == [first]
    spread(tiny_model(8), tmp_path, executor)
    (second,) = workers_module._built.values()
    assert second.size == (8, 8)


def test_a_task_carries_its_own_images_only() -> None:
    data = tiny_dataset(64)
    small, whole = (len(pickle.dumps(d)) for d in (data.subset([5]), data))
    assert small < whole / 8
    part = pickle.loads(pickle.dumps(data.subset([9, 3])))  # noqa: S301
    assert np.array_equal(part.load([0, 1], 16), data.load([9, 3], 16))
    assert np.array_equal(part.image_digests, data.image_digests[[9, 3]])
    assert (part.names, part.labels.tolist()) == (
        ("image 9", "image 3"),
        data.labels[[9, 3]].tolist(),
    )


def test_paths_of_images_hold_in_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / name / "1.png")
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(tlkit.ImageDataset.from_directory("images"))
    monkeypatch.chdir("/")
    assert pickle.loads(content).load([0, 1], 4).shape == (2, 4, 4, 3)  # noqa: S301


@pytest.mark.parametrize(
    "error", [BrokenProcessPool("A process was terminated abruptly"), OSError("gone\nfar away")]
)
def test_what_workers_leave_is_done_by_the_process_that_asks(
    model: Any, alone: np.ndarray, tmp_path: Path, error: Exception, caplog: Any
) -> None:
    with caplog.at_level(logging.WARNING, "tlkit"):
        found = spread(model, tmp_path, Inline({1: error, 3: error}))
    assert np.array_equal(found.rows, alone)
    assert found.passes == COUNT
    first = str(error).splitlines()[0]
    expected = f"workers of Inline failed ({type(error).__name__}: {first}); the rest was "
    told = [record.message for record in caplog.records if record.name.startswith("tlkit")]
    assert told == [expected + "computed in this process"]
    assert found.notes[-1] == expected + "computed in this process"


def test_an_executor_that_is_shut_down_is_told(
    model: Any, alone: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    assert np.array_equal(spread(model, tmp_path, executor).rows, alone)
    assert "cannot schedule new futures after shutdown" in caplog.text


def test_a_trunk_that_a_worker_cannot_build_is_run_here(
    model: Any, alone: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left_for_workers(model, tmp_path).write_bytes(b"no model")
    assert np.array_equal(spread(model, tmp_path, Inline()).rows, alone)
    assert "a worker cannot build the trunk" in caplog.text


def test_another_trunk_under_the_same_name_is_not_run(
    model: Any, alone: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tiny_model()
    other.get_layer("top_bn").beta.assign(np.ones(12))
    other.save(left_for_workers(model, tmp_path))
    assert np.array_equal(spread(model, tmp_path, Inline()).rows, alone)
    assert "a worker has built another trunk" in caplog.text


@pytest.mark.parametrize("planted", ["another", *thorough("", "no model", "cut short", "flipped")])
def test_a_damaged_or_planted_trunk_is_replaced_the_next_time(
    model: Any, alone: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture, planted: str
) -> None:
    file = left_for_workers(model, tmp_path)
    (tiny_model(8) if planted == "another" else model).save(file)
    content = file.read_bytes()
    middle = len(content) // 2
    bad = {
        "another": content,
        "cut short": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
    }
    file.write_bytes(bad.get(planted, planted.encode()))
    assert np.array_equal(spread(model, tmp_path, Inline()).rows, alone)
    assert not file.exists()
    workers_module._built.clear()
    caplog.clear()
    for shard in tmp_path.rglob("*.shard"):
        shard.unlink()
    assert np.array_equal(spread(model, tmp_path, Inline()).rows, alone)
    assert "failed" not in caplog.text
    assert file.exists()


def test_damaged_image_is_an_error_and_what_is_finished_stays(model: Any, tmp_path: Path) -> None:
    executor = Inline({4: DamagedImageError("image 130 is truncated")})
    with pytest.raises(DamagedImageError, match="image 130 is truncated"):
        spread(model, tmp_path, executor)
    assert len(list(tmp_path.rglob("*.shard"))) == 4


def test_a_file_that_is_another_one_where_a_worker_runs_is_told(model: Any, tmp_path: Path) -> None:
    data, trunk = tiny_dataset(8), Trunk(model, FeatureStore(tmp_path))
    wrong = data.image_digests.copy()
    wrong[3] = 0
    with pytest.raises(DataError, match=r"image 3 is not the same file on .*, where a worker runs"):
        passes.extracted(
            trunk, PixelCache(data, trunk.size), wrong, replace(KERAS, executor=Inline())
        )
    assert not list(tmp_path.rglob("*.shard"))


def test_a_worker_without_the_files_is_told_with_its_machine(model: Any, tmp_path: Path) -> None:
    class Elsewhere(Inline):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            (tmp_path / "pictures").rename(tmp_path / "not mounted")
            return super().submit(fn, *args)

    for number in range(4):
        place = tmp_path / "pictures" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 0)).save(place / f"{number}.png")
    data = tlkit.ImageDataset.from_directory(tmp_path / "pictures")
    trunk, given = Trunk(model, FeatureStore(tmp_path)), Plan("keras", executor=Elsewhere())
    told = rf"On {socket.gethostname()}, where a worker runs: .*0.png cannot be read: No such file"
    with pytest.raises(DataError, match=told):
        extracted(trunk, data, given)
    assert not list(tmp_path.rglob("*.shard"))


def test_a_worker_without_the_plugin_is_told_and_its_work_is_done_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @keras.saving.register_keras_serializable("of a plugin")
    class Halved(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs / 2

    class Elsewhere(Inline):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            known = keras.saving.get_custom_objects()
            layer = known.pop("of a plugin>Halved")
            try:
                return super().submit(fn, *args)
            finally:
                known["of a plugin>Halved"] = layer

    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Flatten()(Halved()(image)))
    found = spread(model, tmp_path, Elsewhere(), 8)
    assert np.array_equal(
        found.rows, features(Trunk(model, FeatureStore(tmp_path / "alone")), tiny_dataset(8))
    )
    told = "a worker cannot build the trunk: it does not know of a plugin>Halved: install"
    assert told in caplog.text
    assert told in found.notes[-1]


def test_another_keras_backend_in_a_worker_is_told(
    model: Any,
    alone: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Elsewhere(Inline):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            with monkeypatch.context() as patch:
                patch.setattr("keras.backend.backend", lambda: "abacus")
                return super().submit(fn, *args)

    assert np.array_equal(spread(model, tmp_path, Elsewhere()).rows, alone)
    assert "Keras runs on abacus in a worker and on" in caplog.text


@pytest.mark.parametrize("other", ["tlkit 0.0.9 and Keras 3.15.1", "tlkit 9.0 and Keras 2.0"])
def test_a_worker_of_another_version_is_refused_by_name(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    class Elsewhere(Inline):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            with monkeypatch.context() as patch:
                patch.setattr(workers_module, "versions_here", lambda: other)
                return super().submit(fn, *args)

    with pytest.raises(FeatureError, match=f"A worker on .* has {other}, and .* Install these"):
        spread(model, tmp_path, Elsewhere())
    assert not list(tmp_path.rglob("*.shard")), "nothing was computed"


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(FeatureError, match=r"needs Ray. .* pip install 'tlkit\[ray\]'"):
        tlkit.RayExecutor()


def test_forked_workers_are_refused_at_once(model: Any, tmp_path: Path) -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("processes are not forked here")
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(1, mp_context=context) as executor,
        pytest.raises(
            FeatureError, match=r"forked copies .* Give executor=tlkit.ProcessExecutor\(2\)"
        ),
    ):
        spread(model, tmp_path, executor, 8)


def test_a_worker_sees_that_it_was_forked(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forked(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: -1)
                future: Future[Any] = Future()
                try:
                    future.set_result(fn(*args))
                except FeatureError as error:
                    future.set_exception(error)
                return future

    with Forked(1) as executor, pytest.raises(FeatureError, match="forked copies"):
        spread(model, tmp_path, executor, 8)


def test_ctrl_c_leaves_no_task_waiting(model: Any, tmp_path: Path) -> None:
    class Stopping(Inline):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            self.tasks += 1
            if self.tasks == 3:
                raise KeyboardInterrupt
            self.waiting = Future[Any]()
            return self.waiting

    executor = Stopping()
    with pytest.raises(KeyboardInterrupt):
        spread(model, tmp_path, executor)
    assert executor.waiting.cancelled()
    assert not workers_module._AT_HOME


@pytest.mark.parametrize("settings", [{"workers": 0}, {"workers": 1.5}, {"max_tasks_per_child": 0}])
def test_number_of_processes_is_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(FeatureError, match="expected a whole number, at least 1"):
        tlkit.ProcessExecutor(**settings)


# What workers are given here comes from packages: they do not know this file.
def test_processes_are_replaced_and_one_that_is_killed_fails_alone() -> None:
    with tlkit.ProcessExecutor(1, max_tasks_per_child=2) as executor:
        first = [executor.submit(os.getpid).result() for _ in range(3)]
        lost = executor.submit(signal.raise_signal, signal.SIGKILL)
        last = executor.submit(os.getpid)
        with pytest.raises(BrokenProcessPool):
            lost.result()
        pids = [*first, last.result()]
    assert pids[0] == pids[1]
    assert len(set(pids)) == 3
    assert os.getpid() not in pids


def test_processes_share_the_cores() -> None:
    with tlkit.ProcessExecutor(10_000) as executor:
        assert executor.submit(usable_cores).result() == 1
        assert executor.submit(os.getenv, "TF_NUM_INTRAOP_THREADS").result() == "1"


class Deadly(Executor):
    """Ends the process that gets its second task.

    Args:
        inner: Whose processes they are.
    """

    def __init__(self, inner: Executor) -> None:
        self._inner, self._tasks = inner, 0

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """Hand on a task, or end a process."""
        self._tasks += 1
        if self._tasks == 2:
            return self._inner.submit(signal.raise_signal, signal.SIGKILL)
        return self._inner.submit(fn, *args)


@pytest.mark.slow
def test_two_processes_share_the_work_and_one_is_killed(
    model: Any, alone: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tlkit.ProcessExecutor(2) as executor:
        assert np.array_equal(spread(model, tmp_path, Deadly(executor)).rows, alone)
    assert "workers of Deadly failed (BrokenProcessPool: A process in the process" in caplog.text
    assert len(list(tmp_path.rglob("*.shard"))) == 5


@pytest.mark.slow
def test_dask_shares_the_work_and_a_worker_is_killed(
    model: Any, alone: np.ndarray, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="it is in the extra tlkit[dask]")
    settings = {"distributed.scheduler.allowed-failures": 0}
    with (
        __import__("dask").config.set(settings),
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        found = spread(model, tmp_path / "whole", executor)
        assert np.array_equal(found.rows, alone)
        assert found.notes == ("engine: keras, as asked",), "no task was left to this process"
        found = spread(model, tmp_path / "killed", Deadly(executor))
        assert np.array_equal(found.rows, alone)
        assert found.notes[-1].startswith("workers of Deadly failed (KilledWorker: ")


@pytest.mark.slow
def test_ray_shares_the_work_and_a_worker_is_killed(
    model: Any, alone: np.ndarray, tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray", reason="it is in the extra tlkit[ray]")
    with pytest.raises(FeatureError, match=r"RayExecutor\(cores=2\): .* options of ray.remote"):
        tlkit.RayExecutor(cores=2)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with tlkit.RayExecutor() as executor:
            found = spread(model, tmp_path / "whole", executor)
            assert np.array_equal(found.rows, alone)
            assert found.notes == ("engine: keras, as asked",), "no task was left to this process"
            assert isinstance(executor.submit(int, "x").exception(), ValueError)
            waiting = [executor.submit(time.sleep, 1) for _ in range(5)]
            assert waiting[-1].cancel()
        with pytest.raises(RuntimeError, match="is shut down"):
            executor.submit(abs, -3)
        with tlkit.RayExecutor(max_retries=0) as once:
            found = spread(model, tmp_path / "killed", Deadly(once))
        assert np.array_equal(found.rows, alone)
        assert found.notes[-1].startswith("workers of Deadly failed (WorkerCrashedError: ")
    finally:
        ray.shutdown()
