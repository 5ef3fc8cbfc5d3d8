"""A fresh Keras for each module, and broken plugins that a fresh interpreter can import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def _fresh_keras() -> None:
    """Forget the models of the module before, which Keras keeps in one global graph."""
    keras.utils.clear_session()


@pytest.fixture(autouse=True, scope="module")
def _importable_tests() -> Iterator[None]:
    """Let ``tests.testing.broken`` be found, as the package of an installed plugin would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield
