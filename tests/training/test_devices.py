"""One training on several devices: the weights of one, and what cannot be spread is told before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit.errors import TrainingError
from tlkit.testing import tiny_dataset

ROOT = Path(__file__).parents[2]
BACKEND = keras.backend.backend()
# Weights are of the order of 0.1 to 1; sums over devices are rounded in another order.
ROUNDING = 2e-5


def differences(*arguments: str) -> dict[str, dict[str, float]]:
    """Train on virtual devices of this machine, in a process that has them."""
    given = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tests.training.on_devices", *arguments]
    env = {**os.environ, **given, "KERAS_BACKEND": BACKEND}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(BACKEND == "torch", reason="Keras spreads no training on PyTorch")
def test_two_devices_train_what_one_does_with_a_last_batch_of_one() -> None:
    (found,) = differences("17", "2", "all").values()
    assert found["weights"] < ROUNDING
    assert found["validation"] < ROUNDING


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="Keras spreads no training on PyTorch")
@pytest.mark.parametrize("count", ["1", "2", "4"])
def test_any_number_of_devices_trains_what_one_does(count: str) -> None:
    found = differences("37,33,5", count, "head,top,low rank,all")
    assert len(found) == 3
    for what, apart in found.items():
        assert apart["weights"] < ROUNDING, what
        assert apart["validation"] < ROUNDING, what


class Two(tlkit.StagedTrainer):
    """A trainer that believes in devices that are not there: checks come before any is used."""

    def __init__(self, *stages: tlkit.Stage) -> None:
        made = trainer(*stages)
        self.__dict__.update(made.__dict__)
        self.devices = type(self.devices)(object(), ("gpu:0", "gpu:1", "gpu:2", "gpu:3"))


def test_a_batch_that_the_devices_cannot_share_evenly_is_refused_before_training() -> None:
    with pytest.raises(TrainingError, match=r"'head': batch_size=2 on 4 .* Take batch_size=4"):
        Two(head_stage(batch_size=2)).fit(tiny_dataset(12))
    with pytest.raises(TrainingError, match=r"batch_size=10 on 4 .* Take batch_size=12"):
        Two(head_stage(batch_size=10)).plan(tiny_dataset(12))


def test_fewer_images_than_devices_are_refused_before_training() -> None:
    data = tiny_dataset(12)
    with pytest.raises(TrainingError, match=r"4 devices, gpu:0, .* 3 training images"):
        Two(head_stage()).fit(data.subset([0, 1, 2]))
    with pytest.raises(TrainingError, match=r"there is 1 validation image; .* Give 1 device"):
        Two(head_stage()).fit(data, data.subset([0]))


@pytest.mark.parametrize("given", [2, "gpu", ["cpu:0"], True])
def test_what_is_no_distribution_is_refused(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"distribution=.* expected None for one device, keras"):
        trainer(head_stage(), distribution=given)


def spread(*names: str) -> Any:
    """A distribution over these devices, of the backend; whether they are there it does not say."""
    if BACKEND == "jax":
        return keras.distribution.DataParallel(devices=list(names))
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))


@pytest.mark.skipif(BACKEND == "torch", reason="Keras spreads no training on PyTorch")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["cpu:0", "gpu:0"], r"differ, cpu:0, gpu:0; expected one kind, .* those of 'gpu' alone"),
        (["cpu:0", "cpu:97"], rf"has cpu:97, and {BACKEND} has cpu:0.* here\. Give devices that"),
        (["gpu:97", "gpu:98"], rf"has gpu:97, gpu:98, and {BACKEND} has .* names that .*list_"),
    ],
)
def test_devices_that_differ_or_are_not_there_are_refused_when_the_trainer_is_made(
    names: list[str], words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        trainer(head_stage(), distribution=spread(*names))


@pytest.mark.skipif(BACKEND != "jax", reason="TensorFlow itself makes no such strategy")
def test_a_device_that_is_named_twice_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"has cpu:0 more than once, .* expected each device o"):
        trainer(head_stage(), distribution=spread("cpu:0", "cpu"))


@pytest.mark.skipif(BACKEND != "jax", reason="a mesh is of JAX")
def test_a_mesh_may_hold_devices_themselves_or_their_names() -> None:
    import jax

    for device in (*jax.devices("cpu")[:1], "cpu", "cpu:0"):
        assert trainer(head_stage(), distribution=spread(device)).devices.names == ("cpu:0",)


@pytest.mark.skipif(BACKEND == "jax", reason="it is the backend that takes one")
def test_a_distribution_of_another_backend_is_refused() -> None:
    mesh = keras.distribution.DeviceMesh((2,), ["batch"], ["cpu:0", "cpu:1"])
    given = keras.distribution.DataParallel(device_mesh=mesh)
    with pytest.raises(TrainingError, match=r"works on jax, and Keras runs on .*KERAS_BACKEND=jax"):
        trainer(head_stage(), distribution=given)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="strategies are TensorFlow's")
def test_a_strategy_of_another_kind_is_refused() -> None:
    import tensorflow as tf

    given = tf.distribute.OneDeviceStrategy("cpu:0")
    with pytest.raises(TrainingError, match="is a OneDeviceStrategy, expected None"):
        trainer(head_stage(), distribution=given)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="one device of TensorFlow is always there")
def test_a_run_goes_on_with_another_number_of_devices(tmp_path: Path) -> None:
    import tensorflow as tf

    data, run = tiny_dataset(12), tmp_path / "run"
    trainer(head_stage(epochs=1), run_dir=run).fit(data, verbose=0)
    one = tf.distribute.MirroredStrategy(["cpu:0"])
    longer = trainer(head_stage(epochs=2), run_dir=run, distribution=one)
    result = longer.fit(data, resume=True, verbose=0)
    assert result.stages[0].epochs == 2
    assert (run / "model.keras").is_file()
    unbroken = trainer(head_stage(epochs=2)).fit(data, verbose=0)
    pairs = zip(result.model.get_weights(), unbroken.model.get_weights(), strict=True)
    assert max(abs(a - b).max() for a, b in pairs) < ROUNDING


def test_a_backbone_that_is_no_new_model_is_refused_where_devices_need_new_weights() -> None:
    from tlkit.training.loop.new_session import _on_one

    class Parts:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    with pytest.raises(TrainingError, match=r"same model twice. Let it build a new one"):
        _on_one(Parts, Parts)  # type: ignore[arg-type]
