"""What tlkit sees: three specs, through its hook, without a framework."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from tlkit_efficientnet_lite import plugin

from tlkit import BackboneSpec, get_backbone, list_backbones

NAMES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]


def test_the_entry_point_leads_to_the_plugin() -> None:
    (point,) = entry_points(group="tlkit.backbones", name="efficientnet_lite")
    assert point.load() is plugin
    assert point.dist is not None
    assert point.dist.name == "tlkit-efficientnet-lite"


def test_the_hook_returns_the_three_specs() -> None:
    specs = plugin.tlkit_backbones()
    assert [spec.name for spec in specs] == NAMES
    assert [spec.default_size for spec in specs] == [224, 240, 260]
    assert [spec.top1 for spec in specs] == [0.751, 0.767, 0.776]
    assert all(isinstance(spec, BackboneSpec) and spec.preprocessing == "tf" for spec in specs)


def test_tlkit_lists_the_backbones_with_their_distribution() -> None:
    found = [spec for spec in list_backbones("efficientnet_lite*") if spec.name in NAMES]
    assert [spec.name for spec in found] == NAMES
    assert {spec.distribution for spec in found} == {"tlkit-efficientnet-lite"}


@pytest.mark.parametrize("name", NAMES)
def test_tlkit_finds_each_by_name(name: str) -> None:
    assert get_backbone(name).weights == ("imagenet",)


def test_importing_the_plugin_and_listing_loads_no_framework() -> None:
    code = (
        "import sys\n"
        "from tlkit_efficientnet_lite.plugin import tlkit_backbones\n"
        "assert len(tlkit_backbones()) == 3\n"
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
