"""The checks as tests of pytest: names, waivers, and one model for all tests of a backbone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlkit
from tests.testing import broken
from tlkit.errors import PluginError, UnknownBackboneError
from tlkit.testing import BACKBONE_CHECKS, parametrize_backbones, tiny_backbone
from tlkit.testing.parametrize import BackboneCheck, SharedSubject

# One small network of each kind of input: scaled by tlkit in two ways, and by itself.
SMALL = ("mobilenet_v2", "efficientnet_b0", "vgg16")


@pytest.mark.slow
@parametrize_backbones(SMALL[0])
def test_built_in_backbone_passes(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@parametrize_backbones(SMALL[1:])
def test_others_pass(check: Callable[[], None]) -> None:
    check()


def params(*given: Any, **settings: Any) -> list[Any]:
    """What the decorator hands to pytest."""
    names, values = parametrize_backbones(*given, **settings).args
    assert names == "check"
    return list(values)


def test_tests_are_named_after_backbone_and_check() -> None:
    found = params([tiny_backbone(), "mobilenet_v2"])
    ids = [f"{name}-{check}" for name in ("tiny", "mobilenet_v2") for check in BACKBONE_CHECKS]
    assert [param.id for param in found] == ids
    assert not any(param.marks for param in found)
    assert found[-1].values == (BackboneCheck(tlkit.get_backbone("mobilenet_v2"), "spec_figures"),)


@pytest.mark.parametrize("given", ["xception", (spec for spec in [tiny_backbone()])])
def test_backbones_are_one_or_several(given: Any) -> None:
    assert len(params(given)) == len(BACKBONE_CHECKS)


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(PluginError, match="received no backbone, expected at least one"):
        parametrize_backbones(tlkit.list_backbones("no_such_net*"))
    with pytest.raises(UnknownBackboneError):
        parametrize_backbones("no_such_net")
    with pytest.raises(PluginError, match="expected the name of an installed backbone"):
        parametrize_backbones(tiny_backbone)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="names the check 'size', expected one of"):
        parametrize_backbones("xception", waived={"size": "is a guess"})


@pytest.mark.slow
def test_tests_of_one_backbone_share_its_model() -> None:
    shared, first, second = SharedSubject(), tiny_backbone(), broken.spoilt(broken.nested)
    subject = shared.subject(first)
    model = subject.model
    assert shared.subject(first).model is model
    assert shared.subject(second).model is not model
    assert shared.subject(first) is not subject, "only one is kept"


SCRATCH = """
from tests.testing import broken, heavy
from tlkit.testing import parametrize_backbones, tiny_backbone

@parametrize_backbones(broken.spoilt(heavy.build), waived={"light_import": "needs its tables"})
def test_waived(check):
    check()

@parametrize_backbones(tiny_backbone(), waived={"light_import": "was slow once"})
def test_stale(check):
    check()

@parametrize_backbones(tiny_backbone())
def test_plain(check):
    check()
"""


@pytest.mark.slow
def test_waived_checks_are_expected_to_fail_and_stale_waivers_fail(tmp_path: Path) -> None:
    (tmp_path / "test_scratch.py").write_text(SCRATCH)
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "-q", "-rA", "-k", "light_import"]
    root = Path(__file__).parents[2]
    done = subprocess.run([*command, tmp_path], cwd=root, capture_output=True, text=True)
    assert "1 failed, 1 passed, 33 deselected, 1 xfailed" in done.stdout, done.stdout
    assert re.search(r"XFAIL \S*test_waived\[tiny-light_import\] - needs its tables", done.stdout)
    assert re.search(r"PASSED \S*test_plain\[tiny-light_import\]", done.stdout)
    assert re.search(r"FAILED \S*test_stale\[tiny-light_import\]", done.stdout)
    assert "[XPASS(strict)] was slow once" in done.stdout
