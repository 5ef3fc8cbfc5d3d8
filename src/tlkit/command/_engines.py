"""``tlkit engines``: what can run the frozen part."""

from __future__ import annotations

import argparse
from typing import Any

import tlkit
from tlkit.command.answer import Answer
from tlkit.command.options import Subcommands, subcommand

_EXAMPLES = """\
  tlkit engines                         which can run here, and what to install for the others
  tlkit engines --json                  the same for a program
  tlkit train pictures --engine keras   train with one of them"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = "List the engines that can run frozen layers, and which of them work here."
    subcommand(commands, "engines", summary, _EXAMPLES, run)


def run(options: argparse.Namespace) -> Answer:  # noqa: ARG001 - it has no options of its own
    """List them."""
    found = tlkit.list_engines()
    return Answer(repr(found), {"engines": engine_facts(), "notes": found.notes()})


def engine_facts() -> list[dict[str, Any]]:
    """Return each engine's name, whether it can run here, and what it lacks."""
    from tlkit.features.engines.registry import missing_for

    lacking = [(spec, missing_for(spec)) for spec in tlkit.list_engines()]
    return [
        {
            "name": spec.name,
            "usable": not missing,
            "missing": missing,
            "distribution": spec.distribution,
        }
        for spec, missing in lacking
    ]
