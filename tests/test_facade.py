"""``import tlkit``: every public name, and no framework before one is used."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import tlkit

FRAMEWORKS = {"keras", "tensorflow", "jax", "torch", "sklearn", "numpy", "PIL", "pandas", "scipy"}


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after some code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_loads_no_framework() -> None:
    loaded = loaded_by("import tlkit")
    assert "tlkit" in loaded
    assert not loaded & FRAMEWORKS


def test_listing_backbones_loads_no_framework() -> None:
    loaded = loaded_by(
        "import tlkit\n"
        "assert len(tlkit.list_backbones()) >= 40\n"
        "assert tlkit.get_backbone('xception').min_size == 71"
    )
    assert not loaded & FRAMEWORKS


def test_settings_are_made_without_a_framework() -> None:
    loaded = loaded_by(
        "import tlkit\n"
        "tlkit.Stage('a', epochs=1, learning_rate=tlkit.ExponentialLRFinder(),\n"
        "            policy=tlkit.UnfreezeTop(layers=8), augmentation=tlkit.Augmentation())\n"
        "tlkit.Head(units=(1024, 512))"
    )
    assert not loaded & {"keras", "tensorflow", "jax", "torch", "sklearn"}


@pytest.mark.parametrize("name", tlkit.__all__)
def test_public_name_is_found_where_the_facade_says(name: str) -> None:
    value = getattr(tlkit, name)
    assert value is getattr(importlib.import_module(tlkit._HOMES[name]), name)
    assert vars(tlkit)[name] is value, "found once, it is kept"
    assert value.__doc__, "says what it is"


def test_names_are_the_same_everywhere() -> None:
    assert tlkit.__all__ == sorted(tlkit.__all__)
    assert set(tlkit.__all__) == set(tlkit._HOMES)
    assert set(tlkit.__all__) <= set(dir(tlkit))
    assert dir(tlkit) == sorted(dir(tlkit))
    namespace: dict[str, object] = {}
    exec("from tlkit import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(tlkit.__all__)


def test_types_agree_with_what_is_imported() -> None:
    """The imports under TYPE_CHECKING are what a type checker sees of the lazy names."""
    tree = ast.parse(Path(tlkit.__file__).read_text("utf-8"))
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == tlkit._HOMES


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tlkit' has no attribute 'StagedTrianer'"):
        tlkit.StagedTrianer  # noqa: B018
    with pytest.raises(ImportError, match="nothing_of_that_name"):
        exec("from tlkit import nothing_of_that_name")


def test_errors_are_one_tree_and_all_drawn_in_it() -> None:
    errors = importlib.import_module("tlkit.errors")
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert all(issubclass(getattr(errors, name), tlkit.TlkitError) for name in kinds)
    assert set(str(errors.__doc__).split()) >= kinds
    assert issubclass(errors.UnknownBackboneError, LookupError)
    for name in ("ImageSizeError", "DataError", "LearningRateError", "EvaluationError"):
        assert issubclass(getattr(errors, name), ValueError)


def test_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert tlkit.__version__ == version("tlkit")
