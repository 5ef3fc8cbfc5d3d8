"""What every test shares: quiet frameworks, and folders that belong to the test session alone."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

# Before anything imports TensorFlow, which reads these once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import tlkit

# Of a law whose every example trains models; `nox -s slow` tries more.
EXAMPLES = int(os.environ.get("TLKIT_TEST_EXAMPLES", "2"))

# Laws are tested, not speed: the cores may be shared.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

if os.environ.get("KERAS_BACKEND") == "jax":
    # Tests train the same small networks again and again, and JAX would compile them each time.
    # In JAX's settings, not in the environment: processes that tests end while they write such a
    # file must not share the folder.
    _jax = importlib.import_module("jax")
    if _jax.config.jax_compilation_cache_dir is None:
        _programs = tempfile.TemporaryDirectory(prefix="tlkit-programs-")
        _jax.config.update("jax_compilation_cache_dir", _programs.name)
        _jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        _jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep frozen work of the tests out of the user's cache folder."""
    folder = tmp_path_factory.mktemp("tlkit-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLKIT_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Networks that a test makes begin with the same weights in every run of the tests."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def data() -> tlkit.ImageDataset:
    """48 images of three classes."""
    from tlkit.testing import tiny_dataset

    return tiny_dataset()


@pytest.fixture(scope="session")
def parts(data: tlkit.ImageDataset) -> tuple[tlkit.ImageDataset, tlkit.ImageDataset]:
    """Training and validation images."""
    return data.split(0.25)


# For processes that need Keras and no backend in particular: this one is imported in a second.
QUICK_BACKEND = {"KERAS_BACKEND": "numpy"} if find_spec("jax") else {}


def thorough(*cases: Any) -> list[Any]:
    """Cases of a law that `nox -s slow` tries beside those that every run of the tests does."""
    given = [case if type(case) is tuple else (case,) for case in cases]
    return [pytest.param(*values, marks=pytest.mark.slow) for values in given]


def few(cases: Iterable[Any], count: int = 1) -> list[Any]:
    """Cases of a law of which every run of the tests tries the first, `nox -s slow` all."""
    given = list(cases)
    return [*given[:count], *thorough(*given[count:])]


def skip_without_onnx_export() -> None:
    """Skip a test that exports a model to ONNX where a package for that is missing."""
    pytest.importorskip("onnxruntime", reason="the engine is in the extra tlkit[onnx]")
