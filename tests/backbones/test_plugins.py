"""Plugins are loaded one by one; a broken one is kept, shown, and harms nobody."""

from __future__ import annotations

import signal
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import tlkit
from tlkit._plugins.discovery import SLOW_SECONDS, PluginFailure, discover
from tlkit._plugins.group import PluginGroup
from tlkit._plugins.hooks import HOOK_VERSION
from tlkit.backbones.registry import BACKBONES, Registry, installed_registry
from tlkit.errors import DuplicateBackboneError, PluginError, UnknownBackboneError

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
        point = EntryPoint(name, module, BACKBONES.name)
        vars(point).update(dist=Distribution(distribution))
        return point

    return make


def registry_of(*points: EntryPoint) -> Registry:
    """What is found with just these plugins installed."""
    return Registry(discover(BACKBONES, points))


def names(registry: Registry) -> list[str]:
    """Names of all backbones."""
    return [spec.name for spec in registry.list()]


def test_plugin_provides_backbones_and_is_named_as_their_origin(plugin: Plugin) -> None:
    registry = registry_of(plugin("alpha"), plugin("beta"))
    assert names(registry) == ["alpha", "beta"]
    assert registry.get("alpha").distribution == "dist-alpha"
    assert registry.get("alpha").plugin == "alpha"
    assert registry.discovery.failures == []
    assert registry.list().notes() == []


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
        r"implements tlkit_backbone, a hook that is not there\. Did you mean tlkit_backbones\?",
    ),
    "hook of another version": (
        GOOD + "\n    @tlkit.hookimpl\n    def tlkit_report_page(): return 1",
        PluginError,
        f"tlkit_report_page, a hook that is not there.*has version {HOOK_VERSION} of the hooks",
    ),
    "arguments of another version": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(app): return []",
        PluginError,
        rf"(?s)'app'.*has version {HOOK_VERSION} of the hooks: install versions of tlkit",
    ),
    "another version": (
        GOOD + "\n    tlkit_hook_version = 7",
        PluginError,
        rf"made for version 7 of the hooks\. tlkit .* has version {HOOK_VERSION} of the hooks",
    ),
    "exits": ("import sys; sys.exit('no licence')", SystemExit, "no licence"),
    "interrupts by itself": ("raise KeyboardInterrupt('of its own')", KeyboardInterrupt, "own"),
    "closes": ("raise GeneratorExit('closed')", GeneratorExit, "closed"),
    "panics as Rust does": (
        "class PanicException(BaseException): pass\nraise PanicException('called unwrap')",
        BaseException,
        "called unwrap",
    ),
    "interrupts when asked": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): raise KeyboardInterrupt('asked')",
        KeyboardInterrupt,
        "asked",
    ),
    "exits when asked": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_backbones(): raise SystemExit(3)",
        SystemExit,
        "3",
    ),
    "generator that breaks": (
        GOOD.replace("return [spec", "yield spec").replace('")]', '"); 1 / 0'),
        ZeroDivisionError,
        "division by zero",
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
    plugin: Plugin, source: str, kind: type[BaseException], text: str
) -> None:
    points = (plugin("alpha"), plugin("broken", source), plugin("gamma"))
    registry = registry_of(*points)
    assert names(registry) == ["alpha", "gamma"]
    (failure,) = registry.discovery.failures
    assert registry.list().notes() == [f"Not loaded: {failure}"]
    assert str(registry.list()).endswith(f"Not loaded: {failure}")
    assert (failure.plugin, failure.distribution) == ("broken", "dist-broken")
    assert isinstance(failure.error, kind)
    with pytest.raises(kind, match=text):
        raise failure.error
    with pytest.raises(UnknownBackboneError) as unknown:
        registry.get("alphaa")
    assert "Did you mean alpha?" in str(unknown.value)
    assert "Not loaded: plugin 'broken' of 'dist-broken': " in str(unknown.value)
    with pytest.raises(
        PluginError, match="'broken_b0' is not available: plugin 'broken'"
    ) as caught:
        registry.get("broken_b0")
    assert caught.value.__cause__ is failure.error
    assert "Repair or uninstall 'dist-broken'" in str(caught.value)


def test_plugins_may_be_objects_of_one_module(plugin: Plugin) -> None:
    source = """
        import dataclasses
        import tlkit
        from tlkit.testing import tiny_backbone

        @dataclasses.dataclass(frozen=True)
        class Networks:
            name: str

            @tlkit.hookimpl
            def tlkit_backbones(self):
                return [dataclasses.replace(tiny_backbone(), name=self.name)]

        one, two, three = Networks("net_one"), Networks("net_two"), Networks("Net Three")
    """
    module = plugin("nets", source)
    points = [EntryPoint(n, f"{module.value}:{n}", module.group) for n in ("one", "two", "three")]
    registry = registry_of(*points)
    assert [(spec.name, spec.plugin) for spec in registry.list()] == [
        ("net_one", "one"),
        ("net_two", "two"),
    ]
    assert [failure.plugin for failure in registry.discovery.failures] == ["three"]


def test_two_distributions_with_one_plugin_name_are_an_error_that_names_both_and_the_way_out(
    plugin: Plugin,
) -> None:
    points = (
        plugin("net", GOOD.replace("{name}", "net_b"), distribution="b-dist"),
        plugin("net", GOOD.replace("{name}", "net_a"), distribution="a-dist"),
    )
    for order in (points, points[::-1]):
        registry = registry_of(*order, plugin("other"))
        assert names(registry) == ["net_a", "net_b", "other"]
        assert registry.get("other").distribution == "dist-other"
        with pytest.raises(
            DuplicateBackboneError,
            match=r"'net', to which 'net_a' belongs, is provided by 'a-dist' and 'b-dist'\. Uninst",
        ):
            registry.get("net_a")
        assert registry.get("a-dist:net_a").distribution == "a-dist"
        assert registry.get("B_Dist:Net-B").distribution == "b-dist"
        (note,) = registry.list().notes()
        assert note.startswith("Two of a name: plugin 'net' is in 'a-dist' and in 'b-dist'.")


def test_slow_plugin_is_named_and_can_be_switched_off(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f"import time; time.sleep({SLOW_SECONDS + 0.05})\n" + textwrap.dedent(GOOD)
    points = (plugin("alpha"), plugin("sleeper", slow), plugin("omega"))
    registry = registry_of(*points)
    assert names(registry) == ["alpha", "omega", "sleeper"]
    (note,) = registry.list().notes()
    assert note.startswith("Slow: plugin 'sleeper' of 'dist-sleeper' took 0.")
    assert "TLKIT_DISABLE_PLUGINS=sleeper switches it off" in note
    monkeypatch.setenv("TLKIT_DISABLE_PLUGINS", "no_such, sleeper")
    registry = registry_of(*points)
    assert names(registry) == ["alpha", "omega"]
    (note,) = registry.list().notes()
    assert "switched off by the environment variable TLKIT_DISABLE_PLUGINS" in note
    with pytest.raises(PluginError, match=r"'sleeper' is not available: .*switched off"):
        registry.get("sleeper")


def test_a_plugin_that_waits_is_told_of_while_a_person_waits(
    plugin: Plugin,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    slow = f"import time; time.sleep({SLOW_SECONDS + 0.05})\n" + textwrap.dedent(GOOD)
    point = plugin("sleeper", slow)
    monkeypatch.setattr(PluginGroup, "installed", lambda _: [point])
    registry = installed_registry.__wrapped__()
    assert names(registry) == ["sleeper"]
    assert "plugin 'sleeper' of 'dist-sleeper' took 0." in caplog.text
    told = "tlkit: still loading the plugin 'sleeper' of 'dist-sleeper'. TLKIT_DISABLE_PLUGINS="
    assert told in capfd.readouterr().err, "while it waits, and wherever the log goes"


def interrupt(source: str) -> str:
    """A plugin during which a person presses Ctrl-C."""
    return f"import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n{textwrap.dedent(source)}"


def test_ctrl_c_ends_the_listing_and_names_the_plugin(plugin: Plugin) -> None:
    points = (plugin("alpha"), plugin("hangs", interrupt("import time; time.sleep(9)")))
    # As it is in a program; the processes that run these tests ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            discover(BACKBONES, points)
        assert caught.value.__notes__ == ["while loading the plugin 'hangs' of 'dist-hangs'"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_that_a_plugin_makes_into_another_error_is_one(plugin: Plugin) -> None:
    source = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n"
    source += "    import time; time.sleep(9)\nexcept KeyboardInterrupt:\n    raise OSError('no')"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt, match="while loading the plugin 'turns'"):
            discover(BACKBONES, [plugin("turns", source)])
    finally:
        signal.signal(signal.SIGINT, before)


def test_plugins_load_in_any_thread(plugin: Plugin) -> None:
    points = (plugin("alpha"), plugin("broken", "raise KeyboardInterrupt"), plugin("gamma"))
    with ThreadPoolExecutor(1) as pool:
        registry = pool.submit(registry_of, *points).result()
    assert names(registry) == ["alpha", "gamma"]


def test_plugin_that_failed_does_not_stay_registered(plugin: Plugin) -> None:
    manager = BACKBONES.create_manager()
    raises = BROKEN["raises"][0]
    discover(BACKBONES, [plugin("alpha"), plugin("broken", raises)], manager)
    assert [name for name, _ in manager.list_name_plugin()] == ["dist-alpha:alpha"]
    assert len(manager.hook.tlkit_backbones()) == 1


def test_one_module_under_two_names_is_a_failure_of_the_second(plugin: Plugin) -> None:
    first = plugin("alpha")
    second = EntryPoint("again", first.value, BACKBONES.name)
    vars(second).update(dist=first.dist)
    registry = registry_of(first, second)
    assert names(registry) == ["alpha"]
    assert [failure.plugin for failure in registry.discovery.failures] == ["again"]


def test_plugin_without_a_distribution_still_works(plugin: Plugin) -> None:
    point = plugin("alpha")
    registry = registry_of(EntryPoint(point.name, point.value, BACKBONES.name))
    assert registry.get("alpha").distribution == "unknown distribution"


def test_managers_share_nothing(plugin: Plugin) -> None:
    assert names(registry_of(plugin("alpha"))) == ["alpha"]
    assert names(registry_of(plugin("beta"))) == ["beta"]
    assert names(registry_of()) == []


def test_own_backbones_come_through_the_same_door() -> None:
    points = [point for point in BACKBONES.installed() if point.value.startswith("tlkit.")]
    assert len(points) == 15
    registry = registry_of(*points)
    assert registry.discovery.failures == []
    assert len(names(registry)) == 40
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
