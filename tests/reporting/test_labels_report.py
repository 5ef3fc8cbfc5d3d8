"""The page about images with any number of labels, and about one sigmoid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tlkit
from tlkit import Head, ImageDataset, MultiLabelDataset, MultiLabelEvaluation, Stage, StagedTrainer
from tlkit.errors import EvaluationError
from tlkit.testing import tiny_backbone

NAMES = ("red", "<b>green", "blue")
STAGE = Stage("head", epochs=1, learning_rate=0.1)


def labels(seed: int = 0) -> MultiLabelDataset:
    random = np.random.default_rng(seed)
    matrix = (random.random((24, 3)) < 0.4).astype(int)
    pixels = random.integers(0, 60, (24, 16, 16, 3)) + 150 * matrix[:, None, None, :]
    return MultiLabelDataset.from_arrays(pixels.astype(np.uint8), matrix, NAMES)


def test_a_run_of_labels_has_a_page_of_its_labels_and_mistakes(tmp_path: Path) -> None:
    data = labels()
    trainer = StagedTrainer(
        tiny_backbone(), weights=None, cache=False, stages=[STAGE], run_dir=tmp_path / "run"
    )
    found = tlkit.evaluate(trainer.fit(data, verbose=0), data)
    best = found.with_thresholds(found.best_thresholds())
    file = tlkit.report(
        tmp_path / "run",
        tmp_path / "page.html",
        dataset=data,
        evaluations={"at 0.5": found, "best": best},
        benchmark=0.9,
    )
    page = file.read_text("utf-8")
    for told in (
        "which can have any of 3 labels",
        "All labels right",
        "Label by label",
        "&lt;b&gt;green",
        "Mistakes of highest loss",
        "furthest off",
        "Comparison of candidates",
    ):
        assert told in page
    assert "<b>green" not in page
    wrong = MultiLabelEvaluation.from_predictions(1 - data.labels, found.probabilities, NAMES)
    with pytest.raises(EvaluationError, match="their labels"):
        tlkit.report(tmp_path / "run", tmp_path / "x.html", dataset=data, evaluations=wrong)


def test_one_sigmoid_has_the_page_of_two_classes(tmp_path: Path) -> None:
    data = labels()
    two = ImageDataset.from_arrays(
        data.load(np.arange(len(data)), 16), data.labels[:, 0], ["no", "yes"]
    )
    trainer = StagedTrainer(
        tiny_backbone(), head=Head(output="sigmoid"), weights=None, cache=False, stages=[STAGE]
    )
    result = trainer.fit(two, verbose=0)
    page = tlkit.report(
        result, tmp_path / "page.html", dataset=two, evaluations=tlkit.evaluate(result, two)
    )
    assert "images of 2 classes" in page.read_text("utf-8")


def test_a_result_in_memory_is_scored_with_what_it_knows(tmp_path: Path) -> None:
    data, stages = labels(), [STAGE]
    trainer = StagedTrainer(tiny_backbone(), weights=None, cache=False, stages=stages)
    result = trainer.fit(data, verbose=0)
    pages = []
    for number, given in enumerate((result, result.with_thresholds(0.0))):
        file = tlkit.report(given, tmp_path / f"{number}.html", dataset=data)
        pages.append(file.read_text("utf-8"))
        assert f"{tlkit.evaluate(given, data).weighted_f1:.3f}" in pages[-1]
    assert pages[0] != pages[1]
    with pytest.raises(EvaluationError, match="trained on pictures with fit='squash'"):
        tlkit.report(result, tmp_path / "x.html", dataset=data.with_fit("crop"))
    one = ImageDataset.from_arrays(data.load([0, 1], 16), [0, 1], NAMES)
    with pytest.raises(EvaluationError, match="any number of labels"):
        tlkit.report(result, tmp_path / "x.html", dataset=one)
