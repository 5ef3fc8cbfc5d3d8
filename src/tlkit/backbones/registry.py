"""Names to specs, with near-miss hints; two specs of one name are an error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache

from tlkit.backbones.plugins import (
    PluginFailure,
    collect_specs,
    create_plugin_manager,
    installed_plugins,
    load_plugins,
)
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import DuplicateBackboneError, PluginError, UnknownBackboneError


class Registry:
    """Backbones by name.

    Args:
        specs: Every spec that plugins gave.
        failures: Plugins that could not be used.
    """

    def __init__(
        self, specs: Iterable[BackboneSpec], failures: Sequence[PluginFailure] = ()
    ) -> None:
        self.failures = tuple(failures)
        self._named: dict[str, list[BackboneSpec]] = {}
        for spec in specs:
            for name in dict.fromkeys(_fold(n) for n in (spec.name, *spec.aliases)):
                self._named.setdefault(name, []).append(spec)

    def list(self, pattern: str = "*") -> tuple[BackboneSpec, ...]:
        """Return the specs whose name matches a shell-style pattern, sorted by name."""
        specs = {id(s): s for group in self._named.values() for s in group}.values()
        matching = (s for s in specs if fnmatchcase(s.name, pattern.lower()))
        return tuple(sorted(matching, key=lambda s: (s.name, s.distribution)))

    def get(self, name: str) -> BackboneSpec:
        """Return the one spec of that name; case and dashes do not matter.

        Raises:
            UnknownBackboneError: Nothing has that name; near misses are offered.
            DuplicateBackboneError: Several distributions provide it.
            PluginError: The plugin that is called so could not be loaded; its error is the cause.
        """
        found = self._named.get(_fold(name), [])
        if len(found) > 1:
            raise DuplicateBackboneError(
                f"The backbone {name!r} is provided by "
                f"{' and '.join(sorted(repr(s.distribution) for s in found))}. Uninstall one of "
                "them, or pass the BackboneSpec that you mean instead of its name: "
                f"[s for s in tlkit.list_backbones({found[0].name!r}) if s.distribution == ...][0]."
            )
        if not found:
            self._raise_unknown(name)
        return found[0]

    def _raise_unknown(self, name: str) -> None:
        for failure in self.failures:
            if _fold(name).startswith(_fold(failure.plugin)):
                raise PluginError(
                    f"The backbone {name!r} cannot be had: {failure}. Repair or uninstall "
                    f"{failure.distribution!r}."
                ) from failure.error
        raise UnknownBackboneError(_unknown(name, [s.name for s in self.list()], self.failures))


def list_backbones(pattern: str = "*") -> tuple[BackboneSpec, ...]:
    """Return the installed backbones whose name matches a pattern, sorted by name.

    Loads no framework. The first call loads the plugins; later ones are free.

    Args:
        pattern: Shell-style, for example ``"*net*"``.

    Example:
        >>> import tlkit
        >>> [spec.name for spec in tlkit.list_backbones("vgg*")]
        ['vgg16', 'vgg19']
    """
    return installed_registry().list(pattern)


def get_backbone(name: str) -> BackboneSpec:
    """Return the spec of an installed backbone.

    Args:
        name: For example ``"xception"``; Keras class names such as ``"Xception"`` work too.

    Raises:
        UnknownBackboneError: Nothing has that name; near misses are offered.
        DuplicateBackboneError: Several distributions provide it.
        PluginError: The plugin that provides it is broken; its error is the cause.

    Example:
        >>> import tlkit
        >>> tlkit.get_backbone("xception").default_size
        299
    """
    return installed_registry().get(name)


def plugin_failures() -> tuple[PluginFailure, ...]:
    """Return the installed plugins that could not be used, and why."""
    return installed_registry().failures


@cache
def installed_registry() -> Registry:
    """Return the registry of everything installed, made once per process."""
    manager = create_plugin_manager()
    failures = load_plugins(manager, installed_plugins())
    specs, more = collect_specs(manager)
    return Registry(specs, [*failures, *more])


def _fold(name: str) -> str:
    return name.lower().replace("-", "_")


def _unknown(name: str, known: list[str], failures: Sequence[PluginFailure]) -> str:
    near = get_close_matches(_fold(name), known, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Installed: {', '.join(known)}."
    broken = "".join(f"\nNot loaded: {failure}." for failure in failures)
    return (
        f"No backbone is called {name!r}. {hint} tlkit.list_backbones() names all; "
        f"a plugin package adds more.{broken}"
    )
