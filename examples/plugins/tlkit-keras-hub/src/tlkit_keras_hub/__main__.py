"""``python -m tlkit_keras_hub``: add, list and remove presets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tlkit.backbones.spec import PREPROCESSING
from tlkit.errors import TlkitError
from tlkit_keras_hub.records import Record, home, records, register, remove


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "add":
            added = register(asked.folder, name=asked.name, preprocessing=asked.preprocessing)
            return _show([record for record in records() if record.name == added.name])
        if asked.command == "list":
            return _show(records())
        remove(asked.name)
    except TlkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Removed {asked.name}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tlkit_keras_hub", description="KerasHub presets as backbones of tlkit."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="load and try a preset, and let tlkit list it")
    add.add_argument("folder", help="what KerasHub's save_to_preset made")
    add.add_argument("--name", help="of the backbone; the folder's name by default")
    add.add_argument(
        "--preprocessing",
        choices=("auto", *PREPROCESSING),
        default="auto",
        help="auto: what the preset's image converter does",
    )
    commands.add_parser("list", help="show what was added")
    commands.add_parser("remove", help="forget a preset").add_argument("name")
    return parser


def _show(found: Sequence[Record]) -> int:
    if not found:
        print(f"No preset was added to {home()}.")
    for record in found:
        print(f"BROKEN  {record.problem}" if record.problem else _line(record))
    return int(any(record.problem for record in found))


def _line(record: Record) -> str:
    facts = record.facts
    if facts is None:
        return record.name
    needed = {"flat": "keras_hub", "whole": "tlkit_keras_hub.whole"}[facts.layout]
    return (
        f"{record.name}  {facts.family}, {facts.default_size} pixels, {facts.feature_count} "
        f"features, {facts.parameters:,} parameters, {facts.layout}; a saved model needs "
        f"{needed if facts.own_layers else 'Keras alone'}  {record.folder}"
    )


if __name__ == "__main__":
    sys.exit(main())
