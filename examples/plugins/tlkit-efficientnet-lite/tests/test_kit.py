"""The checks that tlkit has for every backbone."""

from __future__ import annotations

from collections.abc import Callable

from tlkit.testing import parametrize_backbones


@parametrize_backbones(["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_backbone_passes(check: Callable[[], None]) -> None:
    check()
