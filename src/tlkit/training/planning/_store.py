"""A store that knows what another one holds, and leaves it as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._disk.atomic import whole_file
from tlkit.data.scans import Scan, ScanMemory
from tlkit.features.store._scans import RememberedScans
from tlkit.features.store._shards_elsewhere import ShardsElsewhere
from tlkit.features.store.places import places_of
from tlkit.features.store.store import FORMAT, FeatureStore
from tlkit.features.store.table import FeatureTable


class PromisedTable(FeatureTable):
    """A table that is read, and in which rows count that stages before would have added.

    Args:
        folder: Where its shards are.
        elsewhere: Where a training would find more of them; they are not copied.
    """

    def __init__(self, folder: Path, elsewhere: ShardsElsewhere | None = None) -> None:
        super().__init__(folder, _refuse)
        self._promised: set[bytes] = set()
        for ids in elsewhere.ids().values() if elsewhere else ():
            self.promise(ids)

    def promise(self, ids: NDArray[np.uint8]) -> None:
        """Count the rows of these images as there."""
        self._promised.update(one.tobytes() for one in ids)

    def missing(self, ids: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the positions of images whose row would have to be computed."""
        absent = super().missing(ids)
        left = [place for place in absent if ids[place].tobytes() not in self._promised]
        return np.array(left, np.intp)


class RehearsalStore(FeatureStore):
    """What a training would find in a store, and a place of its own for what it would write.

    Args:
        folder: That place.
        root: The store's root, which need not exist; None where the training has a store of its
            own that begins empty.
        url: The store's address, or None.
    """

    def __init__(self, folder: Path, root: Path | None, url: str | None = None) -> None:
        super().__init__(folder, url=url)
        self.real = None if root is None else root / f"v{FORMAT}"
        self._tables: dict[str, PromisedTable] = {}

    def table(self, key: str, about: Mapping[str, Any]) -> PromisedTable:  # noqa: ARG002
        """Return what the store holds of a table; there is one object for each."""
        if key not in self._tables:
            found = (self.root if self.real is None else self.real) / key
            self._tables[key] = PromisedTable(found, self._shards_elsewhere(key))
        return self._tables[key]

    def scans(self) -> RememberedScans:
        """Return what the store knows of image files; it is not to be saved."""
        return RememberedScans((self.root if self.real is None else self.real) / "scans")

    def trunk_stem(self, fingerprint: str) -> Path:
        """Return where the exports of a trunk are, with copies of those that the store has."""
        stem = super().trunk_stem(fingerprint)
        if self.real is not None:
            for file in self.real.glob(f"{stem.name}.*"):
                if not (self.root / file.name).exists():
                    shutil.copy2(file, self.root)
        return stem

    def leave_exports(self) -> None:
        """Put what was exported of trunks, and which engine was chosen, into the store itself."""
        if self.real is None:
            return
        with suppress(OSError):  # a store may be for reading only
            self.real.mkdir(parents=True, exist_ok=True)
            for file in self.root.glob("trunk-*"):
                if file.is_file() and not (self.real / file.name).exists():
                    with whole_file(self.real / file.name) as part:
                        shutil.copy2(file, part)


class SeenScans:
    """What a store knows of files, none of which is written; counts the files that it must read.

    Args:
        known: The store's.
    """

    def __init__(self, known: ScanMemory) -> None:
        self._known = known
        self._fresh: dict[bytes, Scan] = {}
        self._unread: set[bytes] = set()

    @property
    def unread(self) -> int:
        """How many files a training must read before it begins."""
        return len(self._unread)

    def get(self, key: bytes) -> Scan | None:
        """Return what is known, also of a file whose damage nobody has looked for."""
        found = self._fresh.get(key) or self._known.get(key)
        if found is None or not found.whole:
            self._unread.add(key)
        return found

    def add(self, key: bytes, scan: Scan) -> None:
        """Keep what was found as long as this object."""
        self._fresh[key] = scan


@contextmanager
def rehearsal_store(cache: bool | str | Path) -> Iterator[RehearsalStore]:
    """Give a passing store that knows what the store of a ``cache=`` holds."""
    with tempfile.TemporaryDirectory(prefix="tlkit-plan-", ignore_cleanup_errors=True) as folder:
        yield RehearsalStore(Path(folder), *places_of(cache))


def _refuse(_: int) -> None:
    raise AssertionError("A plan writes no features.")
