"""The page tells what was known before training, and what training added to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
import tlkit.testing
from tests.ground import test_printing as examples
from tests.reporting.test_report import Page
from tlkit.errors import EvaluationError
from tlkit.reporting._probes import BesideModel, beside_model

pytest.importorskip("jinja2", reason="reports are in the extra tlkit[report]")

EVIL = "<b>bird</b>"
SETTINGS: dict[str, Any] = {"weights": None, "cache": False, "verbose": 0}


@pytest.fixture(scope="module")
def data() -> tlkit.ImageDataset:
    """60 pictures, of which two are given the wrong class and one is there twice."""
    easy = tlkit.testing.tiny_dataset(60)
    pixels, labels = easy.load(np.arange(60), 16), easy.labels.copy()
    labels[[3, 20]] = (labels[[3, 20]] + 1) % 3
    pixels[59] = np.clip(pixels[56] + np.array(2, "uint8"), 0, 255)
    return tlkit.ImageDataset.from_arrays(pixels, labels, [EVIL, "cat", "dog"])


@pytest.fixture(scope="module")
def probe(data: tlkit.ImageDataset) -> tlkit.Probe:
    return tlkit.probe(tlkit.testing.tiny_backbone(), data.subset(range(40)), **SETTINGS)


@pytest.fixture(scope="module")
def test(data: tlkit.ImageDataset) -> tlkit.ImageDataset:
    return data.subset(range(40, 60))


def test_all_that_was_found_before_training_is_on_the_page(
    data: tlkit.ImageDataset, probe: tlkit.Probe, test: tlkit.ImageDataset, tmp_path: Path
) -> None:
    ranking, curve, suspects = examples.ranking(), examples.learning_curve(), tlkit.suspects(probe)
    file = tlkit.report(
        {"study": []},
        tmp_path / "r.html",
        evaluations={"trained": tlkit.evaluate(probe, test)},
        dataset=test,
        before=[curve, suspects, data.subset(range(40)), ranking, probe],
    )
    page = Page(file)
    for words in (probe.name, curve.advice[1:], ranking.advice[1:], "rather"):
        assert words in page.text
    first = next(row for row in page.tables["before"] if f"probe of {probe.name}" in row)
    assert first[1] == f"{probe.evaluation.weighted_f1:.4f}"
    for row in ranking.rows:
        assert f"{row.estimate:.4f}" in page.text
    photos = {picture["alt"] for picture in page.all("img")}
    assert {suspect.name for suspect in suspects.labels[:12]} <= photos
    assert "their scores are equal" in page.text
    text = file.read_text("utf-8")
    assert EVIL not in text
    assert examples.BAD not in text


def beside(
    probe: tlkit.Probe, images: tlkit.ImageDataset, *, given: bool = True
) -> tuple[BesideModel, tlkit.Evaluation]:
    """Return the comparison of the probe with a model that guesses, and what that gives."""
    chance = np.random.default_rng(0).dirichlet(np.ones(3), len(images))
    guessed = tlkit.Evaluation.from_predictions(
        images.labels, chance, images.class_names, image_digests=images.image_digests
    )
    return beside_model({"probe": probe}, "guesses", guessed, images if given else None), guessed


def test_pictures_that_the_probe_has_not_seen_are_predicted_by_its_model(
    probe: tlkit.Probe, test: tlkit.ImageDataset
) -> None:
    found, guessed = beside(probe, test)
    assert [row.name for row in found.rows] == ["guesses", "probe"]
    assert found.rows[0].value == guessed.weighted_f1
    assert found.rows[1].value == pytest.approx(tlkit.evaluate(probe, test).weighted_f1)
    assert [{pair.better, pair.worse} for pair in found.pairs] == [{"guesses", "probe"}]
    assert found.seen == 0


def test_pictures_of_the_probe_are_predicted_out_of_their_folds(
    probe: tlkit.Probe, data: tlkit.ImageDataset
) -> None:
    places = [7, 3, 20, 11, 2, 33, 6, 10]
    for given in (True, False):
        found, _ = beside(probe, data.subset(places), given=given)
        honest = tlkit.Evaluation.from_predictions(
            probe.evaluation.y_true[places], probe.evaluation.probabilities[places]
        )
        assert found.rows[1].value == honest.weighted_f1
        assert found.seen == 8


def test_it_is_said_why_a_probe_is_not_compared(
    probe: tlkit.Probe, test: tlkit.ImageDataset
) -> None:
    found, _ = beside(probe, test, given=False)
    assert (found.rows, found.pairs) == ((), ())
    assert "dataset=... lets it be asked" in found.left_out["probe"]
    renamed = test.rename_classes({"cat": "tiger"})
    found, _ = beside(probe, renamed)
    assert "its classes are others" in found.left_out["probe"]


def test_what_is_no_finding_and_pictures_of_others_are_refused(
    probe: tlkit.Probe, test: tlkit.ImageDataset, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match=r"holds Evaluation; expected what tlkit\.probe"):
        tlkit.report([], tmp_path / "r.html", before=[probe.evaluation])  # type: ignore[list-item]
    with pytest.raises(EvaluationError, match="among 40 images, and of the data sets in it, of 20"):
        tlkit.report([], tmp_path / "r.html", before=[tlkit.suspects(probe), test])
    assert not any(tmp_path.iterdir())
