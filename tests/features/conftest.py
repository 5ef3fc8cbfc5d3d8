"""A fresh Keras for each module, and what the Keras engine was given."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tlkit.features.engines.keras_engine import KerasEngine


@pytest.fixture(autouse=True, scope="module")
def _fresh_keras() -> None:
    """Forget the models of the module before, which Keras keeps in one global graph."""
    keras.utils.clear_session()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the Keras engine got."""
    seen: list[int] = []
    run = KerasEngine.run

    def counted(self: KerasEngine, images: np.ndarray) -> np.ndarray:
        seen.append(len(images))
        return run(self, images)

    monkeypatch.setattr(KerasEngine, "run", counted)
    return seen
