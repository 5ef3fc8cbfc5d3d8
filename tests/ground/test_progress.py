"""Progress: a bar with the time left in a terminal, a line now and then in a log."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time

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
