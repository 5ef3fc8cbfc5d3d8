"""Independent trainings of a study on clusters of Dask and Ray, one worker of which is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_killed_workers import install, study, surroundings
from tests.examples.test_reproduce import brief_example, make_challenge, scores

ANSWERS_S = 90


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, with networks and a profile that take seconds."""
    return brief_example(monkeypatch)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@contextmanager
def started(
    command: Sequence[str], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and its children with it."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(ANSWERS_S * 10):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens at {port}")


@contextmanager
def dask(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """A scheduler and two workers, as their commands start them."""
    port = free_port()
    run = [sys.executable, "-m"]
    scheduler = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    worker = ["distributed.cli.dask_worker", f"127.0.0.1:{port}", "--nthreads", "1"]
    worker += ["--local-directory", str(folder), "--no-dashboard"]
    with ExitStack() as stack:
        stack.enter_context(started([*run, *scheduler, "--no-dashboard"], environment))
        wait_for(port)
        for _ in range(2):
            stack.enter_context(started([*run, *worker], environment))
        yield f"dask://127.0.0.1:{port}"


@contextmanager
def ray(environment: dict[str, str], _folder: Path) -> Iterator[str]:
    """A head with two cores, as its command starts it."""
    port, client = free_port(), free_port()
    head = ["--head", "--port", str(port), "--ray-client-server-port", str(client)]
    rest = ["--num-cpus", "2", "--include-dashboard", "false", "--block"]
    command = [str(Path(sys.executable).with_name("ray")), "start", *head, *rest]
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as short,
        started([*command, "--temp-dir", short], environment),
    ):
        wait_for(client)
        yield f"ray://127.0.0.1:{client}"


CLUSTERS: dict[str, Any] = {"distributed": dask, "ray": ray}


@pytest.mark.slow
@pytest.mark.parametrize("package", CLUSTERS)
def test_a_cluster_s_workers_give_what_one_process_gives_and_one_may_be_killed(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    data, folder = make_challenge(tmp_path / "data"), install(tmp_path / "plugin")
    alone, spread = tmp_path / "alone", tmp_path / "spread"
    study(folder, data, alone, spread=())
    environment = surroundings(folder, spread)
    killed: list[int] = []
    with CLUSTERS[package](environment, tmp_path) as address:
        watch = threading.Thread(target=kill_who_trains, args=(spread, killed), daemon=True)
        watch.start()
        said = study(folder, data, spread, spread=("--executor", address))
        watch.join()
    assert len(killed) == 1, "a worker was at it"
    assert scores(spread) == scores(alone)
    assert not [line for line in said if "a worker failed" in line], "another worker did it"


def kill_who_trains(out: Path, killed: list[int]) -> None:
    """Kill the process that holds a run directory once its first checkpoint is there."""
    while not (found := list(out.glob("runs/*/stage-1/stages/*/checkpoint.npz"))):
        time.sleep(0.02)
    run = found[0].parents[2]
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            opened = [one.readlink() for one in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(file.parent == run for file in opened):
            os.kill(int(process.name), signal.SIGKILL)
            killed.append(int(process.name))
            return


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["--executor", "dask://127.0.0.1"],
            "'dask://127.0.0.1', expected dask://HOST:PORT or ray",
        ),
        (["--executor", "spark://host:1"], "'spark://host:1', expected dask://HOST:PORT or ray"),
        (["--executor", "dask://h:1", "--workers", "2"], "not allowed with argument --executor"),
    ],
)
def test_an_address_that_is_none_is_refused(
    given: list[str], told: str, example: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        example.main(given)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_nobody_answers_or_it_is_not_installed_and_that_is_said(
    kind: str, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    executors = sys.modules["executors"]
    monkeypatch.setattr(executors, "ANSWER_S", 1)
    package = {"dask": "distributed", "ray": "ray"}[kind]
    address = f"{kind}://127.0.0.1:{free_port()}"
    told = rf"--executor {address}: no .* answers there|pip install 'tlkit\[{kind}\]'"
    if kind == "ray" or find_spec(package) is None:  # Ray asks for half a minute
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(example.TlkitError, match=told), executors.executor_of(1, address):
        raise AssertionError("there is no such cluster")
