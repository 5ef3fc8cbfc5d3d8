"""The store of features on disk: tables by content, a limit, and what a person asks of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tlkit._disk.atomic import now_in, remove_parts, whole_file
from tlkit._urls import is_url, without_secrets
from tlkit.errors import CacheError
from tlkit.features.store._contents import ABOUT, StoreInfo, size_of, sizes_in, table_info, used_at
from tlkit.features.store._elsewhere import Elsewhere
from tlkit.features.store._scans import RememberedScans
from tlkit.features.store._shards_elsewhere import ShardsElsewhere
from tlkit.features.store.places import default_limit, default_root, places_of, seconds_of
from tlkit.features.store.shards import FINISHED
from tlkit.features.store.table import FeatureTable

FORMAT = 2
# Nobody writes for so long at a file without adding to it.
_ABANDONED_S = 3600.0


class FeatureStore:
    """Tables of features on disk, each for a trunk on an engine, at most so many bytes in all.

    ::

        <root>/v2/<table>/about.json       what it holds, for people
                          <name>.shard     features and of which images they are
                          <name>.lock      while a process computes that shard
                  trunk-<hash>.<suffix>    an exported trunk, or which engine is to run it

    Each version of the format has a folder of its own, so that versions of tlkit share a root.

    Args:
        root: Folder of the store; made where it does not exist.
        limit: The most bytes that it may take; ``$TLKIT_CACHE_LIMIT_GB`` or 50 GB where None.
            Before it would be passed, the shards and exports whose last use is the longest ago go.
        url: An address at which the same shards are kept for other machines; None for this alone.

    Raises:
        CacheError: There is no such folder and it cannot be made; nobody answers at the address.
    """

    def __init__(self, root: Path, limit: int | None = None, url: str | None = None) -> None:
        self.root = Path(root) / f"v{FORMAT}"
        self.url = url
        self.limit = default_limit() if limit is None else limit
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.root, error) from error
        self._elsewhere = None if url is None else Elsewhere(url).folder(self.root.name)
        if self._elsewhere is not None:
            self._elsewhere.sizes()  # told before any work

    def table(self, key: str, about: Mapping[str, Any]) -> FeatureTable:
        """Return the table of a key; its folder is made with its first shard.

        Args:
            key: File-name safe; everything but the images on which features depend.
            about: What the key stands for, readable as JSON; ``hash`` is the trunk's fingerprint.
        """
        folder = self.root / key
        return FeatureTable(
            folder, lambda size: self._prepare(folder, about, size), self._shards_elsewhere(key)
        )

    def share(self, file: Path, *, again: bool) -> None:
        """Copy a file of this store to its address, if it has one.

        Args:
            file: In the folder of the store.
            again: Also over one that is there.

        Raises:
            CacheError: The address cannot be written.
        """
        if self._elsewhere is not None and (again or file.name not in self._elsewhere.sizes()):
            self._elsewhere.put(file)

    def fetch(self, file: Path) -> None:
        """Copy a file from the address of this store, if it has one that holds it.

        Raises:
            CacheError: The address cannot be read.
            OSError: The file cannot be written.
        """
        if self._elsewhere is not None:
            with suppress(FileNotFoundError), whole_file(file) as part:
                self._elsewhere.get(file.name, part)

    def _shards_elsewhere(self, key: str) -> ShardsElsewhere | None:
        return None if self._elsewhere is None else ShardsElsewhere(self._elsewhere.folder(key))

    def trunk_stem(self, fingerprint: str) -> Path:
        """Return what the exports of a trunk are called, but for their suffixes."""
        return self.root / f"trunk-{fingerprint[:32]}"

    def scans(self) -> RememberedScans:
        """Return what is known of image files, as it is on disk now."""
        return RememberedScans(self.root / "scans")

    def note_use(self, fingerprint: str) -> None:
        """Keep the exports of a trunk from being removed before others."""
        for file in self.root.glob(f"{self.trunk_stem(fingerprint).name}.*"):
            with suppress(OSError):  # a store may be for reading only
                os.utime(file)

    def info(self) -> StoreInfo:
        """Return what lies in the store."""
        folders = (folder for folder in self.root.iterdir() if folder.is_dir())
        tables = (table_info(folder) for folder in folders)
        newest_first = sorted(tables, key=lambda table: table.last_used, reverse=True)
        return StoreInfo(self.root, tuple(newest_first), sum(sizes_in(self.root)), self.limit)

    def _prepare(self, folder: Path, about: Mapping[str, Any], size: int) -> None:
        """Make a table's folder and room for ``size`` bytes, or say why that cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / ABOUT) as part:
                part.write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        except OSError as error:
            raise _unwritable(self.root, error) from error
        self._make_room(size, folder, self.trunk_stem(str(about["hash"])))
        free = shutil.disk_usage(self.root).free
        if size > free:
            raise CacheError(
                f"The features need {size / 1e9:.2f} GB more and {self.root} has {free / 1e9:.2f} "
                "GB free. Free some space, or give another folder with cache=PATH or "
                "TLKIT_CACHE_DIR."
            )

    def _make_room(self, size: int, table: Path, stem: Path) -> None:
        """Remove what was not used for the longest time, where the limit would be passed.

        The shards of a table and the exports of its trunk stay.
        """
        for folder in (self.root, *self.root.glob("*/")):
            remove_parts(folder, _ABANDONED_S)
        kept = (*self.root.glob(f"*/{FINISHED}"), *self.root.glob("trunk-*"))
        files = sorted(kept, key=used_at, reverse=True)
        others = [x for x in files if x.parent != table and not x.name.startswith(stem.name)]
        over = sum(map(size_of, files)) + size - self.limit
        while over > 0 and others:
            oldest = others.pop()
            over -= size_of(oldest)
            with suppress(OSError):
                oldest.unlink()


@contextmanager
def open_store(cache: bool | str | Path, *, shared: bool = True) -> Iterator[FeatureStore]:
    """Give the store that a ``cache=`` means: the user's, one in a folder, or a passing one.

    Args:
        cache: True for the default folder, a path, an address, or False for what goes with the
            block.
        shared: Whether features are kept at an address; exports alone stay on this machine.
    """
    root, url = places_of(cache)
    if root is None:
        with tempfile.TemporaryDirectory(prefix="tlkit-", ignore_cleanup_errors=True) as folder:
            yield FeatureStore(Path(folder))
    else:
        yield FeatureStore(root, url=url if shared else None)


def info(root: str | Path | None = None) -> StoreInfo:
    """Return what lies in the feature store: ``print(tlkit.cache.info())``.

    Args:
        root: Its folder; None is where `tlkit.StagedTrainer` keeps features by default.

    Example:
        >>> import tempfile, tlkit
        >>> tlkit.cache.info(tempfile.mkdtemp()).bytes
        0
    """
    return FeatureStore(_folder(root)).info()


def clear(root: str | Path | None = None, *, unused_days: float = 0.0) -> int:
    """Remove stored features and exported models; they are computed again when needed.

    Args:
        root: The store's folder; None is where `tlkit.StagedTrainer` keeps features by default.
        unused_days: Only what was last used so many days ago.

    Returns:
        How many bytes were freed.

    Raises:
        CacheError: A file cannot be removed, or ``unused_days`` is no number of days.

    Example:
        >>> import tempfile, tlkit
        >>> tlkit.cache.clear(tempfile.mkdtemp())
        0
    """
    folder = _folder(root)
    now, freed, unused_s = now_in(folder), 0, seconds_of(unused_days)
    # Those of other versions too, but nothing else that may lie in the folder.
    for version in folder.glob("v[0-9]*"):
        for file in [f for f in version.rglob("*") if f.is_file()]:
            if _age_s(file, now) < unused_s or _in_writing(file, now):
                continue
            size = size_of(file)
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise CacheError(f"{file} cannot be removed: {error}.") from error
            freed += size
        for empty in sorted((f for f in version.rglob("*") if f.is_dir()), reverse=True):
            with suppress(OSError):
                empty.rmdir()
    return freed


def _folder(root: str | Path | None) -> Path:
    if root is not None and is_url(root):
        raise CacheError(
            f"Received the address {without_secrets(str(root))}, expected a folder of this machine "
            "or None. What lies there is looked at and removed with the tools of that place."
        )
    return default_root() if root is None else Path(root)


def _age_s(file: Path, now: float) -> float:
    """Return for how many seconds a file was not used, 0 for one that says it was in the future."""
    return max(0.0, now - used_at(file))


def _in_writing(file: Path, now: float) -> bool:
    """Return whether a file is one that a process is still writing, so far as can be known."""
    return file.name.startswith(".") and abs(now - used_at(file)) < _ABANDONED_S


def _unwritable(folder: Path, error: OSError) -> CacheError:
    return CacheError(
        f"The feature store {folder} cannot be written: {error}. Give another folder with "
        "cache=PATH or TLKIT_CACHE_DIR, or keep nothing with cache=False."
    )
