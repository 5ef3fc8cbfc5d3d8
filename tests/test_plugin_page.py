"""The page for plugin authors, done as it says, in an empty folder and a virtual environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

import tlkit
import tlkit.testing

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
FENCE = re.compile(
    r"^(?:`(?P<file>[^`]+)`:\n\n(?:<!--- skip: next -->\n\n)?)?"
    r"```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def steps() -> Iterator[tuple[str, str]]:
    """The files and commands of the page in its order: (file, content) or ("$", commands)."""
    for block in FENCE.finditer(PAGE.read_text("utf-8")):
        if block["file"]:
            yield block["file"], block["text"]
        elif block["kind"] == "console":
            yield "$", block["text"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A virtual environment of its own that sees tlkit, and all that tlkit needs, as installed."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    base = {"base": str(folder), "platbase": str(folder)}
    packages, scripts = (
        Path(sysconfig.get_path(kind, "venv", base)) for kind in ("purelib", "scripts")
    )
    tlkit_home = Path(tlkit.__file__).parents[1]
    seen = dict.fromkeys([str(tlkit_home), *(p for p in sys.path if p.endswith("-packages"))])
    (packages / "outer.pth").write_text("\n".join(seen))
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(folder), "TF_CPP_MIN_LOG_LEVEL": "2"}


@pytest.mark.slow
def test_page_leads_from_nothing_to_a_package_that_installs(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    project = tmp_path / "tlkit-mynet"
    project.mkdir()
    printed = ""
    for name, text in steps():
        if name != "$":
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
            continue
        done = subprocess.run(
            ["bash", "-euc", text], cwd=project, env=environment, capture_output=True, text=True
        )
        printed += done.stdout
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    (listing,) = re.findall(r"```text\n(name .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert listing in printed, "the page shows what is printed"
    checks = len(tlkit.testing.BACKBONE_CHECKS)
    assert f"{checks} passed" in printed
    assert "xla          yes   tlkit-xla" in printed
    assert "engine: xla, as asked" in printed
    assert printed.count("PASSED") == 2, "twine looked at the wheel and at the source archive"
    assert "mynet_small" in printed
    (wheel,) = (project / "dist").glob("tlkit_mynet-0.1.0-py3-none-any.whl")
    assert wheel.stat().st_size > 5_000, "with its weights"


def test_page_names_every_check() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == list(tlkit.testing.BACKBONE_CHECKS)
