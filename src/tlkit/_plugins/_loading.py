"""One plugin loaded, and what its function for a hook gives, checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, version
from typing import Any

import pluggy

from tlkit._plugins.group import PluginGroup, Spec
from tlkit._plugins.hooks import HOOK_VERSION, HOOKS
from tlkit.errors import PluginError

SWITCH = "TLKIT_DISABLE_PLUGINS"


def distribution_of(point: EntryPoint) -> str:
    """Return the name of the distribution that brought an entry point."""
    return point.dist.name if point.dist is not None else "unknown distribution"


def given_by(
    point: EntryPoint, group: PluginGroup[Spec], manager: pluggy.PluginManager
) -> list[Spec]:
    """Load one plugin and return what its function for a hook gives.

    Args:
        point: The plugin.
        group: What it is asked for.
        manager: Knows the hook; a plugin that works is registered with it.

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
        given = _checked(_function_of(manager, plugin, group.hook)(), group)
    return [_signed(spec, distribution, point.name) for spec in given]


def _signed(spec: Spec, distribution: str, plugin: str) -> Spec:
    facts: Any = spec
    signed: Spec = replace(facts, distribution=distribution, plugin=plugin)
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


def _function_of(manager: pluggy.PluginManager, plugin: object, hook: str) -> Callable[[], object]:
    """Return the plugin's own function for a hook, so that it is called alone."""
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


def _checked(given: object, group: PluginGroup[Spec]) -> list[Spec]:
    kind = group.spec
    if isinstance(given, (str, kind)) or not isinstance(given, Iterable):
        raise PluginError(
            f"{group.hook}() returned {type(given).__name__}, expected an iterable of "
            f"{kind.__name__}. Return a list, also for a single {group.plural.removesuffix('s')}."
        )
    specs = list(given)
    for spec in specs:
        if not isinstance(spec, kind):
            raise PluginError(
                f"{group.hook}() returned a {type(spec).__name__} among its {group.plural}, "
                f"expected {kind.__name__}."
            )
    return specs
