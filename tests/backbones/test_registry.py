"""Backbones by name: aliases, near misses, and names that two distributions claim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tlkit
from tlkit._plugins.discovery import Discovery, PluginFailure, SlowPlugin
from tlkit.backbones.registry import Registry, installed_registry, plugin_failures
from tlkit.errors import DuplicateBackboneError, UnknownBackboneError
from tlkit.testing import tiny_backbone


def spec(name: str, distribution: str = "one", *aliases: str) -> tlkit.BackboneSpec:
    """The tiny backbone under another name."""
    return replace(tiny_backbone(), name=name, distribution=distribution, aliases=aliases)


def registry(*specs: tlkit.BackboneSpec) -> Registry:
    """A registry of just these."""
    return Registry(Discovery(list(specs)))


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
    found = registry(spec("net_b"), spec("net_a"), spec("other", "one", "net_alias"))
    assert [s.name for s in found.list()] == ["net_a", "net_b", "other"]
    assert [s.name for s in found.list("net_?")] == ["net_a", "net_b"]
    assert [s.name for s in found.list("NET_A*")] == ["net_a", "other"], "an alias counts too"
    assert found.list("zzz") == ()


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
        registry(spec("a_net"), spec("b_net")).get("qqqqqq")


def test_nothing_installed_is_said() -> None:
    with pytest.raises(UnknownBackboneError, match="No backbone is called 'x'"):
        registry().get("x")


def test_name_of_two_distributions_is_an_error_that_names_both() -> None:
    found = registry(spec("net", "one"), spec("net", "two"), spec("other"))
    with pytest.raises(DuplicateBackboneError, match=r"'net' is provided by 'one' and 'two'\. "):
        found.get("net")
    assert found.get("other").name == "other"
    assert [(s.name, s.distribution) for s in found.list("net")] == [
        ("net", "one"),
        ("net", "two"),
    ]


@pytest.mark.parametrize("asked", ["my_net", "My-Net", "MyNet"])
def test_way_out_of_a_duplicate_works_as_it_is_printed(asked: str) -> None:
    found = registry(spec("my_net", "one", "MyNet"), spec("my_net", "two-b", "MyNet"))
    with pytest.raises(
        DuplicateBackboneError, match="which you mean: 'one:my_net' or 'two-b:my_net'"
    ):
        found.get(asked)
    assert found.get("one:my_net").distribution == "one"
    assert found.get(f"Two_B:{asked}").distribution == "two-b"


def test_chosen_distribution_without_that_backbone_is_unknown() -> None:
    with pytest.raises(UnknownBackboneError, match=r"called 'two:net'\. Did you mean net\?"):
        registry(spec("net", "one")).get("two:net")


def test_alias_does_not_take_the_name_of_another_backbone() -> None:
    found = registry(spec("net", "one"), spec("other", "two", "Net"))
    assert found.get("net").distribution == "one"
    assert found.get("other").distribution == "two"
    with pytest.raises(DuplicateBackboneError, match="'one' and 'two'"):
        found.get("Net")


@pytest.mark.parametrize("name", [spec.name for spec in tlkit.list_backbones()])
def test_names_that_differ_in_one_letter_find_the_right_one(name: str) -> None:
    for wrong in (name + "x", name[0] + name[2:], name[1:]):
        with pytest.raises(UnknownBackboneError, match=rf"mean .*\b{name}\b.*\?"):
            tlkit.get_backbone(wrong)


def test_name_of_a_family_offers_its_members() -> None:
    with pytest.raises(UnknownBackboneError, match="mean resnet101 or resnet101_v2 or resnet152 o"):
        tlkit.get_backbone("ResNet")
    with pytest.raises(UnknownBackboneError, match=r"mean efficientnet_v2_b0 or .*v2_b3\? "):
        tlkit.get_backbone("EfficientNetV2B")


def test_listing_reads_as_a_table_with_what_went_wrong_under_it() -> None:
    discovery = Discovery(
        [spec("net_b", "one"), spec("a", "two")],
        [PluginFailure("broken", "three", ValueError("no"))],
        [SlowPlugin("sleeper", "four", 5.04)],
        {"twin": ("five", "six")},
    )
    lines = str(Registry(discovery).list()).splitlines()
    assert lines[0].split() == [
        *("name", "family", "pixels", "least", "features", "parameters", "top-1"),
        *("input", "weights", "licence", "distribution"),
    ]
    assert lines[1].split() == ["a", "tlkit.testing", "16", "8", "12", "1,964", "tf", "two"]
    assert lines[2].startswith("net_b  tlkit.testing")
    assert lines[3] == "Not loaded: plugin 'broken' of 'three': ValueError: no"
    assert lines[4].startswith("Slow: plugin 'sleeper' of 'four' took 5.0 s to load.")
    assert lines[5].endswith("Ask for a backbone of one of them as 'five:NAME'.")


def test_listing_is_a_tuple_and_shows_as_a_page_and_as_a_data_frame() -> None:
    found = Registry(
        Discovery([spec("net"), spec("other")], [PluginFailure("x", "y", ValueError("<b>"))])
    ).list()
    assert isinstance(found, tuple)
    assert [each.name for each in found] == ["net", "other"]
    page = found._repr_html_()
    assert page.count("<tr>") == 3
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    frame = found.to_dataframe()
    assert list(frame.index) == ["net", "other"]
    assert frame.loc["net", "feature_count"] == 12
    assert "build" not in frame


def test_the_docs_show_the_listing_as_it_prints() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text("utf-8")
    unhurried = replace(installed_registry().discovery, slow=[])  # what a busy machine adds
    assert f"```text\n{Registry(unhurried).list('*net1*')}\n```" in page


def test_listing_of_nothing_is_an_empty_table() -> None:
    assert registry().list() == ()
    assert str(registry().list()).split()[0] == "name"
    assert registry().list().to_dataframe().empty


def test_everything_that_is_installed_here_loads() -> None:
    assert plugin_failures() == ()
