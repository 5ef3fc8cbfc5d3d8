"""Engines come from plugins, each loaded alone; a broken one is named and harms nobody."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tlkit._plugins.discovery import SLOW_SECONDS, Discovery, PluginFailure, SlowPlugin, discover
from tlkit._plugins.group import PluginGroup
from tlkit._plugins.hooks import HOOKS
from tlkit.backbones.registry import BACKBONES
from tlkit.backbones.spec import BackboneHooks
from tlkit.errors import EngineError, PluginError
from tlkit.features.engines import comparison as weighing
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.engine import EngineHooks, EngineSpec
from tlkit.features.engines.registry import ENGINES, EngineList, EngineRegistry, installed_engines
from tlkit.testing import tiny_model

GOOD = """
    import tlkit

    class Engine:
        name = "{name}"

        def __init__(self, trunk, stem):
            self.trunk = trunk

        def run(self, images):
            return self.trunk.predict_on_batch(images.astype("float32"))

    @tlkit.hookimpl
    def tlkit_engines():
        return [tlkit.EngineSpec(name="{name}", make=Engine, missing=lambda: "")]
"""
BOTH = (
    GOOD
    + """
    @tlkit.hookimpl
    def tlkit_backbones():
        return [tlkit.BackboneSpec(
            name="net", family="F", build=print, preprocessing="raw", default_size=32,
            min_size=32, feature_count=8, parameters=1)]
"""
)


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
        module = f"engine_{name}_{distribution}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source.replace("{name}", name)))
        monkeypatch.delitem(sys.modules, module, raising=False)
        point = EntryPoint(name, module, ENGINES.name)
        vars(point).update(dist=Distribution(distribution))
        return point

    return make


def nothing(trunk: Any, stem: Path) -> Any:
    """Stands for what makes an engine that nobody runs."""


def own() -> tuple[EntryPoint, ...]:
    """The entry points of tlkit's own engines."""
    return tuple(point for point in ENGINES.installed() if point.value.startswith("tlkit."))


def registry_of(*points: EntryPoint) -> EngineRegistry:
    """What is found with just these plugins installed."""
    return EngineRegistry(discover(ENGINES, points))


def test_tlkit_s_own_engines_come_by_the_same_hook() -> None:
    registry = registry_of(*own())
    assert registry.names() == ("keras", "onnxruntime", "openvino")
    assert {spec.distribution for spec in registry.specs} == {"tlkit"}
    assert registry.failures == []


def test_plugin_s_engine_wins_where_it_is_the_fastest(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"keras": 2.0, "rapid": 1.0}
    monkeypatch.setattr(weighing, "_milliseconds_per_image", lambda e, _: speeds[e.name])
    keras_alone = tuple(point for point in own() if point.name == "keras")
    registry = registry_of(*keras_alone, plugin("rapid"))
    trunk, images = tiny_model(), np.full((8, 16, 16, 3), 7, "uint8")
    for asked, why in (
        ("auto", "rapid; ms an image: rapid 1.0, keras 2.0"),
        ("rapid", "rapid, as asked"),
    ):
        choice = choose_engine(
            trunk, asked, images, images_ahead=10**9, stem=tmp_path / "t", registry=registry
        )
        assert (choice.engine.name, choice.why) == ("rapid", why)


def test_own_engines_come_before_those_of_plugins(plugin: Plugin) -> None:
    registry = registry_of(plugin("a"), *own())
    assert registry.names() == ("keras", "onnxruntime", "openvino", "a")


def test_one_module_may_offer_backbones_and_engines(plugin: Plugin) -> None:
    point = plugin("both", BOTH)
    assert registry_of(point).names() == ("both",)
    found = discover(BACKBONES, [point])
    assert [spec.name for spec in found.specs] == ["net"]
    assert found.failures == []


BROKEN = {
    "import": ("raise RuntimeError('no GPU')", "RuntimeError: no GPU"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "no hook": ("x = 1", "PluginError: it marks no function tlkit_engines with @tlkit.hookimpl"),
    "another hook": (
        BOTH.replace("def tlkit_engines", "def tlkit_engine"),
        "implements tlkit_engine, a hook that is not there. Did you mean tlkit_engines?",
    ),
    "no list": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_engines(): return 'fast'",
        "returned str, expected an iterable of EngineSpec. Return a list, also for a single eng",
    ),
    "not an engine": (
        "import tlkit\n@tlkit.hookimpl\ndef tlkit_engines(): return [print]",
        "among its engines, expected EngineSpec",
    ),
    "bad field": (
        GOOD.replace("make=Engine", "make=3"),
        "EngineError: EngineSpec 'odd': make=3, expected a function make(trunk, stem)",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_plugin_is_named_and_harms_nobody(plugin: Plugin, how: str) -> None:
    source, told = BROKEN[how]
    registry = registry_of(plugin("odd", source), plugin("good"), *own())
    assert registry.names() == ("keras", "onnxruntime", "openvino", "good")
    (failure,) = registry.failures
    assert told in str(failure)
    assert f"Not loaded: plugin 'odd' of 'dist-odd': {failure}"[:40] in repr(registry.list())
    unavailable = r"'odd' is not available: .*Repair or uninstall 'dist-odd'"
    with pytest.raises(EngineError, match=unavailable):
        registry.get("odd")


def test_plugin_is_switched_off_by_name(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLKIT_DISABLE_PLUGINS", "other, rapid")
    registry = registry_of(plugin("rapid"), *own())
    assert "rapid" not in registry.names()
    assert isinstance(registry.failures[0].error, PluginError)


def test_name_of_two_distributions_is_an_error_that_names_both(plugin: Plugin) -> None:
    registry = registry_of(*(plugin("twin", distribution=name) for name in ("one", "two")))
    assert registry.rivals() == [], "neither is taken unasked"
    with pytest.raises(EngineError, match=r"'twin' is provided 2 times, by 'one' and 'two'"):
        registry.get("twin")


def test_slow_plugin_is_named_in_the_listing_and_in_the_log(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow = f"import time; time.sleep({SLOW_SECONDS + 0.05})\n" + textwrap.dedent(GOOD)
    points = [plugin("sleeper", slow), plugin("good")]
    monkeypatch.setattr(PluginGroup, "installed", lambda _: points)
    registry = installed_engines.__wrapped__()
    assert registry.names() == ("sleeper", "good")
    (note,) = registry.list().notes()
    assert note.startswith("Slow: plugin 'sleeper' of 'dist-sleeper' took 0.")
    assert "TLKIT_DISABLE_PLUGINS=sleeper switches it off" in note
    assert note.removeprefix("Slow: ") in caplog.text


def test_plugins_of_one_name_are_named_under_the_listing(plugin: Plugin) -> None:
    registry = registry_of(*(plugin("twin", distribution=name) for name in ("one", "two")))
    (note,) = registry.list().notes()
    assert note.startswith("Two of a name: plugin 'twin' is in 'one' and in 'two'. Uninstall one")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("onx", "'onnxruntime'"),
        ("open_vino", "'openvino'"),
        ("Keras", "'keras'"),
        ("aut", "'auto'"),
    ],
)
def test_unknown_name_is_answered_with_near_misses(asked: str, hint: str) -> None:
    with pytest.raises(EngineError) as raised:
        registry_of(*own()).get(asked)
    assert str(raised.value).startswith(
        f"engine={asked!r}, expected 'auto', 'keras', 'onnxruntime' or 'openvino', which are "
        "installed. Did you mean "
    )
    assert hint in str(raised.value)


def test_unknown_name_without_a_near_miss_names_what_is_there(plugin: Plugin) -> None:
    registry = registry_of(*own(), plugin("odd", "raise RuntimeError('no GPU')"))
    with pytest.raises(EngineError, match=r"(?s)engine='zzz', .*Not loaded: plugin 'odd' of"):
        registry.get("zzz")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "Fast One"}, "name='Fast One'.*lower-case name such as"),
        ({"name": "auto"}, "other than 'auto'"),
        ({"missing": "pip"}, "missing='pip', expected a function missing"),
        ({"reads": ".onnx"}, "reads='.onnx', expected a tuple of texts"),
        ({"packages": (1,)}, r"packages=\(1,\), expected a tuple of texts"),
    ],
)
def test_spec_says_what_is_wrong_with_it(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineError, match=told):
        EngineSpec(**{"name": "fast", "make": print, **fields})


def test_listing_prints_what_can_run_and_what_to_install() -> None:
    def cannot_tell() -> str:
        raise OSError("no driver")

    specs = [
        EngineSpec(name="one", make=nothing, distribution="tlkit"),
        EngineSpec(name="three", make=nothing, missing=lambda: "'it[three]'", distribution="it"),
        EngineSpec(name="two", make=nothing, missing=cannot_tell, distribution="it"),
    ]
    assert repr(EngineList(specs)).splitlines() == [
        "name   here                                    distribution",
        "one    yes                                     tlkit",
        "three  no: pip install 'it[three]'             it",
        "two    no: it cannot tell: OSError: no driver  it",
    ]


def test_listing_says_under_the_table_and_on_a_page_what_is_wrong() -> None:
    discovery = Discovery[EngineSpec](
        failures=[PluginFailure("broken", "three", ValueError("<no>"))],
        slow=[SlowPlugin("sleeper", "four", 5.04)],
        rivals={"twin": ("five", "six")},
    )
    found = EngineList([EngineSpec(name="one", make=nothing, distribution="tlkit")], discovery)
    notes = repr(found).splitlines()[2:]
    assert [note.partition(":")[0] for note in notes] == ["Not loaded", "Slow", "Two of a name"]
    page = found._repr_html_()
    assert "<td>one</td><td>yes</td><td>tlkit</td>" in page
    assert page.count("<p>") == 3
    assert "&lt;no&gt;" in page
    assert "<no>" not in page


def test_naming_an_engine_spec_loads_no_framework() -> None:
    """One module may stand in both groups, and whoever lists backbones then imports it."""
    frameworks = {"numpy", "keras", "tensorflow", "jax", "onnxruntime", "openvino"}
    code = f"import sys, tlkit\ntlkit.EngineSpec\nassert not {frameworks} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_may_implement_every_hook_there_is() -> None:
    declared = {
        name
        for hooks in (BackboneHooks, EngineHooks)
        for name in vars(hooks)
        if name.startswith("tlkit_")
    }
    assert declared == set(HOOKS) == {BACKBONES.hook, ENGINES.hook}


def test_listing_engines_loads_none_and_backbones_load_no_engine() -> None:
    code = (
        "import sys, tlkit\n"
        "tlkit.list_backbones()\n"
        "assert not [name for name in sys.modules if name.startswith('tlkit.features')]\n"
        "assert len(tlkit.list_engines()) >= 3\n"
        "assert not {'keras', 'tensorflow', 'jax', 'onnxruntime', 'openvino'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_hook_has_a_heading_in_the_docs() -> None:
    hooks = [name for name in vars(EngineHooks) if name.startswith("tlkit_")]
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
    assert [f"## The hook `{name}`" in page for name in hooks] == [True]


def test_public_names_see_what_is_installed() -> None:
    assert [spec.name for spec in tlkit.list_engines()] == list(installed_engines().names())
