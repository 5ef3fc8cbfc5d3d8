"""All features that one trunk has given on one engine, by the content of the image."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._disk.locks import open_lock, release, still_there, take
from tlkit.errors import CacheError
from tlkit.features.store._shards_elsewhere import ShardsElsewhere
from tlkit.features.store.rows import IN_MEMORY, FeatureRows
from tlkit.features.store.shards import (
    FINISHED,
    ID_BYTES,
    SUFFIX,
    Shard,
    keys_of,
    read_ids,
    read_shard,
    write_shard,
)

_log = logging.getLogger("tlkit")
Ids = NDArray[np.uint8]


class FeatureTable:
    """A folder of shards. Images are known by the SHA-256 of their content.

    Rows are added by the shard. A shard is called by the images that are in it, so that several
    processes that work through the same images make the same shards, and each is made once.

    Args:
        folder: Where the shards are.
        prepare: Called with a number of bytes before they are written; makes the folder.
        elsewhere: Where other machines find the same shards; None where there is no such place.
    """

    def __init__(
        self,
        folder: Path,
        prepare: Callable[[int], None],
        elsewhere: ShardsElsewhere | None = None,
    ) -> None:
        self.folder = folder
        self._prepare, self._elsewhere = prepare, elsewhere
        self._ids: dict[str, Ids] = {}
        self._checked: set[str] = set()
        self._written: list[Path] = []
        # Those found damaged, as they were: a store for reading only keeps them in their place.
        self._damaged: dict[str, int] = {}
        # All images in order of their keys; in which of the shards and at which row each is.
        self._known: NDArray[Any] = np.empty(0, f"V{ID_BYTES}")
        self._number = self._row = np.empty(0, np.intp)

    def missing(self, ids: Ids) -> NDArray[np.intp]:
        """Return the positions of images without a row, each image once, in their order.

        Args:
            ids: SHA-256 of each image's content, (n, 32).
        """
        absent = self._absent(ids)
        if len(absent) and self._elsewhere is not None:
            with self._telling_what_to_do():
                given = ids[absent], self._ids, self.folder, self._prepare
                if self._elsewhere.fetch(*given):
                    absent = self._absent(ids)
        return absent

    def rows(self, ids: Ids, in_memory: int = IN_MEMORY) -> FeatureRows | None:
        """Return the features of images, or None where one is missing.

        Args:
            ids: SHA-256 of each image's content, (n, 32), n >= 1.
            in_memory: The most bytes that are held in memory.
        """
        if len(self.missing(ids)):
            return None
        places = np.searchsorted(self._known, keys_of(ids))
        used = np.unique(self._number[places])
        names = [list(self._ids)[number] for number in used]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            shards = [shard for shard in pool.map(self._opened, names) if shard is not None]
        if len(shards) < len(used):
            return None
        if self._elsewhere is not None:
            self._elsewhere.give(self.folder / name for name in names)
        number = np.searchsorted(used, self._number[places])
        return FeatureRows(shards, number, self._row[places], in_memory)

    def add(self, ids: Ids, compute: Callable[[], Iterable[NDArray[Any]]], size: int) -> bool:
        """Compute and write the features of some images, unless another process is at it.

        Args:
            ids: SHA-256 of each image's content, (n, 32), all different.
            compute: Gives the features in batches.
            size: How many bytes they take.

        Returns:
            Whether they are there now; False where another process is computing them.

        Raises:
            CacheError: They cannot be written; nothing is left behind.
        """
        file = self.folder / f"{hashlib.sha256(ids.tobytes()).hexdigest()[:40]}{SUFFIX}"
        self._prepare(size)
        with self._telling_what_to_do(), _claimed(file.with_suffix(".lock")) as mine:
            if mine and (not file.is_file() or self._is_damaged(file)):
                write_shard(file, ids, compute())
                self._written.append(file)
                if self._elsewhere is not None:
                    self._elsewhere.overwrite(file)
        return file.is_file() and not self._is_damaged(file)

    def take_back(self) -> None:
        """Remove the shards that this object has written: what gave them is not to be trusted."""
        for file in self._written:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        if self._elsewhere is not None:
            self._elsewhere.remove([file.name for file in self._written])
        self._written.clear()

    @contextmanager
    def _telling_what_to_do(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheError(
                f"Features could not be written to {self.folder}: {error}. Free some space there, "
                "or give another folder with cache=PATH or TLKIT_CACHE_DIR."
            ) from error

    def _absent(self, ids: Ids) -> NDArray[np.intp]:
        self._refresh()
        keys = keys_of(ids)
        _, first = np.unique(keys, return_index=True)
        first.sort()
        absent: NDArray[np.intp] = first[~self._holds(keys[first])]
        return absent

    def _holds(self, keys: NDArray[Any]) -> NDArray[np.bool_]:
        if not len(self._known):
            return np.zeros(len(keys), bool)
        places = np.searchsorted(self._known, keys)
        places[places == len(self._known)] = 0
        found: NDArray[np.bool_] = self._known[places] == keys
        return found

    def _refresh(self) -> None:
        """Take in what other processes, or this one, have added or removed since."""
        files = self.folder.glob(FINISHED)
        names = {file.name for file in files if not self._is_damaged(file)}
        fresh, gone = sorted(names - set(self._ids)), set(self._ids) - names
        for name in gone:
            del self._ids[name]
            self._checked.discard(name)
        for name in fresh:
            with self._telling_damage(name):
                self._ids[name] = read_ids(self.folder / name)
        if fresh or gone:
            self._index()

    def _opened(self, name: str) -> Shard | None:
        """Return a shard, or None for one that is damaged."""
        shard = None
        with self._telling_damage(name):
            shard = read_shard(self.folder / name, checked=name in self._checked)
            self._checked.add(name)
            with suppress(OSError):  # a store may be for reading only
                os.utime(shard.file)
        return shard

    @contextmanager
    def _telling_damage(self, name: str) -> Iterator[None]:
        """Remove a shard in which a block finds damage, and say so."""
        file = self.folder / name
        try:
            yield
        except FileNotFoundError:
            pass  # removed by another process, to make room
        except (OSError, ValueError) as error:
            # A disk that fails is damage; no right to read, or too many open files, is none.
            if isinstance(error, OSError) and error.errno != errno.EIO:
                raise CacheError(
                    f"Stored features {file} cannot be opened: {error.strerror}. Put that right, "
                    "or give another folder with cache=PATH or TLKIT_CACHE_DIR."
                ) from error
            _log.warning("stored features %s are damaged (%s); computing them again", file, error)
            self._damaged[name] = _changed_at(file)
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _is_damaged(self, file: Path) -> bool:
        return file.name in self._damaged and self._damaged[file.name] == _changed_at(file)

    def _index(self) -> None:
        keys = [keys_of(ids) for ids in self._ids.values()] or [self._known[:0]]
        counts = [len(ids) for ids in self._ids.values()]
        self._known, first = np.unique(np.concatenate(keys), return_index=True)
        self._number = np.repeat(np.arange(len(counts)), counts)[first]
        self._row = np.concatenate([np.arange(n) for n in counts] or [first])[first]


def _changed_at(file: Path) -> int:
    """Return when a file was last changed, in nanoseconds since 1970; 0 where it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def _claimed(file: Path) -> Iterator[bool]:
    """Give whether nobody else holds a lock file, and hold it for a block if so.

    Where the file system has no locks, everybody may go on: then work is done twice, and the file
    that is renamed last into its place is as good as the first.
    """
    stream = open_lock(file)
    try:
        # Not there any more where its last holder has removed it meanwhile.
        mine = take(stream) and still_there(stream, file)
    except OSError:
        mine = True
    if not mine:
        stream.close()
        yield False
        return
    try:
        yield True
    finally:
        release(stream, file)
