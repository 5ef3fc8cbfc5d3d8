"""The installed engines by name: tlkit's own and those of plugins, all by one hook."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

from tlkit._plugins.discovery import Discovery, PluginFailure, discover
from tlkit._plugins.group import PluginGroup
from tlkit._plugins.listing import Column, SpecList
from tlkit.errors import EngineError
from tlkit.features.engines.engine import EngineHooks, EngineSpec

ENGINES = PluginGroup("engines", EngineSpec, EngineHooks)
_log = logging.getLogger("tlkit")


class EngineList(SpecList[EngineSpec]):
    """Engines: a tuple of `EngineSpec` that prints as a table."""

    columns = (
        Column[EngineSpec]("name", lambda spec: spec.name),
        Column[EngineSpec]("here", lambda spec: _state(spec)),
        Column[EngineSpec]("distribution", lambda spec: spec.distribution),
    )
    way_out = "Uninstall one of them where both have an engine of one name: neither is used."


class EngineRegistry:
    """Engines by name.

    Args:
        discovery: What the plugins gave.
    """

    def __init__(self, discovery: Discovery[EngineSpec]) -> None:
        self.discovery = discovery
        # Own engines first: a plugin's name says nothing of how soon it should be tried.
        self.specs = sorted(discovery.specs, key=lambda spec: spec.distribution != "tlkit")

    @property
    def failures(self) -> Sequence[PluginFailure]:
        """The plugins that could not be used."""
        return self.discovery.failures

    def list(self) -> EngineList:
        """Return every engine, tlkit's own first."""
        return EngineList(self.specs, self.discovery)

    def names(self) -> tuple[str, ...]:
        """Return the name of every engine, whether it can run here or not."""
        return tuple(dict.fromkeys(spec.name for spec in self.specs))

    def get(self, name: str) -> EngineSpec:
        """Return the one spec of that name.

        Raises:
            EngineError: Nothing has that name, several distributions have it, or the plugin that
                is called so could not be loaded; its error is the cause.
        """
        found = [spec for spec in self.specs if spec.name == name]
        if not found:
            self._raise_unknown(name)
        if len(found) > 1:
            owners = " and ".join(sorted({repr(spec.distribution) for spec in found}))
            raise EngineError(
                f"The engine {name!r} is provided {len(found)} times, by {owners}. Uninstall one "
                "of them, or switch a plugin off with TLKIT_DISABLE_PLUGINS."
            )
        return found[0]

    def rivals(self) -> Sequence[EngineSpec]:
        """Return every engine but Keras whose name is its own."""
        times: dict[str, int] = defaultdict(int)
        for spec in self.specs:
            times[spec.name] += 1
        return [spec for spec in self.specs if spec.name != "keras" and times[spec.name] == 1]

    def _raise_unknown(self, name: str) -> None:
        for failure in self.failures:
            if failure.plugin == name:
                raise EngineError(
                    f"The engine {name!r} is not available: {failure}. Repair or uninstall "
                    f"{failure.distribution!r}."
                ) from failure.error
        known = ["auto", *self.names()]
        near = get_close_matches(str(name), known, n=2, cutoff=0.4)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        broken = "".join(f"\nNot loaded: {failure}." for failure in self.failures)
        raise EngineError(
            f"engine={name!r}, expected {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, "
            f"which are installed.{hint}{broken}"
        )


def list_engines() -> EngineList:
    """Return the engines that can run the frozen part of a model, tlkit's own first.

    Loads no engine. Printing it loads Keras, since what an export needs depends on its backend.

    Returns:
        A tuple of `tlkit.EngineSpec`. It prints as a table, which says whether each can run here,
        or what to install for it, and lists the plugins that could not be loaded or load slowly.

    Example:
        >>> import tlkit
        >>> [spec.name for spec in tlkit.list_engines() if spec.distribution == "tlkit"]
        ['keras', 'onnxruntime', 'openvino']
    """
    return installed_engines().list()


@cache
def installed_engines() -> EngineRegistry:
    """Return the registry of everything installed, made once per process."""
    import numpy  # noqa: F401 - every engine needs it; the time that it takes is no plugin's own

    discovery = discover(ENGINES, ENGINES.installed())
    for failure in discovery.failures:
        _log.warning("Engine not loaded: %s", failure)
    for slow in discovery.slow:
        _log.warning("%s", slow)
    return EngineRegistry(discovery)


def missing_for(spec: EngineSpec) -> str:
    """Return how to get an engine that cannot run here, or why that cannot be told."""
    try:
        packages = spec.missing()
    except Exception as error:  # noqa: BLE001 - said in the listing, and raised where it is asked for
        return f"it cannot tell: {type(error).__name__}: {error}".splitlines()[0]
    return f"pip install {packages}" if packages else ""


def _state(spec: EngineSpec) -> str:
    missing = missing_for(spec)
    return f"no: {missing}" if missing else "yes"
