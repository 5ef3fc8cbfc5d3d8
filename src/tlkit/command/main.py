"""The command ``tlkit``: reads the command line, runs a subcommand, prints what it answers."""

from __future__ import annotations

import argparse
import io
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

import tlkit
from tlkit._progress import let_go_of
from tlkit.command import (
    _backbones,
    _cache,
    _doctor,
    _engines,
    _evaluate,
    _predict,
    _rank,
    _report,
    _train,
)
from tlkit.command._usage import HelpfulParser
from tlkit.command.answer import Answer, say
from tlkit.command.options import layout
from tlkit.errors import TlkitError

# As they stand in the help: what one does first comes first.
_SUBCOMMANDS = (
    *(_train, _predict, _evaluate, _rank),
    *(_report, _backbones, _engines, _cache, _doctor),
)
_DESCRIPTION = """\
Transfer learning for Keras 3: the frozen part of a network runs once per picture.
Put your pictures into a folder for each class: pictures/cats, pictures/dogs."""
_EXAMPLES = """\
examples:
  tlkit train pictures                   fine-tune a network, evaluate it, report
  tlkit predict tlkit-run new_pictures   label pictures with it
  tlkit evaluate tlkit-run test          score it on pictures that it has not seen
  tlkit backbones "*mobilenet*"          other networks, for --backbone NAME
  tlkit doctor                           what works on this machine

`tlkit COMMAND --help` explains a command. Exit status: 0 right, 1 an error,
2 wrong usage, 130 stopped with Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after ``tlkit``; None takes those of this process.

    Returns:
        The exit status: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _make_frameworks_quiet()
    try:
        status = _status(given)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads, such as `head`, has had enough
        let_go_of(sys.stdout)
        return 0
    except OSError as error:
        let_go_of(sys.stdout)
        say(f"error: the answer cannot be written: {error}. Send standard output elsewhere.")
        return 1
    return status


def _status(given: list[str]) -> int:
    try:
        options = parser().parse_args(given)
    except SystemExit as done:  # help was asked for, or the usage is wrong: argparse has said it
        return int(done.code or 0)
    options.output = _writable(sys.stdout)
    try:
        # What Keras prints, such as the progress of a download, is no part of the answer.
        with redirect_stdout(sys.stderr), _plain_warnings():
            answer: Answer = options.run(options)
    except KeyboardInterrupt:
        again = [*given, *(() if "--resume" in given else ("--resume",))]
        say(f"\nStopped. {options.stopped.format(again=shlex.join(['tlkit', *again]))}".rstrip())
        return 130
    except BrokenPipeError:
        raise
    except (TlkitError, OSError, ImportError) as error:
        if options.traceback:
            traceback.print_exc()
        say(_told(error, options))
        return 1
    told = answer.to_json() if options.json else answer.text
    if told:  # or the rows are written already, one by one
        options.output.write(f"{told}\n")
    return answer.status


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    top = HelpfulParser(
        "tlkit",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=layout,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"tlkit {tlkit.__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for each in _SUBCOMMANDS:
        each.add_to(commands)
    return top


def _told(error: Exception, options: argparse.Namespace) -> str:
    hints = [hint for kind, hint in options.hints.items() if isinstance(error, kind)]
    if isinstance(error, ImportError):
        hints = ["A package is missing or broken; `tlkit doctor` says what works on this machine."]
    return "\n".join([f"error: {error}", *hints])


def _writable(stream: TextIO | None) -> TextIO:
    """Return where the answer goes."""
    if stream is None:  # the process was started without one
        return io.StringIO()
    if isinstance(stream, io.TextIOWrapper):  # a file's name may be no text in its encoding
        stream.reconfigure(errors="backslashreplace")
    return stream


def _make_frameworks_quiet() -> None:
    """Keep TensorFlow's notes on its own build off the screen; it reads this once, when loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as lines without a place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        yield
