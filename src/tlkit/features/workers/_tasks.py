"""What the workers of an executor do: compute the features of a shard and leave them in the store.

A task carries the images of its shard, by their paths where they lie in files. Only whether the
features are there comes back.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.data.batches import PixelCache
from tlkit.data.dataset import ImageDataset
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import DamagedImageError, DataError, EngineError, FeatureError
from tlkit.features.engines.precision import LOW, parts_of
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.sample import KeptSample
from tlkit.features.store.places import default_root
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk

# What workers that are threads of the process that asks use: its own trunk and pixels.
_AT_HOME: dict[str, tuple[int, Callable[[np.ndarray], bool]]] = {}
# The trunk that this worker has built last, and no older one.
_built: dict[tuple[Any, ...], Trunk] = {}
_building = threading.Lock()
_SAME = (
    "Workers must see the same files under the same paths, and images must not change while they "
    "are used."
)


class TrunkFileError(EngineError):
    """The trunk that was left for workers is damaged, or another one."""


@dataclass(frozen=True)
class Task:
    """The features of some images, to be computed and stored by a worker.

    Args:
        images: These images alone.
        chosen: Their positions in the data set of the process that asks.
        ids: SHA-256 of each one's content as that process found it.
        size: (height, width) in pixels.
        root: Folder of the store; None for the worker's own, where there is an address.
        limit: The most bytes that it may take.
        trunk: Fingerprint of the trunk.
        engine: Name of the engine.
        dtype: As what features are stored.
        backend: Of Keras.
        home: By what the process that asks knows itself.
        calibrated: Key of the pictures that int8 was calibrated on.
        difference: Of the check of a low precision, largest to float32.
        versions: As `versions_here` of the process that asks.
        url: Address of the store, or None.
    """

    images: ImageDataset | UnlabelledImages
    chosen: np.ndarray
    ids: np.ndarray
    size: tuple[int, int]
    root: Path | None
    limit: int
    trunk: str
    engine: str
    dtype: str
    backend: str
    home: str
    calibrated: str = ""
    difference: float = 0.0
    versions: str = ""
    url: str | None = None


def versions_here() -> str:
    """Return what a worker must have just as the process that asks: other code, other features."""
    import keras

    return f"tlkit {version('tlkit')} and Keras {keras.__version__}"


@contextmanager
def at_home(add: Callable[[np.ndarray], bool]) -> Iterator[str]:
    """Have workers that are threads of this process compute with what it has already.

    Args:
        add: Computes the features of some positions.

    Yields:
        What their tasks carry as ``home``.
    """
    home = uuid.uuid4().hex
    _AT_HOME[home] = os.getpid(), add
    try:
        yield home
    finally:
        del _AT_HOME[home]


def refuse_fork(executor: Executor) -> None:
    """Raise where the workers of an executor would be forked copies of this process.

    Raises:
        FeatureError: Says how to make them otherwise.
    """
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise _forked()


def compute(task: Task) -> bool:
    """Compute the features of a task and store them; what a worker does.

    Returns:
        Whether they are there; False where somebody else is computing them.

    Raises:
        DataError: An image is not what the process that asks has read.
        FeatureError: This worker has another tlkit or Keras.
        EngineError: This worker cannot run the trunk.
    """
    pid, add = _AT_HOME.get(task.home, (os.getpid(), None))
    if pid != os.getpid():
        raise _forked()
    if add is not None:
        return add(task.chosen)
    if task.versions not in ("", versions_here()):
        raise FeatureError(
            f"A worker on {socket.gethostname()} has {versions_here()}, and the process that asks "
            f"has {task.versions}; expected the same. Install these for the workers."
        )
    try:
        found = task.images.image_digests
    except DamagedImageError as error:
        raise DataError(
            f"On {socket.gethostname()}, where a worker runs: {error} {_SAME}"
        ) from error
    changed = np.flatnonzero((found != task.ids).any(axis=1))
    if len(changed):
        raise DataError(
            f"{task.images.names[changed[0]]} is not the same file on {socket.gethostname()}, "
            f"where a worker runs, as it was when its features were asked for. {_SAME}"
        )
    pixels = PixelCache(task.images, task.size)
    with _building:
        trunk = _trunk(task)
        engine = trunk.choice(pixels, task.engine).engine
    return trunk.add(engine, pixels, np.arange(len(task.ids)), task.ids)


def trunk_file(store: FeatureStore, fingerprint: str) -> Path:
    """Return where a trunk is left for workers."""
    return store.trunk_stem(fingerprint).with_suffix(".keras")


def _trunk(task: Task) -> Trunk:
    import keras

    if keras.backend.backend() != task.backend:
        raise EngineError(
            f"Keras runs on {keras.backend.backend()} in a worker and on {task.backend} in the "
            "process that asks. Set KERAS_BACKEND for the workers"
        )
    key = (task.root, task.url, task.trunk, task.engine, task.dtype, task.calibrated)
    if key not in _built:
        if _built:  # two trunks would take twice the memory; Keras would keep both
            _built.clear()
            keras.utils.clear_session()
        store = FeatureStore(task.root or default_root(), task.limit, task.url)
        file = trunk_file(store, task.trunk)
        try:
            if not file.is_file():
                store.fetch(file)
            model = keras.models.load_model(file, compile=False)
        except Exception as error:
            lacking = ", ".join(_unknown_in(file))
            if task.url:  # a copy of this machine, which is made anew
                file.unlink(missing_ok=True)
            why = f"it does not know {lacking}: install the plugin there" if lacking else error
            raise TrunkFileError(f"a worker cannot build the trunk: {why}") from error
        # A worker does not know which of its shards is the last.
        trunk = Trunk(model, store, task.dtype, compared_every=0, asked=_asked(task))
        if trunk.fingerprint != task.trunk:
            raise TrunkFileError("a worker has built another trunk")
        _built[key] = trunk
    return _built[key]


def _unknown_in(file: Path) -> list[str]:
    """Return the layers of a ``.keras`` file that nobody here has registered; none if damaged."""
    from keras.saving import get_registered_object

    try:
        with zipfile.ZipFile(file) as parts:
            whole = json.loads(parts.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return []
    names, waiting = set[str](), [whole]
    while waiting:
        part = waiting.pop()
        inner = part.values() if isinstance(part, dict) else part
        waiting.extend(each for each in inner if isinstance(each, (dict, list)))
        name = part.get("registered_name") if isinstance(part, dict) else None
        if isinstance(name, str) and ">" in name and get_registered_object(name) is None:
            names.add(name)
    return sorted(names)


def _asked(task: Task) -> AskedPrecision:
    precision = parts_of(task.engine)[1]
    if precision not in LOW:
        return AskedPrecision()
    sample = KeptSample(task.calibrated, task.difference)
    return AskedPrecision("int8" if precision == "int8" else "bfloat16", sample)


def _forked() -> FeatureError:
    return FeatureError(
        "The workers of this executor are forked copies of this process, in which Keras hangs. "
        "Give executor=tlkit.ProcessExecutor(2), or a ProcessPoolExecutor with "
        "mp_context=multiprocessing.get_context('spawn')."
    )
