"""Keras's version and global settings decide numbers, and so belong to a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit.errors import RunDirectoryError
from tlkit.training.run_dir.run_settings import held_run, keras_settings

Patch = pytest.MonkeyPatch
CHANGES: dict[str, Callable[[Patch], Any]] = {
    "version": lambda patch: patch.setattr(keras, "__version__", "3.0.0"),
    "backend": lambda patch: patch.setattr(keras.config, "backend", lambda: "other"),
    "dtype_policy": lambda _: keras.config.set_dtype_policy("mixed_bfloat16"),
    "floatx": lambda _: keras.config.set_floatx("float64"),
    "epsilon": lambda _: keras.config.set_epsilon(1e-3),
    "image_data_format": lambda _: keras.config.set_image_data_format("channels_first"),
    "flash_attention": lambda patch: patch.setattr(
        keras.config, "is_flash_attention_enabled", lambda: "other"
    ),
}


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    known = keras_settings()
    yield
    keras.config.set_dtype_policy(known["dtype_policy"])
    for name in ("floatx", "epsilon", "image_data_format"):
        getattr(keras.config, f"set_{name}")(known[name])


def test_every_setting_is_tried() -> None:
    assert set(CHANGES) == set(keras_settings())


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_is_not_resumed_under_another_setting(
    name: str, parts: Any, tmp_path: Path, monkeypatch: Patch
) -> None:
    made: tlkit.StagedTrainer = trainer(head_stage(), run_dir=tmp_path)
    run = (made.run_dir, made.settings, made.head, made.stages, made.keep, None, *parts)
    with held_run(*run, resume=False):
        pass
    with held_run(*run, resume=True):
        pass
    CHANGES[name](monkeypatch)
    with pytest.raises(RunDirectoryError, match=f"keras.{name}: .* in the run, .* given"):
        made.fit(*parts, resume=True, verbose=0)
