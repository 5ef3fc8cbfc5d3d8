"""The checks that tlkit has for every backbone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tlkit.testing import parametrize_backbones


@parametrize_backbones("efficientnet_lite0")
def test_backbone_passes(check: Callable[[], None]) -> None:
    check()


@pytest.mark.slow
@parametrize_backbones(["efficientnet_lite1", "efficientnet_lite2"])
def test_larger_backbone_passes(check: Callable[[], None]) -> None:
    check()
