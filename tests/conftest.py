"""What every test shares: quiet frameworks, and folders that belong to the test session alone."""

from __future__ import annotations

import os

# Before anything imports TensorFlow, which reads these once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Laws are tested, not speed: the cores may be shared.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep frozen work of the tests out of the user's cache folder."""
    folder = tmp_path_factory.mktemp("tlkit-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLKIT_CACHE_DIR", str(folder))
        yield folder
