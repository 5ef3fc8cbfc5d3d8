"""Presets are saved once; records go to a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from small_presets import FAMILIES, save_preset
from tlkit_keras_hub import spec_from_preset

from tlkit import BackboneSpec
from tlkit.backbones.registry import installed_registry


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder with the preset of a family; not to be changed."""
    root = tmp_path_factory.mktemp("presets")

    @cache
    def saved(family: str) -> Path:
        return save_preset(root / f"tiny_{family}", FAMILIES[family]())

    return saved


@pytest.fixture(scope="session")
def spec(preset: Callable[[str], Path]) -> Callable[[str], BackboneSpec]:
    """Return the spec of a family's preset."""
    return cache(lambda family: spec_from_preset(preset(family)))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep records and features in a folder of the test's own."""
    monkeypatch.setenv("TLKIT_KERAS_HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "cache"))
    installed_registry.cache_clear()
    yield tmp_path / "home"
    installed_registry.cache_clear()
