"""``tlkit cache``: what lies in the feature store, and how to clear it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

import tlkit
from tlkit.command.answer import Answer
from tlkit.command.options import Subcommands, subcommand
from tlkit.errors import CacheError

_EXAMPLES = """\
  tlkit cache                           what lies in the store, and how large it is
  tlkit cache clear                     remove it all; it is computed again when needed
  tlkit cache clear --unused-days 30    only what was not used for a month"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Show or clear the feature store. It keeps what frozen layers gave, so that the\n"
        "next training need not run them again. TLKIT_CACHE_DIR says where it lies,\n"
        "TLKIT_CACHE_LIMIT_GB how large it may grow."
    )
    parser = subcommand(commands, "cache", summary, _EXAMPLES, run)
    parser.add_argument(
        "action", nargs="?", choices=("info", "clear"), default="info", help="info by default"
    )
    parser.add_argument(
        "--unused-days", type=float, metavar="DAYS",
        help="with clear: only what was last used so many days ago",
    )  # fmt: skip


def run(options: argparse.Namespace) -> Answer:
    """Show or clear it.

    Raises:
        CacheError: A file cannot be removed, or days are given where nothing is cleared.
    """
    days: float | None = options.unused_days
    if options.action == "info":
        if days is not None:
            raise CacheError(
                f"--unused-days {days:g} says what to clear, and info was asked for. Use "
                "`tlkit cache clear --unused-days DAYS`, or leave it out."
            )
        found = tlkit.cache.info()
        return Answer(str(found), store_facts())
    freed = tlkit.cache.clear(unused_days=0.0 if days is None else days)
    text = f"{freed / 1e6:,.1f} MB freed in {tlkit.cache.info().root}"
    return Answer(text, {"freed_bytes": freed, **store_facts()})


def store_facts() -> dict[str, Any]:
    """Return what lies in the store, as plain data."""
    found = tlkit.cache.info()
    return {
        "folder": str(found.root),
        "bytes": found.bytes,
        "limit_bytes": found.limit,
        "tables": [asdict(table) for table in found.tables],
    }
