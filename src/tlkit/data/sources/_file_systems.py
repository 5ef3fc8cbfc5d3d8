"""File systems that fsspec opens, asked once for what a folder holds."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from tlkit._urls import file_system, told, without_secrets
from tlkit.errors import DataError

# What tells one version of a file from another, by the names that file systems give it.
STAMPS = (
    *("ETag", "etag", "CRC", "md5Hash", "content_md5", "checksum", "mtime", "modified"),
    *("LastModified", "last_modified", "updated", "created"),
)
Info: TypeAlias = Mapping[str, Any]
Found = TypeVar("Found")


class FileSystems:
    """File systems as they were first opened, and what folders hold as it was first listed."""

    def __init__(self) -> None:
        self._opened: dict[str, Any] = {}
        self._listed: dict[str, dict[str, Info]] = {}
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[FileSystems], tuple[()]]:
        """Go to another process as nothing, where all is opened anew."""
        return FileSystems, ()

    def open(self, url: str) -> tuple[Any, str]:
        """Return the file system of an address, and the path there.

        Raises:
            DataError: fsspec, or what it needs for this address, is not installed.
        """
        link, _, rest = url.partition("::")
        protocol, _, path = link.partition("://")
        # An archive is one file system, whatever its file; elsewhere there is one for each host.
        key = f"{protocol}::{rest}" if rest else f"{protocol}://{path.partition('/')[0]}"
        with self._lock:
            if key not in self._opened:
                self._opened[key] = file_system(url, DataError)
            system = self._opened[key]
        return system, system._strip_protocol(link)

    def listed(self, url: str) -> dict[str, Info]:
        """Return what a folder holds, by name; nothing where there is no folder.

        Raises:
            DataError: It cannot be listed.
        """
        with self._lock:
            if url not in self._listed:
                system, path = self.open(url)
                found = asked(url, lambda: system.ls(path, detail=True)) or []
                own = path.rstrip("/")
                entries = {entry["name"].rstrip("/"): _kept(entry) for entry in found}
                self._listed[url] = {
                    posixpath.basename(name): entry
                    for name, entry in sorted(entries.items())
                    if name != own
                }
            return self._listed[url]


def _kept(info: Info) -> Info:
    """Return what is asked of a file: there may be a million of them."""
    return {key: info[key] for key in ("type", "size", *STAMPS) if key in info}


def asked(url: str, ask: Callable[[], Found]) -> Found | None:
    """Return an answer about an address; None where there is nothing.

    Raises:
        DataError: There is no answer.
    """
    try:
        return ask()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # noqa: BLE001 - of any file system; it may tell a password
        raise DataError(
            f"{without_secrets(url)} cannot be looked at: {told(error)}. Expected files that may "
            "be listed and read; keys and accounts are given to fsspec, see fsspec.config."
        ) from None
