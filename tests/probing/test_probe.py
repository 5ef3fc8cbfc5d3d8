"""`tlkit.probe`: what a user gets."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.training.conftest import head_stage
from tlkit._keras.graph import Graph
from tlkit.backbones.all_cuts import block_ends
from tlkit.errors import CutError, DataError, EngineError, SplitError
from tlkit.testing import tiny_backbone, tiny_dataset


def probe(data: Any, **settings: Any) -> tlkit.Probe:
    """Probe the tiny backbone."""
    given = {"backbone": tiny_backbone(), "weights": None, "engine": "keras", **settings}
    return tlkit.probe(given.pop("backbone"), data, verbose=0, **given)


@pytest.fixture(scope="module")
def hard() -> tlkit.ImageDataset:
    """Images that are not easily told apart."""
    easy = tiny_dataset(80, 4, seed=1)
    wrong = np.random.default_rng(0).integers(0, 4, 80)
    labels = np.where(np.arange(80) % 5 < 2, wrong, easy.labels)
    return tlkit.ImageDataset.from_arrays(easy.load(np.arange(80), 16), labels, easy.class_names)


@pytest.fixture(scope="module")
def found(hard: tlkit.ImageDataset) -> tlkit.Probe:
    return probe(hard, repeats=2)


def test_the_evaluation_is_of_all_images_out_of_their_folds(
    found: tlkit.Probe, hard: tlkit.ImageDataset
) -> None:
    assert np.array_equal(found.evaluation.y_true, hard.labels)
    assert found.evaluation.image_names == hard.names
    assert 0.5 < found.evaluation.accuracy < 0.9
    assert len(found.evaluations) == 2
    again = probe(hard)
    assert np.array_equal(again.evaluation.probabilities, found.evaluation.probabilities)
    other = probe(hard, seed=1).evaluation
    assert not np.allclose(other.probabilities, found.evaluation.probabilities)
    assert tlkit.compare({"one": found.evaluation, "other": other}).pairs[0].p_value > 0.1


def test_the_model_predicts_what_the_regression_on_features_does(
    found: tlkit.Probe, hard: tlkit.ImageDataset, tmp_path: Path
) -> None:
    regression = found.coefficients.probabilities(np.asarray(found.features))
    pixels = hard.load(np.arange(len(hard)), 16)
    np.testing.assert_allclose(found.model.predict(pixels, verbose=0), regression, atol=1e-5)
    found.save(tmp_path / "probe.keras")
    plain = keras.saving.load_model(tmp_path / "probe.keras")
    np.testing.assert_allclose(plain.predict(pixels, verbose=0), regression, atol=1e-5)
    rows = tlkit.Predictor(tmp_path / "probe.keras").predict(pixels[:2], verbose=0)
    assert rows[0].label == hard.class_names[int(regression[0].argmax())]
    known = tlkit.evaluate(found, hard).accuracy
    assert known == np.mean(regression.argmax(axis=1) == hard.labels)


def test_a_training_starts_from_a_saved_probe_by_name(
    found: tlkit.Probe, hard: tlkit.ImageDataset, tmp_path: Path
) -> None:
    found.save(tmp_path / "probe.keras")
    turned = hard.with_classes(hard.class_names[::-1])
    trainer = tlkit.StagedTrainer(
        *(tiny_backbone(),),
        weights=None,
        engine="keras",
        stages=[head_stage(epochs=1, learning_rate=1e-9)],
        start_from=tmp_path / "probe.keras",
    )
    started = tlkit.evaluate(trainer.fit(turned, verbose=0), hard)
    np.testing.assert_allclose(
        started.probabilities, tlkit.evaluate(found, hard).probabilities, atol=1e-4
    )


def test_features_are_shared_with_trainings(
    found: tlkit.Probe, hard: tlkit.ImageDataset, tmp_path: Path
) -> None:
    assert found.evaluation  # has computed them
    trainer = tlkit.StagedTrainer(
        tiny_backbone(),
        weights=None,
        engine="keras",
        stages=[head_stage(epochs=1)],
        run_dir=tmp_path,
    )
    result = trainer.fit(hard, verbose=0)
    assert any("read from the store" in note for note in result.stages[0].notes)


def test_images_of_a_group_are_in_one_fold() -> None:
    """Copies with a little noise: known by their group, else too good."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (40, 16, 16, 3)).repeat(3, axis=0)
    noisy = np.clip(pixels + random.integers(-3, 4, pixels.shape), 0, 255).astype("uint8")
    labels = random.integers(0, 2, 40).repeat(3)

    data = tlkit.ImageDataset.from_arrays(noisy, labels)
    together = probe(data, backbone=patches, groups=np.arange(40).repeat(3).tolist())
    apart = probe(data, backbone=patches)
    guessed = together.evaluation.baseline().accuracy
    assert together.evaluation.accuracy < guessed + 0.1 < apart.evaluation.accuracy


def test_it_prints_what_it_found_and_what_there_is_to_say(found: tlkit.Probe) -> None:
    first, *lines = str(found).splitlines()
    assert first == "tiny at 16 x 16, not trained: logistic regression on 12 features"
    assert str(found.evaluation) in str(found)
    assert lines[-2].startswith("5 folds; penalty ")
    assert lines[-1].startswith("weighted F1 in 2 repeats: ")


def rare(*counts: int) -> tlkit.ImageDataset:
    """Images of classes with so many each."""
    labels = np.repeat(np.arange(len(counts)), counts)
    names = [f"class_{n}" for n in range(len(counts))]
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (len(labels), 16, 16, 3), "uint8")
    return tlkit.ImageDataset.from_arrays(pixels, labels, names)


NOTED: dict[str, tuple[tlkit.ImageDataset, dict[str, Any], str]] = {
    "fewer than folds": (rare(9, 9, 3), {}, "not in every fold, .*: 'class_2'"),
    "one image": (rare(9, 9, 1), {}, "has never seen them and is always wrong: 'class_2'"),
    "no image": (rare(9, 9, 0), {}, "never predicted: 'class_2'"),
    "groups that leave a fold without a class": (
        *(rare(9, 9, 4), {"groups": [*range(18), *[18] * 4]}),
        "always wrong: 'class_2'",
    ),
    "pictures that are there twice": (
        *(rare(9, 9).subset([*range(18), 0, 1]), {"folds": 3, "seed": 4}),
        "pictures? in two folds at once",
    ),
    "constant features": (
        *(tlkit.ImageDataset.from_arrays(np.zeros((12, 16, 16, 3), "uint8"), [0, 1] * 6), {}),
        "nothing can be learned",
    ),
    "more features than images": (rare(4, 4), {"folds": 3}, ""),
    "many classes": (rare(*[3] * 40), {"folds": 3}, ""),
}


@pytest.mark.parametrize("case", few(NOTED, 3))
def test_what_weakens_the_figures_is_said(case: str) -> None:
    data, settings, note = NOTED[case]
    found = probe(data, **settings)
    assert np.isfinite(found.evaluation.log_loss)
    assert re.search(note, "\n".join(found.notes)) if note else not found.notes
    assert note == "" or found.notes[0] in str(found)


PAIRS = np.arange(10_000) // 2

REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "one class": (rare(9, 0), {}, DataError, "all of one class, class_0"),
    "two images": (rare(1, 1), {}, SplitError, "2 images for 5 folds"),
    "5,000 classes of two images": (
        *(tlkit.ImageDataset.from_arrays(np.zeros((10_000, 1, 1, 3), "uint8"), PAIRS),),
        *({}, SplitError, "the largest has 2"),
    ),
    "no class of as many as folds": (rare(4, 4), {}, SplitError, "the largest has 4"),
    "groups that hold whole classes": (
        *(rare(9, 9), {"folds": 3, "groups": [*"abcdefghi", *"j" * 9]}, SplitError),
        "a single class is left",
    ),
    "fewer groups than folds": (
        *(rare(9, 9), {"groups": [0, 1] * 9}, SplitError, "2 groups for 5 folds"),
    ),
    "groups of another length": (rare(9, 9), {"groups": [0]}, SplitError, "1 groups for 18"),
    "two folds": (rare(9, 9), {"folds": 2}, SplitError, "at least 3"),
    "no repeat": (rare(9, 9), {"repeats": 0}, SplitError, "repeats=0"),
    "several labels": (
        *(
            tlkit.MultiLabelDataset.from_arrays(
                np.zeros((4, 8, 8, 3), "uint8"), [["a"], ["b"]] * 2
            ),
        ),
        *({}, DataError, "any number of labels"),
    ),
    "a folder": ("pictures", {}, DataError, "from_directory"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_probed_is_told_before_anything_is_computed(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, settings, error, words = REFUSED[case]
    monkeypatch.setattr(tlkit.ImageDataset, "load", None)
    with pytest.raises(error, match=words):
        probe(data, **settings)


def patches(scale: float = 1.0) -> Any:
    """A backbone of many features, which knows each image again."""
    image = keras.Input((16, 16, 3))
    kernel = keras.initializers.HeNormal(seed=0)
    x = keras.layers.Conv2D(8, 4, 4, kernel_initializer=kernel)(image)
    return keras.Model(image, keras.layers.Rescaling(scale)(keras.layers.Flatten()(x)))


def projected() -> Any:
    """A backbone whose 60 features are normal where pixels are."""
    image = keras.Input((8, 8, 3))
    kernel = keras.initializers.HeNormal(seed=0)
    return keras.Model(image, keras.layers.Conv2D(60, 8, kernel_initializer=kernel)(image))


def test_a_discriminant_analysis_takes_the_place_of_the_regression(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels, centres = random.integers(0, 4, 200), 16 * random.normal(size=(4, 8, 8, 3))
    pixels = np.clip(128 + centres[labels] + 80 * random.normal(size=(200, 8, 8, 3)), 0, 255)
    data = tlkit.ImageDataset.from_arrays(pixels.astype("uint8"), labels)
    found = probe(data, backbone=projected)
    alone = probe(data, backbone=projected, discriminant=False)
    assert found.shrinkage is not None
    assert alone.shrinkage is None
    assert "linear discriminant analysis on 60 features" in str(found).splitlines()[0]
    assert f"5 folds; shrinkage {found.shrinkage:.3g}, logits divided by" in str(found)
    assert "a discriminant analysis in place of a regression: on held-out" in found.notes[-1]
    assert "logistic regression on 60 features" in str(alone)
    assert found.evaluation.accuracy > alone.evaluation.accuracy
    expected = found.coefficients.probabilities(np.asarray(found.features))
    found.save(tmp_path / "probe.keras")
    plain = keras.saving.load_model(tmp_path / "probe.keras")
    shown = plain.predict(pixels.astype("uint8"), verbose=0)
    np.testing.assert_allclose(shown, expected, atol=1e-4)
    stage = tlkit.ProbeStage("probe")
    trainer = tlkit.StagedTrainer(projected, weights=None, engine="keras", stages=[stage])
    result = trainer.fit(data, verbose=0)
    assert any("linear discriminant analysis" in note for note in result.stages[0].notes)
    assert tlkit.evaluate(result, data).accuracy > found.evaluation.accuracy


def stepped() -> Any:
    """A backbone of three depths, the last of which averages what the first tells apart away."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for channels in (6, 24, 8):
        kernel = keras.initializers.HeNormal(seed=channels)
        x = keras.layers.Conv2D(channels, 2, 2, activation="relu", kernel_initializer=kernel)(x)
    return keras.Model(image, x)


def test_all_cuts_are_read_by_the_model_too(tmp_path: Path) -> None:
    data = tiny_dataset(60, 3, seed=0)
    found = probe(data, backbone=stepped, cuts="all")
    last = probe(data, backbone=stepped)
    # 24 channels lie inside of a block: after them there are fewer.
    assert np.asarray(found.features).shape == (60, 6 + 8)
    np.testing.assert_allclose(
        np.asarray(found.features)[:, 6:], np.asarray(last.features), atol=1e-5
    )
    assert str(found).startswith("stepped, all cuts, not trained: ")
    assert "on 14 features" in str(found)
    pixels = data.load(np.arange(60), 16)
    expected = found.coefficients.probabilities(np.asarray(found.features))
    found.save(tmp_path / "probe.keras")
    plain = keras.saving.load_model(tmp_path / "probe.keras")
    np.testing.assert_allclose(plain.predict(pixels, verbose=0), expected, atol=1e-4)
    assert tlkit.evaluate(found, data).accuracy == np.mean(expected.argmax(axis=1) == data.labels)


def test_cuts_that_there_are_not_are_refused() -> None:
    with pytest.raises(CutError, match="cuts='some', expected 'last' or 'all'"):
        probe(rare(9, 9), cuts="some")
    with pytest.raises(CutError, match=r"has 1 before its output of shape .* Take cuts='last'"):
        probe(rare(9, 9), backbone=patches, cuts="all")


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50", "densenet121"])
def test_cuts_are_at_the_ends_of_blocks(name: str) -> None:
    model = tlkit.build_backbone(name, image_size=64, weights=None)
    ends = block_ends(Graph.of(model))
    channels = [point.shape[-1] or 0 for point in ends]
    assert channels == sorted(channels)
    assert 4 <= len(ends) <= 13
    assert channels[0] == {"mobilenet_v2": 16}.get(name, 64)
    assert all("expand" not in point.name.split("_")[-1] for point in ends)


def test_features_that_are_no_numbers_are_refused_by_the_image() -> None:
    with pytest.raises(EngineError, match="not finite for image 0"):
        probe(rare(9, 9), backbone=partial(patches, np.nan))
