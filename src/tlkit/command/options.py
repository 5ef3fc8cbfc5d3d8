"""What the subcommands' options have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from tlkit._disk.atomic import why_unwritable
from tlkit._urls import is_url
from tlkit.command.answer import Answer
from tlkit.errors import TlkitError

Run = Callable[[argparse.Namespace], Answer]
Hints = Mapping[type[TlkitError], str]


class Subcommands(Protocol):
    """What ``ArgumentParser.add_subparsers`` returns."""

    def add_parser(self, name: str, /, **settings: Any) -> argparse.ArgumentParser:
        """Add the parser of a subcommand."""


def subcommand(
    commands: Subcommands,
    name: str,
    summary: str,
    examples: str,
    run: Run,
    *,
    hints: Hints | None = None,
    stopped: str = "",
) -> argparse.ArgumentParser:
    """Add a subcommand, with the options that all have.

    Args:
        commands: Where to add it.
        name: What it is called.
        summary: What it does: a line in the list of subcommands and the head of its help.
        examples: Command lines that work, for the end of its help.
        run: Called with what was given.
        hints: What an error that tells of arguments in Python means on the command line.
        stopped: How to go on after Ctrl-C; ``{again}`` is the command line with ``--resume``.
    """
    parser = commands.add_parser(
        name,
        help=_first_sentence(summary).replace("%", "%%"),
        description=summary,
        epilog=f"examples:\n{examples}",
        formatter_class=layout,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document; all else goes to stderr"
    )
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the code an error was raised"
    )
    parser.set_defaults(run=run, hints=hints or {}, stopped=stopped)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model that a subcommand uses, and what may be told of it."""
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, help="a .keras file or run directory")
    add("--class-names", metavar="A,B,...", type=names, help="what the model's columns are of")
    told = "side of the pictures in pixels, for a model that takes any"
    add("--image-size", metavar="N", type=count, help=told)


def layout(prog: str) -> argparse.HelpFormatter:
    """Lay out a help page: examples stand as they are written, options beside what they do."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28)


def _first_sentence(text: str) -> str:
    """Return it as it stands in a list: a small letter first, no full stop."""
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")
    return sentence[0].lower() + sentence[1:]


def names(text: str) -> list[str]:
    """Return class names that are written with commas between them.

    Example:
        >>> names("cats, dogs")
        ['cats', 'dogs']
    """
    return [name.strip() for name in text.split(",")]


def pictures(text: str) -> Path | str:
    """Read where pictures are: a path, or an address that fsspec opens."""
    return text if is_url(text) else Path(text)


def output(text: str) -> Path:
    """Return where an answer is to be written; a place where it cannot be is wrong usage.

    So it is told before the work is done and not after it.
    """
    why = why_unwritable(Path(text))
    if why:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: {why}; give another file")
    return Path(text)


def count(text: str) -> int:
    """Return a whole number of 1 or more, the way argparse asks for it.

    Example:
        >>> count("12")
        12
    """
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 1 or more")
    return number
