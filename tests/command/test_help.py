"""Help comes at once and is true; what is read half or not at all is no error."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tlkit
from tlkit.command.answer import Answer
from tlkit.command.main import main, parser

ROOT = Path(__file__).parents[2]
COMMANDS = (
    *("train", "predict", "evaluate", "rank", "report"),
    *("backbones", "engines", "cache", "doctor"),
)
HEAVY = {"keras", "tensorflow", "jax", "torch", "numpy", "scipy", "sklearn", "PIL"}


def test_help_loads_no_framework() -> None:
    code = "import runpy, sys; sys.argv = ['tlkit', '--help']\n"
    code += "try:\n    runpy.run_module('tlkit', run_name='__main__')\n"
    code += "finally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "tlkit" in loaded
    assert not loaded & HEAVY
    assert done.stdout.startswith("usage: tlkit")


def test_the_script_that_is_installed_calls_main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["scripts"]["tlkit"].partition(":")
    assert getattr(importlib.import_module(module), name) is main


def test_the_command_is_a_module_too() -> None:
    words = [sys.executable, "-m", "tlkit", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"tlkit {tlkit.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    examples = capsys.readouterr().out.partition("\nexamples:\n")[2]
    assert sum(words[0] == command for words in command_lines(examples)) >= 2
    assert main(["--help"]) == 0
    assert re.search(rf"^    {command}\b", capsys.readouterr().out, re.MULTILINE)


def command_lines(text: str) -> list[list[str]]:
    """The command lines in a text, which begin a line; what follows after spaces is a remark."""
    found = re.findall(r"^ *(?:\w+=\w+ )?tlkit ((?:\S+ )*?\S+)(?:  +.*)?$", text, re.MULTILINE)
    return [shlex.split(line.partition(" > ")[0]) for line in found]


def test_command_lines_of_the_docs_are_understood() -> None:
    found = command_lines((ROOT / "docs/command-line.md").read_text("utf-8"))
    assert {words[0] for words in found} == set(COMMANDS)
    for words in found:
        assert parser().parse_args(words).run


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_command_lines_of_the_help_are_understood(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--help"]) == 0
    examples = command_lines(capsys.readouterr().out.partition("\nexamples:\n")[2])
    assert len(examples) >= 3
    for words in examples:
        assert parser().parse_args(words).run


def test_every_command_has_a_heading_in_the_docs() -> None:
    text = (ROOT / "docs/command-line.md").read_text("utf-8")
    for command in COMMANDS:
        assert f"\n## tlkit {command}\n" in text


def test_the_defaults_that_the_help_names_are_those_of_fine_tune(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["train", "--help"]) == 0
    page = capsys.readouterr().out
    named = {
        option.replace("-", "_"): default
        for option, default in re.findall(
            r"^  --([\w-]+) .*?(?: {2,}|\n {10,}).*\(default: ([^)]*)\)", page, re.M
        )
    }
    known = inspect.signature(tlkit.fine_tune).parameters
    of_fine_tune = {name: text for name, text in named.items() if name in known}
    assert of_fine_tune.pop("epochs").startswith("by the number of pictures, 4 to 30")
    assert set(of_fine_tune) >= {"learning_rate", "batch_size", "validation"}
    for name, text in of_fine_tune.items():
        default = known[name].default
        assert text.startswith(f"{default:.0%}" if name == "validation" else str(default)), name
    assert named["keep"].startswith("best")


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "tlkit", "backbones"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_no_standard_output_at_all_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["backbones"]) == 0


def test_a_full_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["backbones"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_names_that_are_no_text_in_the_encoding_are_written_with_escapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr("tlkit.command._engines.run", lambda _: Answer("caf\xe9", {}))
    assert main(["engines"]) == 0
    assert stream.buffer.getvalue() == b"caf\\xe9\n"


def test_figures_that_are_not_defined_are_null() -> None:
    data = {"a": float("nan"), "b": [float("inf"), 1.5], 3: {"c": (None, "x")}}
    answer = Answer("", data)  # type: ignore[arg-type]
    assert json.loads(answer.to_json()) == {"a": None, "b": [None, 1.5], "3": {"c": [None, "x"]}}
