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
# Those with a list of public names; that of `testing` is one page.
ROOMS = sorted(
    path.parent.name
    for path in (ROOT / "src/tlkit").glob("[a-z]*/__init__.pyi")
    if path.parent.name not in ("sklearn", "testing")
)
TEST_COMMAND = 'python -m pip install "nox[uv]" && python -m nox -s tests'


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def headings(name: str) -> set[str]:
    return {line.lstrip("# ") for line in page(name).splitlines() if line.startswith("#")}


def names_in_the_api() -> list[str]:
    """Names that have a page of their own: what the lists in docs/api hold."""
    pages = [path.read_text("utf-8") for path in sorted((ROOT / "docs/api").glob("*.md"))]
    lists = re.findall(r"\.\. autosummary::\n(?:   :.+\n)+\n((?:   .+\n)+)", "".join(pages))
    return [name for each in lists for name in each.split()]


def test_every_public_name_has_a_page_in_the_api() -> None:
    missing = set(tlkit.__all__) - set(names_in_the_api())
    assert not missing, f"add these to the list of a page in docs/api: {sorted(missing)}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_has_a_page_in_the_api(room: str) -> None:
    """Most are names of ``tlkit``; some rooms have more."""
    pages = {name.split(".")[-1] for name in names_in_the_api()}
    missing = set(importlib.import_module(f"tlkit.{room}").__all__) - pages
    assert not missing, f"add these, as {room}.NAME, to the list of a page in docs/api: {missing}"


def test_no_name_has_two_pages_in_the_api() -> None:
    names = names_in_the_api()
    assert len(names) == len(set(names))


def test_every_page_of_the_api_is_in_its_table_of_contents() -> None:
    pages = {f"api/{path.stem}" for path in (ROOT / "docs/api").glob("*.md")}
    assert pages == set(re.findall(r"^api/[\w-]+$", page("docs/api.md"), re.MULTILINE))


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
    docs = ROOT / "docs"
    paths = [*docs.glob("*.md"), *docs.glob("tutorials/[a-z]*.md")]
    pages = {str(path.relative_to(docs).with_suffix("")) for path in paths} - {"index"}
    listed = re.findall(r"```\{toctree\}\n(?::.*\n)*\n((?:[\w/-]+\n)+)```", page("docs/index.md"))
    assert pages == {name for each in listed for name in each.split()}


def test_the_version_is_the_one_of_the_changelog() -> None:
    assert any(heading.startswith(tlkit.__version__) for heading in headings("CHANGELOG.md"))


def test_only_public_keras_is_imported() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert "keras.src" not in path.read_text("utf-8"), path


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_pages_outside_the_documentation_lead_somewhere(name: str) -> None:
    """Those inside it are checked by its build."""
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page(name)):
        file, _, anchor = target.partition("#")
        assert (ROOT / file).exists(), target
        made = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings(file)}
        assert not anchor or anchor in made, target
