"""A model at a precision below float32: the labels of the pictures given say whether it may be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import tlkit
from tests.inference.conftest import NAMES, Trained
from tests.low_engine import LowMachine, machine, ruined
from tlkit.errors import EngineError, TlkitError
from tlkit.features.precision.check import LEAST_LABELS
from tlkit.inference import _engine

assert machine  # the fixture
CLASSES = ("a", "b", "c")


def model(activation: str = "softmax", outputs: int = 3) -> Any:
    """Weights at random, which tell pictures apart."""
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(outputs, activation)(flat))


def pictures(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)


def predict(precision: Any, count: int = 40, cache: Any = False, **settings: Any) -> Any:
    given = {"class_names": CLASSES, "cache": cache, "trunk_precision": precision, **settings}
    return tlkit.Predictor(given.pop("model", None) or model(), **given).predict(
        pictures(count), top=None, verbose=0
    )


@pytest.mark.parametrize(("precision", "calibrated"), [("bfloat16", 0), ("int8", 40)])
def test_labels_come_with_what_their_precision_does(
    machine: LowMachine, precision: str, calibrated: int
) -> None:
    assert machine.registry
    exact, found = predict("float32"), predict(precision)
    check = found.precision
    assert exact.precision is None
    assert (check.engine, check.precision, check.passed) == ("swift", precision, True)
    assert (check.pictures, check.calibrated_on) == (40, calibrated)
    assert check.agreement == np.mean(
        [a == b for a, b in zip(found.labels, exact.labels, strict=True)]
    )
    assert f"{check.agreement:.3f} of the labels are float32's" in found.notes[0]
    assert str(check) in found.notes[0]
    assert found[0].probability != exact[0].probability
    assert found[0].probability == pytest.approx(exact[0].probability, abs=1e-2)


@pytest.mark.parametrize(
    ("activation", "outputs", "settings"),
    [
        ("sigmoid", 1, {"class_names": ("no", "yes")}),
        ("sigmoid", 3, {"thresholds": 0.4}),
    ],
)
def test_one_sigmoid_and_many_are_compared_by_what_they_say(
    machine: LowMachine, activation: str, outputs: int, settings: dict[str, Any]
) -> None:
    assert machine.registry
    kind = {"model": model(activation, outputs), **settings}
    exact, found = predict("float32", **kind), predict("int8", **kind)
    same = [set(a.labels) == set(b.labels) for a, b in zip(found, exact, strict=True)]
    if outputs == 1:  # all labels of a row, in the order of their probability
        same = [a == b for a, b in zip(found.labels, exact.labels, strict=True)]
    assert found.precision.agreement == np.mean(same)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_model_that_does_not_stand_it_is_refused_with_the_figures(
    machine: LowMachine, precision: str, tmp_path: Path
) -> None:
    machine.changes[precision] = ruined
    for _ in range(2):
        with pytest.raises(EngineError, match=r"since it changes what the model says: swift at"):
            predict(precision, cache=tmp_path)
    assert machine.compared == 1


def test_labels_that_change_are_a_reason_of_their_own() -> None:
    check = tlkit.PrecisionCheck("swift", "int8", 0.99, LEAST_LABELS - 0.01, None, 300)
    assert check.refusal == "expected 0.9 or more of the labels to be float32's"
    assert tlkit.PrecisionCheck("swift", "int8", 0.99, LEAST_LABELS, None, 300).passed


def test_auto_takes_the_fastest_where_it_pays(
    machine: LowMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = predict("auto")
    assert few.precision is None
    assert few.notes == ("engine: keras, for few pictures",)
    monkeypatch.setattr(_engine, "MANY", 30)
    assert predict("auto").precision.precision == "int8"
    machine.changes["int8"] = ruined
    many = predict("auto")
    assert many.precision.precision == "bfloat16"
    assert "swift at int8: centred cosine" in many.notes[0]
    assert "expected a centred cosine" in many.notes[0]
    machine.lacks = {"bfloat16": "a newer processor", "int8": "a newer processor"}
    exact = predict("auto")
    assert exact.precision is None
    assert "no int8 here: swift needs a newer processor" in exact.notes[0]


def test_pictures_that_cannot_be_read_are_rows_all_the_same(
    machine: LowMachine, trained: Trained, tmp_path: Path
) -> None:
    assert machine.registry
    files = [
        str(shutil.copy(trained.pictures / name, tmp_path / f"{number}.png"))
        for number, name in enumerate(trained.dataset.names)
    ]
    Path(files[3]).write_bytes(b"no picture")
    rows = trained.result.predict(files, trunk_precision="bfloat16", verbose=0)
    assert rows.precision is not None
    assert rows.precision.pictures == len({*map(Path.read_bytes, map(Path, files))}) - 1
    assert [row.image for row in rows.failed] == [files[3]]
    none = trained.result.predict([files[3]], trunk_precision="bfloat16", verbose=0)
    assert none.precision is None
    assert len(none.failed) == 1


class Own(keras.Model):  # type: ignore[misc]
    """A model whose call no other program reads."""

    def call(self, *given: Any, **settings: Any) -> Any:
        return super().call(*given, **settings)


def own() -> Any:
    """Such a model."""
    plain = model()
    return Own(plain.inputs[0], plain.outputs[0])


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no such precision": (
        lambda: tlkit.Predictor(model(), class_names=CLASSES, trunk_precision="half"),  # type: ignore[arg-type]
        r"trunk_precision='half', expected 'float32', 'bfloat16', 'int8' or 'auto'",
    ),
    "few pictures": (lambda: predict("int8", 20), r"there are 20 different ones; expected 32"),
    "keras": (lambda: predict("int8", engine="keras"), r"with engine='keras' is not to be had"),
    "a call of its own": (
        lambda: predict("int8", model=own()),
        r"trunk_precision='int8' cannot run .*it has a call of its own.*Use trunk_precision='f",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_told(what: str, machine: LowMachine) -> None:
    assert machine.registry
    work, message = BAD[what]
    with pytest.raises(TlkitError, match=message):
        work()


def test_a_processor_without_it_is_told(machine: LowMachine) -> None:
    machine.lacks["int8"] = "a processor with VNNI"
    with pytest.raises(EngineError, match=r"swift needs a processor with VNNI.*swift:bfloat16"):
        predict("int8")


def test_an_engine_that_comes_to_differ_ends_it(machine: LowMachine) -> None:
    """What float32 gives later is not what the check has found."""
    calls = [0]

    def later(output: NDArray[Any]) -> NDArray[Any]:
        calls[0] += 1
        return output if calls[0] < 12 else np.roll(output, 1, axis=1)

    machine.changes["bfloat16"] = later
    with pytest.raises(TlkitError, match="Predict again with trunk_precision='float32'"):
        predict("bfloat16", 32 * 16)


def test_names_are_those_of_the_model(trained: Trained, machine: LowMachine) -> None:
    assert machine.registry
    rows = trained.result.predict(trained.dataset, trunk_precision="bfloat16", verbose=0)
    assert set(rows.labels) <= set(NAMES)
    assert "PrecisionCheck" not in str(rows)
