"""Plugins are loaded one by one; a broken one is kept, shown, and harms nobody."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import tlkit
from tlkit.backbones.plugins import (
    GROUP,
    PluginFailure,
    collect_specs,
    create_plugin_manager,
    installed_plugins,
    load_plugins,
)
from tlkit.backbones.registry import Registry
from tlkit.errors import PluginError, UnknownBackboneError

GOOD = """
    import tlkit
    from tlkit.backbones.spec import BackboneSpec

    def spec(name, **facts):
        return BackboneSpec(
            name=name, family="F", build=print, preprocessing="raw", default_size=32,
            min_size=32, feature_count=8, parameters=1, **facts)

    @tlkit.hookimpl
    def tlkit_backbones():
        return [spec("{name}")]
"""


@dataclass
class Distribution:
    """Stands for an installed distribution."""

    name: str


Plugin = Callable[..., EntryPoint]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Write a module and give its entry point, as if a distribution had brought it."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, source: str = GOOD, distribution: str = "") -> EntryPoint:
        distribution = distribution or f"dist-{name}"
        module = f"plugin_{name}_{distribution}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source.replace("{name}", name)))
        monkeypatch.delitem(sys.modules, module, raising=False)
        point = EntryPoint(name, module, GROUP)
        vars(point).update(dist=Distribution(distribution))
        return point

    return make


def registry_of(*points: EntryPoint) -> Registry:
    """What is found with just these plugins installed."""
    manager = create_plugin_manager()
    failures = load_plugins(manager, points)
    specs, more = collect_specs(manager)
    return Registry(specs, [*failures, *more])


def names(registry: Registry) -> list[str]:
    """Names of all backbones."""
    return [spec.name for spec in registry.list()]


def test_plugin_provides_backbones_and_is_named_as_their_origin(plugin: Plugin) -> None:
    registry = registry_of(plugin("alpha"), plugin("beta"))
    assert names(registry) == ["alpha", "beta"]
    assert registry.get("alpha").distribution == "dist-alpha"
    assert registry.failures == ()


BROKEN = {
    "import": ("raise RuntimeError('no GPU')", RuntimeError, "no GPU"),
    "syntax": ("def", SyntaxError, "invalid syntax"),
    "missing": ("import no_such_package", ModuleNotFoundError, "no_such_package"),
    "no hook": ("x = 1", PluginError, "marks no function tlkit_backbones with @tlkit.hookimpl"),
    "not marked": (
        "def tlkit_backbones(): return []",
        PluginError,
        "marks no function tlkit_backbones with @tlkit.hookimpl",
    ),
    "misspelt": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbone(): return []",
        PluginError,
        "marks no function tlkit_backbones with @tlkit.hookimpl",
    ),
    "arguments": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(app): return []",
        Exception,
        "'app'",
    ),
    "raises": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): return [][0]",
        IndexError,
        "out of range",
    ),
    "returns None": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): pass",
        PluginError,
        "returned NoneType, expected an iterable of BackboneSpec",
    ),
    "returns one": (
        GOOD.replace("[spec(", "(spec(").replace(")]", "))"),
        PluginError,
        "returned BackboneSpec, expected an iterable.*also for a single backbone",
    ),
    "returns text": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): return 'net'",
        PluginError,
        "returned str, expected an iterable",
    ),
    "returns names": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): return ['net']",
        PluginError,
        "returned a str among its backbones",
    ),
    "bad field": (
        GOOD.replace('spec("{name}")', 'spec("{name}", weights=("x",)), spec("Bad Name")'),
        PluginError,
        "name='Bad Name', expected snake case",
    ),
}


@pytest.mark.parametrize(("source", "kind", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_plugin_is_kept_and_shown_and_harms_nobody(
    plugin: Plugin, source: str, kind: type[Exception], text: str
) -> None:
    points = (plugin("alpha"), plugin("broken", source), plugin("gamma"))
    registry = registry_of(*points)
    assert names(registry) == ["alpha", "gamma"]
    (failure,) = registry.failures
    assert (failure.plugin, failure.distribution) == ("broken", "dist-broken")
    assert isinstance(failure.error, kind)
    with pytest.raises(kind, match=text):
        raise failure.error
    with pytest.raises(UnknownBackboneError) as unknown:
        registry.get("alphaa")
    assert "Did you mean alpha?" in str(unknown.value)
    assert f"Not loaded: plugin 'broken' of 'dist-broken': {kind.__name__}"[:40] in str(
        unknown.value
    )
    with pytest.raises(PluginError, match="'broken_b0' cannot be had: plugin 'broken'") as caught:
        registry.get("broken_b0")
    assert caught.value.__cause__ is failure.error
    assert "Repair or uninstall 'dist-broken'" in str(caught.value)


def test_two_distributions_with_one_entry_point_name_are_both_refused_and_named(
    plugin: Plugin,
) -> None:
    points = (plugin("net", distribution="b-dist"), plugin("net", distribution="a-dist"))
    for order in (points, points[::-1]):
        registry = registry_of(*order, plugin("other"))
        assert names(registry) == ["other"]
        assert [failure.distribution for failure in registry.failures] == [
            point.dist.name  # type: ignore[union-attr]
            for point in order
        ]
        with pytest.raises(PluginError, match=r"provided by a-dist and b-dist\. Uninstall one"):
            registry.get("net")


def test_one_module_under_two_names_is_a_failure_of_the_second(plugin: Plugin) -> None:
    first = plugin("alpha")
    second = EntryPoint("again", first.value, GROUP)
    vars(second).update(dist=first.dist)
    registry = registry_of(first, second)
    assert names(registry) == ["alpha"]
    assert [failure.plugin for failure in registry.failures] == ["again"]


def test_plugin_without_a_distribution_still_works(plugin: Plugin) -> None:
    point = plugin("alpha")
    registry = registry_of(EntryPoint(point.name, point.value, GROUP))
    assert registry.get("alpha").distribution == "unknown distribution"


def test_ctrl_c_while_a_plugin_loads_is_not_swallowed(plugin: Plugin) -> None:
    with pytest.raises(KeyboardInterrupt):
        registry_of(plugin("broken", "raise KeyboardInterrupt"))


def test_managers_share_nothing(plugin: Plugin) -> None:
    assert names(registry_of(plugin("alpha"))) == ["alpha"]
    assert names(registry_of(plugin("beta"))) == ["beta"]
    assert names(registry_of()) == []


def test_own_backbones_come_through_the_same_door() -> None:
    points = [point for point in installed_plugins() if point.value.startswith("tlkit.")]
    assert len(points) == 10
    registry = registry_of(*points)
    assert registry.failures == ()
    assert len(names(registry)) == 22
    assert {spec.distribution for spec in registry.list()} == {"tlkit"}


def test_failure_reads_as_one_line() -> None:
    failure = PluginFailure("net", "dist", ValueError("bad"))
    assert str(failure) == "plugin 'net' of 'dist': ValueError: bad"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "Net", "snake case such as 'my_net_b0'"),
        ("name", "net-b0", "snake case"),
        ("name", "", "snake case"),
        ("name", 3, "snake case"),
        ("build", None, r"a function build\(input_tensor, weights\)"),
        ("preprocessing", "imagenet", "one of caffe, tf, torch, unit, raw"),
        ("default_size", 0, "a positive integer"),
        ("min_size", 2.5, "a positive integer"),
        ("feature_count", "8", "a positive integer"),
        ("parameters", -1, "a positive integer"),
        ("min_size", 64, "at most default_size=32"),
    ],
)
def test_spec_checks_its_fields(field: str, value: Any, expected: str) -> None:
    facts: dict[str, Any] = {
        "name": "net",
        "family": "F",
        "build": print,
        "preprocessing": "raw",
        "default_size": 32,
        "min_size": 32,
        "feature_count": 8,
        "parameters": 1,
    }
    tlkit.BackboneSpec(**facts)
    with pytest.raises(PluginError, match=rf"{field}=.*, expected {expected}.*Correct the plugin"):
        tlkit.BackboneSpec(**{**facts, field: value})
