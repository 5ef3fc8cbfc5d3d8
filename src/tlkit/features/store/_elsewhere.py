"""Features at an address, such as ``s3://bucket/features``, where other machines find them too.

What is needed is copied to the store of this machine and read there; what is computed here is
copied to the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from tlkit._urls import file_system, told, without_secrets
from tlkit.errors import CacheError


class Elsewhere:
    """A folder at an address. It goes to another process as the address.

    Args:
        url: As fsspec has it.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[str]]:
        return type(self), (self.url,)

    def folder(self, name: str) -> Elsewhere:
        """Return a folder in this one."""
        return type(self)(f"{self.url}/{name}")

    def sizes(self) -> dict[str, int]:
        """Return the bytes of what the folder holds now; nothing where there is no such folder.

        Raises:
            CacheError: It cannot be listed.
        """
        with self._asked("listed"):
            self._system.invalidate_cache(self._path)
            try:
                found = self._system.ls(self._path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
            names = [PurePosixPath(each["name"].rstrip("/")).name for each in found]
            return {
                name: int(each.get("size") or 0) for name, each in zip(names, found, strict=True)
            }

    def beginning(self, name: str, size: int) -> bytes:
        """Return the first bytes of a file, as many as there are up to a size.

        Raises:
            FileNotFoundError: It is not there.
            CacheError: It cannot be read.
        """
        with self._asked("read"):
            content: bytes = self._system.cat_file(f"{self._path}/{name}", start=0, end=size)
        return content

    def get(self, name: str, file: Path) -> None:
        """Copy a file from there, over what lies in its place.

        Raises:
            FileNotFoundError: It is not there.
            CacheError: It cannot be read.
        """
        with self._asked("read"):
            self._system.get_file(f"{self._path}/{name}", str(file))

    def put(self, file: Path) -> None:
        """Copy a file there, under its name.

        Raises:
            CacheError: It cannot be written.
        """
        with self._asked("written"):
            self._system.makedirs(self._path, exist_ok=True)
            self._system.put_file(str(file), f"{self._path}/{file.name}")

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that are there.

        Raises:
            CacheError: One cannot be removed.
        """
        there = self.sizes()
        with self._asked("written"):
            for name in there.keys() & set(names):
                self._system.rm_file(f"{self._path}/{name}")

    @cached_property
    def _system(self) -> Any:
        return file_system(self.url, CacheError)

    @cached_property
    def _path(self) -> str:
        path: str = self._system._strip_protocol(self.url).rstrip("/")
        return path

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, CacheError):
            raise
        except Exception as error:  # noqa: BLE001 - of any file system; it may tell a password
            raise CacheError(
                f"{without_secrets(self.url)} cannot be {what}: {told(error)}. What is computed "
                "already is kept on this machine, and copied there once that is possible; keys and "
                "accounts are given to fsspec, see fsspec.config. Or keep features here alone, "
                "with cache=True."
            ) from None
