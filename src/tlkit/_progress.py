"""Progress on a terminal: a bar while work goes on, lines that stay."""

from __future__ import annotations

import sys
import time
from typing import Protocol, TextIO

_BAR = 24


class Reporter(Protocol):
    """Shows how long work goes on."""

    def step(self, what: str, done: int, total: int, figures: str = "") -> None:
        """Show that ``done`` of ``total`` is done."""
        ...

    def line(self, text: str) -> None:
        """Show a line that stays."""
        ...


class Console:
    """Shows a bar where the stream is a terminal, and lines everywhere.

    Args:
        stream: Where to write; standard error by default, so that results can be piped.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._what = ""
        self._started = 0.0

    def step(self, what: str, done: int, total: int, figures: str = "") -> None:
        """Draw the bar for ``done`` of ``total``."""
        if what != self._what:
            self._what, self._started = what, time.monotonic()
        if not self._stream.isatty():
            return
        filled = _BAR * done // max(total, 1)
        bar = "#" * filled + "." * (_BAR - filled)
        seconds = time.monotonic() - self._started
        self._stream.write(f"\r\033[K{what} [{bar}] {done}/{total} {seconds:.0f} s  {figures}")
        if done >= total:
            self._stream.write("\r\033[K")
            self._what = ""
        self._stream.flush()

    def line(self, text: str) -> None:
        """Write a line that stays."""
        start = "\r\033[K" if self._stream.isatty() else ""
        self._stream.write(f"{start}{text}\n")
        self._stream.flush()


class Silent:
    """Shows nothing."""

    def step(self, what: str, done: int, total: int, figures: str = "") -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""
