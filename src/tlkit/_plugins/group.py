"""What the plugins of one kind give, and the entry points and the hook that they are found by."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

import pluggy

from tlkit._plugins.hooks import PROJECT

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class PluginGroup(Generic[Spec]):
    """Plugins of one kind.

    Args:
        plural: What they give, for example ``"backbones"``: their entry points are then in the
            group ``tlkit.backbones``, and their hook is ``tlkit_backbones``.
        spec: What the hook returns: a dataclass with ``distribution`` and ``plugin``, which are
            filled in.
        hookspecs: The class that declares the hook.
    """

    plural: str
    spec: type[Spec]
    hookspecs: type

    @property
    def name(self) -> str:
        """The group of entry points."""
        return f"{PROJECT}.{self.plural}"

    @property
    def hook(self) -> str:
        """The name of the hook."""
        return f"{PROJECT}_{self.plural}"

    def installed(self) -> tuple[EntryPoint, ...]:
        """Return the entry point of every installed plugin, sorted by name."""
        points = entry_points(group=self.name)
        return tuple(sorted(points, key=lambda point: (point.name, point.value)))

    def create_manager(self) -> pluggy.PluginManager:
        """Return a fresh plugin manager that knows the hook and has no plugin yet."""
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(self.hookspecs)
        return manager
