"""``tlkit doctor``: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tlkit
from tlkit.command._cache import store_facts
from tlkit.command._engines import engine_facts
from tlkit.command._machine import keras_facts, machine_facts, package_versions
from tlkit.command.answer import Answer
from tlkit.command.options import Subcommands, subcommand
from tlkit.errors import CacheError

_EXAMPLES = """\
  tlkit doctor                          in words
  tlkit doctor --json > machine.json    all of it, to put into a bug report
  KERAS_BACKEND=jax tlkit doctor        with another backend"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Say what works on this machine: versions, backend, engines, weights, plugins,\n"
        "cache. The exit status is 1 where something is broken."
    )
    subcommand(commands, "doctor", summary, _EXAMPLES, run)


def run(options: argparse.Namespace) -> Answer:  # noqa: ARG001 - it has no options of its own
    """Look at everything; what is broken is told, and keeps nothing else from being told."""
    keras = keras_facts()
    facts: dict[str, Any] = {
        "tlkit": tlkit.__version__,
        **machine_facts(),
        "keras": keras,
        "packages": package_versions(),
        # What an engine lacks depends on the backend.
        "engines": [] if keras["error"] else engine_facts(),
        "weights": _weights(),
        "plugins": _plugins(),
        "cache": _cache(),
    }
    facts["problems"] = list(_problems(facts))
    return Answer("\n".join(_lines(facts)), facts, status=1 if facts["problems"] else 0)


def _weights() -> dict[str, Any]:
    from tlkit.backbones.weights import keras_home
    from tlkit.backbones.weights_here import weights_in

    folder = keras_home() / "models"
    own = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
    return {"folder": str(folder), "backbones": weights_in(folder, own), "of": len(own)}


def _plugins() -> dict[str, Any]:
    """Return the backbones of other distributions, and what is wrong with plugins."""
    listed, engines = tlkit.list_backbones(), tlkit.list_engines()
    brought: dict[str, list[str]] = {}
    for spec in listed:
        if spec.distribution != "tlkit":
            brought.setdefault(spec.distribution, []).append(spec.name)
    broken = [str(x) for found in (listed, engines) for x in found.discovery.failures]
    notes = [note for found in (listed, engines) for note in found.notes()]
    return {"backbones": brought, "broken": broken, "notes": notes}


def _cache() -> dict[str, Any]:
    """Return what lies in the feature store, and why it cannot be written where that is so."""
    import tempfile

    try:
        facts = store_facts()
        with tempfile.TemporaryFile(dir=Path(facts["folder"])):
            return {**facts, "tables": len(facts["tables"]), "error": None}
    except (CacheError, OSError) as error:
        return {"folder": None, "bytes": None, "tables": None, "error": str(error)}


def _problems(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts["keras"]["error"]:
        yield (
            f"Keras does not load with {facts['keras']['chosen_by']}: {facts['keras']['error']}. "
            "Install what it names, or choose another backend with KERAS_BACKEND."
        )
    if facts["cache"]["error"]:
        yield f"The feature store cannot be written: {facts['cache']['error']}"
    for broken in facts["plugins"]["broken"]:
        yield f"Not loaded: {broken}. Repair or uninstall that package."


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    memory, keras = facts["memory_bytes"], facts["keras"]
    yield f"tlkit     {facts['tlkit']} on Python {facts['python']}, {facts['system']}"
    gigabytes = "" if memory is None else f", {memory / 1e9:.1f} GB of memory"
    yield f"machine   {facts['cores']} core{'s' if facts['cores'] > 1 else ''}{gigabytes}"
    told = keras["error"] or f"{keras['backend']}, on {', '.join(keras['devices']) or 'no device'}"
    yield f"backend   {told} (by {keras['chosen_by']})"
    there = [f"{name} {number}" for name, number in facts["packages"].items() if number]
    yield f"packages  {', '.join(there)}"
    missing = [name for name, number in facts["packages"].items() if not number]
    if missing:
        yield f"          not installed: {', '.join(missing)}"
    engines = [_engine(each) for each in facts["engines"]]
    yield from _listed("engines", engines or ["none while Keras does not load"])
    yield from _listed("weights", list(_weight_lines(facts["weights"], facts["plugins"])))
    yield f"cache     {_cache_line(facts['cache'])}"
    yield ""
    wrong = facts["problems"]
    yield from (f"problem: {each}" for each in wrong) if wrong else ["Nothing is broken."]


def _listed(what: str, rows: Sequence[str]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"{'' if number else what:<8}  {row}"


def _engine(facts: Mapping[str, Any]) -> str:
    state = f"no: {facts['missing']}" if facts["missing"] else "yes"
    return f"{facts['name']:<12} {state}"


def _weight_lines(weights: Mapping[str, Any], plugins: Mapping[str, Any]) -> Iterator[str]:
    names = ", ".join(weights["backbones"])
    yield (
        f"{len(weights['backbones'])} of {weights['of']} networks of keras.applications in "
        f"{weights['folder']}{f': {names}' if names else '; others are downloaded when asked for'}"
    )
    for distribution, found in plugins["backbones"].items():
        yield f"plugin {distribution}: {', '.join(found)}"


def _cache_line(cache: Mapping[str, Any]) -> str:
    if cache["error"]:
        return "cannot be written"
    size, limit = cache["bytes"] / 1e6, cache["limit_bytes"] / 1e6
    return f"{cache['folder']}, {size:,.1f} MB of at most {limit:,.0f} MB, can be written"
