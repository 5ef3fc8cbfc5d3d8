"""Progress: a bar with the time left in a terminal, a line now and then in a log."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import few
from tlkit._progress import Bars, Lines, Silent, console, reporter_for


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def log(seconds_each: float, total: int, first: int = 1) -> list[str]:
    """What a log gets of work of which each part takes so long."""
    stream, clock = io.StringIO(), Clock()
    lines = Lines(stream, clock)
    for done in range(first, total + 1):
        lines.step("head", done, total, "loss 0.50")
        clock.now += seconds_each
    return stream.getvalue().splitlines()


def test_a_terminal_gets_a_bar_and_a_log_gets_lines() -> None:
    assert isinstance(console(Terminal()), Bars)
    assert isinstance(console(io.StringIO()), Lines)
    assert isinstance(reporter_for(0), Silent)
    assert not isinstance(reporter_for(1), Silent)


def test_a_bar_shows_the_share_the_time_left_and_the_figures() -> None:
    stream = Terminal()
    bars = Bars(stream)
    bars.step("head", 1, 4, "loss 0.90")
    time.sleep(0.15)  # tqdm draws ten times a second at most
    bars.step("head", 2, 4, "loss 0.50")
    drawn = stream.getvalue().split("\r")[-1]
    assert drawn.startswith("head:  50%|")
    assert " 2/4 [00:00<00:00" in drawn
    assert "loss 0.50" in drawn


def test_a_bar_goes_when_its_work_is_done_and_lines_stay() -> None:
    stream = Terminal()
    bars = Bars(stream)
    for done in range(1, 4):
        bars.step("head", done, 3)
    bars.line("head: 3 epochs")
    *_, cleared, last = stream.getvalue().split("\r")
    assert (cleared.strip(), last) == ("", "head: 3 epochs\n")


def test_a_line_that_stays_does_not_break_the_bar() -> None:
    stream = Terminal()
    bars = Bars(stream)
    bars.step("head", 1, 3)
    bars.line("a note")
    before, after = stream.getvalue().split("a note\n")
    assert before.endswith("\r")
    assert after.startswith("\rhead:")


def test_another_work_or_one_begun_again_gets_a_bar_of_its_own() -> None:
    stream = Terminal()
    bars = Bars(stream)
    for what, done, total in [("a", 2, 9), ("b", 1, 5), ("a", 3, 9), ("a", 1, 9), ("a", 12, 20)]:
        bars.step(what, done, total)
    bars.step("a", 20, 20)
    shown = stream.getvalue()
    assert [shown.count(x) for x in (" 2/9", " 1/5", " 3/9", " 1/9", " 12/20")] == [1] * 5
    assert bars._bar is None


def test_bars_start_no_thread() -> None:
    before = threading.active_count()
    Bars(Terminal()).step("head", 1, 3)
    assert threading.active_count() == before


def test_a_log_gets_a_line_for_each_tenth_at_most() -> None:
    lines = log(seconds_each=20, total=100)
    assert len(lines) == 9
    assert lines[0] == "head: 11 of 100, 29 min 40 s left, loss 0.50"
    assert lines[-1] == "head: 91 of 100, 3 min 00 s left, loss 0.50"


def test_a_log_gets_a_line_every_ten_seconds_at_most() -> None:
    assert log(seconds_each=0.01, total=100) == []
    lines = log(seconds_each=0.5, total=100)
    assert [line.split(",")[0] for line in lines] == [
        f"head: {done} of 100" for done in (21, 41, 61, 81)
    ]


def test_a_log_of_long_work_shows_that_it_lives() -> None:
    lines = log(seconds_each=400, total=200)
    assert lines[0] == "head: 2 of 200, 22 h 0 min 00 s left, loss 0.50"
    assert len(lines) == 198


def test_what_was_done_before_a_resumption_does_not_make_the_rest_look_short() -> None:
    lines = log(seconds_each=60, total=100, first=50)
    assert lines[0] == "head: 55 of 100, 45 min 00 s left, loss 0.50"


def test_work_that_is_begun_again_is_timed_anew() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = Lines(stream, clock)
    for done in (1, 50, 1, 20):
        lines.step("rates", done, 100)
        clock.now += 11
    assert stream.getvalue().splitlines() == [
        "rates: 50 of 100, 0 min 11 s left",
        "rates: 20 of 100, 0 min 46 s left",
    ]


def test_a_log_holds_the_lines_that_stay_and_no_control_characters() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.step("head", 1, 2)
    lines.line("head: 2 epochs")
    assert stream.getvalue() == "head: 2 epochs\n"


def test_a_notebook_gets_a_bar_in_its_cell() -> None:
    assert isinstance(console(notebook=True), Bars)
    assert isinstance(console(io.StringIO(), notebook=True), Lines)


def test_standard_error_is_where_progress_goes_and_results_can_be_piped() -> None:
    code = "from tlkit._progress import console; console().line('done')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "done\n")


# What a program does: work that is shown, its end written to a file, and an answer.
WORK = """
import pathlib, sys, time
from tlkit._progress import console
shown = console()
for done in range(1, 41):
    shown.step("head", done / 4, 10, "loss 0.5")
    shown.line(f"note {done}")
    time.sleep(0.01)
pathlib.Path(sys.argv[1]).write_text("whole")
print("answer")
"""


def in_a_shell(words: str, done: Path) -> subprocess.CompletedProcess[str]:
    """Run the work with its output sent as ``words`` say, and give its own exit status."""
    script = f'"$0" -c "$1" "$2" {words}; exit ${{PIPESTATUS[0]}}'
    command = ["bash", "-c", script, sys.executable, WORK, str(done)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words", few(["2>&1 | head -n 1", "2>&-", "2>/dev/full", "2>&1 >/dev/null | true"])
)
def test_work_goes_on_where_nobody_looks_at_it_any_more(words: str, tmp_path: Path) -> None:
    ran = in_a_shell(words, tmp_path / "done")
    assert (tmp_path / "done").read_text() == "whole"
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "ignored" not in ran.stderr


def test_a_file_gets_plain_lines_and_no_carriage_return(tmp_path: Path) -> None:
    in_a_shell(f"2> {tmp_path / 'log'}", tmp_path / "done")
    log = (tmp_path / "log").read_bytes().decode()
    assert log.splitlines() == [f"note {done}" for done in range(1, 41)]
    assert "\r" not in log


def test_a_terminal_gets_a_live_line_with_a_share_of_an_epoch(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="there are no such terminals here")
    import fcntl
    import struct
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-c", WORK, str(tmp_path / "done")]
    ran = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=its)
    os.close(its)
    drawn = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        drawn += more
    os.close(ours)
    assert ran.wait() == 0
    shown = drawn.decode().split("\r")
    assert any("head:" in line and "/10 [" in line and "loss 0.5" in line for line in shown)
    assert any(f" {share}/10 [" in drawn.decode() for share in ("2.75", "5.25", "7.75", "1.25"))


CELL = """
import tlkit, tlkit.testing
from tlkit._progress import Bars, console
assert isinstance(console(), Bars)
trainer = tlkit.StagedTrainer(
    tlkit.testing.tiny_backbone(), weights=None, cache=False, engine="keras",
    stages=[tlkit.Stage("head", epochs=3, learning_rate=0.01)])
result = trainer.fit(*tlkit.testing.tiny_dataset().split(0.25))
"""


@pytest.mark.slow
def test_a_notebook_shows_a_bar_and_keeps_the_lines_that_stay() -> None:
    for package in ("ipykernel", "ipywidgets"):
        pytest.importorskip(package, reason="it is part of what runs notebooks")
    nbclient = pytest.importorskip("nbclient", reason="it runs notebooks")
    nbformat = pytest.importorskip("nbformat", reason="it reads notebooks")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
    outputs: list[Any] = book.cells[0].outputs
    kept = json.dumps(book.metadata["widgets"])
    assert "FloatProgressModel" in kept, "the bar is one of the notebook's own"
    text = "".join(output.get("text", "") for output in outputs)
    assert "head: 3 epochs in " in text
