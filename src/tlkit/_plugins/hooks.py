"""The marks of tlkit's hooks, and the version that a plugin may ask for."""

from __future__ import annotations

import pluggy

PROJECT = "tlkit"
# Raised when a hook changes in a way that plugins written for the old one cannot follow.
HOOK_VERSION = 1
# One module may implement them all; each group of entry points is asked for its own.
HOOKS = ("tlkit_backbones", "tlkit_engines")

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
