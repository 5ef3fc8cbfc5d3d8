"""Where a result, an evaluation or a file meets images, classes are matched by their names."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
import tlkit.testing
from tests.conftest import thorough
from tlkit import Evaluation, ImageDataset
from tlkit.errors import DataError, EvaluationError, TlkitError, TrainingError

NUMBERS = ("1", "10", "2", "café")  # as text is sorted


@pytest.fixture(scope="module")
def data() -> ImageDataset:
    """40 images, each class of a colour of its own."""
    random, labels = np.random.default_rng(0), np.arange(40) % 4
    colours = np.array([(230, 20, 20), (20, 230, 20), (20, 20, 230), (200, 200, 40)])
    noise = random.normal(0, 6, (40, 16, 16, 3))
    pixels = np.clip(colours[labels][:, None, None] + noise, 0, 255).astype(np.uint8)
    return ImageDataset.from_arrays(pixels, labels, NUMBERS)


def trainer(epochs: int = 12, rate: float = 0.05, **settings: Any) -> tlkit.StagedTrainer:
    return tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[tlkit.Stage("head", epochs=epochs, learning_rate=rate)],
        weights=settings.pop("weights", None),
        cache=False,
        **settings,
    )


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory, data: ImageDataset) -> Path:
    root = tmp_path_factory.mktemp("runs") / "run"
    trainer(run_dir=root).fit(data, verbose=0)
    return root


@pytest.fixture(scope="module")
def result(run_dir: Path, data: ImageDataset) -> tlkit.TrainingResult:
    return trainer(run_dir=run_dir).fit(data, resume=True, verbose=0)


def reordered(data: ImageDataset) -> ImageDataset:
    return data.with_classes(["2", "café", "1", "10"])


def renamed(data: ImageDataset, old: str, new: str) -> ImageDataset:
    names = [new if name == old else name for name in data.class_names]
    pixels = data.load(range(len(data)), 16)
    return ImageDataset.from_arrays(pixels, data.labels, names)


MISNAMED = [
    ("1", "01", "'01' is written '1' there"),
    ("2", "two", "'two'"),
    ("café", "Café", "'Café' is written 'café' there"),
    ("café", unicodedata.normalize("NFD", "café"), "is written 'caf\\xe9' there"),
]


def test_an_evaluation_does_not_depend_on_the_order_of_classes(
    result: tlkit.TrainingResult, data: ImageDataset
) -> None:
    straight, other = tlkit.evaluate(result, data), tlkit.evaluate(result, reordered(data))
    assert straight.accuracy > 0.7
    assert other.class_names == reordered(data).class_names
    assert np.array_equal(other.y_true, reordered(data).labels)
    back = [other.class_names.index(name) for name in straight.class_names]
    assert np.array_equal(other.probabilities[:, back], straight.probabilities)
    assert other.weighted_f1 == pytest.approx(straight.weighted_f1, abs=1e-12)
    assert tlkit.evaluate(result.model, data).accuracy == straight.accuracy, "it knows no names"
    (pair,) = tlkit.compare({"straight": straight, "other": other}).pairs
    assert pair.difference == pytest.approx(0, abs=1e-12)
    assert pair.p_value == 1.0


def test_some_of_the_classes_are_enough(result: tlkit.TrainingResult, data: ImageDataset) -> None:
    chosen = data.labels >= 2
    few = ImageDataset.from_arrays(
        data.load(np.flatnonzero(chosen), 16), 3 - data.labels[chosen], ("café", "2")
    )
    found, whole = tlkit.evaluate(result, few), tlkit.evaluate(result, data)
    assert found.class_names == ("café", "2", "1", "10")
    assert np.array_equal(found.y_true, few.labels)
    assert np.allclose(found.true_probability, whole.true_probability[chosen], atol=1e-6)
    more = data.with_classes(["nothing", *NUMBERS])
    assert tlkit.evaluate(result, more).accuracy == whole.accuracy, "no image is of that class"


def test_a_bare_model_with_another_number_of_classes_says_how_to_match(
    result: tlkit.TrainingResult, data: ImageDataset
) -> None:
    few = ImageDataset.from_arrays(data.load([0, 1], 16), ["1", "2"])
    with pytest.raises(EvaluationError, match=r"(?s)\(2, 4\).*expected \(2, 2\).*what fit\(\)"):
        tlkit.evaluate(result.model, few)


def test_a_heat_map_is_of_the_class_of_that_name(
    result: tlkit.TrainingResult, data: ImageDataset
) -> None:
    straight = tlkit.explain(result, data, data.labels)
    other = tlkit.explain(result, reordered(data), reordered(data).labels)
    assert np.allclose(other.scores, straight.scores)
    assert np.allclose(other.heatmaps, straight.heatmaps)
    for found in (straight, other):
        assert found.class_names is not None
        named = [found.class_names[number] for number in found.classes]
        assert named == [NUMBERS[label] for label in data.labels]
    more = data.with_classes(["nothing", *NUMBERS])  # so that 1 is "1" there and "10" in the model
    with pytest.raises(EvaluationError, match="a class number could mean two classes"):
        tlkit.explain(result, more, more.labels)
    guess = tlkit.explain(result, reordered(data))
    predictions = tlkit.evaluate(result, reordered(data)).predictions
    assert np.array_equal(guess.classes, predictions)
    assert f"class {guess.class_names[guess.classes[0]]}" in str(guess)  # type: ignore[index]


def test_a_calibration_does_not_depend_on_the_order_of_classes(
    result: tlkit.TrainingResult, data: ImageDataset
) -> None:
    noisy = ImageDataset.from_arrays(
        data.load(range(40), 16), np.where(np.arange(40) < 8, 0, data.labels), NUMBERS
    )
    straight, other = tlkit.calibrate(result, noisy), tlkit.calibrate(result, reordered(noisy))
    assert other.temperature == pytest.approx(straight.temperature)
    assert tlkit.evaluate(straight, reordered(data)).accuracy == pytest.approx(
        tlkit.evaluate(straight, data).accuracy
    )
    applied = straight.apply(tlkit.evaluate(result, reordered(data)))
    assert applied.log_loss == pytest.approx(straight.apply(tlkit.evaluate(result, data)).log_loss)


def test_a_baseline_counts_the_training_images_by_name(
    result: tlkit.TrainingResult, data: ImageDataset
) -> None:
    train = data.subset([*np.flatnonzero(data.labels == 1).tolist(), 0])
    found = tlkit.evaluate(result, reordered(data))
    assert found.class_names[found.baseline(train).predictions[0]] == "10"


@pytest.mark.slow
def test_validation_images_are_matched(data: ImageDataset, tmp_path: Path) -> None:
    some = data.subset([0, 3])
    few = ImageDataset.from_arrays(data.load([0, 3], 16), ["1", "café"], ("café", "1"))
    straight = trainer(2).fit(data, some, verbose=0)
    other = trainer(2, run_dir=tmp_path).fit(data, few, verbose=0)
    assert other.history == straight.history
    trainer(2, run_dir=tmp_path).fit(data, some, resume=True, verbose=0)  # it is the same run


@pytest.mark.parametrize(
    ("file", "moved"),
    [
        ("model.keras", True),
        *thorough(("model.keras", False), ("stages/01-head/weights.weights.h5", True)),
    ],
)
def test_a_run_s_weights_are_put_in_this_order_of_classes(
    file: str, moved: bool, run_dir: Path, data: ImageDataset, result: tlkit.TrainingResult
) -> None:
    train = reordered(data) if moved else data
    started = trainer(1, 1e-9, start_from=run_dir / file).fit(train, verbose=0)
    found, before = tlkit.evaluate(started, train), tlkit.evaluate(result, data)
    assert found.accuracy == before.accuracy
    assert np.allclose(found.true_probability, before.true_probability, atol=1e-4)


def test_the_way_out_of_other_classes_takes_the_backbone_over(
    run_dir: Path, data: ImageDataset, result: tlkit.TrainingResult
) -> None:
    others = renamed(data, "1", "one")
    with pytest.raises(TrainingError, match=r"model\.keras as weights=\.\.\. instead"):
        trainer(start_from=run_dir / "model.keras").fit(others, verbose=0)
    started = trainer(1, weights=run_dir / "model.keras").fit(others, verbose=0)
    mine, theirs = started.model.get_weights(), result.model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(mine[:-2], theirs[:-2], strict=True))


def test_a_model_that_was_moved_still_knows_its_classes(
    run_dir: Path, data: ImageDataset, tmp_path: Path
) -> None:
    moved = Path(shutil.copy(run_dir / "model.keras", tmp_path))
    with pytest.raises(TrainingError, match="Only in the training images: 'one'"):
        trainer(start_from=moved).fit(renamed(data, "1", "one"), verbose=0)


def test_weights_outside_of_their_run_are_taken_as_they_are(
    run_dir: Path, data: ImageDataset, tmp_path: Path
) -> None:
    moved = Path(shutil.copy(run_dir / "stages/01-head/weights.weights.h5", tmp_path))
    (tmp_path / "settings.json").write_text('{"of": "another program"}')
    started = trainer(1, 1e-9, start_from=moved).fit(renamed(data, "1", "one"), verbose=0)
    assert tlkit.evaluate(started, renamed(data, "1", "one")).accuracy > 0.7


@pytest.mark.parametrize(("old", "new", "said"), MISNAMED)
def test_another_name_is_refused_wherever_two_meet(
    old: str,
    new: str,
    said: str,
    result: tlkit.TrainingResult,
    run_dir: Path,
    data: ImageDataset,
    tmp_path: Path,
) -> None:
    wrong = renamed(data, old, new)
    evaluation = Evaluation.from_predictions(
        data.labels, tlkit.evaluate(result, data).probabilities, wrong.class_names
    )
    right = tlkit.evaluate(result, data)
    page = tmp_path / "report.html"
    meetings: list[tuple[type[TlkitError], Callable[[], object]]] = [
        (EvaluationError, lambda: tlkit.evaluate(result, wrong)),
        (EvaluationError, lambda: tlkit.explain(result, wrong)),
        (EvaluationError, lambda: tlkit.calibrate(result, wrong)),
        (EvaluationError, lambda: tlkit.calibrate(result, evaluation)),
        (EvaluationError, lambda: right.baseline(wrong)),
        (EvaluationError, lambda: tlkit.compare({"a": right, "b": evaluation})),
        (EvaluationError, lambda: tlkit.report(result, page, dataset=wrong)),
        (EvaluationError, lambda: tlkit.report(run_dir, page, dataset=wrong)),
        (EvaluationError, lambda: tlkit.report(run_dir, page, evaluations=evaluation)),
        (
            EvaluationError,
            lambda: tlkit.report(run_dir, page, evaluations=right, dataset=wrong),
        ),
        (DataError, lambda: trainer().fit(data, wrong, verbose=0)),
        (
            TrainingError,
            lambda: trainer(start_from=run_dir / "model.keras").fit(wrong, verbose=0),
        ),
    ]
    for error, meet in meetings:
        with pytest.raises(error, match="have different classes") as caught:
            meet()
        assert repr(new).strip("'") in str(caught.value) or ascii(new) in str(caught.value)
    with pytest.raises(EvaluationError) as told:
        tlkit.evaluate(result, wrong)
    assert said in str(told.value)
    assert not page.exists()
