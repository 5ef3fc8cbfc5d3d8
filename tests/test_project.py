"""What the pages promise stays true: every public name, hook and dependency is written about."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import tlkit
from tlkit.backbones.spec import BackboneHooks

ROOT = Path(__file__).parents[1]
TEST_COMMAND = 'python -m pip install "nox[uv]" && python -m nox -s tests'


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def headings(name: str) -> set[str]:
    return {line.lstrip("# ") for line in page(name).splitlines() if line.startswith("#")}


@pytest.mark.parametrize("name", tlkit.__all__)
def test_every_public_name_has_a_heading_in_the_docs(name: str) -> None:
    assert name in headings("docs/api.md")


@pytest.mark.parametrize("room", ["features", "reporting", "sklearn", "training"])
def test_every_public_name_of_a_room_is_in_the_docs(room: str) -> None:
    """Most are names of ``tlkit``; these rooms have more."""
    for name in importlib.import_module(f"tlkit.{room}").__all__:
        assert re.search(rf"tlkit\.(\w+\.)*{name}\b", page("docs/api.md")), name


def test_every_hook_has_a_heading_in_the_docs() -> None:
    hooks = [name for name in vars(BackboneHooks) if name.startswith("tlkit_")]
    assert hooks
    for hook in hooks:
        assert any(f"`{hook}`" in heading for heading in headings("docs/plugins.md"))


def test_every_dependency_has_a_line_that_says_what_it_is_for() -> None:
    project = tomllib.loads(page("pyproject.toml"))["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    for requirement in [*project["dependencies"], *extras]:
        name = re.split(r"[<>=\[]", requirement)[0]
        assert re.search(rf"^\|.*\b{name}\b.*\|", page("docs/dependencies.md"), re.MULTILINE), name


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    assert TEST_COMMAND in page("README.md")
    assert TEST_COMMAND in page(".ci/run").splitlines()


def test_every_page_is_in_the_table_of_contents() -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    listed = re.findall(r"```\{toctree\}\n(?::.*\n)*\n((?:[\w-]+\n)+)```", page("docs/index.md"))
    assert pages == {name for each in listed for name in each.split()}


def test_the_version_is_the_one_of_the_changelog() -> None:
    assert any(heading.startswith(tlkit.__version__) for heading in headings("CHANGELOG.md"))


def test_only_public_keras_is_imported() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert "keras.src" not in path.read_text("utf-8"), path
