"""A trunk below float32: asked for by name, checked against float32, kept apart, or refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.low_engine import LowMachine, machine, ruined
from tlkit.data.batches import PixelCache
from tlkit.errors import EngineError
from tlkit.features.engines.precision import lacking
from tlkit.features.engines.registry import installed_engines
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.sample import CALIBRATED, TrainingSample, sample_of
from tlkit.features.store.store import info
from tlkit.testing import tiny_backbone, tiny_dataset

assert machine  # the fixture


def extract(precision: Any, cache: Any = False, data: Any = None, **settings: Any) -> Any:
    """Features of the tiny data set at a precision."""
    data = tiny_dataset(96) if data is None else data
    given = {"weights": None, "verbose": 0, "cache": cache, **settings}
    return tlkit.extract(tiny_backbone(), data, trunk_precision=precision, **given)


def test_features_come_with_what_their_precision_does(machine: LowMachine) -> None:
    assert machine.registry
    exact = extract("float32")
    for precision, calibrated in (("bfloat16", 0), ("int8", 96)):
        found = extract(precision)
        check = found.precision
        assert (check.engine, check.precision, check.passed) == ("swift", precision, True)
        assert 0.999 < check.cosine <= 1
        assert check.agreement == pytest.approx(1, abs=0.05)
        assert (check.pictures, check.calibrated_on) == (96, calibrated)
        assert str(check) in found.notes[0]
        assert not np.array_equal(found[:], exact[:])
        assert np.allclose(found[:], exact[:], rtol=1e-2, atol=1e-3)
    assert exact.precision is None


def test_precision_is_compared_and_calibrated_once_in_a_store(
    machine: LowMachine, tmp_path: Path
) -> None:
    more = tiny_dataset(120)
    first = extract("int8", tmp_path)
    again = extract("int8", tmp_path)
    assert np.array_equal(first[:], again[:])
    assert "read from the store" in again.notes[0]
    assert again.precision == first.precision
    assert (machine.compared, machine.calibrated) == (1, [96])
    extract("int8", tmp_path, more)
    assert (machine.compared, machine.calibrated) == (2, [96, 120])  # of other pictures


def test_store_keeps_precisions_apart(machine: LowMachine, tmp_path: Path) -> None:
    rows = {name: extract(name, tmp_path)[:] for name in ("float32", "bfloat16")}
    machine.changes["int8"] = lambda x: x * np.float32(1.001)
    rows["int8"] = extract("int8", tmp_path)[:]
    engines = sorted(table.about["engine"] for table in info(tmp_path).tables)
    assert engines == ["swift", "swift:bfloat16", "swift:int8"]
    for name, before in rows.items():
        assert np.array_equal(extract(name, tmp_path)[:], before)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_network_that_is_ruined_is_refused_with_the_figures(
    machine: LowMachine, precision: str, tmp_path: Path
) -> None:
    machine.changes[precision] = ruined
    for _ in range(2):
        with pytest.raises(EngineError, match=r"is refused.*centred cosine -?0\.\d+.*0\.9 or more"):
            extract(precision, tmp_path)
    assert machine.compared == 1
    assert not info(tmp_path).tables


def test_output_that_is_not_finite_is_refused(machine: LowMachine) -> None:
    machine.changes["bfloat16"] = lambda x: x * np.float32(np.nan)
    with pytest.raises(EngineError, match=r"is refused.*centred cosine 0\.0000"):
        extract("bfloat16")


@pytest.mark.parametrize(
    ("refused", "slow", "taken"),
    [
        ((), (), "swift:int8"),
        (("int8",), (), "swift:bfloat16"),
        (("int8", "bfloat16"), (), "swift"),
        ((), ("int8",), "swift:bfloat16"),
        ((), ("int8", "bfloat16"), "swift"),
    ],
)
def test_auto_takes_the_fastest_that_passes(
    machine: LowMachine, refused: tuple[str, ...], slow: tuple[str, ...], taken: str, tmp_path: Path
) -> None:
    machine.changes |= dict.fromkeys(refused, ruined)
    machine.ms |= {f"swift:{name}": 9e6 for name in slow}
    found = extract("auto", tmp_path)
    (table,) = info(tmp_path).tables
    assert table.about["engine"] == taken
    for name in refused:
        assert f"swift at {name}: centred cosine" in found.notes[0]
        assert "0.9 or more" in found.notes[0]


def test_auto_goes_on_without_what_the_processor_lacks(machine: LowMachine) -> None:
    machine.lacks = {"bfloat16": "a processor with AMX", "int8": "pip install 'tlkit[int8]'"}
    found = extract("auto")
    assert found.precision is None
    assert "no bfloat16 here: swift needs a processor with AMX" in found.notes[0]
    assert "no int8 here: swift needs pip install 'tlkit[int8]'" in found.notes[0]


def test_auto_tries_nothing_for_little_work(machine: LowMachine) -> None:
    machine.ms = dict.fromkeys(machine.ms, 1.0)
    assert "bfloat16 and int8 not tried for the 0 s of work" in extract("auto").notes[0]
    assert machine.compared == 0


@pytest.mark.parametrize(
    ("lacks", "engine", "said"),
    [
        ({"bfloat16": "a processor with AMX"}, "auto", "swift needs a processor with AMX"),
        ({}, "auto", "no engine knows it"),
        ({}, "keras", "keras knows no such"),
    ],
)
def test_what_no_engine_has_here_is_told(
    machine: LowMachine, lacks: dict[str, str], engine: str, said: str
) -> None:
    machine.lacks = lacks
    with pytest.raises(EngineError, match=f"'bfloat16'.* is not to be had here: {said}.*float32"):
        extract("bfloat16", engine=engine)


def test_engine_that_cannot_tell_has_no_low_precision(
    machine: LowMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = machine.registry.get("swift")
    monkeypatch.setitem(spec.__dict__, "precisions", lambda: 1 / 0)
    with pytest.raises(EngineError, match="cannot tell: ZeroDivisionError"):
        extract("int8")


def test_engine_that_fails_at_a_precision_is_told(machine: LowMachine) -> None:
    del machine.changes["int8"]
    with pytest.raises(EngineError, match=r"'int8' cannot be had for this network: .*KeyError"):
        extract("int8")
    assert "cannot be made at int8" in extract("auto").notes[0]


def test_few_pictures_calibrate_nothing(machine: LowMachine) -> None:
    few = tiny_dataset(31)
    with pytest.raises(EngineError, match="there are 31 different ones; expected 32 or more"):
        extract("int8", data=few)
    assert "no int8: int8 is calibrated on pictures" in extract("auto", data=few).notes[0]
    assert machine.calibrated == []


def test_calibration_on_one_class_is_told(machine: LowMachine) -> None:
    assert machine.registry
    data = tiny_dataset(96)
    found = extract("int8", data=data.subset(np.flatnonzero(data.labels == 0)))
    assert "all of one class" in found.notes[0]
    assert found.precision.agreement is None


def test_unknown_precision_is_told() -> None:
    with pytest.raises(EngineError, match="trunk_precision='float16', expected 'float32'"):
        extract("float16")


def test_engine_that_goes_wrong_later_is_not_replaced_by_another_precision(
    machine: LowMachine,
) -> None:
    calls = iter([False] * 4)
    machine.changes["bfloat16"] = lambda x: x + 9 * next(calls, True)
    with pytest.raises(EngineError, match=r"came to differ.*Use trunk_precision='float32'"):
        extract("bfloat16", data=tiny_dataset(128))


def test_sample_follows_from_the_pictures_alone() -> None:
    data = tiny_dataset(400)
    turned = data.subset(np.random.default_rng(1).permutation(400))
    one, other = (sample_of(PixelCache(x, 16), x) for x in (data, turned))
    assert (one.key, one.check_key) == (other.key, other.check_key)
    less = data.subset(range(399))
    assert one.check_key != sample_of(PixelCache(less, 16), less).check_key


def test_sample_has_the_classes_in_proportion_and_checks_on_others() -> None:
    digests = np.random.default_rng(0).integers(0, 256, (2000, 32)).astype(np.uint8)
    labels = np.repeat([0, 1, 2], [1000, 800, 200])
    sample = TrainingSample(None, digests, labels)  # type: ignore[arg-type]
    assert len(sample.calibrating) == CALIBRATED
    for places in (sample.calibrating, sample.checked):
        shares = np.bincount(labels[places]) / len(places)
        assert shares == pytest.approx([0.5, 0.4, 0.1], abs=0.02)
    assert not set(sample.calibrating) & set(sample.checked)


def test_check_says_what_was_found() -> None:
    check = PrecisionCheck("openvino", "int8", 0.9617, 0.897, 0.767, 300, 256, 27)
    assert str(check) == (
        "openvino at int8: centred cosine 0.9617 to float32, 0.897 of a probe's out-of-fold "
        "predictions are float32's (0.767 where float32 is dealt into other folds), on 300 "
        "pictures; calibrated on 256"
    )
    assert check.passed
    worse = PrecisionCheck("openvino", "int8", 0.96, 0.70, 0.767, 300, 256, 27)
    assert worse.refusal == "expected 0.737 or more of the predictions to be float32's"


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_openvino_has_what_its_processor_can(precision: Any, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    lack = lacking(installed_engines().get("openvino"))[precision]
    if lack:
        with pytest.raises(EngineError, match="openvino needs"):
            extract(precision, engine="openvino")
        return
    first, again = (extract(precision, tmp_path, engine="openvino") for _ in range(2))
    assert first.precision.engine == "openvino"
    assert first.precision.cosine > 0.95
    assert f"openvino:{precision}" in first.precision.ms
    assert np.array_equal(first[:], again[:])
    assert "read from the store" in again.notes[0]
    exact = extract("float32", engine="keras")
    assert not np.array_equal(first[:], exact[:])


def test_workers_run_the_network_that_this_process_has_calibrated(
    machine: LowMachine, tmp_path: Path
) -> None:
    alone = extract("int8", tmp_path / "alone")
    with ThreadPoolExecutor(1) as executor:
        shared = extract("int8", tmp_path / "shared", executor=executor)
    assert np.array_equal(alone[:], shared[:])
    assert machine.calibrated == [96, 96]
