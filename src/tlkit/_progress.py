"""Progress: a bar in a terminal or a notebook, a line now and then in a log; lines that stay.

Nobody may be there any more to look at it, as after ``| head`` or in a terminal that was closed.
Then the work goes on and nothing is shown.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TextIO

# A log gets a line after so many seconds at the earliest, and then when a tenth more is done or,
# so that a long work shows that it lives, after so many at the latest.
_EARLIEST_S, _LATEST_S, _SHARE = 10.0, 300.0, 0.1
# tqdm's own, but for what is done, which may be a share of an epoch.
_BAR = "{l_bar}{bar}| {n:.10g}/{total:.10g} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Reporter(Protocol):
    """Show how long work goes on."""

    def step(self, what: str, done: float, total: int, figures: str = "") -> None:
        """Show that ``done`` of ``total`` is done."""
        ...

    def line(self, text: str) -> None:
        """Show a line that stays."""
        ...


class Silent:
    """Show nothing."""

    def step(self, what: str, done: float, total: int, figures: str = "") -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""


class _Shown:
    """Write to a stream as long as it takes anything."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._gone = False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Do nothing more once the stream is closed, at this or the other end."""
        try:
            yield
        except (OSError, ValueError) as error:
            stream = self._stream or sys.stderr
            # What a closed file raises is a ValueError.
            if isinstance(error, ValueError) and not getattr(stream, "closed", False):
                raise
            self._gone = True
            let_go_of(stream)
            self._forget()

    def _forget(self) -> None:
        """Drop what would still be written."""


class Bars(_Shown):
    """Show a bar of tqdm with the time left, which goes when the work is done.

    Args:
        stream: Where to write; None is standard error, or the notebook's cell.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._bar: Any = None
        self._what = ""

    def step(self, what: str, done: float, total: int, figures: str = "") -> None:
        """Move the bar to ``done`` of ``total``."""
        if not self._gone:
            with self._writing():
                self._step(what, done, total, figures)

    def line(self, text: str) -> None:
        """Write a line that stays, above the bar."""
        if not self._gone:
            with self._writing():
                _bar_class().write(text, file=self._stream or sys.stderr)

    def _step(self, what: str, done: float, total: int, figures: str) -> None:
        if self._bar is None or self._what != what or not self._bar.n <= done <= self._bar.total:
            self._close()
            self._what = what
            self._bar = _bar_class()(
                desc=what,
                initial=done,
                total=total,
                leave=False,
                file=self._stream,
                bar_format=_BAR,
            )
        self._bar.set_postfix_str(figures, refresh=False)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def _forget(self) -> None:
        if self._bar is not None:
            self._bar.disable = True
        self._bar = None

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


class Lines(_Shown):
    """Write a line now and then, for what is no terminal: a file, the log of a service.

    Args:
        stream: Where to write; standard error by default, so that results can be piped.
        clock: Gives seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream or sys.stderr)
        self._clock = clock
        self._what = ""
        # When the work was begun and the last line written, and how much was done then.
        self._begun = self._written = (0.0, 0.0)

    def step(self, what: str, done: float, total: int, figures: str = "") -> None:
        """Write a line, unless the last one was a short while ago."""
        now = self._clock()
        if what != self._what or done < self._written[1]:
            self._what, self._begun = what, (now, done)
            self._written = self._begun
        waited, more = now - self._written[0], done - self._written[1]
        if done >= total:
            self._what = ""
        elif waited >= _LATEST_S or (waited >= _EARLIEST_S and more >= _SHARE * total):
            self._written = (now, done)
            told = f"{what}: {done:.10g} of {total}, {self._left(now, done, total)}"
            self.line(f"{told}, {figures}" if figures else told)

    def line(self, text: str) -> None:
        """Write a line that stays."""
        if not self._gone:
            with self._writing():
                stream = self._stream or sys.stderr
                stream.write(f"{text}\n")
                stream.flush()

    def _left(self, now: float, done: float, total: int) -> str:
        begun, first = self._begun
        if done == first:
            return "time left unknown"
        seconds = int((now - begun) / (done - first) * (total - done))
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{f'{hours} h ' if hours else ''}{minutes} min {seconds:02} s left"


def console(stream: TextIO | None = None, *, notebook: bool | None = None) -> Reporter:
    """Return what shows progress where this process runs: a bar, or lines in a log.

    Args:
        stream: Where to write; standard error by default, or the cell of a notebook.
        notebook: Whether this process is a notebook's; None asks tqdm.
    """
    if stream is None and (_in_notebook() if notebook is None else notebook):
        return Bars()
    written = stream or sys.stderr
    if written is None or written.closed:  # a process without one, such as a service's
        return Silent()
    return Bars(written) if written.isatty() else Lines(written)


def let_go_of(stream: TextIO) -> None:
    """Send what is left for a stream that takes no more to nowhere.

    Python would complain of it when it ends, and give the process another exit status.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError, AttributeError):  # a stream of a test, or none
        return
    finally:
        os.close(nowhere)


def reporter_for(verbose: int) -> Reporter:
    """Return what a ``verbose`` argument asks for."""
    return console() if verbose else Silent()


@cache
def _bar_class() -> Any:
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]  # tqdm ships no types
        # No thread of its own: work may be in processes that are forked.
        monitor_interval = 0

    # Nor tqdm's lock of several processes, as only this one writes.
    Bar.set_lock(threading.RLock())
    return Bar


def _in_notebook() -> bool:
    from tqdm.notebook import tqdm_notebook

    return issubclass(_bar_class(), tqdm_notebook)
