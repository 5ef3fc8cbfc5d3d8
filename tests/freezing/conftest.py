"""A fresh Keras for each module."""

from __future__ import annotations

import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def _fresh_keras() -> None:
    """Forget the models of the module before, which Keras keeps in one global graph."""
    keras.utils.clear_session()
