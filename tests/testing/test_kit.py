"""The kit as a plugin's author meets it: one call, a report, waivers with reasons."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import keras
import numpy as np
import pytest

from tests.testing import broken
from tlkit.backbones.spec import PREPROCESSING
from tlkit.errors import PluginError, UnknownBackboneError
from tlkit.testing import (
    BACKBONE_CHECKS,
    BackboneCheckError,
    CheckReport,
    CheckResult,
    check_backbone,
    tiny_backbone,
)
from tlkit.testing._checks.images import published
from tlkit.testing.subject import Subject

NAMES = (
    "light_import",
    "builds_offline",
    "named_weights",
    "sizes",
    "feature_shape",
    "batch_independence",
    "frozen_stays",
    "trunk_and_tail",
    "save_and_load",
    "stock_layers",
    "input_range",
    "spec_figures",
)
REASON = "the network is published with one layer in two places"


@pytest.fixture(scope="module")
def error() -> BackboneCheckError:
    """What a backbone with a waived, a stale and two real failures raises."""

    def no_facts(spec: Any) -> Any:  # noqa: ARG001
        raise RuntimeError("no facts today")

    waived = {"stock_layers": "all are our own", "trunk_and_tail": REASON}
    spec = broken.spoilt(broken.used_twice_and_nameless)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tlkit.testing._checks.figures._wrong_facts", no_facts)
        with pytest.raises(BackboneCheckError) as caught:
            check_backbone(spec, waived=waived)
    return caught.value


def report_of(error: BackboneCheckError) -> CheckReport:
    """The report that comes with an error."""
    assert error.report is not None
    return error.report


@pytest.mark.slow
def test_network_that_is_one_layer_of_the_backbone_passes_every_check() -> None:
    report = check_backbone(broken.spoilt(broken.nested))
    assert {result.outcome for result in report.results} == {"passed"}


def test_tiny_backbone_passes_every_check() -> None:
    report = check_backbone(tiny_backbone())
    assert [result.name for result in report.results] == list(NAMES)
    assert {result.outcome for result in report.results} == {"passed"}
    assert report.failed == report.waived == ()
    assert report.seconds == sum(result.seconds for result in report.results)
    notes = {result.name: result.note for result in report.results}
    assert notes["builds_offline"] == "1,964 parameters"
    assert notes["sizes"] == "8, 16, 8 x 21"
    assert notes["feature_shape"] == "(None, 2, 2, 12)"
    assert notes["trunk_and_tail"] == "4 of 10 cut points"


@pytest.mark.slow
def test_pooled_features_pass_too() -> None:
    subject = Subject(broken.ends_with(keras.layers.GlobalAveragePooling2D))
    for name in NAMES[2:]:
        BACKBONE_CHECKS[name](subject)


def test_checks_are_named_in_order_and_say_what_they_promise() -> None:
    assert tuple(BACKBONE_CHECKS) == NAMES
    for check in BACKBONE_CHECKS.values():
        assert (check.__doc__ or "").partition("\n")[0].endswith(".")
    with pytest.raises(TypeError):
        BACKBONE_CHECKS["mine"] = print  # type: ignore[index]


@pytest.mark.slow
def test_error_is_a_plugin_error_and_a_failed_assertion(error: BackboneCheckError) -> None:
    assert isinstance(error, PluginError)
    assert isinstance(error, AssertionError)
    assert error.__cause__ is report_of(error).failed[0].error


def test_error_names_every_failure_and_what_to_do_next(error: BackboneCheckError) -> None:
    message = str(error)
    assert message.startswith("'tiny' fails 3 of 12 checks:\n* save_and_load: It cannot be saved")
    assert "\n* spec_figures: RuntimeError: no facts today\n" in message
    assert "trunk_and_tail" not in message
    assert message.endswith("waive a check with the reason: waived={'save_and_load': 'why'}.")


def test_waived_check_shows_its_reason(error: BackboneCheckError) -> None:
    (waived,) = report_of(error).waived
    assert (waived.name, waived.note, waived.error) == ("trunk_and_tail", REASON, None)
    table = str(report_of(error))
    assert table.startswith("tiny: 12 checks in ")
    assert ", 3 failed, 1 waived\n" in table
    assert f"trunk_and_tail      waived  {waived.seconds:6.1f} s  {REASON}" in table


def test_waiver_that_is_no_longer_needed_fails(error: BackboneCheckError) -> None:
    (stale,) = [result for result in report_of(error).failed if result.name == "stock_layers"]
    assert stale.note.startswith("It passes, and it is waived: all are our own\nRemove the waiver")
    assert f"* stock_layers: {stale.note}" in str(error)


@pytest.mark.parametrize(
    ("waived", "message"),
    [
        ({"trunk_and_tale": REASON}, "names the check 'trunk_and_tale', expected one of light_imp"),
        ({"sizes": " "}, r"waived\['sizes'\]=' ', expected the reason why"),
        ({"sizes": None}, r"waived\['sizes'\]=None, expected the reason why"),
    ],
)
def test_waiver_without_a_check_or_a_reason_is_an_error(
    waived: Mapping[str, str], message: str
) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        check_backbone(tiny_backbone(), waived=waived)
    assert not isinstance(caught.value, AssertionError)


def test_backbone_is_given_by_name_or_spec() -> None:
    with pytest.raises(UnknownBackboneError, match="Did you mean mobilenet_v2"):
        check_backbone("mobilenet_v22")
    with pytest.raises(PluginError, match="expected the name of an installed backbone or a Back"):
        check_backbone([tiny_backbone()])  # type: ignore[arg-type]


def test_report_is_a_table_that_cannot_be_changed() -> None:
    results = (
        CheckResult("sizes", "passed", 1.26, "32, 224"),
        CheckResult("stock_layers", "failed", 0.0, "first line\nsecond line"),
    )
    report = CheckReport("net", results)
    assert str(report).splitlines() == [
        "net: 2 checks in 1.3 s, 1 failed",
        "  sizes               passed     1.3 s  32, 224",
        "  stock_layers        failed     0.0 s  first line",
    ]
    with pytest.raises(FrozenInstanceError):
        report.backbone = "other"  # type: ignore[misc]


def test_importing_the_kit_loads_neither_keras_nor_pytest() -> None:
    code = "import json, sys, tlkit.testing; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"keras", "tensorflow", "pytest", "sklearn"} & set(json.loads(done.stdout))


@pytest.mark.slow
def test_checked_models_are_given_back_also_after_a_failure() -> None:
    layers = []

    def build(image: Any, weights: str | None) -> Any:
        network = tiny_backbone().build(image, weights)
        layers.append(weakref.ref(network.layers[-1]))
        return network

    build.__module__ = "__main__"
    with pytest.raises(BackboneCheckError, match=r"\* light_import: .*\n\* spec_figures: ") as kept:
        check_backbone(broken.spoilt(build, parameters=1))
    assert report_of(kept.value).failed[1].error is not None
    assert len(layers) == 3, "the smallest is built once, then the default and an oblong one"
    assert [layer() for layer in layers] == [None] * 3


def test_trainable_flags_stay_as_the_builder_set_them() -> None:
    subject = Subject(tiny_backbone())
    subject.model.layers[2].trainable = False
    flags = [layer.trainable for layer in subject.model.layers]
    BACKBONE_CHECKS["frozen_stays"](subject)
    assert [layer.trainable for layer in subject.model.layers] == flags


@pytest.mark.parametrize("mode", PREPROCESSING)
def test_each_mode_is_compared_with_the_formula_of_keras(mode: str) -> None:
    images = Subject(tiny_backbone()).images.astype("float64")
    own = {"unit": images / 255, "raw": images}
    if mode not in own:
        own[mode] = keras.applications.imagenet_utils.preprocess_input(images.copy(), mode=mode)
    np.testing.assert_allclose(published(mode, images), own[mode], rtol=0, atol=1e-9)
    BACKBONE_CHECKS["input_range"](Subject(broken.changed(preprocessing=mode)))


def test_input_stage_of_another_mode_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(broken.changed(preprocessing="caffe"))
    assert subject.model.name == "tiny"
    monkeypatch.setattr(subject, "spec", broken.changed(preprocessing="torch"))
    with pytest.raises(BackboneCheckError, match=r"the formula of preprocessing='torch' differ by"):
        BACKBONE_CHECKS["input_range"](subject)
