"""The hook that an engine plugin implements."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from tlkit.features.engines.spec import EngineSpec

hookspec = pluggy.HookspecMarker("tlkit")


class EngineHooks:
    """Hooks that tlkit calls on every plugin of the entry-point group ``tlkit.engines``."""

    @hookspec
    def tlkit_engines(self) -> Iterable[EngineSpec]:
        """Return the engines that this plugin provides.

        Called once, when an engine is first chosen or engines are listed. Import no runtime here.
        """
        raise NotImplementedError
