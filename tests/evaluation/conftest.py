"""Predictions that the evaluation tests share."""

from __future__ import annotations

import numpy as np
import pytest

from tlkit import Evaluation


def predictions(seed: int, strength: float, images: int = 600, classes: int = 5) -> Evaluation:
    """Noisy answers to the same questions; the stronger, the more often right."""
    truth = np.arange(images) % classes
    logits = np.random.default_rng(seed).normal(size=(images, classes))
    logits[np.arange(images), truth] += strength
    weights = np.exp(logits)
    names = [f"class {number}" for number in range(classes)]
    return Evaluation.from_predictions(truth, weights / weights.sum(1, keepdims=True), names)


@pytest.fixture
def good() -> Evaluation:
    return predictions(0, 2.0)


@pytest.fixture
def poor() -> Evaluation:
    return predictions(1, 1.0)


@pytest.fixture
def similar() -> Evaluation:
    return predictions(3, 2.0)
