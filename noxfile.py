"""Every chore of the project; ``nox --list`` names them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import nox

# uv installs TensorFlow and the rest in half a minute, pip in two and a half. It compiles nothing,
# so that Python must keep what it compiles: else every process compiles TensorFlow again.
nox.options.default_venv_backend = "uv|virtualenv"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
nox.options.sessions = ["tests", "checks"]

LITE = "examples/plugins/tlkit-efficientnet-lite"
HUB = "examples/plugins/tlkit-keras-hub"
# What KerasHub needs for images: with all its dependencies it brings 200 MB of tensorflow-text.
HUB_NEEDS = ("regex", "tokenizers", "rich", "absl-py", "packaging")
# The plugins are projects of their own, whose tests import modules that lie beside them.
HELPERS = ("-o", f"pythonpath={LITE}/tests {HUB}/tests")
# Tests of one file stay together: they share models that take seconds to build.
# In the order in which they are given here, so that no long file is left for the end.
# One that crashes ends the run, which would else wait for ever for what it had to do.
PARALLEL = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0")
LONG = ("training", "examples", "reporting", "learning_rate", "features", "testing", "backbones")
# Two processes share the cores, so each is faster with one thread.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
TORCH = "torch==2.13.0"
SOURCES = ("src", "tests", "examples", "benchmarks", "docs", "tools", "noxfile.py")
GROUPS = nox.project.load_toml("pyproject.toml")


def group(*names: str) -> tuple[str, ...]:
    """Return the packages of dependency groups (PEP 735) of pyproject.toml."""
    return nox.project.dependency_groups(GROUPS, *names)


def install_wheel(session: nox.Session, extras: str, *others: str) -> None:
    """Build the wheel and install it, so that what users get is what is tried."""
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build", "hatchling")
    session.run_install("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist))
    (wheel,) = dist.glob("tlkit-*.whl")
    session.install(f"{wheel}{extras}", *others)


def install_hub(session: nox.Session) -> None:
    """Install the plugin for KerasHub with what it needs for images."""
    session.install("--no-deps", "keras-hub>=0.32", HUB)
    session.install(*HUB_NEEDS)


# What depends on the backend, a test for each thing that tlkit promises of it: trunk and tail give
# the weights of the whole model, a run goes on where it was cut, a search leaves nothing behind,
# Keras layers change images. `nox -s jax` runs all about training and more.
SEARCH = "tests/learning_rate/test_nothing_left_behind.py"
WHOLE = "tests/training/test_plain_equivalence.py"
LAYERS = "tests/data/test_keras_layers.py"
JAX_TESTS = (
    "tests/training/test_resume.py::test_interrupted_training_ends_with_the_same_weights",
    f"{WHOLE}::test_trunk_and_tail_train_what_the_whole_model_trains[partly-augmented-small_network]",
    f"{SEARCH}::test_the_next_fit_is_as_if_there_had_been_no_search[epoch-sgd-False]",
    f"{SEARCH}::test_everything_is_equal_bit_for_bit_after_a_search",
    f"{SEARCH}::test_the_callers_random_numbers_go_on_undisturbed",
    f"{LAYERS}::test_what_an_image_becomes_depends_on_neither_batch_nor_order",
    f"{LAYERS}::test_layer_does_what_keras_says_that_it_does",
    "tests/features/test_engine.py::test_keras_engine_gives_what_the_model_gives",
)
ALL_ON_JAX = (
    "tests/training",
    "tests/learning_rate",
    "tests/data",
    "tests/features",
    "tests/inference/test_exporting.py",
)

ON_TORCH = (
    "tests/training/test_laws.py",
    WHOLE,
    "tests/training/test_resume.py",
    SEARCH,
    "tests/learning_rate/test_finder.py",
    "tests/evaluation",
    "tests/features/test_determinism.py",
    "tests/features/test_engine.py",
    "tests/features/test_exporting.py",
    "tests/training/test_devices.py",
    "tests/training/test_lora.py",
)


# Each of their examples trains models.
LAWS = ("tests/training/test_laws.py", SEARCH)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all quick tests against the built wheel: on TensorFlow, then what it touches on JAX.

    The tests of a plugin, the docs' snippets and the docstrings' examples are among them; those of
    the plugin for KerasHub are run by `nox -s slow`.
    """
    install_wheel(
        session, "[fsspec,heic,int8,jpeg,onnx,plots,report,table]", LITE, "jax", *group("test")
    )
    package = session.run(
        "python", "-c", "import tlkit; print(tlkit.__path__[0])", silent=True, log=False
    )
    package_path = str(package).strip().splitlines()[-1]
    rooms = [f"tests/{name}" for name in LONG]
    rest = sorted(
        str(path)
        for path in Path("tests").iterdir()
        if path.name not in LONG and not path.name.startswith(("_", ".", "conftest"))
    )
    paths = ("README.md", *rooms, "docs", *rest, package_path)
    plugins = ("-o", f"pythonpath={LITE}/tests", f"{LITE}/tests")
    options = ("-m", "not slow", "--doctest-modules", *PARALLEL)
    session.run("pytest", *options, *paths, *plugins, *session.posargs, env=ONE_THREAD)
    if not session.posargs:
        _run_on("jax", session, JAX_TESTS)


def _run_on(backend: str, session: nox.Session, paths: Sequence[str]) -> None:
    env = {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1", **ONE_THREAD}
    session.run("pytest", "-m", "not slow", *PARALLEL, *paths, env=env)


@nox.session
def jax(session: nox.Session) -> None:
    """Run all tests on JAX in which a backend takes part, or the paths after ``--``."""
    install_wheel(session, "[int8,jax,onnx,openvino,plots,table]")
    session.install(*group("test"))
    _run_on("jax", session, session.posargs or ALL_ON_JAX)


@nox.session
def torch(session: nox.Session) -> None:
    """Run laws, equivalence, resumption, searches and scores on PyTorch, or the paths after --."""
    install_wheel(session, "[onnx,openvino,plots,table]")
    session.install(TORCH, *group("test"))
    _run_on("torch", session, session.posargs or ON_TORCH)


@nox.session
def checks(session: nox.Session) -> None:
    """Check style, the direction of imports and types, and build the documentation."""
    session.install(".[plots,report,table]", *group("lint", "typing", "docs"))
    _lint(session)
    _typing(session)
    _docs(session)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the direction of imports."""
    session.install(*group("lint"))
    session.install("--no-deps", ".")
    _lint(session)


@nox.session
def typing(session: nox.Session) -> None:
    """Check types strictly."""
    session.install(*group("typing"))
    _typing(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with its tutorials executed; the other pages' snippets are tests."""
    session.install(".[onnx,report,table]", LITE, *group("docs"))
    cache = f"nb_execution_cache_path={_executed(session)}"
    _docs(session, "-D", "nb_execution_mode=cache", "-D", cache)


@nox.session
def links(session: nox.Session) -> None:
    """Ask the network whether the pages that the documentation links to are there."""
    session.install(".[plots,report,table]", *group("docs"))
    _docs(session, builder="linkcheck")


def _lint(session: nox.Session) -> None:
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("lint-imports")


def _typing(session: nox.Session) -> None:
    session.run("mypy", "src", "noxfile.py", "tools")
    session.run("mypy", "--explicit-package-bases", "tests", env={"MYPYPATH": "src"})
    for plugin in (LITE, HUB):
        session.run("mypy", f"{plugin}/src", env={"MYPYPATH": "src"})


def _executed(session: nox.Session) -> Path:
    """Execute the tutorials anew, two at a time; the build executes what is not there."""
    cache = Path("docs/_build/executed").absolute()
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    pages = sorted(map(str, Path("docs/tutorials").glob("[a-z]*.md")))
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **ONE_THREAD}
    one["TF_CPP_MIN_LOG_LEVEL"] = "3"
    one["PYTHONPATH"] = str(Path("docs/tutorials").absolute())
    jcache = ("jcache", "notebook", "-p", str(cache), "add", "--reader", "myst_nb_md")
    session.run(*jcache, *pages)
    how = ("--executor", "temp-parallel", "--timeout", "600")
    execute = ("jcache", "project", "-p", str(cache), "execute", *how)
    session.run(*execute, env=one)
    return cache


def _docs(session: nox.Session, *options: str, builder: str = "html") -> None:
    """Build the documentation; a link inside it that leads nowhere is an error."""
    shutil.rmtree("docs/api/names", ignore_errors=True)
    out = f"docs/_build/{builder}"
    session.run("sphinx-build", "-W", "--keep-going", "-b", builder, *options, "docs", out)


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run the five-stage study on the sample that ships; arguments after -- are passed on."""
    session.install(".[onnx,openvino,report]", LITE)
    session.run("python", "examples/rakuten/reproduce.py", *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """Compare with plain Keras side by side and print medians and ratios."""
    session.install(".[int8,onnx,openvino,plots]", LITE)
    session.run("python", "benchmarks/study_table.py", *session.posargs)
    searching = ("sweep", "batch_sweep", "selector_accuracy")
    training = (
        "extraction",
        "half_precision",
        "trunk_precision",
        "fine_tuning",
        "augmentation",
        "transforms",
        "planning",
    )
    before_and_after = ("probing", "stacked_heads", "cross_validation", "predicting", "serving")
    for script in (*training, *searching, *before_and_after, "imports", "plugins", "build"):
        session.run("python", f"benchmarks/{script}.py")
    picture = Path(session.create_tmp()) / "growth.png"
    session.run("python", "benchmarks/growth.py", "--out", str(picture))


@nox.session
def tables(session: nox.Session) -> None:
    """Measure what takes hours: ways to fine-tune, budgets, soups, ranking, growth; a GPU's speed.

    What is given after -- is the name of one of them and what it takes.
    """
    session.install(".[int8,onnx,openvino,plots]", LITE)
    every = [["recipes"], ["budgets"], ["soups"], ["ranking"], ["rehearsal"], ["gpu"]]
    for name, *words in [session.posargs] if session.posargs else every:
        session.run("python", f"benchmarks/{name}.py", *words)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the proofs that take minutes or need PyTorch, Dask or Ray, and all tests for KerasHub."""
    install_wheel(session, "[dask,fsspec,heic,int8,jpeg,notebook,onnx,plots,ray,report,table]")
    session.install(LITE, *group("test", "notebook"), TORCH, "efficientnet-lite-pytorch==0.1.0")
    install_hub(session)
    proofs = ("tests", *HELPERS, f"{LITE}/tests", *session.posargs)
    examples = {"TLKIT_TEST_EXAMPLES": "20"}
    session.run("pytest", "-m", "slow", "-s", *proofs, env=examples)
    # Laws whose examples are drawn: more of them than every run of the tests tries.
    session.run("pytest", *LAWS, env=examples)
    session.run("pytest", *PARALLEL, *HELPERS, f"{HUB}/tests")


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
    session.install(*group("test", "browser"))
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
    session.run("tlkit", "--version")
