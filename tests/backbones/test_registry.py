"""Backbones by name: aliases, near misses, and names that two distributions claim."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tlkit
from tlkit.backbones.registry import Registry, plugin_failures
from tlkit.errors import DuplicateBackboneError, UnknownBackboneError
from tlkit.testing import tiny_backbone


def spec(name: str, distribution: str = "one", *aliases: str) -> tlkit.BackboneSpec:
    """The tiny backbone under another name."""
    return replace(tiny_backbone(), name=name, distribution=distribution, aliases=aliases)


@pytest.mark.parametrize(
    "name", ["mobilenet_v2", "MobileNetV2", "MOBILENET_V2", "mobilenet-v2", "MobileNet-V2"]
)
def test_case_and_dashes_and_keras_names_do_not_matter(name: str) -> None:
    assert tlkit.get_backbone(name).name == "mobilenet_v2"


def test_every_keras_class_name_is_an_alias() -> None:
    for found in tlkit.list_backbones():
        for name in (found.name, *found.aliases):
            assert tlkit.get_backbone(name) is found


def test_backbones_are_listed_by_name_and_pattern() -> None:
    registry = Registry([spec("net_b"), spec("net_a"), spec("other", "one", "net_alias")])
    assert [s.name for s in registry.list()] == ["net_a", "net_b", "other"]
    assert [s.name for s in registry.list("net_*")] == ["net_a", "net_b"]
    assert [s.name for s in registry.list("NET_?")] == ["net_a", "net_b"]
    assert registry.list("zzz") == ()


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("xcepton", "xception"),
        ("resnet5", "resnet50"),
        ("VGG-61", "vgg16"),
        ("efficentnet_b0", "ef"),
    ],
)
def test_unknown_name_offers_near_misses(asked: str, near: str) -> None:
    with pytest.raises(
        UnknownBackboneError, match=f"No backbone is called '{asked}'.*mean.*{near}"
    ):
        tlkit.get_backbone(asked)
    with pytest.raises(LookupError):
        tlkit.get_backbone(asked)


def test_name_that_is_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(UnknownBackboneError, match=r"Installed: a_net, b_net\. tlkit\.list_backb"):
        Registry([spec("a_net"), spec("b_net")]).get("qqqqqq")


def test_nothing_installed_is_said() -> None:
    with pytest.raises(UnknownBackboneError, match="No backbone is called 'x'"):
        Registry([]).get("x")


def test_name_of_two_distributions_is_an_error_that_names_both() -> None:
    registry = Registry([spec("net", "one"), spec("net", "two"), spec("other")])
    with pytest.raises(DuplicateBackboneError, match=r"'net' is provided by 'one' and 'two'\. "):
        registry.get("net")
    assert registry.get("other").name == "other"
    assert [(s.name, s.distribution) for s in registry.list("net")] == [
        ("net", "one"),
        ("net", "two"),
    ]


def test_way_out_of_a_duplicate_works_as_it_is_printed() -> None:
    registry = Registry([spec("my_net", "one", "MyNet"), spec("my_net", "two", "MyNet")])
    for asked in ("my_net", "My-Net", "MyNet"):
        with pytest.raises(DuplicateBackboneError, match=r"list_backbones\('my_net'\) if s.dis"):
            registry.get(asked)


def test_alias_that_is_the_name_of_another_is_an_error() -> None:
    registry = Registry([spec("net", "one"), spec("other", "two", "Net")])
    with pytest.raises(DuplicateBackboneError, match="'one' and 'two'"):
        registry.get("net")
    assert registry.get("other").distribution == "two"


def test_everything_that_is_installed_here_loads() -> None:
    assert plugin_failures() == ()
