"""StagedTrainer: what a user gives it, and what comes back."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.conftest import thorough
from tests.training.conftest import (
    AtEpoch,
    AtStart,
    assembled,
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    top_stage,
    trainer,
)
from tlkit._keras.random_states import global_generator
from tlkit.errors import (
    DamagedImageError,
    DataError,
    ImageSizeError,
    LossNotFiniteError,
    TrainingError,
    UnknownBackboneError,
    WeightsError,
)
from tlkit.testing import tiny_dataset
from tlkit.training.run_dir.checkpoint import read_checkpoint
from tlkit.training.stage_result import StageResult

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


def result_of(data: Data, **settings: Any) -> tlkit.TrainingResult:
    """Train the head and then the top."""
    return trainer(head_stage(), top_stage(), **settings).fit(*data, verbose=0)


@pytest.fixture(scope="module")
def result(parts: Data) -> tlkit.TrainingResult:
    """Of two stages."""
    return result_of(parts)


def test_one_seed_gives_one_model(result: tlkit.TrainingResult, parts: Data) -> None:
    random.seed(99)
    np.random.seed(99)
    again = result_of(parts)
    assert same_weights(result.model, again.model)
    assert result.history == again.history


@pytest.mark.slow
def test_another_seed_gives_another_model(result: tlkit.TrainingResult, parts: Data) -> None:
    assert largest_difference(result.model, result_of(parts, seed=1).model) > 0.01


def unseeded_network() -> Any:
    """A network whose weights Keras draws seeds for."""
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.Conv2D(4, 3, 2, name="free")(image), name="unseeded")


def test_random_state_of_the_program_is_not_touched(parts: Data) -> None:
    python, numpy = random.getstate(), np.random.get_state()
    generator = global_generator()  # of PyTorch, where it is the backend
    before = None if generator is None else generator.get_state().tolist()
    stage = head_stage(augmentation=tlkit.Augmentation(), epochs=1)
    trainer(stage, backbone=unseeded_network).fit(*parts, verbose=0)
    assert random.getstate() == python
    assert all(np.array_equal(a, b) for a, b in zip(numpy, np.random.get_state(), strict=True))
    assert generator is None or generator.get_state().tolist() == before


def test_random_weights_of_the_backbone_follow_from_the_seed() -> None:
    def kernel(seed: int) -> np.ndarray:
        model = assembled(unseeded_network, tlkit.Head(), None, seed).model
        return np.asarray(model.get_layer("free").kernel)

    assert np.array_equal(kernel(0), kernel(0))
    assert not np.array_equal(kernel(0), kernel(1))


def test_result_says_what_each_stage_did(result: tlkit.TrainingResult) -> None:
    head, top = result.stages
    assert (head.name, head.epochs, head.cut) == ("head", 2, "head_pool")
    assert (top.name, top.epochs, top.cut) == ("top", 2, "block_add")
    assert list(result.history) == ["head", "top"]
    assert set(result.history["head"]) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert set(result.timings["top"]) == {"features", "search", "training"}
    assert head.best("val_accuracy") == max(head.history["val_accuracy"])
    assert str(result).startswith(
        f"{head}\n{top}\nThe model has the weights of 'top' (val_accuracy"
    )
    assert str(top).startswith("top: 2 epochs in ")
    assert "learning rate 0.003, 903 weights trained" in str(top)


def test_stage_result_survives_json(result: tlkit.TrainingResult) -> None:
    for stage in result.stages:
        assert StageResult.from_json(json.loads(json.dumps(stage.to_json()))) == stage


def test_model_takes_raw_images_and_gives_probabilities(
    result: tlkit.TrainingResult, parts: Data
) -> None:
    images = parts[1].load(np.arange(len(parts[1])), 16)
    for raw in (images, images.astype("float32")):
        probabilities = result.model.predict(raw, verbose=0)
        assert probabilities.shape == (12, 3)
        assert probabilities.sum(axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    figures = dict(zip(["loss", "accuracy"], [0, 0], strict=True))
    figures["accuracy"] = np.mean(probabilities.argmax(axis=1) == parts[1].labels)
    assert figures["accuracy"] == pytest.approx(result.stages[-1].best("val_accuracy"))


def test_training_learns(parts: Data) -> None:
    stage = head_stage(epochs=12, learning_rate=0.1)
    assert trainer(stage).fit(*parts, verbose=0).stages[0].best("val_accuracy") > 0.9


def test_best_epoch_is_kept(data: tlkit.ImageDataset) -> None:
    wild = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.01, 50.0])
    kept = trainer(head_stage(epochs=3, learning_rate=wild, keep_best="loss")).fit(data, verbose=0)
    stage = kept.stages[0]
    assert stage.best_epoch == 1
    assert stage.history["loss"][2] > stage.history["loss"][1]
    shorter = trainer(head_stage(epochs=2, learning_rate=wild, keep_best=None))
    assert same_weights(kept.model, shorter.fit(data, verbose=0).model)


def test_last_epoch_is_kept_where_nothing_can_be_watched(data: tlkit.ImageDataset) -> None:
    assert trainer(head_stage()).fit(data, verbose=0).stages[0].best_epoch == 1


def test_figure_that_is_not_there_to_watch_is_named(parts: Data) -> None:
    # A callback might have added it.
    adds = {"keep_best": ("val_f1", "max"), "callbacks": (AtEpoch(9, print),)}
    with pytest.raises(TrainingError, match=r"keep_best='val_f1', and its history has 'accuracy'"):
        trainer(head_stage(**adds)).fit(*parts, verbose=0)


def test_loss_that_is_not_finite_is_an_error_and_the_checkpoint_stays(
    parts: Data, tmp_path: Path
) -> None:
    def ruin(model: Any) -> None:
        kernel = model.get_layer("probabilities").kernel
        kernel.assign(kernel * float("nan"))

    stage = head_stage(epochs=4, callbacks=(AtStart(2, ruin),))
    with pytest.raises(LossNotFiniteError, match=r"became nan in epoch 3 of stage 'head'. Lower"):
        trainer(stage, run_dir=tmp_path).fit(*parts, verbose=0)
    progress, groups = read_checkpoint(tmp_path / "stages/01-head/checkpoint.npz")
    assert progress.epoch == 2
    assert all(np.isfinite(array).all() for group in groups.values() for array in group)
    assert not (tmp_path / "model.keras").exists()


def test_stage_goes_on_from_the_weights_of_the_one_before(parts: Data) -> None:
    seen: list[np.ndarray] = []

    def look(model: Any) -> None:
        seen.append(np.array(np.asarray(model.get_layer("probabilities").kernel)))

    stages = (
        head_stage(epochs=1, keep_best=None, callbacks=(AtEpoch(0, look),)),
        top_stage(epochs=1, callbacks=(AtStart(0, look),)),
    )
    trainer(*stages).fit(*parts, verbose=0)
    before, after = seen
    assert np.array_equal(before, after)


@pytest.mark.parametrize("ending", [".weights.h5", *thorough(".keras")])
def test_training_starts_from_an_earlier_model(
    ending: str, result: tlkit.TrainingResult, parts: Data, tmp_path: Path
) -> None:
    file = tmp_path / f"earlier{ending}"
    (result.model.save if ending == ".keras" else result.model.save_weights)(file)
    seen: list[Any] = []
    look = AtStart(0, lambda model: seen.append(np.asarray(model.get_layer("probabilities").bias)))
    stage = head_stage(epochs=1, learning_rate=1e-9, callbacks=(look,))
    started = trainer(stage, start_from=file).fit(*parts, verbose=0)
    assert np.array_equal(seen[0], np.asarray(result.model.get_layer("probabilities").bias))
    assert largest_difference(started.model, result.model) < 1e-6


def test_starting_from_another_model_is_an_error(
    result: tlkit.TrainingResult, parts: Data, tmp_path: Path
) -> None:
    result.model.save_weights(tmp_path / "tiny.weights.h5")
    other = trainer(head_stage(), backbone=small_network, start_from=tmp_path / "tiny.weights.h5")
    with pytest.raises(WeightsError, match=r"tiny.weights.h5 do not fit 'small'"):
        other.fit(*parts, verbose=0)
    missing = trainer(head_stage(), start_from=tmp_path / "no.weights.h5")
    with pytest.raises(WeightsError, match=r"no.weights.h5"):
        missing.fit(*parts, verbose=0)


def test_one_class_is_named(data: tlkit.ImageDataset) -> None:
    with pytest.raises(DataError, match="all of one class, class_1; expected at least two"):
        trainer(head_stage()).fit(data.subset(data.labels == 1), verbose=0)


def test_validation_class_without_training_images_is_named(data: tlkit.ImageDataset) -> None:
    train, rest = data.subset(data.labels != 2), data.subset(data.labels == 2)
    with pytest.raises(DataError, match=r"without a training image: \['class_2'\]"):
        trainer(head_stage()).fit(train, rest, verbose=0)


def test_validation_of_other_classes_is_an_error(data: tlkit.ImageDataset) -> None:
    with pytest.raises(DataError, match=r"In the validation images: 4, .*Unknown .*'class_3'"):
        trainer(head_stage()).fit(data, tiny_dataset(classes=4), verbose=0)


def test_damaged_image_is_named_before_training_starts(tmp_path: Path) -> None:
    images = tiny_dataset(8, classes=2, size=24)
    for number, pixels in enumerate(images.load(np.arange(8), 24)):
        folder = tmp_path / "images" / f"class_{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    broken = tmp_path / "images/class_1/5.jpg"
    broken.write_bytes(broken.read_bytes()[:-200])
    data = tlkit.ImageDataset.from_directory(tmp_path / "images")
    run = tmp_path / "run"
    with pytest.raises(DamagedImageError, match=r"class_1/5\.jpg"):
        trainer(head_stage(), run_dir=run).fit(data, verbose=0)
    with pytest.raises(DamagedImageError, match=r"class_1/5\.jpg"):
        trainer(head_stage(), run_dir=run).fit(images, data, verbose=0)
    assert not run.exists(), "nothing was begun"
    whole = data.without_damaged(data.check())
    assert trainer(head_stage(), run_dir=run).fit(whole, verbose=0).stages[0].epochs == 2


def test_stages_need_names_of_their_own() -> None:
    with pytest.raises(TrainingError, match="stages is empty, expected at least one Stage"):
        trainer()
    with pytest.raises(TrainingError, match="Two stages are called 'head'"):
        trainer(head_stage(), head_stage(epochs=9))


def test_unknown_backbone_is_an_error_at_once() -> None:
    with pytest.raises(UnknownBackboneError, match=r"Did you mean .*xception"):
        trainer(head_stage(), backbone="xcepton")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": " "}, "A stage is called ' ', expected a name"),
        ({"epochs": 0}, "epochs=0, expected a whole number from 1"),
        ({"epochs": 1.5}, "epochs=1.5, expected a whole number from 1"),
        ({"epochs": True}, "epochs=True, expected a whole number from 1"),
        ({"batch_size": -4}, "batch_size=-4, expected a whole number from 1"),
        ({"policy": "all"}, "policy='all', expected a policy such as"),
        ({"optimizer": 3}, "optimizer=3, expected a name such as 'adam' or a function"),
        ({"optimizer": keras.optimizers.Adam()}, "every stage needs a new optimizer"),
    ],
)
def test_settings_of_a_stage_are_checked_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        head_stage(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": (0,)}, "units must be positive integers"),
        ({"units": (8.0,)}, "units must be positive integers"),
        ({"dropout": 1}, "dropout must be at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1"),
    ],
)
def test_settings_of_a_head_are_checked_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        tlkit.Head(**settings)


def test_head_of_the_study_has_two_hidden_layers(parts: Data) -> None:
    head = tlkit.Head(units=(20, 10), dropout=0.3)
    model = trainer(head_stage(epochs=1), head=head).fit(*parts, verbose=0).model
    assert [layer.name for layer in model.layers[-6:]] == [
        "head_pool",
        "head_dense_1",
        "head_dropout_1",
        "head_dense_2",
        "head_dropout_2",
        "probabilities",
    ]


def test_backbone_of_pooled_features_needs_no_pooling(parts: Data) -> None:
    def pooled() -> Any:
        model = small_network()
        return keras.Model(
            model.inputs[0], keras.layers.GlobalMaxPooling2D()(model.outputs[0]), name="pooled"
        )

    result = trainer(head_stage(), backbone=pooled).fit(*parts, verbose=0)
    assert "head_pool" not in [layer.name for layer in result.model.layers]
    assert result.stages[0].epochs == 2


def test_backbone_of_no_fixed_size_is_an_error(parts: Data) -> None:
    def free() -> Any:
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.Conv2D(4, 3)(image), name="free")

    with pytest.raises(ImageSizeError, match=r"'free' takes images of any size, .*training needs"):
        trainer(head_stage(), backbone=free).fit(*parts, verbose=0)


@pytest.mark.slow
def test_second_training_reads_what_the_first_computed(parts: Data, tmp_path: Path) -> None:
    first = trainer(head_stage(epochs=1), cache=tmp_path).fit(*parts, verbose=0)
    again = trainer(head_stage(epochs=1), cache=str(tmp_path)).fit(*parts, verbose=0)
    assert same_weights(first.model, again.model)
    read = tuple(f"features of {count} images read from the store" for count in (36, 12))
    assert again.stages[0].notes == read
    assert not set(first.stages[0].notes) & set(read)


@pytest.mark.slow
def test_features_too_large_to_keep_give_the_same_weights_and_a_note(
    result: tlkit.TrainingResult, parts: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlkit.training.loop.session.STORE_LIMIT", 0)
    anew = result_of(parts)
    assert largest_difference(anew.model, result.model) < 1e-5
    assert any("the trunk is run anew in every epoch" in note for note in anew.stages[0].notes)


@pytest.mark.slow
def test_features_larger_than_the_store_may_be_are_computed_anew(
    parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLKIT_CACHE_LIMIT_GB", "1e-9")
    result = trainer(head_stage(epochs=1), cache=tmp_path).fit(*parts, verbose=0)
    assert any("the trunk is run anew in every epoch" in note for note in result.stages[0].notes)
    assert not list(tmp_path.rglob("*.shard"))


@pytest.mark.slow
def test_features_of_half_precision_train_nearly_the_same(
    result: tlkit.TrainingResult, parts: Data
) -> None:
    half = result_of(parts, feature_dtype="float16")
    assert 0 < largest_difference(half.model, result.model) < 1e-2


def test_unknown_feature_dtype_is_an_error() -> None:
    with pytest.raises(TrainingError, match="feature_dtype='int8', expected 'float32' or"):
        trainer(head_stage(), feature_dtype="int8")


def test_image_that_breaks_while_training_is_named(
    parts: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise DamagedImageError("image 3 is truncated")

    monkeypatch.setattr("tlkit.data.augmentation.geometric.Augmentation.__call__", fail)
    with pytest.raises(DamagedImageError, match="image 3 is truncated"):
        trainer(head_stage(augmentation=tlkit.Augmentation())).fit(*parts, verbose=0)


@pytest.mark.slow
def test_a_line_for_each_stage_is_shown(parts: Data, capsys: pytest.CaptureFixture[str]) -> None:
    result = trainer(head_stage(epochs=1)).fit(*parts)
    shown = capsys.readouterr()
    assert shown.err == f"{result.stages[0]}\n"
    assert shown.out == ""
    trainer(head_stage(epochs=1)).fit(*parts, verbose=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_image_smaller_than_a_batch_and_odd_batches_are_trained(parts: Data) -> None:
    for batch_size in (7, 500):
        result = trainer(head_stage(epochs=1, batch_size=batch_size)).fit(*parts, verbose=0)
        assert result.stages[0].epochs == 1


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX traces in its own way")
def test_the_training_step_is_traced_once() -> None:
    """TensorFlow traces a step again that made variables: twice as long until the first epoch."""

    class Counting(keras.optimizers.Adam):  # type: ignore[misc]
        traced = 0

        def apply(self, *gradients: Any, **settings: Any) -> None:
            Counting.traced += 1
            super().apply(*gradients, **settings)

    stages = [make(optimizer=Counting, label_smoothing=0.1) for make in (head_stage, top_stage)]
    trainer(*stages).fit(tiny_dataset(24), verbose=0)
    assert Counting.traced == len(stages)
