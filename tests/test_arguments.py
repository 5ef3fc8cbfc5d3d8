"""What is given in the wrong form is told in one sentence: received, expected, how."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit.errors import TlkitError
from tlkit.testing import tiny_backbone, tiny_dataset

DATA = tiny_dataset(12)
IMAGES, LABELS = np.zeros((4, 8, 8, 3), "uint8"), np.array([0, 1, 0, 1])
SMALL: dict[str, Any] = {"weights": None, "cache": False}
# What a type checker would refuse.
untyped: Any = tlkit


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """What Keras reads."""

    def __getitem__(self, index: int) -> Any:
        return IMAGES, LABELS

    def __len__(self) -> int:
        return 1


def model() -> Any:
    return keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])


NO_DATASETS: dict[str, tuple[Callable[[], Any], str]] = {
    "path": (lambda: "pictures", r"from_directory\('pictures'\)"),
    "Path": (lambda: Path("pictures"), r"from_directory\('pictures'\)"),
    "pair": (lambda: (IMAGES, LABELS), "from_arrays"),
    "array": (lambda: IMAGES, "from_arrays"),
    "table": (lambda: {"image": ["a.png"], "label": ["a"]}, "from_dataframe"),
    "batches": (Batches, "a stream of batches"),
    "generator": (lambda: (x for x in IMAGES), "a stream of batches"),
    "model": (model, "Look whether two arguments are swapped"),
    "trainer": (lambda: trainer(head_stage()), "Look whether two arguments are swapped"),
    "number": (lambda: 3, "a builtins.int"),
}
TAKE_A_DATASET: dict[str, Callable[[Any], Any]] = {
    "fit": lambda given: trainer(head_stage()).fit(given),
    "fit, validation": lambda given: trainer(head_stage()).fit(DATA, given),
    "find_learning_rate": lambda given: trainer(head_stage()).find_learning_rate(
        given, tlkit.ExponentialLRFinder()
    ),
    "fine_tune": lambda given: tlkit.fine_tune(given, backbone=tiny_backbone(), **SMALL),
    "evaluate": lambda given: tlkit.evaluate(model(), given),
    "calibrate": lambda given: tlkit.calibrate(classifier(), given),
    "extract": lambda given: tlkit.extract(tiny_backbone(), given, **SMALL),
    "show_augmented": lambda given: tlkit.show_augmented(tlkit.Augmentation(), given),
    "report": lambda given: tlkit.report("run", dataset=given),
}


def classifier() -> Any:
    return keras.Sequential([model(), keras.layers.Dense(3, "softmax")])


@pytest.mark.parametrize("given", NO_DATASETS)
@pytest.mark.parametrize("function", TAKE_A_DATASET)
def test_what_is_no_dataset_is_named_with_the_way_to_one(function: str, given: str) -> None:
    make, way_out = NO_DATASETS[given]
    with pytest.raises(
        TlkitError, match=f"expected an ImageDataset.*{way_out}|{way_out}.*"
    ) as told:
        TAKE_A_DATASET[function](make())
    assert "expected an ImageDataset" in str(told.value)
    assert "object at 0x" not in str(told.value)


def test_a_stream_of_tensorflow_is_named() -> None:
    tf = pytest.importorskip("tensorflow")
    stream = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(2)
    with pytest.raises(TlkitError, match=r"a stream of batches \(tensorflow\..*from_directory"):
        trainer(head_stage()).fit(stream)


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "a data set as finder": (
        lambda: trainer(head_stage()).find_learning_rate(DATA, untyped.testing.tiny_dataset()),
        r"finder=ImageDataset\(.*expected an ExponentialLRFinder",
    ),
    "a name as head": (
        lambda: trainer(head_stage(), head="softmax"),
        r"head='softmax'; expected a tlkit\.Head",
    ),
    "one stage": (lambda: untyped.StagedTrainer("xception", stages=head_stage()), "stages=Stage"),
    "one callback": (
        lambda: head_stage(callbacks=keras.callbacks.EarlyStopping()),
        r"callbacks=.*expected a list of Keras callbacks",
    ),
    "no callbacks": (lambda: head_stage(callbacks=[print]), "expected a list of Keras callbacks"),
    "labels of two columns": (
        lambda: untyped.ImageDataset.from_dataframe(
            {"image": ["a.png"], "a": [1], "b": [2]}, image="image", label=["a", "b"], root="."
        ),
        r"Received \['a', 'b'\] for a column, expected the name of one column",
    ),
    "one snapshot": (
        lambda: untyped.Stage("head", epochs=9, learning_rate=0.1, snapshots=3),
        "snapshots=3, expected a list of numbers of epochs",
    ),
    "no cache": (lambda: trainer(head_stage(), cache=None), "cache=None; expected True.*False"),
    "an empty cache": (lambda: trainer(head_stage(), cache=""), "cache=''; expected True.*False"),
    "a number as cache": (lambda: untyped.extract(tiny_backbone(), DATA, cache=1), "cache=1; exp"),
    "one number of units": (
        lambda: untyped.Head(units=256),
        "units must be positive integers in a list",
    ),
}


@pytest.mark.parametrize("function", ["fit", "plan", "fine_tune", "fine_tune.plan", "tune"])
def test_an_empty_data_set_to_validate_on_is_told_before_anything_is_trained(function: str) -> None:
    none, kept = DATA.subset([]), {**SMALL, "verbose": 0}
    given: dict[str, Callable[[], Any]] = {
        "fit": lambda: trainer(head_stage()).fit(DATA, none),
        "plan": lambda: trainer(head_stage()).plan(DATA, none),
        "fine_tune": lambda: tlkit.fine_tune(DATA, none, tiny_backbone(), **kept),
        "fine_tune.plan": lambda: tlkit.fine_tune.plan(DATA, none, tiny_backbone(), **kept),
        "tune": lambda: tlkit.tune(tiny_backbone(), DATA, none, **kept),
    }
    with pytest.raises(TlkitError, match=r"0 images to hold out; .* or None .* subset"):
        given[function]()


@pytest.mark.parametrize("function", [tlkit.compare, tlkit.soup, tlkit.ensemble])
def test_models_of_names_that_are_no_text_are_told(function: Callable[..., Any]) -> None:
    settings = {} if function is tlkit.compare else {"validation": DATA}
    with pytest.raises(TlkitError, match=r"of the names \[0, 'b'\].*expected text.*or a list"):
        function({0: model(), "b": model()}, **settings)


TAKE_A_SEED: dict[str, Callable[[Any], Any]] = {
    "StagedTrainer": lambda seed: trainer(head_stage(), seed=seed),
    "fine_tune": lambda seed: tlkit.fine_tune(DATA, 0.2, tiny_backbone(), seed=seed, **SMALL),
    "fine_tune, two sets": lambda seed: tlkit.fine_tune(
        DATA, DATA.subset([0, 1]), tiny_backbone(), seed=seed, **SMALL
    ),
    "tune": lambda seed: tlkit.tune(tiny_backbone(), DATA, seed=seed, **SMALL),
    "split": lambda seed: DATA.split(seed=seed),
    "folds": lambda seed: DATA.folds(2, seed=seed),
    "sample": lambda seed: DATA.sample(6, seed=seed),
    "cross_validate": lambda seed: tlkit.cross_validate(
        trainer(head_stage()), DATA, folds=2, seed=seed
    ),
    "probe": lambda seed: tlkit.probe(tiny_backbone(), DATA, seed=seed, **SMALL),
    "learning_curve": lambda seed: tlkit.learning_curve(
        tiny_backbone(), tiny_dataset(), seed=seed, **SMALL
    ),
    "suggest_augmentation": lambda seed: tlkit.suggest_augmentation(
        DATA, tiny_backbone(), seed=seed, **SMALL
    ),
    "extract": lambda seed: tlkit.extract(tiny_backbone(), DATA, seed=seed, **SMALL),
}


@pytest.mark.parametrize("seed", [None, 1.5, "1"])
@pytest.mark.parametrize("function", TAKE_A_SEED)
def test_a_seed_that_is_no_whole_number_is_told(function: str, seed: Any) -> None:
    with pytest.raises(
        TlkitError, match=rf"^seed={re.escape(repr(seed))}; expected a whole number"
    ):
        TAKE_A_SEED[function](seed)


@pytest.mark.parametrize("case", OTHERS)
def test_other_arguments_are_named(case: str) -> None:
    call, told = OTHERS[case]
    with pytest.raises(TlkitError, match=told):
        call()


@pytest.mark.parametrize("whole", [np.int64, np.int32, np.uint8])
def test_numpy_numbers_are_numbers(whole: Any) -> None:
    stage = untyped.Stage(
        "head",
        epochs=whole(3),
        batch_size=whole(8),
        learning_rate=np.float32(0.5),
        label_smoothing=np.float64(0.1),
        snapshots=(whole(2),),
        callbacks=[],
    )
    plain = tlkit.Stage(
        "head", epochs=3, batch_size=8, learning_rate=0.5, label_smoothing=0.1, snapshots=(2,)
    )
    assert (stage.epochs, stage.batch_size, stage.snapshots) == (3, 8, (2,))
    assert json.dumps([stage.epochs, stage.batch_size]) == "[3, 8]"
    assert repr(stage) == repr(plain)
    assert untyped.Head(units=[whole(4)]) == tlkit.Head(units=(4,))
    built = tlkit.build_backbone(tiny_backbone(), image_size=whole(16), weights=None)
    assert built.input_shape == (None, 16, 16, 3)


@pytest.mark.parametrize("wrong", [0, -1, True, 2.0, "3", None])
def test_other_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(TlkitError, match="expected a whole number from 1"):
        head_stage(epochs=wrong)


# Settings that are a number, with one that is allowed, and what else their class needs.
NUMBERS: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {
    ("UnfreezeTop", "layers"): (2, {}),
    ("UnfreezeTop", "fraction"): (0.5, {}),
    ("GradualUnfreeze", "groups"): (2, {}),
    ("GradualUnfreeze", "every"): (2, {}),
    ("LoRA", "rank"): (2, {}),
    ("Head", "dropout"): (0.5, {}),
    ("WarmupCosine", "peak"): (0.5, {}),
    ("WarmupCosine", "warmup"): (0.5, {"peak": 0.5}),
    ("WarmupCosine", "end"): (0.25, {"peak": 0.5}),
    ("OneCycle", "peak"): (0.5, {}),
    ("OneCycle", "warmup"): (0.5, {"peak": 0.5}),
    ("OneCycle", "div"): (2.5, {"peak": 0.5}),
    ("OneCycle", "final_div"): (2.5, {"peak": 0.5}),
    ("Staircase", "warmup"): (0.25, {"rates": (0.5, 0.25), "at": (0.5,)}),
    ("ExponentialLRFinder", "min_lr"): (0.5, {}),
    ("ExponentialLRFinder", "max_lr"): (0.5, {}),
    ("ExponentialLRFinder", "stop_factor"): (2.5, {}),
    ("ShareOfFall", "share"): (0.5, {}),
    ("SmoothedMinimum", "max_volatility"): (0.25, {}),
}


@pytest.mark.parametrize("place", NUMBERS, ids=".".join)
def test_settings_take_numbers_of_numpy_and_nothing_that_is_none(place: tuple[str, str]) -> None:
    name, setting = place
    value, others = NUMBERS[place]
    made = getattr(tlkit, name)
    numpy = np.int64 if isinstance(value, int) else np.float64
    assert made(**others, **{setting: numpy(value)}) == made(**others, **{setting: value})
    wrong = ["0.5", True, [value], np.array([value]), float("nan"), -1]
    for each in [*wrong, *([2.5, float("inf")] if isinstance(value, int) else [])]:
        with pytest.raises(TlkitError, match=setting):
            made(**others, **{setting: each})


def test_rates_that_are_no_numbers_and_names_that_are_no_text_are_refused() -> None:
    for rates in (["0.1", 0.2], [None, 0.2]):
        with pytest.raises(TlkitError, match="rates must be a list of numbers"):
            untyped.Staircase(rates=rates, at=(0.5,))
    with pytest.raises(TlkitError, match="from_layer must be the name of a layer"):
        untyped.UnfreezeTop(from_layer=3)


@pytest.mark.parametrize("classes", [["cat", "dog"], [0, 1]], ids=["names", "indices"])
def test_class_weights_as_scikit_learn_gives_them_are_class_weights(classes: list[Any]) -> None:
    pairs = zip(np.unique(np.array(classes)), np.array([0.5, 2.0]), strict=True)
    stage = tlkit.Stage("head", epochs=1, learning_rate=0.1, class_weight=dict(pairs))
    known = dict(zip(classes, [0.5, 2.0], strict=True))
    plain = tlkit.Stage("head", epochs=1, learning_rate=0.1, class_weight=known)
    assert (stage, repr(stage)) == (plain, repr(plain))
    with pytest.raises(TlkitError, match="a weight for each class by its name"):
        untyped.Stage("head", epochs=1, learning_rate=0.1, class_weight=np.array([0.5, 2.0]))
