"""A content-addressed store of features on disk: whole or not at all, verified on read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.errors import CacheError

FORMAT = 1
_log = logging.getLogger("tlkit")


def default_root() -> Path:
    """Return where features are kept: ``$TLKIT_CACHE_DIR``, else the user's cache folder."""
    named = os.environ.get("TLKIT_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlkit"


class FeatureStore:
    """Arrays on disk by key.

    An entry is a folder ``<root>/v1/<key>`` with ``features.npy`` and ``meta.json``. It is written
    beside its place and renamed into it, so a reader never sees half an entry; if two processes
    write one key, the first stays. The sha256 of the array is checked when it is opened.

    Args:
        root: Folder of the store; made where it does not exist.

    Raises:
        CacheError: The folder cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root) / f"v{FORMAT}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CacheError(
                f"The feature store {self.root} cannot be written: {error}. Give another folder "
                "with cache=PATH or TLKIT_CACHE_DIR, or keep nothing with cache=False."
            ) from error

    def get(self, key: str) -> np.ndarray | None:
        """Return the array of a key, memory-mapped and read-only, or None where there is none.

        A damaged entry is reported in the log, removed, and None is returned.
        """
        entry = self.root / key
        if not entry.is_dir():
            return None
        try:
            meta = json.loads((entry / "meta.json").read_text("utf-8"))
            if meta["sha256"] != _sha256(entry / "features.npy"):
                raise ValueError("its checksum does not fit")
            array: np.ndarray = np.load(entry / "features.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("stored features %s are damaged (%s); computing them again", key, error)
            shutil.rmtree(entry)
            return None
        return array

    def put(
        self, key: str, batches: Iterable[np.ndarray], count: int, meta: dict[str, Any]
    ) -> np.ndarray:
        """Write the batches of an array one after the other and return it memory-mapped.

        Args:
            key: File-name safe.
            batches: Float arrays ``(n_i, ...)`` whose ``n_i`` add up to ``count``.
            count: Rows of the whole array.
            meta: What the key stands for, readable; kept beside the array.

        Raises:
            CacheError: The disk is too small or cannot be written; nothing is left behind.
        """
        part = self.root / f".{key}.{uuid.uuid4().hex}"
        try:
            part.mkdir()
            _write_array(part / "features.npy", batches, count)
            facts = {**meta, "sha256": _sha256(part / "features.npy")}
            (part / "meta.json").write_text(json.dumps(facts, indent=1), "utf-8")
            self._publish(part, self.root / key)
        except OSError as error:
            raise CacheError(
                f"Features could not be written to {self.root}: {error}. Free some space there, "
                "or give another folder with cache=PATH or TLKIT_CACHE_DIR."
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        array: np.ndarray = np.load(
            self.root / key / "features.npy", mmap_mode="r", allow_pickle=False
        )
        return array

    def _publish(self, part: Path, entry: Path) -> None:
        try:
            part.rename(entry)
        except OSError:
            if not (entry / "meta.json").is_file():
                raise


def _write_array(file: Path, batches: Iterable[np.ndarray], count: int) -> None:
    """Write sequentially: a memory map over a disk that fills up would end the process."""
    done = 0
    with file.open("wb") as stream:
        for batch in batches:
            if done == 0:
                _require_space(file.parent, count * batch[0].nbytes)
                header = {
                    "descr": np.lib.format.dtype_to_descr(batch.dtype),
                    "fortran_order": False,
                    "shape": (count, *batch.shape[1:]),
                }
                np.lib.format.write_array_header_1_0(stream, header)
            stream.write(np.ascontiguousarray(batch).tobytes())
            done += len(batch)
        stream.flush()
        os.fsync(stream.fileno())
    if done != count:
        raise CacheError(f"{done} of {count} rows were computed; nothing was kept.")


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CacheError(
            f"The features need {needed / 2**30:.2f} GiB and {folder} has {free / 2**30:.2f} GiB "
            "free. Free some space, or give another folder with cache=PATH or TLKIT_CACHE_DIR."
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
