"""Every chore of the project; ``nox --list`` names them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["tests", "jax", "lint", "typing", "docs"]

PLUGIN = "examples/plugins/tlkit-efficientnet-lite"
# The plugin is a project of its own, with its own pytest settings.
PLUGIN_TESTS = ("-c", f"{PLUGIN}/pyproject.toml", f"{PLUGIN}/tests")
HUB = "examples/plugins/tlkit-keras-hub"
HUB_TESTS = ("-c", f"{HUB}/pyproject.toml", f"{HUB}/tests")
# What KerasHub needs for images: with all its dependencies it brings 200 MB of tensorflow-text.
HUB_NEEDS = ("regex", "tokenizers", "rich", "absl-py", "packaging")
TEST_TOOLS = (
    "pytest>=8",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "sybil>=9",
    "scipy",
    "tensorboard",
)
# Tests of one file stay together: they share models that take seconds to build.
PARALLEL = ("-n", "2", "--dist", "loadfile")
TORCH = "torch==2.13.0"
SOURCES = ("src", "tests", "examples", "benchmarks", "docs", "noxfile.py")


def install_wheel(session: nox.Session, extras: str) -> None:
    """Build the wheel and install it, so that what users get is what is tried."""
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(dist), "."
    )
    (wheel,) = dist.glob("tlkit-*.whl")
    session.install(f"{wheel}{extras}")


def install_hub(session: nox.Session) -> None:
    """Install the plugin for KerasHub with what it needs for images."""
    session.install("--no-deps", "keras-hub>=0.32", HUB)
    session.install(*HUB_NEEDS)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, the docs' snippets and the docstrings' examples against the built wheel."""
    install_wheel(session, "[onnx,openvino,plots,report,table]")
    session.install(PLUGIN, *TEST_TOOLS)
    paths = ("tests", "docs", "README.md")
    session.run("pytest", "-m", "not slow", *PARALLEL, *paths, *session.posargs)
    session.run("pytest", "--doctest-modules", "--pyargs", "tlkit")
    session.run("pytest", "-m", "not slow", *PARALLEL, *PLUGIN_TESTS)
    install_hub(session)
    session.run("pytest", "-c", f"{HUB}/pyproject.toml", f"{HUB}/tests/test_kit.py")


# What depends on the backend: training, its laws, searches, and Keras layers on images. Left out
# are the files about settings, descriptions, previews, locks and damaged files, where no backend
# takes part, and, for their time, those whose subject the laws and the others here touch as well;
# `nox -s jax -- tests/training` runs them all.
JAX_TESTS = (
    "tests/learning_rate/test_nothing_left_behind.py",
    "tests/learning_rate/test_finder.py",
    "tests/learning_rate/test_sweep.py",
    *(
        f"tests/training/test_{subject}.py"
        for subject in (
            "plain_equivalence",
            "laws",
            "phases",
            "layer_decay",
            "ema",
            "mixing",
            "resume",
        )
    ),
    "tests/data/test_keras_layers.py",
    "tests/data/test_pictures.py",
    "tests/features/test_engine.py",
)


@nox.session
def jax(session: nox.Session) -> None:
    """Run the tests of training, of the learning-rate search and of the engines on JAX."""
    install_wheel(session, "[onnx,openvino,plots,table]")
    session.install("jax", *TEST_TOOLS)
    paths = session.posargs or JAX_TESTS
    session.run("pytest", "-m", "not slow", *PARALLEL, *paths, env={"KERAS_BACKEND": "jax"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the direction of imports."""
    session.install("ruff==0.17.6", "import-linter==2.16", "pluggy")
    session.install("--no-deps", ".")
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types strictly."""
    typed = ("hypothesis", "jinja2", "nox", "numpy", "pillow", "pluggy", "pytest")
    session.install("mypy==2.4.1", *typed)
    session.run("mypy", "src", "noxfile.py")
    session.run("mypy", "--explicit-package-bases", "tests", env={"MYPYPATH": "src"})
    for plugin in (PLUGIN, HUB):
        session.run("mypy", f"{plugin}/src", env={"MYPYPATH": "src"})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; its snippets run in the tests."""
    session.install(".[plots,report,table]", "-r", "docs/requirements.txt")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run the five-stage study on the sample that ships; arguments after -- are passed on."""
    session.install(".[onnx,openvino,report]", PLUGIN)
    session.run("python", "examples/rakuten/reproduce.py", *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """Compare with plain Keras side by side and print medians and ratios."""
    session.install(".[onnx,openvino,plots]", PLUGIN)
    session.run("python", "benchmarks/study_table.py", *session.posargs)
    searching = ("sweep", "batch_sweep", "selector_accuracy")
    training = ("extraction", "half_precision", "fine_tuning", "augmentation")
    for script in (*training, *searching, "imports", "plugins", "build"):
        session.run("python", f"benchmarks/{script}.py")
    picture = Path(session.create_tmp()) / "growth.png"
    session.run("python", "benchmarks/growth.py", "--out", str(picture))


@nox.session
def slow(session: nox.Session) -> None:
    """Run the proofs that take minutes or need PyTorch or Dask, and all tests for KerasHub."""
    install_wheel(session, "[dask,onnx,plots,table]")
    session.install(PLUGIN, *TEST_TOOLS, TORCH, "efficientnet-lite-pytorch==0.1.0")
    session.run("pytest", "-m", "slow", "-s", "tests", *session.posargs)
    session.run("pytest", "-m", "slow", *PLUGIN_TESTS)
    install_hub(session)
    session.run("pytest", *PARALLEL, *HUB_TESTS)


@nox.session
def browser(session: nox.Session) -> None:
    """Open a report in headless Chromium and let axe-core look at it."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "google-chrome"))]
    if not any(found):
        session.error(
            "no Chromium was found. Install it, for example with `apt-get install chromium`, or "
            "set CHROMIUM to the path of one."
        )
    install_wheel(session, "[report]")
    session.install(*TEST_TOOLS, "playwright>=1.49", "axe-core-python==0.1.0")
    files = session.posargs or ("tests/reporting/test_report_browser.py",)
    session.run("pytest", "-m", "slow", *files)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and the source archive into dist/ and try the wheel on its own."""
    session.install("build", "twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    (built,) = Path("dist").glob("*.whl")
    session.install(str(built))
    session.run("python", "-c", "import tlkit; print(len(tlkit.list_backbones()), 'backbones')")
