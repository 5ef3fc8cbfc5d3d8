"""Extraction spread over the workers of an executor: a shard is a task.

A task carries the images of its shard, by their paths where they lie in files. The trunk travels as
a ``.keras`` file in the store, where every worker finds it, and where it leaves the features: only
whether they are there comes back. What a worker cannot do is done by the process that asked.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.data.batches import PixelCache
from tlkit.errors import CacheError, DataError, EngineError, FeatureError, TlkitError
from tlkit.features.cache import FeatureStore
from tlkit.features.extract import Progress, Trunk

_log = logging.getLogger("tlkit")
# What workers that are threads of the process that asks use: its own trunk and pixels.
_AT_HOME: dict[str, tuple[int, Callable[[np.ndarray], bool]]] = {}
# The trunk that this worker has built last, and no older one.
_built: dict[tuple[Any, ...], Trunk] = {}
_building = threading.Lock()


@dataclass(frozen=True)
class Task:
    """The features of some images, to be computed and stored by a worker.

    Args:
        images: These images alone, an ImageDataset.
        chosen: Their positions in the data set of the process that asks.
        ids: SHA-256 of each one's content as that process found it.
        size: (height, width) in pixels.
        root: Folder of the store.
        limit: The most bytes that it may take.
        trunk: Fingerprint of the trunk.
        engine: Name of the engine.
        dtype: As what features are stored.
        backend: Of Keras.
        home: By what the process that asks knows itself.
    """

    images: Any
    chosen: np.ndarray
    ids: np.ndarray
    size: tuple[int, int]
    root: Path
    limit: int
    trunk: str
    engine: str
    dtype: str
    backend: str
    home: str


class Spread:
    """Has the shards of one data set computed by an executor.

    Args:
        executor: Any; its workers see the same files.
        trunk: What is run.
        engine: Name of the engine that was chosen.
        pixels: The images.
        ids: SHA-256 of each image's content.
        add: Computes the features of some positions in this process.

    Raises:
        FeatureError: Its workers would be forked.
    """

    def __init__(
        self,
        executor: Executor,
        trunk: Trunk,
        engine: str,
        pixels: PixelCache,
        ids: np.ndarray,
        add: Callable[[np.ndarray], bool],
    ) -> None:
        refuse_fork(executor)
        self.failed = ""
        self._executor, self._trunk, self._engine = executor, trunk, engine
        self._pixels, self._ids, self._add = pixels, ids, add
        self._home = uuid.uuid4().hex

    def add(self, parts: Sequence[np.ndarray], done: int, show: Progress) -> bool:
        """Have parts of the images computed, and return whether any is there now.

        What could not be computed is said in ``failed`` and by a warning.

        Raises:
            TlkitError: An image cannot be read, or the store not be written.
        """
        waiting: dict[Future[bool], int] = {}
        added, errors = False, []
        _AT_HOME[self._home] = os.getpid(), self._add
        try:
            self._leave_trunk()
            for part in parts:
                waiting[self._executor.submit(compute, self._task(part))] = len(part)
            for future in as_completed(waiting):
                error = None if future.cancelled() else future.exception()
                if isinstance(error, TlkitError) and not isinstance(error, EngineError):
                    raise error
                if error is None and not future.cancelled():
                    added = future.result() or added
                    done += waiting[future]
                    show("features", done, len(self._ids))
                else:
                    errors.append(error)
        except (RuntimeError, EngineError) as error:  # it is broken or shut down; no trunk file
            errors.append(error)
        finally:
            for future in waiting:
                future.cancel()
            del _AT_HOME[self._home]
        if errors:
            self._tell(errors[0])
        return added

    def _task(self, part: np.ndarray) -> Task:
        import keras

        store = self._trunk.store
        return Task(
            images=self._pixels.subset(part),
            chosen=part,
            ids=self._ids[part],
            size=self._trunk.size,
            root=store.root.parent.absolute(),
            limit=store.limit,
            trunk=self._trunk.fingerprint,
            engine=self._engine,
            dtype=self._trunk.dtype,
            backend=keras.backend.backend(),
            home=self._home,
        )

    def _leave_trunk(self) -> None:
        """Leave the trunk in the store, where workers find it."""
        file = trunk_file(self._trunk.store, self._trunk.fingerprint)
        if isinstance(self._executor, ThreadPoolExecutor) or file.is_file():
            return
        part = file.with_name(f".{file.stem}.{uuid.uuid4().hex}.part.keras")
        try:
            self._trunk.model.save(part)
            part.replace(file)
        except OSError as error:
            raise CacheError(
                f"The trunk could not be written to {file.parent} for the workers: {error}. Free "
                "some space there, or give another folder with cache=PATH or TLKIT_CACHE_DIR."
            ) from error
        except (TypeError, ValueError, NotImplementedError) as error:
            raise EngineError(f"the trunk cannot be saved for them: {error}") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _tell(self, error: BaseException | None) -> None:
        what = type(self._executor).__name__
        lines = str(error).strip().splitlines() if error else []
        why = f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
        self.failed = f"workers of {what} failed ({why}); what they left was computed here"
        _log.warning("%s", self.failed)
        self._trunk.notes.append(self.failed)


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
        EngineError: This worker cannot run the trunk.
    """
    pid, add = _AT_HOME.get(task.home, (os.getpid(), None))
    if pid != os.getpid():
        raise _forked()
    if add is not None:
        return add(task.chosen)
    changed = np.flatnonzero((task.images.image_digests != task.ids).any(axis=1))
    if len(changed):
        raise DataError(
            f"{task.images.names[changed[0]]} is not the same file on {socket.gethostname()}, "
            "where a worker runs, as it was when its features were asked for. Workers must see the "
            "same files under the same paths, and images must not change while they are used."
        )
    pixels = PixelCache(task.images, task.size)
    with _building:
        trunk = _trunk(task)
        engine = trunk.ready(pixels)
    return trunk.add(engine, pixels, np.arange(len(task.ids)), task.ids)


def trunk_file(store: FeatureStore, fingerprint: str) -> Path:
    """Return where a trunk is left for workers."""
    return store.root / f"trunk-{fingerprint[:32]}.keras"


def _trunk(task: Task) -> Trunk:
    import keras

    if keras.backend.backend() != task.backend:
        raise EngineError(
            f"Keras runs on {keras.backend.backend()} in a worker and on {task.backend} in the "
            "process that asks. Set KERAS_BACKEND for the workers"
        )
    key = (task.root, task.trunk, task.engine, task.dtype)
    if key not in _built:
        if _built:  # two trunks would take twice the memory; Keras would keep both
            _built.clear()
            keras.utils.clear_session()
        store = FeatureStore(task.root, task.limit)
        try:
            model = keras.models.load_model(trunk_file(store, task.trunk), compile=False)
        except (OSError, TypeError, ValueError) as error:
            raise EngineError(f"a worker cannot build the trunk: {error}") from error
        trunk = Trunk(model, store, task.engine, dtype=task.dtype)
        if trunk.fingerprint != task.trunk:
            raise EngineError("the trunk that a worker has built is another one")
        _built[key] = trunk
    return _built[key]


def _forked() -> FeatureError:
    return FeatureError(
        "The workers of this executor are forked copies of this process, in which Keras hangs. "
        "Give executor=tlkit.processes(2), or a ProcessPoolExecutor with "
        "mp_context=multiprocessing.get_context('spawn')."
    )
