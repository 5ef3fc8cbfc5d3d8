"""What lies in a feature store, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tlkit._printing import Printed, counted, one_line
from tlkit.features.store.shards import FINISHED

ABOUT = "about.json"


@dataclass(frozen=True, repr=False)
class TableInfo(Printed):
    """The features of one trunk on one engine.

    Args:
        about: What they are: the trunk, its image size, the engine.
        shards: Files.
        bytes: Of all files.
        last_used: When one of them was last read or written, in seconds since 1970.
    """

    about: Mapping[str, Any]
    shards: int
    bytes: int
    last_used: float

    def __repr__(self) -> str:
        return f"TableInfo({counted(self.shards, 'shard')}, {self.bytes / 1e6:,.1f} MB)"

    def __str__(self) -> str:
        used = datetime.fromtimestamp(self.last_used).strftime("%Y-%m-%d %H:%M")
        what = "  ".join(f"{name} {value}" for name, value in self.about.items() if name != "hash")
        return f"{self.bytes / 1e6:10,.1f} MB  last used {used}  {what}"


@dataclass(frozen=True, repr=False)
class StoreInfo(Printed):
    """What lies in a feature store; prints as a table.

    Args:
        root: Its folder.
        tables: The one used last comes first.
        bytes: Of everything in it, exported models included.
        limit: The most bytes that it may take.
    """

    root: Path
    tables: tuple[TableInfo, ...]
    bytes: int
    limit: int

    def __repr__(self) -> str:
        held = f"{counted(len(self.tables), 'table')}, {self.bytes / 1e6:,.1f} MB"
        return one_line(f"StoreInfo({str(self.root)!r}: {held})")

    def __str__(self) -> str:
        head = f"{self.root}: {self.bytes / 1e6:,.1f} MB of at most {self.limit / 1e6:,.0f} MB"
        return "\n".join([head, *map(str, self.tables)])


def table_info(folder: Path) -> TableInfo:
    """Return what a table's folder holds."""
    try:
        about = dict(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):  # for people alone; written anew with the next shard
        about = {}
    shards = list(folder.glob(FINISHED))
    used = max(map(used_at, shards), default=used_at(folder))
    return TableInfo(about, len(shards), sum(map(size_of, shards)), used)


def sizes_in(folder: Path) -> Iterator[int]:
    """Yield the bytes of each file in a folder and below."""
    return (size_of(file) for file in folder.rglob("*") if file.is_file())


def size_of(file: Path) -> int:
    """Return the bytes of a file, 0 for one that was removed meanwhile."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def used_at(file: Path) -> float:
    """Return when a file was last read or written, in seconds since 1970; 0 for one gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
