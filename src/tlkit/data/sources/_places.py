"""Files and folders wherever fsspec reaches them, with as much of `pathlib.Path` as is asked for.

How fsspec gets there (keys, accounts, caches) is its own affair: see `fsspec.config`.
"""

from __future__ import annotations

import posixpath
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from tlkit._urls import is_url, told, without_secrets
from tlkit.data.decoding.contents import Content, require_size
from tlkit.data.decoding.depth import Unusable
from tlkit.data.sources._file_systems import STAMPS, FileSystems, Info, asked
from tlkit.errors import DataError


class RemotePath(Content):
    """A file or a folder, by its address.

    Args:
        url: As fsspec has it, such as ``zip://cat.jpg::s3://bucket/cats.zip``.
        systems: How it gets there, shared by all that were found together.
        info: What is known of it.
    """

    def __init__(
        self, url: str, systems: FileSystems | None = None, info: Info | None = None
    ) -> None:
        self.url = url
        self._systems = systems or FileSystems()
        self._info = info

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return posixpath.basename(self._split[0].rstrip("/"))

    @property
    def suffix(self) -> str:
        """The ending of its name, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def _split(self) -> tuple[str, str]:
        """Its address within one file system, and where that file system is in another."""
        link, colons, rest = self.url.partition("::")
        return link, colons + rest

    def child(self, name: str, info: Info | None = None) -> RemotePath:
        """Return what has a path below this folder."""
        link, rest = self._split
        joined = link + name if link.endswith("/") else f"{link}/{name}"
        return RemotePath(joined + rest, self._systems, info)

    def children(self) -> list[RemotePath]:
        """Return what a folder holds, sorted by name."""
        found = self._systems.listed(self.url)
        return [self.child(name, found[name]) for name in sorted(found)]

    def relative_to(self, top: RemotePath) -> str:
        """Return its path below a folder."""
        return self._split[0][len(top._split[0]) :].lstrip("/")

    def is_dir(self) -> bool:
        """Return whether it is a folder."""
        return self._kind == "directory"

    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self._kind == "file"

    def is_symlink(self) -> bool:
        """Return False: what links lead to is the file system's affair."""
        return False

    def resolve(self) -> RemotePath:
        """Return this very path."""
        return self

    @property
    def _kind(self) -> str:
        found = self._found()
        return "" if found is None else str(found.get("type", "file"))

    def _found(self) -> Info | None:
        """Return what is known of it: of many files of one folder by one request."""
        if self._info is None:
            link, rest = self._split
            protocol, _, path = link.partition("://")
            folder, name = posixpath.split(path.rstrip("/"))
            if folder and name and not protocol.startswith("http"):
                above = self._systems.listed(f"{protocol}://{folder}{rest}")
                self._info = above.get(name)
        if self._info is None:
            system, path = self._systems.open(self.url)
            self._info = asked(self.url, lambda: system.info(path))
        return self._info

    def read_content(self) -> bytes:
        """Return its bytes."""
        require_size(int((self._info or {}).get("size") or 0))
        try:
            system, path = self._systems.open(self.url)
            content: bytes = system.cat_file(path)
        except FileNotFoundError:
            raise Unusable("cannot be read: No such file or directory") from None
        except Exception as error:  # noqa: BLE001 - of any file system; it may tell a password
            raise Unusable(f"cannot be read: {told(error)}") from None
        require_size(len(content))
        return content

    def content_key(self) -> bytes | None:
        """Return its address, size and what tells its versions apart."""
        try:
            found = self._found() or {}
        except DataError:  # which reading it will tell
            return None
        stamps = [found[name] for name in STAMPS if found.get(name) is not None]
        return f"{self.url}\0{found.get('size')} {stamps[0]}".encode() if stamps else None

    def for_another_process(self) -> RemotePath:
        """Return this, which opens its file system anew there."""
        return self


Place: TypeAlias = Path | RemotePath


def place_of(path: str | PathLike[str], systems: FileSystems | None = None) -> Place:
    """Return where a path leads, on this machine or elsewhere."""
    return RemotePath(str(path), systems) if is_url(path) else Path(path)


def below(place: Place, top: Place) -> str:
    """Return the path of a file or folder below another, with slashes."""
    if isinstance(place, RemotePath) and isinstance(top, RemotePath):
        return place.relative_to(top)
    assert isinstance(place, Path)
    assert isinstance(top, Path)
    return place.relative_to(top).as_posix()
