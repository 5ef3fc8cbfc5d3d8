"""The hook that a backbone plugin implements."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from tlkit.backbones.spec import BackboneSpec

# Raised when a hook changes in a way that plugins written for the old one cannot follow.
HOOK_VERSION = 1

hookspec = pluggy.HookspecMarker("tlkit")


class BackboneHooks:
    """Hooks that tlkit calls on every plugin of the entry-point group ``tlkit.backbones``."""

    @hookspec
    def tlkit_backbones(self) -> Iterable[BackboneSpec]:
        """Return the backbones that this plugin provides.

        Called once, when backbones are first listed or looked up. Import no framework here.
        """
        raise NotImplementedError
