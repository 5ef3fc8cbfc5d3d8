"""A head that starts from a probe of the training images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tlkit.errors import TrainingError
from tlkit.probing.start import fitted_regression
from tlkit.testing import tiny_backbone, tiny_dataset

PROBED = tlkit.Head(start="probe")
# No step changes a weight.
STILL: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-12}


def regression(data: tlkit.ImageDataset) -> Any:
    """What the head is to start from, as a function of features."""
    features = tlkit.extract(tiny_backbone(), data, weights=None, engine="keras", verbose=0)
    rows = np.array(features, "float32")
    found, _ = fitted_regression(
        rows.copy(), data.labels, len(data.class_names), seed=0, show=lambda *_: None
    )
    return found.probabilities(rows)


@pytest.mark.parametrize("stage", few([top_stage(**STILL), head_stage(**STILL)]))
def test_before_the_first_step_the_model_predicts_what_the_probe_does(
    parts: tuple[tlkit.ImageDataset, tlkit.ImageDataset], stage: tlkit.Stage
) -> None:
    train, validation = parts
    result = trainer(stage, head=PROBED, engine="keras").fit(train, validation, verbose=0)
    shown = result.model.predict(train.load(np.arange(len(train)), 16), verbose=0)
    np.testing.assert_allclose(shown, regression(train), atol=1e-4)


def test_a_single_sigmoid_starts_from_the_second_class(tmp_path: Path) -> None:
    data = tiny_dataset(24, 2)
    head = tlkit.Head(output="sigmoid", start="probe")
    made = trainer(head_stage(**STILL), head=head, run_dir=tmp_path, cache=tmp_path / "cache")
    result = made.fit(data, verbose=0)
    shown = result.model.predict(data.load(np.arange(24), 16), verbose=0)
    np.testing.assert_allclose(shown[:, 0], regression(data)[:, 1], atol=1e-4)
    again = tlkit.StagedTrainer.from_run(tmp_path, backbone=tiny_backbone())
    assert again.head == head
    assert result.stages[0].frozen is not None
    assert result.stages[0].frozen.passes == 24  # for the probe and the stage together
    same_weights(again.fit(data, resume=True, verbose=0).model, result.model)
    plan = made.plan(data, resume=True, verbose=0)
    assert "not in this plan" in str(plan)


def test_what_cannot_start_from_a_probe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no hidden layers"):
        tlkit.Head(units=(8,), start="probe")
    with pytest.raises(TrainingError, match="must be 'random' or 'probe'"):
        tlkit.Head(start="best")  # type: ignore[arg-type]
    both = trainer(head_stage(), head=PROBED, start_from=tmp_path / "a.keras")
    with pytest.raises(TrainingError, match="both say what the head starts from"):
        both.fit(tiny_dataset(), verbose=0)
    images = np.zeros((4, 16, 16, 3), "uint8")
    several = tlkit.MultiLabelDataset.from_arrays(images, [["a"], ["b"]] * 2)
    with pytest.raises(TrainingError, match="one class for each image"):
        trainer(head_stage(), head=PROBED).fit(several, verbose=0)
