"""A parser that says what was probably meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn


class HelpfulParser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose subcommands refuse unknown options themselves, and suggest."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read the words of a command line; an option that is not known ends with status 2."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            meant = _meant(unknown[0].partition("=")[0], options)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not among the choices."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _meant(str(value), list(map(str, action.choices or ())))
            raise

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and end with status 2."""
        super().error(f"{message}\nSee {self.prog} --help.")


def _meant(given: str, known: Sequence[str]) -> str:
    word = given.strip("-")
    near = [name for name in known if word and word in name.strip("-").split("-")]
    near = near or get_close_matches(given, known, n=2, cutoff=0.7)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
