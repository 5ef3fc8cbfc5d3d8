"""The process that asks an executor for features: a shard is a task.

The trunk travels as a ``.keras`` file in the store, where every worker finds it and where it leaves
the features. What a worker cannot do is done here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit.data.batches import PixelCache
from tlkit.errors import CacheError, EngineError, TlkitError
from tlkit.features.trunk import Trunk
from tlkit.features.workers._tasks import (
    Task,
    TrunkFileError,
    at_home,
    compute,
    refuse_fork,
    trunk_file,
    versions_here,
)

_log = logging.getLogger("tlkit")


class Spread:
    """Have the shards of one data set computed by an executor.

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

    def add(
        self, parts: Sequence[np.ndarray], done: int, show: Callable[[str, int, int], None]
    ) -> int:
        """Have parts of the images computed, and return how many images are there now.

        What could not be computed is said in ``failed`` and by a warning.

        Raises:
            TlkitError: An image cannot be read, or the store not be written.
        """
        waiting: dict[Future[bool], int] = {}
        added = 0
        errors: list[BaseException | None] = []
        with at_home(self._add) as home:
            try:
                self._leave_trunk()
                for part in parts:
                    waiting[self._executor.submit(compute, self._task(part, home))] = len(part)
                for future in as_completed(waiting):
                    error = None if future.cancelled() else future.exception()
                    if isinstance(error, TlkitError) and not isinstance(error, EngineError):
                        raise error
                    if error is None and not future.cancelled():
                        added += waiting[future] if future.result() else 0
                        done += waiting[future]
                        show("features", done, len(self._ids))
                    else:
                        errors.append(error)
            except (RuntimeError, EngineError) as error:  # broken or shut down; no trunk file
                errors.append(error)
            finally:
                for future in waiting:
                    future.cancel()
        if errors:
            self._tell(errors)
        return added

    def _task(self, part: np.ndarray, home: str) -> Task:
        import keras

        store, check = self._trunk.store, self._trunk.check(self._engine)
        return Task(
            images=self._pixels.subset(part),
            chosen=part,
            ids=self._ids[part],
            size=self._trunk.size,
            root=None if store.url else store.root.parent.absolute(),
            url=store.url,
            limit=store.limit,
            trunk=self._trunk.fingerprint,
            engine=self._engine,
            dtype=self._trunk.dtype,
            calibrated=self._trunk.asked.pictures.key if check else "",
            difference=check.difference if check else 0.0,
            backend=keras.backend.backend(),
            home=home,
            versions=versions_here(),
        )

    @property
    def _trunk_file(self) -> Path:
        return trunk_file(self._trunk.store, self._trunk.fingerprint)

    def _leave_trunk(self) -> None:
        """Leave the trunk in the store, where workers find it."""
        file = self._trunk_file
        if isinstance(self._executor, ThreadPoolExecutor):
            return
        try:
            anew = not file.is_file()
            if anew:
                with whole_file(file) as part:
                    self._trunk.model.save(part)
            self._trunk.store.share(file, again=anew)
        except OSError as error:
            raise CacheError(
                f"The trunk could not be written to {file.parent} for the workers: {error}. Free "
                "some space there, or give another folder with cache=PATH or TLKIT_CACHE_DIR."
            ) from error
        except (TypeError, ValueError, NotImplementedError) as error:
            raise EngineError(f"the trunk cannot be saved for them: {error}") from error

    def _tell(self, errors: Sequence[BaseException | None]) -> None:
        if any(isinstance(error, TrunkFileError) for error in errors):
            with suppress(OSError):  # a store may be for reading only
                self._trunk_file.unlink(missing_ok=True)  # who asks next leaves it anew
        error = errors[0]
        what = type(self._executor).__name__
        lines = str(error).strip().splitlines() if error else []
        why = f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
        self.failed = f"workers of {what} failed ({why}); the rest was computed in this process"
        _log.warning("%s", self.failed)
