"""Images with any number of labels, which are not trained on: refused before anything is begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tlkit
from tlkit.testing import tiny_backbone, tiny_dataset


def several_labels() -> Any:  # what no type checker lets pass
    one = tiny_dataset()
    matrix = np.random.default_rng(0).integers(0, 2, (len(one), len(one.class_names)))
    return tlkit.MultiLabelDataset.from_arrays(
        one.load(range(len(one)), 16), matrix, list(one.class_names)
    )


def trainer() -> tlkit.StagedTrainer:
    stage = tlkit.Stage("head", epochs=1, learning_rate=0.01)
    return tlkit.StagedTrainer(tiny_backbone(), weights=None, cache=False, stages=[stage])


@pytest.mark.parametrize(
    "train",
    [
        lambda: trainer().fit(several_labels(), verbose=0),
        lambda: trainer().fit(tiny_dataset(), several_labels(), verbose=0),
        lambda: tlkit.fine_tune(several_labels(), backbone=tiny_backbone(), weights=None),
        lambda: trainer().find_learning_rate(
            several_labels(), tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=5)
        ),
    ],
    ids=["train", "validation", "fine_tune", "search"],
)
def test_they_are_refused(train: Callable[[], object]) -> None:
    with pytest.raises(tlkit.errors.DataError, match="does not train on several labels yet"):
        train()


def test_a_model_of_single_classes_is_not_scored_on_them() -> None:
    result = trainer().fit(tiny_dataset(), verbose=0)
    with pytest.raises(tlkit.errors.EvaluationError, match="tells a single class of each image"):
        tlkit.evaluate(result, several_labels())
