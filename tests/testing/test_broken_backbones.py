"""What plugins get wrong: each fault fails the check that is named for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import few, thorough
from tests.testing import broken, heavy
from tlkit import BackboneSpec
from tlkit.testing import BACKBONE_CHECKS, BackboneCheckError, check_backbone
from tlkit.testing.subject import Subject

# One for each check; each fails no other.
FAULTS: dict[str, tuple[BackboneSpec, str]] = {
    "light_import": (
        broken.spoilt(heavy.build),
        r"Importing tests\.testing\.heavy .* loads sklearn and takes \d+\.\d s, expected no framew",
    ),
    "builds_offline": (
        broken.spoilt(broken.asks_the_network),
        r"asks the network for weights\.example\.org:443, expected random weights without a netw",
    ),
    "named_weights": (
        broken.spoilt(broken.lacks_its_weights, weights=("flowers",)),
        r"weights='flowers', which the spec names, is not available: .*flowers\.weights\.h5(?s:.*)"
        "Look whether the built wheel holds the file",
    ),
    "sizes": (
        broken.spoilt(broken.square_only),
        r"At image_size=\(8, 21\) and weights=None it cannot be built: ValueError: 8 x 21 is not "
        r"square\nExpected a model at every size from min_size=8 upwards",
    ),
    "feature_shape": (
        broken.ends_with(broken.tokens),
        r"has the shape \(None, 4, 12\), expected a feature map \(None, h, w, channels\) or",
    ),
    "batch_independence": (
        broken.ends_with(broken.statistics_of_the_batch, parameters=1964 + 48),
        r"one image in a batch of copies and in one of other images differ by \S+ of the largest "
        "magnitude, expected at most 1e-05. Look for statistics taken over the batch",
    ),
    "frozen_stays": (
        broken.ends_with(broken.rewrites_itself, parameters=1964 + 12 * 12 + 12),
        "1 frozen layers changed during training, the first of them 'spectral_normalization",
    ),
    "trunk_and_tail": (
        broken.spoilt(broken.two_streams, preprocessing="raw", feature_count=15),
        "has no cut point, .* Look for a connection that runs from the input past all layers",
    ),
    "save_and_load": (
        broken.ends_with(broken.nameless_initializer, parameters=1964 + 12 * 12),
        "cannot be saved as backbone.keras and loaded again: .*Could not interpret initializer",
    ),
    "stock_layers": (
        broken.ends_with(broken.own_layer),
        r"'doubled\w*' uses tests\.testing\.broken\.own_layer\.<locals>\.Doubled, expected layers",
    ),
    "input_range": (
        broken.ends_with(broken.dead),
        "Images of noise and black have the same features, expected different ones",
    ),
    "spec_figures": (
        broken.changed(parameters=1965, feature_count=13),
        "parameters=1965, and the model of 8 pixels has 1964.\nfeature_count=13, and the model of "
        "8 pixels has 12.\nCorrect the BackboneSpec.",
    ),
}

MORE_FAULTS: dict[str, tuple[str, BackboneSpec, str]] = {
    "asks for an address": (
        "builds_offline",
        broken.spoilt(broken.needs_the_network),
        r"asks the network for 192\.0\.2\.1:443",
    ),
    "flattened": (
        "sizes",
        broken.ends_with(broken.flatten, feature_count=48),
        "192 features at image_size=16 and 48 at 8, expected as many at each",
    ),
    "not a number": (
        "sizes",
        broken.ends_with(broken.root),
        "At its smallest size, 8, and with random weights some features are not finite numbers",
    ),
    "a layer used twice": (
        "trunk_and_tail",
        broken.spoilt(broken.used_twice),
        "uses the layer 'again' in more than one place, so it cannot be cut",
    ),
    "a layer of its own inside others": (
        "stock_layers",
        broken.ends_with(broken.wrapped_own_layer),
        "Doubled, expected layers that Keras ships",
    ),
    "an activation of its own": (
        "stock_layers",
        broken.ends_with(broken.own_activation),
        r"'activation\w*' uses tests\.testing\.broken\.own_activation\.<locals>\.thrice, expected ",
    ),
    "around the input stage": (
        "input_range",
        broken.spoilt(broken.around_the_input_stage),
        "goes around its preprocessing: 'stem_conv' reads the source of input_tensor",
    ),
    "past the input stage": (
        "input_range",
        broken.spoilt(broken.past_the_input_stage),
        "goes around its preprocessing: 'add\\w*' reads the source of input_tensor",
    ),
    "facts": (
        "spec_figures",
        broken.changed(weights="imagenet", top1=75.1, paper="arXiv:1905.11946"),
        r"weights='imagenet', expected a tuple .*\ntop1=75.1, expected a share between 0 and 1.*\n"
        r"top1=75.1 without top1_source, .*\npaper='arXiv:1905.11946', expected an address",
    ),
}


def failed_checks(spec: BackboneSpec) -> dict[str, str]:
    """The notes of the checks that a backbone fails, by name."""
    with pytest.raises(BackboneCheckError) as caught:
        check_backbone(spec)
    assert caught.value.report is not None
    return {result.name: result.note for result in caught.value.report.failed}


def test_every_check_has_a_fault_of_its_own() -> None:
    assert list(FAULTS) == list(BACKBONE_CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_fault_fails_the_check_that_is_named_for_it(check: str) -> None:
    spec, message = FAULTS[check]
    with pytest.raises(BackboneCheckError, match=f"(?s:{message})"):
        BACKBONE_CHECKS[check](Subject(spec))


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", ["stock_layers", *thorough(*(name for name in FAULTS if name != "stock_layers"))]
)
def test_fault_fails_no_other_check(check: str) -> None:
    assert list(failed_checks(FAULTS[check][0])) == [check]


@pytest.mark.parametrize(
    ("check", "spec", "message"), few(MORE_FAULTS.values(), 4), ids=MORE_FAULTS
)
def test_fault_is_told_with_what_to_do_next(check: str, spec: BackboneSpec, message: str) -> None:
    with pytest.raises(BackboneCheckError, match=f"(?s:{message})"):
        BACKBONE_CHECKS[check](Subject(spec))


@pytest.mark.slow
def test_random_features_fail_every_check_that_compares_them() -> None:
    failed = failed_checks(broken.ends_with(broken.noise))
    assert set(failed) == {"batch_independence", "trunk_and_tail", "save_and_load", "input_range"}
    assert "Two calls with the same images differ" in failed["batch_independence"]
    assert "called with training=True" in failed["batch_independence"]
    assert "Trunk and tail, cut at 'preprocess', and the whole" in failed["trunk_and_tail"]


def test_lambda_can_neither_be_loaded_safely_nor_elsewhere() -> None:
    subject = Subject(broken.ends_with(broken.lambda_layer))
    with pytest.raises(BackboneCheckError, match=r"cannot be saved as .* and loaded again"):
        BACKBONE_CHECKS["save_and_load"](subject)
    with pytest.raises(BackboneCheckError, match="expected layers that Keras ships and no Lambda"):
        BACKBONE_CHECKS["stock_layers"](subject)


def test_file_in_the_download_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.h5").write_bytes(b"from another day")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    subject = Subject(broken.spoilt(broken.writes_a_download))
    with pytest.raises(BackboneCheckError) as caught:
        BACKBONE_CHECKS["builds_offline"](subject)
    assert f"builder writes {tmp_path / 'mynet.h5'}, expected nothing" in str(caught.value)


@pytest.mark.slow
def test_backbone_that_cannot_be_built_at_its_smallest_size_says_so_once() -> None:
    with pytest.raises(BackboneCheckError) as caught:
        check_backbone(broken.spoilt(broken.too_small))
    message = str(caught.value)
    assert "fails 10 of 12 checks" in message
    assert message.count("At image_size=8 and weights=None it cannot be built: ValueError") == 1
    assert "* builds_offline, sizes, feature_shape, batch_independence, frozen_stays" in message
    assert "Repair the builder, or raise min_size." in message


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("__main__", "defined in __main__, which a fresh interpreter does not have.* Move the bui"),
        ("no_such_module", "cannot import no_such_module, .* ModuleNotFoundError: No module named"),
    ],
)
def test_builder_that_nobody_can_import_is_told_to_move(module: str, message: str) -> None:
    def build(image: object, weights: str | None) -> None: ...

    build.__module__ = module
    with pytest.raises(BackboneCheckError, match=message):
        BACKBONE_CHECKS["light_import"](Subject(broken.spoilt(build)))
