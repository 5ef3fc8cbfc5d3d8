"""A block of a plugin's code: named where it hangs, and where Ctrl-C ends it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# After so long the one who waits is told for what. All built-in plugins take a tenth of it.
SLOW_SECONDS = 0.5


@contextmanager
def named_while_slow(what: str) -> Iterator[None]:
    """Write on stderr what a block waits for, once it has waited for half a second."""
    timer = threading.Timer(SLOW_SECONDS, _tell, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _tell(what: str) -> None:
    if sys.stderr is not None:  # there is none under pythonw
        print(f"tlkit: {what}", file=sys.stderr, flush=True)  # noqa: T201 - logging may be off


class Interrupts:
    """Tells a Ctrl-C of the user from a KeyboardInterrupt that a plugin raises by itself."""

    def __init__(self) -> None:
        self.by_user = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note a Ctrl-C in a block. Python gives it to the main thread alone."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self.by_user = True
            before(number, frame)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            if signal.getsignal(signal.SIGINT) is note:  # else the plugin has set its own
                signal.signal(signal.SIGINT, before)
