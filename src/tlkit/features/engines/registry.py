"""The installed engines by name: tlkit's own and those of plugins, all by one hook."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint

from tlkit.backbones.plugins import (
    PluginFailure,
    create_plugin_manager,
    distribution_of,
    given_by,
    installed_plugins,
)
from tlkit.errors import EngineError
from tlkit.features.engines.hookspecs import EngineHooks
from tlkit.features.engines.spec import EngineSpec

GROUP = "tlkit.engines"
_log = logging.getLogger("tlkit")


class EngineList(tuple[EngineSpec, ...]):
    """Engines: a tuple of `EngineSpec` that prints as a table.

    Under the table stand the plugins that could not be used, and why.

    Args:
        specs: The engines, in order.
        failures: Plugins that could not be used.
    """

    failures: tuple[PluginFailure, ...]

    def __new__(
        cls, specs: Iterable[EngineSpec], failures: Iterable[PluginFailure] = ()
    ) -> EngineList:
        """Keep what there is to say of the plugins next to the specs."""
        self = super().__new__(cls, specs)
        self.failures = tuple(failures)
        return self

    def __repr__(self) -> str:
        rows = [
            ("name", "here", "distribution"),
            *((spec.name, _state(spec), spec.distribution) for spec in self),
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"Not loaded: {failure}" for failure in self.failures)])


class EngineRegistry:
    """Engines by name.

    Args:
        points: Entry points of the plugins; each is loaded alone.
    """

    def __init__(self, points: Sequence[EntryPoint]) -> None:
        self.specs: list[EngineSpec] = []
        self.failures: list[PluginFailure] = []
        manager = create_plugin_manager()
        manager.add_hookspecs(EngineHooks)
        for point in points:
            try:
                self.specs += given_by(manager, point, "tlkit_engines", EngineSpec)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - kept, listed, raised on lookup
                self.failures.append(PluginFailure(point.name, distribution_of(point), error))
        # Own engines first: a plugin's name says nothing of how soon it should be tried.
        self.specs.sort(key=lambda spec: spec.distribution != "tlkit")

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

    def rivals(self) -> list[EngineSpec]:
        """Return every engine but Keras whose name is its own."""
        times: dict[str, int] = defaultdict(int)
        for spec in self.specs:
            times[spec.name] += 1
        return [spec for spec in self.specs if spec.name != "keras" and times[spec.name] == 1]

    def _raise_unknown(self, name: str) -> None:
        for failure in self.failures:
            if failure.plugin == name:
                raise EngineError(
                    f"The engine {name!r} cannot be had: {failure}. Repair or uninstall "
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
    """Return the engines that can run frozen work, tlkit's own first.

    Loads no engine. Printing it loads Keras, since what an export needs depends on its backend.

    Returns:
        A tuple of `EngineSpec` that prints as a table: whether each can run here, or what pip
        would have to install for it. Plugins that could not be loaded stand under it.

    Example:
        >>> import tlkit
        >>> [spec.name for spec in tlkit.list_engines() if spec.distribution == "tlkit"]
        ['keras', 'onnxruntime', 'openvino']
    """
    registry = installed_engines()
    return EngineList(registry.specs, registry.failures)


@cache
def installed_engines() -> EngineRegistry:
    """Return the registry of everything installed, made once per process."""
    registry = EngineRegistry(installed_plugins(GROUP))
    for failure in registry.failures:
        _log.warning("Engine not loaded: %s", failure)
    return registry


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
