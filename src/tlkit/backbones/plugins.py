"""Loading plugins, each alone: a broken one is recorded and harms nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

import pluggy

from tlkit.backbones.hookspecs import BackboneHooks
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import PluginError

GROUP = "tlkit.backbones"

hookimpl = pluggy.HookimplMarker("tlkit")


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


def create_plugin_manager() -> pluggy.PluginManager:
    """Return a fresh plugin manager that knows tlkit's hooks and has no plugin yet."""
    manager = pluggy.PluginManager("tlkit")
    manager.add_hookspecs(BackboneHooks)
    return manager


def installed_plugins() -> tuple[EntryPoint, ...]:
    """Return the entry points of every installed backbone plugin, sorted by name."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)))


def load_plugins(
    manager: pluggy.PluginManager, points: Sequence[EntryPoint]
) -> list[PluginFailure]:
    """Register each entry point alone and return the failures.

    Args:
        manager: From `create_plugin_manager`.
        points: Entry points to load. Two distributions with one entry-point name are a failure
            of both, since which of them wins would depend on the order of installation.

    Returns:
        One failure for each plugin that could not be loaded or registered.
    """
    failures = []
    rivals = _rivals(points)
    for point in points:
        try:
            _refuse_rivals(point, rivals[point.name])
            plugin = point.load()
            manager.register(plugin, name=f"{_distribution(point)}:{point.name}")
            _require_hook(manager, plugin)
        except Exception as error:  # noqa: BLE001 - kept, shown in listings, raised on lookup
            failures.append(PluginFailure(point.name, _distribution(point), error))
    return failures


def collect_specs(
    manager: pluggy.PluginManager,
) -> tuple[list[BackboneSpec], list[PluginFailure]]:
    """Call ``tlkit_backbones`` on each registered plugin alone.

    Returns:
        The specs, each with its distribution filled in, and the failures.
    """
    specs: list[BackboneSpec] = []
    failures: list[PluginFailure] = []
    for implementation in manager.hook.tlkit_backbones.get_hookimpls():
        distribution, _, plugin = implementation.plugin_name.partition(":")
        try:
            specs += _checked(implementation.function(), distribution)
        except Exception as error:  # noqa: BLE001 - kept, shown in listings, raised on lookup
            failures.append(PluginFailure(plugin, distribution, error))
    return specs, failures


def _checked(given: object, distribution: str) -> list[BackboneSpec]:
    if isinstance(given, (str, BackboneSpec)) or not isinstance(given, Iterable):
        raise PluginError(
            f"tlkit_backbones() returned {type(given).__name__}, expected an iterable of "
            "BackboneSpec. Return a list, also for a single backbone."
        )
    specs = list(given)
    for spec in specs:
        if not isinstance(spec, BackboneSpec):
            raise PluginError(
                f"tlkit_backbones() returned a {type(spec).__name__} among its backbones, "
                "expected BackboneSpec."
            )
    return [replace(spec, distribution=distribution) for spec in specs]


def _require_hook(manager: pluggy.PluginManager, plugin: object) -> None:
    hooks = {hook.name for hook in manager.get_hookcallers(plugin) or ()}
    if "tlkit_backbones" not in hooks:
        raise PluginError(
            "it marks no function tlkit_backbones with @tlkit.hookimpl. Write "
            "@tlkit.hookimpl above a function of that name that returns the backbones."
        )


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown distribution"


def _rivals(points: Sequence[EntryPoint]) -> dict[str, set[str]]:
    rivals: dict[str, set[str]] = defaultdict(set)
    for point in points:
        rivals[point.name].add(_distribution(point))
    return rivals


def _refuse_rivals(point: EntryPoint, distributions: set[str]) -> None:
    if len(distributions) > 1:
        raise PluginError(
            f"the entry point {point.name!r} in group {GROUP!r} is provided by "
            f"{' and '.join(sorted(distributions))}. Uninstall one of them."
        )
