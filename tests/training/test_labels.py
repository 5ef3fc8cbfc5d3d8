"""Training on any number of labels, and on two classes with one sigmoid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import small_network
from tlkit import Head, ImageDataset, MultiLabelDataset, Stage, StagedTrainer, TrainingResult
from tlkit._task import Task
from tlkit.errors import DataError, TrainingError
from tlkit.features.settings import FrozenSettings
from tlkit.training import read_run

NAMES = ("red", "green", "blue")
HEAD = Head(dropout=0)


def labels(images: int = 32, seed: int = 0) -> MultiLabelDataset:
    """Images whose channels are bright where they have the channel's label."""
    random = np.random.default_rng(seed)
    matrix = (random.random((images, 3)) < [0.5, 0.4, 0.3]).astype(np.int64)
    pixels = random.integers(0, 60, (images, 16, 16, 3)) + 150 * matrix[:, None, None, :]
    return MultiLabelDataset.from_arrays(pixels.astype(np.uint8), matrix, NAMES)


def two_classes(images: int = 32) -> ImageDataset:
    data = labels(images)
    pixels = data.load(np.arange(images), 16)
    return ImageDataset.from_arrays(pixels, data.labels[:, 0], ["no", "yes"])


def trainer(*stages: Stage, head: Head = HEAD, **settings: Any) -> StagedTrainer:
    settings = {"weights": None, "cache": False, **settings}
    return StagedTrainer(small_network, stages=stages, head=head, **settings)


def begun(data: Any, head: Head) -> Any:
    """Return the whole model as a training begins with it, to be trained by plain Keras."""
    settings = FrozenSettings(small_network, weights=None, cache=False)
    task = head.task(data.labels, len(data.class_names))
    parts = settings.assembled(head, len(data.class_names), task)
    for layer in parts.backbone:
        layer.trainable = False
    return parts.model


def full_batches(rate: float, epochs: int = 3, **settings: Any) -> Stage:
    return Stage(
        "head", epochs=epochs, learning_rate=rate, optimizer="sgd", batch_size=64, **settings
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, Path]:
    run = tmp_path_factory.mktemp("labels") / "run"
    stage = Stage("head", epochs=3, learning_rate=0.1, batch_size=16, keep_best="val_auc")
    return trainer(stage, run_dir=run).fit(labels(48), labels(24, 1), verbose=0), run


def test_trunk_and_tail_give_the_weights_of_the_whole_model_with_binary_cross_entropy() -> None:
    data = labels()
    result = trainer(full_batches(0.5, keep_best=None)).fit(data, verbose=0)
    plain = begun(data, HEAD)
    plain.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
    pixels = data.load(np.arange(len(data)), 16).astype("float32")
    plain.fit(pixels, data.labels.astype("float32"), batch_size=64, epochs=3, verbose=0)
    for one, other in zip(result.model.get_weights(), plain.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=2e-5)


def test_one_sigmoid_learns_what_a_softmax_of_two_learns_at_half_the_rate() -> None:
    # The softmax moves both of its logits, the sigmoid their difference.
    data, head = two_classes(), Head(dropout=0, output="sigmoid")
    result = trainer(full_batches(0.5, keep_best=None), head=head).fit(data, verbose=0)
    plain = begun(data, HEAD)
    kernel, bias = begun(data, head).layers[-1].get_weights()
    halves = np.concatenate([-kernel / 2, kernel / 2], axis=1)
    plain.layers[-1].set_weights([halves, np.concatenate([-bias / 2, bias / 2])])
    plain.compile(keras.optimizers.SGD(0.25), "sparse_categorical_crossentropy")
    pixels = data.load(np.arange(len(data)), 16).astype("float32")
    plain.fit(pixels, data.labels, batch_size=64, epochs=3, verbose=0)
    found = tlkit.evaluate(result, data)
    assert found.probabilities == pytest.approx(plain.predict(pixels, verbose=0), abs=2e-5)
    assert result.model.output_shape == (None, 1)
    assert result.task is Task.BINARY
    assert found.accuracy == pytest.approx(tlkit.evaluate(plain, data).accuracy)


def test_a_result_knows_what_it_tells_and_so_does_its_run(
    trained: tuple[TrainingResult, Path],
) -> None:
    result, run = trained
    assert result.task is Task.MULTILABEL
    assert {"accuracy", "auc", "val_accuracy", "val_auc"} <= set(result.history["head"])
    read = read_run(run).result()
    assert (read.task, read.class_names) == (Task.MULTILABEL, NAMES)
    data = labels(16, 2)
    found, again = tlkit.evaluate(result, data), tlkit.evaluate(read, data)
    assert found.probabilities == pytest.approx(again.probabilities, abs=1e-6)


def test_thresholds_travel_with_the_model(
    trained: tuple[TrainingResult, Path], tmp_path: Path
) -> None:
    result, _ = trained
    data = labels(16, 2)
    best = tlkit.evaluate(result, data).best_thresholds()
    told = result.with_thresholds(best)
    found = tlkit.evaluate(told, data)
    assert found.thresholds == tuple(best.values())
    told.save(tmp_path / "model.keras")
    predictor = tlkit.Predictor(tmp_path / "model.keras")
    assert predictor.thresholds == tuple(best.values())
    rows = predictor.predict(data, verbose=0)
    for row, given in zip(rows, found.predictions, strict=True):
        assert set(row.labels) == {NAMES[column] for column in np.flatnonzero(given)}
        assert list(row.probabilities) == sorted(row.probabilities, reverse=True)
        assert list(row.by_class) == list(NAMES)
    assert rows.columns == ("image", "labels", *(f"probability_{x}" for x in NAMES), "error")
    rows.write_csv(tmp_path / "rows.csv")
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 17
    higher = tlkit.Predictor(tmp_path / "model.keras", thresholds=1.0).predict(data, verbose=0)
    assert not any(row.labels for row in higher)
    assert str(higher[0]) == "image 0: no label"
    with pytest.raises(TrainingError, match="'red', 'green', 'blue'"):
        result.with_thresholds({"red": 0.5})


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"class_weight": "balanced"}, "an image has no class that it could be weighed by"),
        ({"loss": "categorical_crossentropy"}, "a sigmoid for each label.*BinaryCrossentropy"),
        ({"loss": keras.losses.SparseCategoricalCrossentropy()}, "a sigmoid for each label"),
        ({"metrics": [keras.metrics.F1Score(average="macro")]}, r"threshold=0\.5"),
        ({"metrics": ["top_k_categorical_accuracy"]}, "a sigmoid for each label"),
        ({"keep_best": ("val_auk", "max")}, "its history will have .*'val_auc'"),
    ],
)
def test_what_does_not_fit_labels_is_refused_before_training(
    stage: dict[str, Any], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        trainer(Stage("head", epochs=1, learning_rate=0.1, **stage)).fit(
            labels(16), labels(8, 1), verbose=0
        )


def test_sigmoids_take_losses_metrics_smoothing_mixing_and_weights() -> None:
    stage = Stage(
        "head",
        epochs=1,
        learning_rate=0.1,
        label_smoothing=0.1,
        mix=keras.layers.MixUp,
        metrics=[keras.metrics.F1Score(average="macro", threshold=0.5)],
        keep_best="val_f1_score",
    )
    result = trainer(stage).fit(labels(16), labels(8, 1), verbose=0)
    assert np.isfinite(result.history["head"]["val_f1_score"]).all()
    weighted = Stage(
        "head",
        epochs=1,
        learning_rate=0.1,
        class_weight={"no": 1.0, "yes": 3.0},
        mix=keras.layers.CutMix,
    )
    head = Head(output="sigmoid")
    one = trainer(weighted, head=head).fit(two_classes(), two_classes(), verbose=0)
    assert np.isfinite(one.history["head"]["val_loss"]).all()


def test_sets_and_heads_that_do_not_fit_are_refused() -> None:
    stage = Stage("head", epochs=1, learning_rate=0.1)
    with pytest.raises(DataError, match="train is a MultiLabelDataset and validation a ImageData"):
        trainer(stage).fit(labels(8), two_classes(8), verbose=0)
    with pytest.raises(TrainingError, match="one number for two classes, and these"):
        trainer(stage, head=Head(output="sigmoid")).fit(tlkit.testing.tiny_dataset(), verbose=0)
    with pytest.raises(TrainingError, match="output must be 'auto' or 'sigmoid'"):
        Head(output="softmax")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="No training image has a label"):
        trainer(stage).fit(labels(8).subset(np.flatnonzero(labels(8).labels.sum(1) == 0)))


def test_a_validation_label_that_nobody_trains_is_told() -> None:
    data = labels(24)
    without = data.subset(data.labels[:, 2] == 0)
    result = trainer(Stage("head", epochs=1, learning_rate=0.1)).fit(without, data, verbose=0)
    assert any("1 label that no training image has" in note for note in result.stages[0].notes)


def test_fine_tuning_splits_labels_by_itself() -> None:
    result = tlkit.fine_tune(
        labels(40),
        0.25,
        small_network,
        weights=None,
        cache=False,
        epochs=1,
        verbose=0,
    )
    assert result.task is Task.MULTILABEL


def test_a_start_from_one_sigmoid_turns_it_where_classes_are_turned(tmp_path: Path) -> None:
    data, head = two_classes(16), Head(output="sigmoid")
    stage = Stage("head", epochs=1, learning_rate=0.1)
    first = trainer(stage, head=head, run_dir=tmp_path / "a").fit(data, verbose=0)
    turned = data.with_classes(["yes", "no"])
    still = Stage("still", epochs=1, learning_rate=1e-12)
    second = trainer(still, head=head, start_from=tmp_path / "a" / "model.keras").fit(
        turned, verbose=0
    )
    one, other = (tlkit.evaluate(result, data) for result in (first, second))
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
