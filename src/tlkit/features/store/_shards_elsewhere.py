"""The shards of one table at an address, and which of them are worth a copy.

A shard is checked when it comes: an address has no locks, and a copy may still be on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit._urls import without_secrets
from tlkit.features.store._elsewhere import Elsewhere
from tlkit.features.store.shards import (
    HIDDEN,
    SUFFIX,
    ids_in,
    keys_of,
    read_shard,
    rows_begin,
)

_log = logging.getLogger("tlkit")
# Requests at once: each waits for the network most of its time.
_AT_ONCE = 8
# One request gives the header and the images of a shard of up to 2,000.
_HEAD_BYTES = 2**16
Item = TypeVar("Item")
Result = TypeVar("Result")


class ShardsElsewhere:
    """The shards of a table at an address.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Elsewhere) -> None:
        self._folder = folder
        self._ids: dict[str, np.ndarray] = {}
        self._damaged: set[str] = set()

    def ids(self) -> dict[str, np.ndarray]:
        """Return of which images each shard has rows, uint8 of shape (rows, 32), as it is now.

        Raises:
            CacheError: The address cannot be read.
        """
        return self._known(self._sizes())

    def fetch(
        self, ids: np.ndarray, here: Collection[str], folder: Path, prepare: Callable[[int], None]
    ) -> bool:
        """Copy shards to this machine; one that is damaged does not appear, and is told.

        Args:
            ids: SHA-256 of each image of which there is to be a row, (n, 32).
            here: Names of the shards that are here.
            folder: Where they appear.
            prepare: Called with a number of bytes before they are written; makes the folder.

        Returns:
            Whether there were any.

        Raises:
            CacheError: The address cannot be read, or the folder not be written.
        """
        sizes, wanted = self._sizes(), keys_of(ids)
        names = [
            name
            for name, each in self._known(sizes).items()
            if name not in here and np.isin(keys_of(each), wanted).any()
        ]
        if names:
            prepare(sum(sizes[name] for name in names))
            _all(lambda name: self._fetch(name, folder / name), names)
        return bool(names)

    def give(self, files: Iterable[Path]) -> None:
        """Copy those of some shards to the address that are not there.

        Raises:
            CacheError: It cannot be written.
        """
        there = self._sizes()
        _all(self._folder.put, [file for file in files if file.name not in there])

    def overwrite(self, file: Path) -> None:
        """Copy a shard to the address, also over one that is there.

        Raises:
            CacheError: It cannot be written.
        """
        self._folder.put(file)

    def remove(self, names: Iterable[str]) -> None:
        """Remove shards.

        Raises:
            CacheError: One cannot be removed.
        """
        self._folder.remove(names)

    def _sizes(self) -> dict[str, int]:
        return {
            name: size
            for name, size in self._folder.sizes().items()
            if name.endswith(SUFFIX) and not name.startswith(HIDDEN)
        }

    def _known(self, there: Collection[str]) -> dict[str, np.ndarray]:
        fresh = [name for name in sorted(there) if name not in self._ids]
        found = zip(fresh, _all(self._read_ids, fresh), strict=True)
        self._ids.update((name, ids) for name, ids in found if ids is not None)
        return {
            name: ids
            for name, ids in self._ids.items()
            if name in there and name not in self._damaged
        }

    def _read_ids(self, name: str) -> np.ndarray | None:
        """Return of which images a shard is; None while it is not whole, or gone."""
        try:
            head = self._folder.beginning(name, _HEAD_BYTES)
            end = rows_begin(BytesIO(head))
            if end > len(head):
                head = self._folder.beginning(name, end)
            return ids_in(BytesIO(head))
        except (FileNotFoundError, ValueError):
            return None

    def _fetch(self, name: str, file: Path) -> None:
        try:
            with whole_file(file) as part:
                self._folder.get(name, part)
                read_shard(part).close()
        except FileNotFoundError:
            pass  # removed by somebody meanwhile
        except ValueError as error:
            self._damaged.add(name)
            where = without_secrets(self._folder.url)
            _log.warning(
                "stored features %s/%s are damaged (%s); computing them again", where, name, error
            )


def _all(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))
