"""Finding plugins and loading each alone: a broken or slow one is named and harms nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from time import perf_counter
from typing import Generic

import pluggy

from tlkit._plugins._guarded import SLOW_SECONDS as SLOW_SECONDS, Interrupts, named_while_slow
from tlkit._plugins._loading import SWITCH, distribution_of, given_by
from tlkit._plugins.group import PluginGroup, Spec


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


@dataclass(frozen=True)
class SlowPlugin:
    """A plugin that held up the listing.

    Args:
        plugin: Name of its entry point.
        distribution: The installed distribution that brought it.
        seconds: What loading it took.
    """

    plugin: str
    distribution: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"plugin {self.plugin!r} of {self.distribution!r} took {self.seconds:.1f} s to load. "
            f"{SWITCH}={self.plugin} switches it off; its author can import what is heavy inside "
            "the function that builds the network or makes the engine."
        )


@dataclass
class Discovery(Generic[Spec]):
    """What the installed plugins of a group gave.

    Args:
        specs: Everything given, with its distribution and plugin filled in.
        failures: Plugins that could not be used.
        slow: Plugins that took longer than `SLOW_SECONDS` to load.
        rivals: Entry-point names that several distributions use, with those distributions.
    """

    specs: list[Spec] = field(default_factory=list)
    failures: list[PluginFailure] = field(default_factory=list)
    slow: list[SlowPlugin] = field(default_factory=list)
    rivals: dict[str, tuple[str, ...]] = field(default_factory=dict)


def discover(
    group: PluginGroup[Spec],
    points: Sequence[EntryPoint],
    manager: pluggy.PluginManager | None = None,
) -> Discovery[Spec]:
    """Load plugins and ask each for what it gives.

    Args:
        group: What they are asked for.
        points: Entry points to load, each alone. Those that the environment variable
            ``TLKIT_DISABLE_PLUGINS`` names, separated by commas, are left out and recorded.
        manager: Of that group; plugins that work are registered with it. A fresh one where None.
    """
    manager = manager or group.create_manager()
    found: Discovery[Spec] = Discovery(rivals=_rivals_among(points))
    for point in points:
        started = perf_counter()
        try:
            with _guarded(point):
                found.specs += given_by(point, group, manager)
        except _PluginStopped as stopped:
            found.failures.append(PluginFailure(point.name, distribution_of(point), stopped.error))
        seconds = perf_counter() - started
        if seconds > SLOW_SECONDS:
            found.slow.append(SlowPlugin(point.name, distribution_of(point), seconds))
    return found


class _PluginStopped(Exception):  # noqa: N818 - on its way to becoming a failure
    def __init__(self, error: BaseException) -> None:
        self.error = error


@contextmanager
def _guarded(point: EntryPoint) -> Iterator[None]:
    """Let nothing that a plugin raises out, but for the user's own Ctrl-C, which names it."""
    name = f"plugin {point.name!r} of {distribution_of(point)!r}"
    interrupts = Interrupts()
    waiting = f"still loading the {name}. {SWITCH}={point.name} switches it off."
    try:
        with interrupts.watched(), named_while_slow(waiting):
            yield
    # Some of these are no Exception: SystemExit, GeneratorExit, a panic of a Rust library.
    except BaseException as error:
        if not interrupts.by_user:
            raise _PluginStopped(error) from error
        if not isinstance(error, KeyboardInterrupt):  # made into another on its way
            raise KeyboardInterrupt(f"while loading the {name}") from error
        error.add_note(f"while loading the {name}")
        raise


def _rivals_among(points: Sequence[EntryPoint]) -> dict[str, tuple[str, ...]]:
    """Return the entry-point names that several distributions use, with those."""
    users: dict[str, set[str]] = defaultdict(set)
    for point in points:
        users[point.name].add(distribution_of(point))
    return {name: tuple(sorted(each)) for name, each in users.items() if len(each) > 1}
