"""Who runs independent trainings of a study: processes of this machine, workers of Dask or of Ray.

Workers of other machines see the pictures, ``--out`` and the features under the same paths. The
modules of this folder are sent to them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import tlkit
from tlkit.errors import FeatureError

HERE = Path(__file__).parent
ANSWER_S = 20


@contextmanager
def executor_of(workers: int, address: str | None) -> Iterator[Executor | None]:
    """Give what runs trainings, or None for one training at a time.

    Args:
        workers: How many processes of this machine.
        address: ``dask://HOST:PORT`` of a scheduler or ``ray://HOST:PORT`` of a cluster, in their
            place; None for processes.

    Raises:
        FeatureError: Nobody answers there, or Dask or Ray is not installed.
    """
    if address is not None:
        kind, _, place = address.partition("://")
        with CLUSTERS[kind](place) as executor:
            yield executor
    elif workers == 1:
        yield None
    else:
        # Each uses all cores: with fewer, sums would be rounded in another order.
        with tlkit.ProcessExecutor(workers, max_tasks_per_child=4, share_cores=False) as executor:
            try:
                yield executor
            except BaseException:
                executor.shutdown(cancel_futures=True)
                raise


def cluster_address(text: str) -> str:
    """Return the address of a cluster that a command line has.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(rf"({'|'.join(CLUSTERS)})://[^/\s]+:\d+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected dask://HOST:PORT or ray://HOST:PORT, as dask scheduler and ray "
            "start print it"
        )
    return text


@contextmanager
def _dask(place: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise _lacking("Dask", "dask") from None
    try:
        client = Client(f"tcp://{place}", timeout=ANSWER_S)
    except OSError as error:
        raise _silent(f"dask://{place}", "scheduler of Dask", error) from error
    with client:
        for module in sorted(HERE.glob("*.py")):
            client.upload_file(str(module), load=False)  # those who join later get them, too
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)  # which cancels what has not begun
            raise


@contextmanager
def _ray(place: str) -> Iterator[Executor]:
    try:
        import ray
    except ImportError:
        raise _lacking("Ray", "ray") from None
    sent = {"working_dir": str(HERE), "excludes": ["sample", "__pycache__"]}
    try:
        ray.init(f"ray://{place}", runtime_env=sent, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        what = "cluster of Ray that lets you in (RAY_AUTH_MODE=token uses its token)"
        raise _silent(f"ray://{place}", what, error) from error
    executor = tlkit.RayExecutor(max_retries=3)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        ray.shutdown()


CLUSTERS: dict[str, Callable[[str], AbstractContextManager[Executor]]] = {
    "dask": _dask,
    "ray": _ray,
}


def _lacking(name: str, extra: str) -> FeatureError:
    return FeatureError(f"--executor needs {name}. Install it with: pip install 'tlkit[{extra}]'")


def _silent(address: str, what: str, error: Exception) -> FeatureError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return FeatureError(
        f"--executor {address}: no {what} answers there ({lines[0]}). Expected the address that "
        "it prints when it is started."
    )
