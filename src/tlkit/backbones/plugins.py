"""Finding plugins and loading each alone: a broken or slow one is named and harms nobody else."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points, version
from time import perf_counter
from typing import Any, TypeVar

import pluggy

from tlkit.backbones.hookspecs import HOOK_VERSION, BackboneHooks
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import PluginError

GROUP = "tlkit.backbones"
SWITCH = "TLKIT_DISABLE_PLUGINS"
# One module may implement them all; each group of entry points is asked for its own.
HOOKS = ("tlkit_backbones", "tlkit_engines")
# All built-in plugins together load in about a tenth of this.
SLOW_SECONDS = 0.5

hookimpl = pluggy.HookimplMarker("tlkit")

_Spec = TypeVar("_Spec")


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that could not be used, and why.

    Args:
        plugin: Name of its entry point.
        distribution: The installed distribution that brought it.
        error: What was raised.
    """

    plugin: str
    distribution: str
    error: BaseException

    def __str__(self) -> str:
        return (
            f"plugin {self.plugin!r} of {self.distribution!r}: "
            f"{type(self.error).__name__}: {self.error}"
        )


@dataclass(frozen=True)
class SlowPlugin:
    """A plugin that held up the listing of backbones.

    Args:
        plugin: Name of its entry point.
        distribution: The installed distribution that brought it.
        seconds: What loading it took.
    """

    plugin: str
    distribution: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"plugin {self.plugin!r} of {self.distribution!r} took {self.seconds:.1f} s to load. "
            f"{SWITCH}={self.plugin} switches it off; its author can import what is heavy inside "
            "the function that builds the network."
        )


@dataclass
class Discovery:
    """What the installed plugins gave.

    Args:
        specs: Every backbone, with its distribution and plugin filled in.
        failures: Plugins that could not be used.
        slow: Plugins that took longer than `SLOW_SECONDS` to load.
        rivals: Entry-point names that several distributions use, with those distributions.
    """

    specs: list[BackboneSpec] = field(default_factory=list)
    failures: list[PluginFailure] = field(default_factory=list)
    slow: list[SlowPlugin] = field(default_factory=list)
    rivals: dict[str, tuple[str, ...]] = field(default_factory=dict)


def create_plugin_manager() -> pluggy.PluginManager:
    """Return a fresh plugin manager that knows tlkit's hooks and has no plugin yet."""
    manager = pluggy.PluginManager("tlkit")
    manager.add_hookspecs(BackboneHooks)
    return manager


def installed_plugins(group: str = GROUP) -> tuple[EntryPoint, ...]:
    """Return the entry points of every installed plugin of a group, sorted by name."""
    return tuple(sorted(entry_points(group=group), key=lambda point: (point.name, point.value)))


def discover(manager: pluggy.PluginManager, points: Sequence[EntryPoint]) -> Discovery:
    """Load plugins and ask each for its backbones.

    Args:
        manager: From `create_plugin_manager`; plugins that work are registered with it.
        points: Entry points to load, each alone. Those that the environment variable
            ``TLKIT_DISABLE_PLUGINS`` names, separated by commas, are left out and recorded.
    """
    found = Discovery(rivals=rivals_among(points))
    for point in points:
        started = perf_counter()
        try:
            found.specs += given_by(manager, point, "tlkit_backbones", BackboneSpec)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - kept, listed, raised on lookup
            found.failures.append(PluginFailure(point.name, distribution_of(point), error))
        seconds = perf_counter() - started
        if seconds > SLOW_SECONDS:
            found.slow.append(SlowPlugin(point.name, distribution_of(point), seconds))
    return found


def distribution_of(point: EntryPoint) -> str:
    """Return the name of the distribution that brought an entry point."""
    return point.dist.name if point.dist is not None else "unknown distribution"


def given_by(
    manager: pluggy.PluginManager, point: EntryPoint, hook: str, kind: type[_Spec]
) -> list[_Spec]:
    """Load one plugin and return what its function for a hook gives.

    Args:
        manager: Knows the hook; a plugin that works is registered with it.
        point: The plugin.
        hook: Name of the hook.
        kind: What the hook returns: a dataclass with ``distribution`` and ``plugin``, which are
            filled in.

    Raises:
        PluginError: It is switched off, made for another tlkit, has no such function, or that
            returns something else. What the plugin itself raises goes through.
    """
    if point.name in os.environ.get(SWITCH, "").replace(" ", "").split(","):
        raise PluginError(f"switched off by the environment variable {SWITCH}")
    plugin = point.load()
    _require_version(plugin)
    distribution = distribution_of(point)
    with _registered(manager, plugin, f"{distribution}:{point.name}"):
        given = _checked(_hook_of(manager, plugin, hook)(), hook, kind)
    return [_signed(spec, distribution, point.name) for spec in given]


def _signed(spec: _Spec, distribution: str, plugin: str) -> _Spec:
    facts: Any = spec
    signed: _Spec = replace(facts, distribution=distribution, plugin=plugin)
    return signed


@contextmanager
def _registered(manager: pluggy.PluginManager, plugin: object, name: str) -> Iterator[None]:
    """Register a plugin, and take it out again where it then turns out not to work."""
    try:
        manager.register(plugin, name=name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{error}\n{_other_version()}") from error
    try:
        yield
    except BaseException:
        manager.unregister(name=name)
        raise


def _require_version(plugin: object) -> None:
    wanted = getattr(plugin, "tlkit_hook_version", HOOK_VERSION)
    if wanted != HOOK_VERSION:
        raise PluginError(f"it was made for version {wanted!r} of the hooks. {_other_version()}")


def _hook_of(manager: pluggy.PluginManager, plugin: object, hook: str) -> Callable[[], object]:
    """Return the plugin's own function, so that it is called alone."""
    callers = manager.get_hookcallers(plugin) or ()
    for caller in callers:
        if not caller.has_spec() and caller.name not in HOOKS:
            near = get_close_matches(caller.name, [hook])
            hint = f"Did you mean {near[0]}?" if near else _other_version()
            raise PluginError(f"it implements {caller.name}, a hook that is not there. {hint}")
    own = (caller for caller in callers if caller.name == hook)
    for implementation in (each for caller in own for each in caller.get_hookimpls()):
        if implementation.plugin is plugin:
            return implementation.function
    raise PluginError(
        f"it marks no function {hook} with @tlkit.hookimpl. Write @tlkit.hookimpl above a "
        f"function of that name that returns the {hook.removeprefix('tlkit_')}."
    )


def _other_version() -> str:
    return (
        f"tlkit {version('tlkit')} has version {HOOK_VERSION} of the hooks: install versions of "
        "tlkit and of the plugin that were made for each other."
    )


def _checked(given: object, hook: str, kind: type[_Spec]) -> list[_Spec]:
    plural = hook.removeprefix("tlkit_")
    if isinstance(given, (str, kind)) or not isinstance(given, Iterable):
        raise PluginError(
            f"{hook}() returned {type(given).__name__}, expected an iterable of "
            f"{kind.__name__}. Return a list, also for a single {plural.removesuffix('s')}."
        )
    specs = list(given)
    for spec in specs:
        if not isinstance(spec, kind):
            raise PluginError(
                f"{hook}() returned a {type(spec).__name__} among its {plural}, "
                f"expected {kind.__name__}."
            )
    return specs


def rivals_among(points: Sequence[EntryPoint]) -> dict[str, tuple[str, ...]]:
    """Return the entry-point names that several distributions use, with those."""
    users: dict[str, set[str]] = defaultdict(set)
    for point in points:
        users[point.name].add(distribution_of(point))
    return {name: tuple(sorted(each)) for name, each in users.items() if len(each) > 1}
