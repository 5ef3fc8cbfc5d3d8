"""What a framework says while it is loaded: notes are kept off the screen, nothing else is."""

from __future__ import annotations

import os

import pytest

from tlkit.command._loading import without_build_notes

NOTES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795709941.696493   10154 port.cc:153] custom operations are on.\n"
)
OTHERS = (
    "E0000 00:00:1795709941.7   10154 cuda_dnn.cc:1] no such thing\n"
    "W0000 00:00:1795709941.7   10154 cpu.cc:1] slow\n"
    "Illegal instruction\n"
    "ImportWarning: I0000 is no line of a log\n"
)


def written(capfd: pytest.CaptureFixture[str], text: str) -> str:
    with without_build_notes():
        os.write(2, text.encode())
    return capfd.readouterr().err


def test_notes_are_kept_off_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    assert written(capfd, NOTES) == ""


def test_warnings_and_errors_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert written(capfd, NOTES + OTHERS) == OTHERS


def test_what_was_written_before_an_error_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        with without_build_notes():
            os.write(2, OTHERS.encode())
            raise ImportError

    with pytest.raises(ImportError):
        broken()
    assert capfd.readouterr().err == OTHERS


def test_what_is_written_after_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with without_build_notes():
        pass
    os.write(2, NOTES.encode())
    assert capfd.readouterr().err == NOTES
