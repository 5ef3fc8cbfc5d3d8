"""Names to specs, with near-miss hints; a name that two distributions use is an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache

from tlkit._plugins.discovery import Discovery, PluginFailure, discover
from tlkit._plugins.group import PluginGroup
from tlkit.backbones._listing import BackboneList
from tlkit.backbones.spec import BackboneHooks, BackboneSpec
from tlkit.errors import DuplicateBackboneError, PluginError, UnknownBackboneError

BACKBONES = PluginGroup("backbones", BackboneSpec, BackboneHooks)
_log = logging.getLogger("tlkit")


class Registry:
    """Backbones by name.

    Args:
        discovery: What the plugins gave.
    """

    def __init__(self, discovery: Discovery[BackboneSpec]) -> None:
        self.discovery = discovery

    def list(self, pattern: str = "*") -> BackboneList:
        """Return the specs whose name or alias matches a shell-style pattern, sorted by name."""
        matching = [spec for spec in self.discovery.specs if _matches(spec, pattern)]
        return BackboneList(
            sorted(matching, key=lambda spec: (spec.name, spec.distribution)), self.discovery
        )

    def get(self, name: str) -> BackboneSpec:
        """Return the one spec of that name; case, dashes and underscores do not matter.

        Raises:
            UnknownBackboneError: Nothing has that name; near misses are offered.
            DuplicateBackboneError: Several distributions provide it, or plugins of one name.
            PluginError: The plugin that is called so could not be loaded; its error is the cause.
        """
        distribution, _, short = name.rpartition(":")
        found = _named(self._of(distribution), short)
        if not found:
            self._raise_unknown(name)
        if len(found) > 1:
            raise _ambiguous(f"The backbone {short!r}", found[0].name, _origins(found))
        rivals = () if distribution else self.discovery.rivals.get(found[0].plugin, ())
        if rivals:
            owner = f"The plugin {found[0].plugin!r}, to which {short!r} belongs,"
            raise _ambiguous(owner, found[0].name, rivals)
        return found[0]

    def _of(self, distribution: str) -> Sequence[BackboneSpec]:
        if not distribution:
            return self.discovery.specs
        wanted = folded(distribution)
        return [spec for spec in self.discovery.specs if folded(spec.distribution) == wanted]

    def _raise_unknown(self, name: str) -> None:
        asked = folded(name.rpartition(":")[2])
        for failure in self.discovery.failures:
            if asked.startswith(folded(failure.plugin)):
                raise PluginError(
                    f"The backbone {name!r} is not available: {failure}. Repair or uninstall "
                    f"{failure.distribution!r}."
                ) from failure.error
        raise UnknownBackboneError(_unknown(name, self.list(), self.discovery.failures))


def list_backbones(pattern: str = "*") -> BackboneList:
    """Return the installed backbones whose name matches a pattern, sorted by name.

    Loads no framework. The first call loads the plugins; later ones are free.

    Args:
        pattern: Shell-style, for example ``"*net*"``; case does not matter. Keras class names
            match as well.

    Returns:
        A tuple of `BackboneSpec` that prints as a table, with the plugins that could not be
        loaded under it; ``.to_dataframe()`` gives it as a pandas.DataFrame.

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
            ``"distribution:name"`` chooses where several distributions have that name.

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
    return tuple(installed_registry().discovery.failures)


@cache
def installed_registry() -> Registry:
    """Return the registry of everything installed, made once per process."""
    discovery = discover(BACKBONES, BACKBONES.installed())
    for slow in discovery.slow:
        _log.warning("%s", slow)
    return Registry(discovery)


def folded(name: str) -> str:
    """Return a name as it is compared: case, dashes, dots and underscores do not matter."""
    return re.sub(r"[-_. ]", "", name).lower()


def _matches(spec: BackboneSpec, pattern: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in (spec.name, *spec.aliases))


def _named(specs: Iterable[BackboneSpec], name: str) -> list[BackboneSpec]:
    """Return the specs of exactly that name, else those called much the same."""
    specs = list(specs)
    wanted = folded(name)
    return [spec for spec in specs if spec.name == name] or [
        spec for spec in specs if wanted in map(folded, (spec.name, *spec.aliases))
    ]


def _origins(specs: Iterable[BackboneSpec]) -> list[str]:
    return sorted(spec.distribution for spec in specs)


def _ambiguous(what: str, name: str, distributions: Sequence[str]) -> DuplicateBackboneError:
    return DuplicateBackboneError(
        f"{what} is provided by {' and '.join(map(repr, distributions))}. Uninstall one of them, "
        f"or say which you mean: {' or '.join(repr(f'{each}:{name}') for each in distributions)}."
    )


def _near(asked: str, known: Sequence[BackboneSpec]) -> Sequence[str]:
    """Return the names that begin as asked, which a family's name does, else the most alike."""
    names = {folded(each): spec.name for spec in known for each in (spec.name, *spec.aliases)}
    family = [spec.name for spec in known if asked and folded(spec.name).startswith(asked)]
    alike = get_close_matches(asked, names, n=3, cutoff=0.6)
    return family or list(dict.fromkeys(names[each] for each in alike))


def _unknown(name: str, known: Sequence[BackboneSpec], failures: Sequence[PluginFailure]) -> str:
    offered = _near(folded(name.rpartition(":")[2]), known)
    hint = (
        f"Did you mean {' or '.join(offered)}?"
        if offered
        else f"Installed: {', '.join(spec.name for spec in known)}."
    )
    broken = "".join(f"\nNot loaded: {failure}." for failure in failures)
    return (
        f"No backbone is called {name!r}. {hint} tlkit.list_backbones() names all; "
        f"a plugin package adds more.{broken}"
    )
