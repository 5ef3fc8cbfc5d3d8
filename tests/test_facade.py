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
from tests.conftest import QUICK_BACKEND, thorough

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


def test_estimators_for_scikit_learn_are_made_without_a_framework() -> None:
    assert not loaded_by("import tlkit.sklearn") & FRAMEWORKS
    loaded = loaded_by(
        "import tlkit\n"
        "tlkit.sklearn.ImageClassifier('xception')\n"
        "tlkit.sklearn.FeatureExtractor('xception')"
    )
    assert "sklearn" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "torch"}


ROOMS = ("data", "backbones", "freezing", "features", "learning_rate", "training", "evaluation")
PACKAGES = (
    "tlkit",
    *(f"tlkit.{room}" for room in (*ROOMS, "reporting", "sklearn", "testing", "features.engines")),
)


def stub_of(package: str) -> dict[str, str]:
    """Where a package's list of public names says that each is: what a type checker sees."""
    file = Path(str(importlib.import_module(package).__file__)).with_name("__init__.pyi")
    return {
        alias.name: ".".join(filter(None, (package, node.module)))
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_public_name_is_found_where_the_list_says(package: str) -> None:
    listed, home = stub_of(package), importlib.import_module(package)
    assert set(home.__all__) == set(listed)
    for name, module in listed.items():
        value = getattr(home, name)
        there = importlib.import_module(module)
        found = getattr(there, name, None)
        assert value is (found or importlib.import_module(f"{module}.{name}"))
        assert value.__doc__ or name.isupper(), f"{name} says what it is"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_hides_a_public_name(package: str) -> None:
    """Importing ``package.name`` as a module would put it in the place of the name."""
    folder = Path(str(importlib.import_module(package).__file__)).parent
    modules = {path.stem for path in folder.iterdir()}
    assert not {name for name, home in stub_of(package).items() if home != package} & modules


def test_names_are_the_same_everywhere() -> None:
    assert tlkit.__all__ == sorted(tlkit.__all__)
    assert dir(tlkit) == tlkit.__all__, "what a user may call, and nothing else"
    namespace: dict[str, object] = {}
    exec("from tlkit import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(tlkit.__all__)


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", ["import tlkit.reporting.html_report", *thorough("import tlkit.report")]
)
def test_the_report_is_a_function_whatever_was_imported_before(first: str) -> None:
    code = f"import contextlib\nwith contextlib.suppress(ImportError):\n    {first}\n"
    quick = f"import os\nos.environ.update({QUICK_BACKEND!r})\n"
    assert "keras" in loaded_by(f"{quick}{code}import tlkit, keras\nassert callable(tlkit.report)")


@pytest.mark.parametrize(
    "code",
    [
        "import tlkit.cache; tlkit.cache.info",
        "from tlkit.recipes import discriminative",
        "import tlkit; tlkit.errors.DataError",
        "import tlkit; tlkit.testing.tiny_backbone",
        "import tlkit; tlkit.sklearn.ImageClassifier",
    ],
)
def test_public_modules_are_modules(code: str) -> None:
    assert "tlkit" in loaded_by(code)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="tlkit attribute StagedTrianer"):
        tlkit.StagedTrianer  # type: ignore[attr-defined]  # noqa: B018
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
